// Goal: what a sweep of parts removes, keeps, moves on and skips, and what it costs. Orders of requests are in parts-orders.spec.ts.
// Method: orphans made by a writer that stops before its item, on the memory engine.
import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { compressed, encrypted, keyRing, type ValueCodec } from '../../lib/codec/index.js';
import type { Engine, MemoryEngine, WriteAnswer } from '../../lib/engine/index.js';
import { AtomTable, type AtomTableOptions, isLeydenError } from '../../lib/index.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { overridden } from './bench.js';
import { idNamed, letters, openMemory, partsIn, tableName, tiny } from './parts-actors.js';

const hour = 60 * 60 * 1_000;
const noGrace = { graceMs: 0 };
let clock: VirtualClock;
let memory: MemoryEngine;
beforeEach(async () => {
  clock = new VirtualClock();
  memory = await openMemory();
});

function open(options: Partial<AtomTableOptions> = {}): AtomTable {
  return new AtomTable({ engine: memory, tableName, large: tiny, clock, ...options } as AtomTableOptions);
}

/** An engine of a process that dies before it sends what `isIt`. */
function dying(isIt: (request: { readonly item: { readonly [name: string]: unknown } }) => boolean): Engine {
  const never = new Promise<WriteAnswer>(() => {});
  return overridden(memory, {
    put: (request) => (isIt(request as never) ? never : memory.put(request)),
    update: () => never,
  });
}

const beforeItem = () => dying(({ item }) => item.l !== undefined && item.c !== undefined);

/** Parts of a value whose item was never written, on what stands there. */
async function orphan(key: unknown, options: Partial<AtomTableOptions> = {}): Promise<void> {
  const before = (await partsIn(memory)).ids.size;
  const write = open({ ...options, engine: beforeItem() } as Partial<AtomTableOptions>)
    .atom(key)
    .reset(letters('x'));
  write.catch(() => {});
  while ((await partsIn(memory)).ids.size === before) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}

