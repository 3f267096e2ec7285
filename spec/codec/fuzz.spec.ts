/**
 * Goal: no decoder of this folder answers garbage with anything but a typed error, in bounded time and memory.
 * Method: real stored forms with bytes turned, cut, doubled, spliced and replaced, and pure noise, for each decoder in turn.
 * LEYDEN_SIZE=full tries 10^6 buffers, otherwise 20,000; LEYDEN_SEED repeats a run.
 */
import { describe, expect, it } from '@jest/globals';
import { contentOf, formFrom, headOf } from '../../lib/codec/form-bytes.js';
import {
  type AttributeValue,
  compactCodec,
  compressed,
  dataKeys,
  decodeKey,
  type Encoded,
  encodeKey,
  encrypted,
  fromForeign,
  heldFrom,
  hold,
  isSealing,
  jsonCodec,
  keyRing,
  type SealingCodec,
  type ValueCodec,
} from '../../lib/codec/index.js';
import { type Random, seededRandom } from '../../lib/engine/random.js';
import { isLeydenError } from '../../lib/errors.js';
import { failureOf, home, keyOf } from './places.js';

const seed = Number(process.env.LEYDEN_SEED ?? Date.now() % 1e9);
const full = process.env.LEYDEN_SIZE === 'full';
const buffers = full ? 1_000_000 : 20_000;

const values: readonly unknown[] = [
  { name: 'ann', list: [1, -2.5, null, true, { deep: [[]] }], text: 'ä😀'.repeat(20) },
  { at: new Date(1_000), tags: new Set(['a', 'b']), map: new Map([[1, 'x']]), big: 12_345_678_901_234_567_890n },
  new Uint8Array([1, 2, 3, 250]),
  { raw: new Uint8Array(50), floats: new Float32Array([1, Number.NaN]) },
  'the same again and again, '.repeat(40),
  42,
];
const keys = keyRing({ current: 'k1', keys: { k1: keyOf(1) } });
const service = dataKeys({
  generate: async () => ({ plaintext: keyOf(2), ciphertext: Buffer.from('wrapped') }),
  decrypt: async () => keyOf(2),
});

/** One decoder: real inputs, and what reads an input. Inputs are bytes, whatever the decoder takes is made of them. */
interface Decoder {
  readonly name: string;
  readonly inputs: readonly Uint8Array[];
  read(bytes: Uint8Array): unknown;
  /** Errors of its own that are not typed, because whoever calls it gives them a type. */
  readonly plainErrors?: boolean;
}

async function sealedBy(layer: SealingCodec, name: string): Promise<Decoder> {
  const sealed = await Promise.all(values.map(async (value) => layer.seal(hold(value, layer.form).encode(), home)));
  return {
    name,
    inputs: sealed.map(({ data }) => (data as { readonly B: Uint8Array }).B),
    async read(bytes) {
      const opened = await layer.open({ data: { B: bytes }, codec: sealed[0]?.codec as string }, home);
      return heldFrom(opened, home.key, layer.form).hand();
    },
  };
}

function storedBy(codec: ValueCodec | undefined, name: string): Decoder {
  return {
    name,
    // Type, annotations and data as JSON text, so that all three are hit.
    inputs: values.map((value) => Buffer.from(textOf(hold(value, codec).encode()))),
    read: (bytes) => heldFrom(formOf(bytes), home.key).hand(),
  };
}

function textOf(form: Encoded): string {
  return JSON.stringify(form, (_name, value: unknown) =>
    value instanceof Uint8Array ? { bytes: Buffer.from(value).toString('latin1') } : value,
  );
}

/** Attributes as an engine would give them: whatever is no JSON any more becomes some attribute. */
function formOf(bytes: Uint8Array): Encoded {
  const text = Buffer.from(bytes).toString();
  try {
    const parsed = JSON.parse(text, (_name, value: unknown) => {
      const bytes = (value as { readonly bytes?: unknown } | null)?.bytes;
      return typeof bytes === 'string' ? new Uint8Array(Buffer.from(bytes, 'latin1')) : value;
    }) as Encoded;
    if (typeof parsed?.data === 'object' && parsed.data !== null) return parsed;
  } catch {
    // Then as text.
  }
  return { data: { S: text }, ...(bytes.length % 2 === 0 && { codec: bytes.length % 4 === 0 ? 'json' : 'compact' }) };
}

