/**
 * Goal: what was written in parts is read back chunk by chunk, whatever the sizes; no part is put that nobody was told of; a
 * failure at any step is told, with nothing left under way; a part that is not the one that was written is found.
 */
import { randomFillSync } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AtomTable } from '../../lib/atom/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import { isLeydenError } from '../../lib/errors.js';
import { compress } from '../../lib/snapshot/compression.js';
import {
  decodeState,
  digestStateNow,
  encodeState,
  itemSnapshotStore,
  readSnapshot,
  SnapshotDamagedError,
  type SnapshotStore,
  type WriteSnapshotOptions,
  writeSnapshot,
} from '../../lib/snapshot/index.js';
import { framePart } from '../../lib/snapshot/part-frame.js';
import { MemorySnapshotStore } from '../support/snapshot-stores.js';
import { runs } from './values.js';

async function* given(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, { readonly digest: string }> {
  for (const chunk of chunks) yield chunk;
  return { digest: 'd' };
}

/** Bytes that do not get smaller. */
const noise = (bytes: number) => randomFillSync(new Uint8Array(bytes));

const write = (
  store: SnapshotStore,
  content: readonly Uint8Array[],
  more: Partial<WriteSnapshotOptions<object>> = {},
) => writeSnapshot({ store, id: 'one', content: given(content), ...more });

async function read(store: SnapshotStore, parts: number, id = 'one'): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of readSnapshot({ store, id, parts })) chunks.push(Buffer.from(chunk));
  return chunks;
}

async function reasonOf(attempt: Promise<unknown>): Promise<unknown> {
  const error = await attempt.catch((reason: unknown) => reason);
  if (!(error instanceof SnapshotDamagedError)) throw error;
  expect(isLeydenError(error, 'ERR_SNAPSHOT_DAMAGED')).toBe(true);
  return error.reason;
}

describe('compress()', () => {
  it('has two chunks at work, so that a thread of the pool is left for who waits for a commit', async () => {
    let taken = 0;
    async function* chunks(): AsyncGenerator<Uint8Array, undefined> {
      for (; taken < 10; taken += 1) yield noise(1_000);
    }
    const blocks = compress(chunks());
    let given = 0;
    const ahead: number[] = [];
    while ((await blocks.next()).done !== true) {
      given += 1;
      ahead.push(taken + 1 - given);
    }
    expect([given, Math.max(...ahead)]).toEqual([10, 1]);
  });
});

