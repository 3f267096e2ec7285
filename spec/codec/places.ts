/** What the specs of layers share: a place, keys, forms, and bytes with one thing changed. */
import { type Encoded, hold, type Place, type SealingCodec } from '../../lib/codec/index.js';

export const home: Place = { table: 'state', key: 'user-7', attribute: 'd', incarnation: 'life-1', version: 3 };

/** Every place that differs from `home` in one thing, named by it. */
export const elsewhere: readonly (readonly [what: string, place: Place])[] = [
  ['another table', { ...home, table: 'state2' }],
  ['another key', { ...home, key: 'user-8' }],
  ['another attribute', { ...home, attribute: 'd2' }],
  ['another life', { ...home, incarnation: 'life-2' }],
  ['a newer version', { ...home, version: 4 }],
  ['an older version', { ...home, version: 2 }],
  ['a longer life', { ...home, expiresAt: 5 }],
  ['fields cut elsewhere', { ...home, key: 'user-', attribute: '7d' }],
];

/** A key that is the same in each run. */
export function keyOf(fill: number): Uint8Array {
  return new Uint8Array(32).fill(fill);
}

/** The form of a value under the codec that `layer` has beneath it. */
export function formOf(value: unknown, layer: SealingCodec): Encoded {
  return hold(value, layer.form).encode();
}

export function bytesIn({ data }: Encoded): Uint8Array {
  return (data as { readonly B: Uint8Array }).B;
}

/** The same form with other bytes in it. */
export function withBytes(form: Encoded, bytes: Uint8Array): Encoded {
  return { ...form, data: { B: bytes } };
}

/** `bytes` with one bit turned. */
export function flipped(bytes: Uint8Array, index: number, bit: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[index] = (copy[index] as number) ^ (1 << bit);
  return copy;
}

/** What a call that may be synchronous throws; `undefined` when it does not. */
export async function failureOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return error;
  }
}