describe('sweepParts()', () => {
  it('removes what a writer left that died, after it moved the item on', async () => {
    const table = open();
    const atom = table.atom<unknown>('a');
    await atom.reset(letters('o'));
    await orphan('a');
    const before = table.spent();
    expect(await table.sweepParts(noGrace)).toEqual({ removed: 2, kept: 2, moved: 1, skipped: [] });
    const after = table.spent();
    // A page, the item, its touch, two parts.
    expect(after.requests - before.requests).toBe(5);
    expect(after.writeUnits - before.writeUnits).toBe(3);
    expect(await open().atom('a').snapshot()).toMatchObject({ value: letters('o'), version: 3 });
    expect([...(await partsIn(memory)).ids.keys()]).toEqual([await idNamed(memory)]);
    // Our own handle goes on, over the touch that it does not know of.
    await atom.reset(letters('n'));
    expect(await table.sweepParts(noGrace)).toMatchObject({ removed: 0, moved: 0 });
  });

  it('moves no item on that has moved since: nobody can commit those parts any more', async () => {
    await open().atom<unknown>('a').reset(1);
    await orphan('a');
    await open().atom<unknown>('a').reset(2);
    expect(await open().sweepParts(noGrace)).toEqual({ removed: 2, kept: 0, moved: 0, skipped: [] });
    expect(await open().atom('a').snapshot()).toMatchObject({ value: 2, version: 2 });
  });

  it('removes what belongs to no item, or to an item of another program', async () => {
    await orphan('a');
    await orphan('b');
    for (const key of ['a', 'b']) await memory.delete({ table: tableName, key: { id: { S: key } } });
    await memory.put({ table: tableName, item: { id: { S: 'b' }, other: { S: 'program' } } });
    expect(await open().sweepParts(noGrace)).toEqual({ removed: 4, kept: 0, moved: 0, skipped: [] });
    expect((await memory.scan({ table: tableName, consistent: true })).items).toHaveLength(1);
  });

  it('leaves alone what is young, what is marked, and what it does not know', async () => {
    const table = open();
    await table.atom<unknown>('a').reset(letters('o'));
    await table.atom<unknown>('a').reset(letters('n'));
    await table.settled();
    await orphan('a');
    await memory.put({ table: tableName, item: { id: { S: '~part:foreign/0' }, c: { S: 'part' }, t: { S: '{}' } } });
    expect(await table.sweepParts()).toEqual({ removed: 0, kept: 0, moved: 0, skipped: [] });
    clock.step(hour + 1);
    expect(await table.sweepParts()).toEqual({ removed: 2, kept: 2, moved: 1, skipped: [] });
    expect((await partsIn(memory)).marked.size).toBe(1);
    clock.step(hour);
    expect(await table.sweep()).toBe(2);
  });

  it('makes the write of a sleeper fail, which then writes its value anew', async () => {
    await open().atom<unknown>('a').reset(letters('o'));
    let wake = () => {};
    const asleep = new Promise<void>((resolve) => {
      wake = resolve;
    });
    let slept = false;
    const engine = overridden(memory, {
      put: async (request) => {
        if (request.item.l !== undefined && !slept) {
          slept = true;
          await asleep;
        }
        return memory.put(request);
      },
    });
    // Also when it is the sleeper's own table that sweeps.
    const table = open({ engine });
    const sleeper = table.atom<unknown>('a').reset(letters('n'));
    while (!slept) await new Promise((resolve) => setImmediate(resolve));
    expect(await table.sweepParts(noGrace)).toMatchObject({ removed: 2, moved: 1 });
    wake();
    await sleeper;
    expect(await open().atom('a').deref()).toEqual(letters('n'));
  });

  it('keeps what else is in the item: expiry, index, attributes of others, a tombstone', async () => {
    const index = { word: () => 'w' };
    const atom = open().atom<unknown>('a', { index, ttlMs: hour });
    await atom.reset('v');
    const item = async (key = 'a') =>
      (await memory.get({ table: tableName, key: { id: { S: key } }, consistent: true })) ?? {};
    await memory.put({ table: tableName, item: { ...(await item()), theirs: { N: '7' } } });
    await orphan('a');
    await orphan('b');
    const before = await item();
    expect(await open().sweepParts(noGrace)).toMatchObject({ removed: 4, moved: 2, skipped: [] });
    const { v: _v, l: _l, w0: _w0, u: _u, ...after } = await item();
    const { v: _1, l: _2, w0: _3, u: _4, ...same } = before;
    expect(after).toEqual(same);
    expect(await item('b')).toMatchObject({ x: { N: expect.any(String) } });
    expect(await item('b')).not.toHaveProperty('d');
  });

  it('works in tables with a sort key', async () => {
    const options = { tableName: 'sorted', keyName: 'pk', sortKeyName: 'sk' };
    const table = open(options);
    await table.create();
    const key = { pk: { room: 7 }, sk: '~x' };
    await table.atom<unknown>(key).reset(letters('o'));
    const engine = beforeItem();
    void open({ ...options, engine })
      .atom(key)
      .reset(letters('x'));
    const count = async () => (await memory.scan({ table: 'sorted', consistent: true })).items.length;
    while ((await count()) < 5) await new Promise((resolve) => setImmediate(resolve));
    expect(await table.sweepParts(noGrace)).toEqual({ removed: 2, kept: 2, moved: 1, skipped: [] });
    expect(await open(options).atom(key).deref()).toEqual(letters('o'));
  });

  it('refuses a grace that is none, and ends when its signal aborts', async () => {
    await expect(open().sweepParts({ graceMs: -1 })).rejects.toThrow(RangeError);
    const reason = new Error('enough');
    await expect(open().sweepParts({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe('sweepParts() of atoms with layers', () => {
  const codec = encrypted({ keys: keyRing({ current: 'k1', keys: { k1: randomBytes(32) } }), inner: compressed() });

  it('seals anew what it moves on, with the codec of the table, of an open handle, or by codecOf', async () => {
    for (const [key, sweeper] of [
      ['by table', () => open({ codec })],
      [
        'by handle',
        () => {
          const table = open();
          held.push(table.atom('by handle', { codec }));
          return table;
        },
      ],
      ['by codecOf', () => open()],
    ] as const) {
      await open().atom<unknown>(key, { codec }).reset(letters('o'));
      await orphan(key, { codec });
      const codecOf = (of: unknown) => (of === 'by codecOf' ? codec : undefined);
      const swept = await sweeper().sweepParts({ ...noGrace, codecOf });
      expect(swept).toMatchObject({ removed: 2, kept: 2, moved: 1, skipped: [] });
      expect(await open().atom<unknown>(key, { codec }).snapshot()).toMatchObject({ value: letters('o'), version: 3 });
      await memory.deleteTable(tableName);
      await open().create();
    }
  });

  it('touches nothing where it can not tell which parts are named', async () => {
    await open().atom<unknown>('sealed', { codec }).reset(letters('o'));
    await orphan('sealed', { codec });
    const mine: ValueCodec = {
      name: 'my:own',
      encode: (v) => ({ S: JSON.stringify(v) }),
      decode: (d) => JSON.parse((d as { S: string }).S),
    };
    await open().atom<unknown>('mine', { codec: mine }).reset('x');
    await orphan('mine', { codec: mine });
    const other = encrypted({ keys: keyRing({ current: 'k2', keys: { k2: randomBytes(32) } }) });
    for (const table of [open(), open({ codec: other })]) {
      const { removed, moved, skipped } = await table.sweepParts(noGrace);
      expect([removed, moved]).toEqual([0, 0]);
      expect(skipped.map(({ key }) => key).sort()).toEqual(['mine', 'sealed']);
      expect(skipped.every(({ error }) => isLeydenError(error))).toBe(true);
    }
    expect(await open().atom<unknown>('sealed', { codec }).deref()).toEqual(letters('o'));
    expect(await open().sweepParts({ ...noGrace, codecOf: (key) => (key === 'mine' ? mine : codec) })).toMatchObject({
      removed: 4,
      skipped: [],
    });
  });
});

describe('sweepParts() in trouble', () => {
  const unclear: WriteAnswer = { status: 'unclear', error: new Error('reset') };

  it('skips an atom whose item can not be moved on, and removes nothing of it', async () => {
    await open().atom<unknown>('a').reset(1);
    await orphan('a');
    const engine = overridden(memory, { put: async () => unclear });
    const table = open({ engine, retry: { timeoutMs: 300, attemptTimeoutMs: 50 } });
    const swept = await clock.run(table.sweepParts(noGrace));
    expect(swept).toMatchObject({ removed: 0, moved: 0, skipped: [{ key: 'a', error: { code: 'ERR_DEADLINE' } }] });
    expect((await partsIn(memory)).ids.size).toBe(1);
  });

  it('passes on what the store refuses of a page, and counts what was not removed among the skipped', async () => {
    const denied = Object.assign(new Error('no'), { name: 'AccessDeniedException' });
    await orphan('a');
    const noScan = overridden(memory, { scan: () => Promise.reject(denied) });
    await expect(open({ engine: noScan }).sweepParts(noGrace)).rejects.toBe(denied);
    const noDelete = overridden(memory, {
      delete: async () => ({ status: 'not-applied', kind: 'refused', error: denied }),
    });
    expect(await open({ engine: noDelete }).sweepParts(noGrace)).toMatchObject({
      removed: 0,
      skipped: [{ key: 'a', error: denied }],
    });
  });
});

const held: unknown[] = [];