describe('writeSnapshot()', () => {
  it('stores chunks of any size in parts of one size, and readSnapshot() gives them back', async () => {
    const chunk = fc.oneof(
      fc.uint8Array({ maxLength: 3_000 }),
      fc.nat(9_000).map((length) => new Uint8Array(length)),
      fc.nat(9_000).map(noise),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(chunk, { maxLength: 12 }),
        fc.integer({ min: 1_024, max: 8_000 }),
        fc.integer({ min: 1, max: 6 }),
        async (chunks, partBytesMax, window) => {
          const store = new MemorySnapshotStore(partBytesMax);
          const written = await write(store, chunks, { window });
          expect(await read(store, written.parts)).toEqual(chunks.map((bytes) => Buffer.from(bytes)));
          const sizes = [...store.parts.values()].map((part) => part.length);
          expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(written.bytes);
          expect(store.parts.size).toBe(written.parts);
          expect(store.underWayMax).toBeLessThanOrEqual(window);
        },
      ),
      runs(30),
    );
  });

  it('answers what the content returned', async () => {
    const store = new MemorySnapshotStore(4_000);
    expect(await write(store, [noise(9_000)])).toEqual({ digest: 'd', parts: 3, bytes: expect.any(Number) });
  });

  it('makes what compresses smaller, and what does not hardly larger', async () => {
    const store = new MemorySnapshotStore(400_000);
    expect((await write(store, [new Uint8Array(1_000_000)])).bytes).toBeLessThan(10_000);
    expect((await write(store, [noise(1_000_000)])).bytes).toBeLessThan(1_000_500);
  });

  it('is not what older releases did, whose deflated blocks readSnapshot() reads all the same', async () => {
    const chunk = Buffer.from('what was stored before '.repeat(1_000));
    const packed = deflateRawSync(chunk, { level: 4 });
    const head = Buffer.alloc(9);
    head[0] = 1;
    head.writeUInt32LE(chunk.length, 1);
    head.writeUInt32LE(packed.length, 5);
    const store = new MemorySnapshotStore(400_000);
    await store.put('old', 0, framePart('old', 0, Buffer.concat([head, packed])));
    expect(await read(store, 1, 'old')).toEqual([chunk]);
  });

  it('asks for room before the first part beyond it, in steps of 64', async () => {
    const store = new MemorySnapshotStore(1_024);
    const rooms: (readonly [number, number])[] = [];
    const onRoom = async (room: number) => {
      rooms.push([room, store.parts.size + store.underWay]);
    };
    await write(store, [noise(150_000)], { room: 10, onRoom });
    // Room for 10, told before the eleventh; and so on.
    expect(rooms).toEqual([
      [74, 10],
      [138, 74],
      [202, 138],
    ]);
  });

  it('puts as many parts at once as the window says', async () => {
    const store = new MemorySnapshotStore(1_024);
    store.before = () => setImmediate();
    const { parts } = await write(store, [noise(30_000)], { window: 3 });
    expect([store.underWayMax, store.underWay, store.parts.size]).toEqual([3, 0, parts]);
  });

  it('takes no more chunks than it can put away', async () => {
    const store = new MemorySnapshotStore(1_024);
    let stored = 0;
    let given = 0;
    let behind = 0;
    store.before = async () => {
      await setImmediate();
      stored += 1;
    };
    async function* content(): AsyncGenerator<Uint8Array, object> {
      for (; given < 100; given += 1) {
        behind = Math.max(behind, given - stored);
        yield noise(1_000);
      }
      return {};
    }
    await writeSnapshot({ store, id: 'one', content: content(), window: 2 });
    expect(behind).toBeLessThanOrEqual(8);
  });

  const failure = new Error('no');
  const broken: readonly (readonly [string, (store: MemorySnapshotStore) => Partial<WriteSnapshotOptions<object>>])[] =
    [
      [
        'a put',
        (store) => {
          store.before = async (_call, part) => {
            await setImmediate();
            if (part === 7) throw failure;
          };
          return {};
        },
      ],
      ['onRoom', () => ({ onRoom: async () => Promise.reject(failure) })],
      [
        'the content',
        () => ({
          content: (async function* () {
            yield noise(20_000);
            throw failure;
          })(),
        }),
      ],
      ['the signal', () => ({ signal: AbortSignal.abort(failure) })],
    ];

  it.each(broken)('rejects when %s fails, with nothing under way and the content ended', async (_name, prepare) => {
    const store = new MemorySnapshotStore(1_024);
    let ended = false;
    async function* content(): AsyncGenerator<Uint8Array, object> {
      try {
        for (;;) yield noise(5_000);
      } finally {
        ended = true;
      }
    }
    const options = { store, id: 'one', content: content(), ...prepare(store) };
    await options.content.next();
    await expect(writeSnapshot(options)).rejects.toBe(failure);
    expect(store.underWay).toBe(0);
    const { size } = store.parts;
    await setImmediate();
    expect(store.parts.size).toBe(size);
    if (_name !== 'the content') expect(ended).toBe(true);
  });

  it('stops the puts under way when one fails', async () => {
    const store = new MemorySnapshotStore(1_024);
    let stopped = 0;
    store.before = async (_call, part, signal) => {
      if (part === 3) throw failure;
      if (part < 3) await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()));
      if (signal?.aborted === true) stopped += 1;
    };
    await expect(write(store, [noise(30_000)])).rejects.toBe(failure);
    expect([stopped, store.parts.size]).toEqual([3, 0]);
  });

  it.each([
    ['an id with a slash', { id: 'a/b' }],
    ['an empty id', { id: '' }],
    ['a long id', { id: 'x'.repeat(65) }],
    ['a window of 0', { window: 0 }],
    ['a window of 65', { window: 65 }],
    ['parts of 1,023 bytes', { partBytesMax: 1_023 }],
    ['parts of no size', { partBytesMax: Number.NaN }],
  ])('refuses %s', async (_name, more) => {
    const store = new MemorySnapshotStore(4_000);
    await expect(write(store, [noise(10)], more)).rejects.toThrow(RangeError);
    expect(store.parts.size).toBe(0);
  });
});

