/**
 * Parts of large values: items of their own beside the atoms', each a piece of one value that was written once.
 *
 *   your key     ~part:<id>/<number>, which is no atom's: a key that begins with a tilde goes on as JSON does
 *   d            the bytes
 *   c            "part"
 *   t            notes as JSON: owner, the token of the state that the value was made on, number, count, when, checksum
 *   x            when it may be removed, epoch seconds; absent while the value stands
 *
 * The checksum is over the notes and the bytes. So a part that was cut, swapped with another or put under another name is found,
 * and not only one with a flipped bit.
 *
 * Pure: parts to items and back.
 */
import { createHash } from 'node:crypto';
import { type AttributeValue, DecodeError, type Item } from '../../codec/index.js';
import type { AttributeNames } from '../item-format.js';

/** What all parts of one value have in common. */
export interface PartsFacts {
  /** Random: names one content for ever. */
  readonly id: string;
  /** How many there are. */
  readonly count: number;
  /** Texts of the key of the atom. */
  readonly owner: readonly string[];
  /** Token of the state of the atom that the value was made on: only on that one can it be committed. */
  readonly base: string;
  /** When it was written, epoch milliseconds by the writer's clock. */
  readonly at: number;
}

/** What a part says of itself. */
export interface PartNotes extends PartsFacts {
  /** From 0. */
  readonly number: number;
  readonly sum: string;
}

/** Where items of this table have what. */
export interface Layout {
  readonly keyNames: readonly string[];
  readonly names: AttributeNames;
}

/** What the keys of all parts begin with. */
const partKeyPrefix = '~part:';
/** Codec name of a part. */
export const partCodecName = 'part';

const sumBytes = 16;
/** Where the table has a sort key, that of each part. */
const sortText = '#';
/** Later than any part will be marked with: what the mark takes is kept free. */
const expiryMax = 99_999_999_999;

/** The key of one part. */
export function partKey(id: string, number: number, { keyNames }: Layout): Item {
  const [partition, sort] = keyNames as [string, string | undefined];
  const key = { [partition]: { S: `${partKeyPrefix}${id}/${number}` } };
  return sort === undefined ? key : { ...key, [sort]: { S: sortText } };
}

/** The item of one part. `expiresAt` in epoch seconds. */
export function formatPart(
  facts: PartsFacts,
  number: number,
  bytes: Uint8Array,
  expiresAt: number | undefined,
  layout: Layout,
): Item {
  const { names } = layout;
  const notes = { ...facts, number, sum: sumOf(facts, number, bytes) };
  const item: Record<string, AttributeValue> = {
    ...partKey(facts.id, number, layout),
    [names.data]: { B: bytes },
    [names.codec]: { S: partCodecName },
    [names.annotations]: { S: JSON.stringify(notes) },
  };
  if (expiresAt !== undefined) item[names.expiresAt] = { N: String(expiresAt) };
  return item;
}

/** The largest item that a part of no bytes can have under these facts, with its mark. */
export function emptyPart(facts: PartsFacts, layout: Layout): Item {
  return formatPart(facts, facts.count, new Uint8Array(), expiryMax, layout);
}

/** The notes of a part, if `item` is one. */
export function partNotesOf(item: Item, { names, keyNames }: Layout): PartNotes | undefined {
  const [key, codec, text] = [item[keyNames[0] as string], item[names.codec], item[names.annotations]];
  if (key === undefined || !('S' in key) || !key.S.startsWith(partKeyPrefix)) return undefined;
  if (codec === undefined || !('S' in codec) || codec.S !== partCodecName) return undefined;
  if (text === undefined || !('S' in text)) return undefined;
  let notes: Partial<PartNotes> | null;
  try {
    notes = JSON.parse(text.S) as Partial<PartNotes> | null;
  } catch {
    return undefined;
  }
  const { id, count, owner, base, at, number, sum } = notes ?? {};
  if (![id, base, sum].every((one) => typeof one === 'string')) return undefined;
  if (![count, at, number].every(Number.isSafeInteger)) return undefined;
  if (!Array.isArray(owner) || owner.length !== keyNames.length || !owner.every((one) => typeof one === 'string')) {
    return undefined;
  }
  // The key says which it is; notes that say otherwise came from elsewhere.
  if (key.S !== `${partKeyPrefix}${id}/${number}`) return undefined;
  return notes as PartNotes;
}

/**
 * The bytes of part `number` of `wanted`, if `item` is that part to the last bit.
 *
 * @throws {DecodeError} `ERR_DECODE`, reason `damaged`, naming `key`
 */
export function bytesOfPart(
  item: Item,
  wanted: Pick<PartsFacts, 'id' | 'count' | 'owner'>,
  number: number,
  layout: Layout,
  key: string,
): Uint8Array {
  const damaged = (what: string) =>
    new DecodeError(key, 'damaged', `part ${number} of ${wanted.count} of value ${wanted.id} ${what}`);
  const notes = partNotesOf(item, layout);
  const data = item[layout.names.data];
  if (notes === undefined || data === undefined || !('B' in data)) throw damaged('is no part');
  const isIt = notes.id === wanted.id && notes.number === number && notes.count === wanted.count;
  if (!isIt) throw damaged('is another one');
  if (notes.owner.some((text, at) => text !== wanted.owner[at])) throw damaged('belongs to another atom');
  if (sumOf(notes, number, data.B) !== notes.sum) throw damaged('has a wrong checksum');
  return data.B;
}

function sumOf({ id, count, owner, base, at }: PartsFacts, number: number, bytes: Uint8Array): string {
  const hash = createHash('sha256').update(`${JSON.stringify([id, number, count, owner, base, at])}\n`);
  return hash.update(bytes).digest().subarray(0, sumBytes).toString('base64url');
}
