/**
 * Goal: whatever happens to the bytes of a state, it is read back as it was or refused with a typed error; nothing crashes,
 * hangs or pollutes a prototype.
 * Method: bytes flipped, cut, doubled and moved at random; and, as checksums would catch all of these, the same with the
 * checksums made right again. `FC_SEED` and `FC_RUNS` repeat or lengthen a run.
 */
import { crc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeState, digestStateNow, encodeState, SnapshotDamagedError } from '../../lib/snapshot/index.js';
import { runs, same } from './values.js';

const item = { title: 'm'.repeat(300), at: new Date(5) };
const state = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}') as Record<
  string,
  unknown
>;
Object.assign(state, {
  list: Array.from({ length: 90 }, (_, n) => ({ n, text: `member ${n}`, item: n % 20 === 0 ? item : null })),
  map: new Map<unknown, unknown>([
    [{ k: 1 }, [1, undefined, -0]],
    ['big', new Set(Array.from({ length: 1_500 }, (_, n) => n))],
  ]),
  sparse: Object.assign([], { 7: 1, length: 20 }),
  bytes: new Uint16Array(3_000).fill(9),
  text: '\u{1f600}\ud800'.repeat(6_000),
  pattern: new RegExp('a|'.repeat(3_000), 'gi'),
  error: new Error('e'.repeat(5_000), { cause: [1n, new URL('http://a/')] }),
});
state.self = state;

async function bytesOf(value: unknown): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of encodeState(value, { recordBytesMax: 1_024 })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const noPace = { now: () => 0 };

/** What came of reading: the state as it was, or the reason of the refusal. */
async function outcome(bytes: Uint8Array): Promise<string> {
  try {
    const { value, digest } = await decodeState(once(bytes), noPace);
    // Whatever is accepted has the digest that it says it has, and is the state.
    return digest === digestStateNow(value) && same(value, state) ? 'as it was' : 'wrong';
  } catch (error) {
    if (!(error instanceof SnapshotDamagedError)) throw error;
    return error.reason;
  }
}

/** The stream as records, for damage behind the checksums. */
interface Piece {
  type: number;
  payload: Buffer;
}

function split(bytes: Buffer): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 17; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    pieces.push({ type: bytes[at + 4] as number, payload: Buffer.from(bytes.subarray(at + 9, at + 9 + length)) });
    at += 9 + length;
  }
  return pieces;
}

function join(prelude: Buffer, pieces: readonly Piece[]): Buffer {
  const framed = pieces.map(({ type, payload }) => {
    const head = Buffer.alloc(9);
    head.writeUInt32LE(payload.length);
    head[4] = type;
    head.writeUInt32LE(crc32(payload, type), 5);
    return Buffer.concat([head, payload]);
  });
  return Buffer.concat([prelude, ...framed]);
}

describe('decodeState()', () => {
  it('refuses a state that was cut anywhere, or has something behind it', async () => {
    const bytes = await bytesOf(state);
    for (let length = 0; length < bytes.length; length += 97) {
      expect(await outcome(bytes.subarray(0, length))).toBe('damaged');
    }
    expect(await outcome(bytes.subarray(0, -1))).toBe('damaged');
    expect(await outcome(Buffer.concat([bytes, Buffer.of(0)]))).toBe('damaged');
    expect(await outcome(Buffer.concat([bytes, bytes]))).toBe('damaged');
    const more = { type: 'O'.charCodeAt(0), payload: Buffer.from('Map') };
    expect(await outcome(join(bytes.subarray(0, 17), [...split(bytes), more]))).toBe('damaged');
    expect(await outcome(bytes)).toBe('as it was');
  });

  it('reads chunks of any size', async () => {
    const bytes = await bytesOf(state);
    async function* cut(size: number): AsyncGenerator<Uint8Array> {
      for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
    }
    for (const size of [1, 7, 1_000, bytes.length]) {
      expect((await decodeState(cut(size), noPace)).digest).toBe(digestStateNow(state));
    }
  });

  it('refuses what another program or a later release wrote', async () => {
    const bytes = await bytesOf(state);
    expect(await outcome(Buffer.from('{"json":{}}'.repeat(10)))).toBe('foreign');
    bytes[16] = 2;
    expect(await outcome(bytes)).toBe('newer-format');
    bytes[16] = 0;
    expect(await outcome(bytes)).toBe('damaged');
  });

  it('refuses any flipped byte', async () => {
    const bytes = await bytesOf(state);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const flipped = Buffer.from(bytes);
        flipped[at] = (flipped[at] as number) ^ mask;
        expect(['damaged', 'foreign', 'newer-format']).toContain(await outcome(flipped));
      }),
      runs(800),
    );
  });

  it('never gives a wrong state, even when every checksum fits', async () => {
    const bytes = await bytesOf(state);
    const prelude = bytes.subarray(0, 17);
    const types = [...'OMRALTBCE'].map((letter) => letter.charCodeAt(0));
    const tokens = [
      '{"~',
      '}',
      '[',
      ',',
      '"',
      '\\',
      '1e999',
      '{"~hole":4000000000}',
      '{"~ref":0}',
      '{"~Map":[1]}',
      '__proto__',
    ];
    const change = fc.record({
      at: fc.nat(),
      how: fc.nat(6),
      where: fc.nat(),
      byte: fc.nat(255),
      token: fc.constantFrom(...tokens),
      type: fc.constantFrom(...types),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const pieces = split(bytes);
        for (const { at, how, where, byte, token, type } of changes) {
          const index = at % pieces.length;
          const piece = pieces[index] as Piece;
          const offset = piece.payload.length === 0 ? 0 : where % piece.payload.length;
          if (how === 0 && piece.payload.length > 0) piece.payload[offset] = byte;
          else if (how === 1) piece.payload.write(token, offset);
          else if (how === 2) piece.type = type;
          else if (how === 3) pieces.splice(index, 1);
          else if (how === 4) pieces.splice(where % pieces.length, 0, piece);
          else if (how === 5) pieces.splice(index, 1, { type, payload: Buffer.from(JSON.stringify([token, byte])) });
          else piece.payload = piece.payload.subarray(0, offset);
        }
        expect(['damaged', 'as it was']).toContain(await outcome(join(prelude, pieces)));
      }),
      runs(800),
    );
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(Array.prototype).toHaveLength(0);
  });

  it('says nothing of the state in its errors', async () => {
    const bytes = await bytesOf({ secret: 'x'.repeat(10) });
    const pieces = split(bytes);
    (pieces[0] as Piece).payload.write('}', 3);
    const error = await decodeState(once(join(bytes.subarray(0, 17), pieces))).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SnapshotDamagedError);
    expect((error as SnapshotDamagedError).cause).toBeUndefined();
    expect(String(error)).not.toContain('secret');
  });
});