describe('readSnapshot()', () => {
  const prepared = async (id = 'one') => {
    const store = new MemorySnapshotStore(1_100);
    const { parts } = await write(store, [noise(2_000), new Uint8Array(3_000), noise(1_500)], { id });
    return { store, parts };
  };
  const partOf = (store: MemorySnapshotStore, part: number) => store.parts.get(`one/${part}`) as Uint8Array;

  it('finds every missing part', async () => {
    const { store, parts } = await prepared();
    for (let part = 0; part < parts; part += 1) {
      const bytes = partOf(store, part);
      store.parts.delete(`one/${part}`);
      const error = await read(store, parts).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ reason: 'missing', id: 'one', part });
      store.parts.set(`one/${part}`, bytes);
    }
    await read(store, parts);
  });

  it('finds every flipped bit and every cut', async () => {
    const { store, parts } = await prepared();
    const whole = partOf(store, 1);
    for (let at = 0; at < whole.length; at += 5) {
      const flipped = whole.slice();
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 8));
      for (const bytes of [flipped, whole.subarray(0, at), Buffer.concat([whole, whole.subarray(0, at + 1)])]) {
        store.parts.set('one/1', bytes);
        expect(['damaged', 'foreign', 'newer-format']).toContain(await reasonOf(read(store, parts)));
      }
    }
  });

  it('finds parts that were swapped, doubled, or are another snapshot’s', async () => {
    const { store, parts } = await prepared();
    const other = (await prepared('two')).store;
    const [first, second] = [partOf(store, 0), partOf(store, 1)];
    for (const [zero, one] of [
      [second, first],
      [first, first],
      [first, other.parts.get('two/1') as Uint8Array],
    ] as const) {
      store.parts.set('one/0', zero).set('one/1', one);
      expect(await reasonOf(read(store, parts))).toBe('damaged');
    }
  });

  it('tells what another program or a later release wrote', async () => {
    const { store, parts } = await prepared();
    const whole = partOf(store, 0);
    store.parts.set('one/0', Buffer.from('an item of quite another sort'));
    expect(await reasonOf(read(store, parts))).toBe('foreign');
    store.parts.set(
      'one/0',
      whole.map((byte, at) => (at === 8 ? 2 : byte)),
    );
    expect(await reasonOf(read(store, parts))).toBe('newer-format');
  });

  it('finds that the last part is wanting', async () => {
    const store = new MemorySnapshotStore(1_100);
    const { parts } = await write(store, [noise(5_000)]);
    expect(await reasonOf(read(store, parts - 1))).toBe('damaged');
  });

  it('passes on the error of the store, and the reason of the signal', async () => {
    const { store, parts } = await prepared();
    const failure = new Error('no');
    const reading = readSnapshot({ store, id: 'one', parts, signal: AbortSignal.abort(failure) });
    await expect(reading.next()).rejects.toBe(failure);
    store.before = () => Promise.reject(failure);
    await expect(read(store, parts)).rejects.toBe(failure);
  });

  it('fetches a few parts ahead, and no more when the reader leaves', async () => {
    const { store, parts } = await prepared();
    const asked: number[] = [];
    store.before = async (_call, part) => {
      asked.push(part);
    };
    for await (const _chunk of readSnapshot({ store, id: 'one', parts, window: 2 })) break;
    const { length } = asked;
    await setImmediate();
    expect(asked).toHaveLength(length);
    expect(length).toBeLessThanOrEqual(parts);
    expect(store.underWay).toBe(0);
  });

  it.each([[0], [65], [1.5]])('refuses a window of %p', async (window) => {
    const store = new MemorySnapshotStore(4_000);
    await expect(readSnapshot({ store, id: 'one', parts: 1, window }).next()).rejects.toThrow(RangeError);
  });
});

describe('itemSnapshotStore()', () => {
  it('keeps a state in items of the table', async () => {
    const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
    await table.create();
    const store = itemSnapshotStore(table.writeOnce(), 'bank');
    expect(store.partBytesMax).toBeGreaterThan(390_000);
    const state = { users: new Map([['ann', { since: new Date(0), photo: noise(900_000) }]]), n: 7 };
    const { parts, digest } = await writeSnapshot({ store, id: 'x1', content: encodeState(state) });
    expect(parts).toBe(3);
    const decoded = await decodeState(readSnapshot({ store, id: 'x1', parts }));
    expect(decoded.value).toEqual(state);
    expect(decoded.digest).toBe(digest);
    expect(digest).toBe(digestStateNow(state));
    await store.delete('x1', 1);
    expect(await store.get('x1', 1)).toBeUndefined();
    expect(await reasonOf(decodeState(readSnapshot({ store, id: 'x1', parts })))).toBe('missing');
  });
});
