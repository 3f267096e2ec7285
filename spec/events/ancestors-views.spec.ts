// Goal: what went wrong with the views and replays of an ancestor does not happen here; each row of its list by its name.
import { describe, expect, it } from '@jest/globals';
import type { Item } from '../../lib/codec/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import { type Appended, EventStore, View } from '../../lib/events/index.js';
import { AtomTable } from '../../lib/index.js';
import { FrozenEngine } from '../journal/frozen-engine.js';
import { steppedEngine } from '../support/stepped-engine.js';

type Event = { readonly type: 'incremented'; readonly data: number };
const increment = (data = 1): Event => ({ type: 'incremented', data });
/** Increments show what absolute values hide. */
const counts = new View<number, Event>({ name: 'counts', initial: 0, apply: (n, { data }) => n + data });
const tableName = 'state';

async function world() {
  const engine = new MemoryEngine();
  const table = new AtomTable({ engine, tableName });
  await table.create();
  return { engine, table, store: new EventStore(table) };
}

describe('H-DE6: a replay of everything', () => {
  it('takes the streams of its store alone, each in order, and passes over other items without an end', async () => {
    const { engine, table, store } = await world();
    for (let n = 0; n < 30; n += 1) {
      await store.append(`s-${n % 10}`, [increment(n)]);
      await new EventStore(table, { name: 'events2' }).append(`s-${n % 10}`, [increment(1_000)]);
      await table.atom(`events/none-${n}`).reset(n);
      await engine.put({ table: tableName, item: { id: { S: `foreign-${n}` }, x: { N: '1' } } });
      await engine.put({ table: tableName, item: { id: { S: `events/foreign-${n}` }, x: { N: '1' } } });
    }
    await store.rebuild(counts);
    const ids = Array.from({ length: 10 }, (_, n) => `s-${n}`);
    expect(await store.view(counts).getMany(ids)).toEqual(ids.map((_, n) => 30 + 3 * n));
  });

  it('stops with the error at an item of its own that is damaged: it never looks complete', async () => {
    const { engine, store } = await world();
    for (let n = 0; n < 10; n += 1) await store.append(`s-${n}`, [increment()]);
    const key = { id: { S: 'events/s-4/head' } };
    const item = (await engine.get({ table: tableName, key, consistent: true })) as Item;
    const damaged: Item = { ...item, d: { M: { format: { N: '1' } } } };
    await engine.put({ table: tableName, item: damaged });
    await expect(store.rebuild(counts)).rejects.toMatchObject({ code: 'ERR_DECODE' });
    const projection = store.project(counts);
    await expect(projection.caughtUp).rejects.toMatchObject({ code: 'ERR_DECODE' });
    // As it came with the table's stream.
    const record = { dynamodb: { Keys: key, NewImage: damaged } };
    await expect(store.parser().parse(record)).rejects.toMatchObject({ code: 'ERR_DECODE' });
  });
});

describe('H-DE7: an error on a later page', () => {
  it('ends the call with it; the next call goes on', async () => {
    const { engine, store } = await world();
    for (let n = 0; n < 250; n += 1) await store.append(`s-${n}`, [increment()]);
    let reads = 0;
    const refused = Object.assign(new Error('not allowed'), { name: 'AccessDeniedException' });
    const failing = steppedEngine(engine, ({ kind }) => {
      if (kind !== 'batchGet') return undefined;
      reads += 1;
      return reads === 2 ? Promise.reject(refused) : undefined;
    });
    const own = new EventStore(new AtomTable({ engine: failing, tableName }));
    await expect(own.rebuild(counts)).rejects.toMatchObject({ name: expect.stringMatching(/AccessDenied|BatchError/) });
    expect(reads).toBeLessThan(10);
    expect(await own.rebuild(counts, { takeOver: true })).toMatchObject({ resumed: true });
    expect(await store.view(counts).get('s-249')).toBe(1);
  });
});

describe('H-DE9: a view', () => {
  it('gets what a process had committed that died before it could tell anybody', async () => {
    const { engine, store } = await world();
    // Dies right after its commit was made: nothing follows it in that process.
    const frozen = new FrozenEngine(engine, { request: 2, delivers: true });
    const dying = new EventStore(new AtomTable({ engine: frozen.engine, tableName }));
    const left = dying.append('a', [increment()]);
    await frozen.frozen;
    const projection = store.project(counts);
    await projection.caughtUp;
    await projection.stop();
    expect(await store.view(counts).get('a')).toBe(1);
    frozen.thaw();
    await left;
  });

  it('drops nothing when others write the same document meanwhile', async () => {
    const { engine, store } = await world();
    const total = new View<number, Event>({
      name: 'total',
      initial: 0,
      id: () => 'all',
      apply: (n, { data }) => n + data,
    });
    const stores = Array.from({ length: 4 }, () => new EventStore(new AtomTable({ engine, tableName })));
    const appended: Appended[] = [];
    for (let n = 0; n < 40; n += 1) appended.push(await store.append(`s-${n % 8}`, [increment()]));
    await Promise.all(
      stores.map(async (one) => {
        const feed = one.projector(total);
        for (const { events, version, time } of appended) {
          await feed({ records: [{ value: { stream: events[0]?.stream as string, events, version, time } }] });
        }
      }),
    );
    expect(await store.view(total).get('all')).toBe(40);
  });

  it('is not doubled by a replay, whatever is at work beside it', async () => {
    const { store } = await world();
    for (let n = 0; n < 20; n += 1) await store.append('a', [increment()]);
    const projection = store.project(counts);
    await projection.refresh();
    await Promise.all([
      store.rebuild(counts, { ids: ['a'] }),
      store.append('a', [increment()]),
      projection.refresh(),
      store.rebuild(counts),
    ]);
    await projection.refresh();
    await projection.stop();
    expect(await store.view(counts).get('a')).toBe(21);
  });

  it('keeps beside a document the number of the last event in it', async () => {
    const { table, store } = await world();
    await store.append('a', [increment(5), increment(6)]);
    const projection = store.project(counts);
    await projection.caughtUp;
    await projection.stop();
    expect(await table.atom('events/@view/counts/1/doc/a').deref()).toEqual({ state: 11, seen: { a: 2 } });
  });
});

describe('H-DE10: a document that there is not', () => {
  it('is undefined everywhere, and never the value that documents begin with', async () => {
    const { store } = await world();
    const view = store.view(counts);
    // Never fed.
    expect(await view.get('a')).toBeUndefined();
    expect(await view.getMany(['a', 'b'])).toEqual([undefined, undefined]);
    await store.append('b', [increment(0)]);
    const projection = store.project(counts);
    await projection.caughtUp;
    await projection.stop();
    expect(await view.getMany(['a', 'b'])).toEqual([undefined, 0]);
    expect(await view.get('a')).toBeUndefined();
    const found = [];
    for await (const entry of view.entries()) found.push(entry);
    expect(found).toEqual([{ id: 'b', state: 0 }]);
  });
});