async function decoders(): Promise<readonly Decoder[]> {
  const heads = values.map((value, index) => hold(value, [undefined, jsonCodec, compactCodec][index % 3]).encode());
  return [
    await sealedBy(compressed({ bytesMin: 0 }), 'compressed'),
    await sealedBy(encrypted({ keys }), 'encrypted'),
    await sealedBy(
      encrypted({ keys: service, inner: compressed({ bytesMin: 0 }) }),
      'encrypted, data keys, compressed',
    ),
    storedBy(undefined, 'native'),
    storedBy(jsonCodec, 'json'),
    storedBy(compactCodec, 'compact'),
    {
      name: 'keys',
      inputs: ['user-7', 7, { b: 1, a: [null, new Date(1), new Set([1])] }, new Uint8Array(4), 2n].map((key) =>
        Buffer.from(encodeKey(key)),
      ),
      read: (bytes) => decodeKey(Buffer.from(bytes).toString()),
    },
    {
      name: 'foreign',
      inputs: values.slice(0, 4).map((value) => Buffer.from(textOf(hold(value).encode()))),
      read: (bytes) => {
        const { data, codec } = formOf(bytes);
        const attribute = codec === undefined ? data : { [codec]: (data as { readonly S: string }).S };
        return fromForeign({ data: attribute as AttributeValue }, home.key);
      },
    },
    {
      name: 'forms as bytes',
      inputs: heads.map((form) => Buffer.concat([headOf(form), contentOf(form)])),
      read: (bytes) => formFrom(bytes.subarray(0, 2 + (bytes[1] ?? 0)), bytes.subarray(2 + (bytes[1] ?? 0))),
      plainErrors: true,
    },
  ];
}

/** `bytes` after a mishap, or pure noise. */
function mutated(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const copy = new Uint8Array(bytes);
  const at = () => random.int(Math.max(1, copy.length));
  switch (random.int(8)) {
    case 0:
      return Uint8Array.from({ length: random.int(200) }, () => random.int(256));
    case 1:
      return copy.subarray(0, at());
    case 2:
      return copy.subarray(at());
    case 3: {
      const cut = at();
      return Buffer.concat([copy.subarray(0, cut), other.subarray(Math.min(cut, other.length))]);
    }
    case 4: {
      const [from, to] = [at(), at()];
      return Buffer.concat([copy.subarray(0, Math.max(from, to)), copy.subarray(Math.min(from, to))]);
    }
    case 5: {
      // A whole field of one value, such as a length of all ones.
      const from = at();
      copy.fill([0, 255, 127, 128][random.int(4)] as number, from, from + 1 + random.int(4));
      return copy;
    }
    default:
      for (let changes = 1 + random.int(4); changes > 0; changes -= 1) copy[at()] = random.int(256);
      return copy;
  }
}

describe('decoders of garbage', () => {
  it(`answer ${buffers} buffers with a value or a typed error, in bounded time and memory (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    const all = await decoders();
    const before = Object.getOwnPropertyNames(Object.prototype);
    const refusals = new Map(all.map(({ name }) => [name, 0]));
    const strange: string[] = [];
    let slowestMs = 0;
    const heapBefore = process.memoryUsage().heapUsed;
    let heapMax = heapBefore;
    for (let round = 0; round < buffers; round += 1) {
      const decoder = all[round % all.length] as Decoder;
      const pick = () => decoder.inputs[random.int(decoder.inputs.length)] as Uint8Array;
      const bytes = mutated(pick(), pick(), random);
      const start = performance.now();
      const failure = await failureOf(() => decoder.read(bytes));
      slowestMs = Math.max(slowestMs, performance.now() - start);
      if (round % 1_000 === 0) heapMax = Math.max(heapMax, process.memoryUsage().heapUsed);
      if (failure === undefined) continue;
      refusals.set(decoder.name, (refusals.get(decoder.name) ?? 0) + 1);
      if (!isLeydenError(failure, 'ERR_DECODE') && decoder.plainErrors !== true) {
        strange.push(`${decoder.name} ${Buffer.from(bytes).toString('hex')}: ${failure}`);
      }
    }
    expect({ strange: strange.slice(0, 5), seed }).toEqual({ strange: [], seed });
    for (const [name, count] of refusals) expect({ name, some: count > 20 }).toEqual({ name, some: true });
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
    // A bound, not a measure: what runs away takes minutes and gigabytes.
    expect(slowestMs).toBeLessThan(10_000);
    expect(heapMax - heapBefore).toBeLessThan(600_000_000);
  }, 600_000);

  it('bring back what was not touched', async () => {
    for (const { inputs, read } of await decoders())
      for (const bytes of inputs) expect(await failureOf(() => read(bytes))).toBe(undefined);
    expect(isSealing(compressed())).toBe(true);
  });
});
