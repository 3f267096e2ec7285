// Goal: what the calls of a store cost is what their documentation says. Method: requests and units are counted on a memory engine, which
// charges as the service does.
import { expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { MemoryEngine } from '../../lib/engine/index.js';
import { AggregateType, EventStore } from '../../lib/events/index.js';
import { all, noise, take, upTo } from '../contract/event-store-bench.js';

const tableName = 'state';
const deposited = { type: 'deposited', data: { amount: 5 } };
const counter = new AggregateType<number, number, { type: 'counted'; data: number }>({
  name: 'counter',
  initial: 0,
  handle: (_sum, add) => ({ type: 'counted', data: add }),
  apply: (sum, { data }) => sum + data,
});

interface Bench {
  /** Another process. */
  open(): EventStore;
  /** Requests, read units, write units of a call, with what it leaves to be done in the background. */
  of(call: () => Promise<unknown>): Promise<{ requests: number; readUnits: number; writeUnits: number }>;
}

async function openBench(): Promise<Bench> {
  const engine = new MemoryEngine();
  await new AtomTable({ engine, tableName }).create();
  const stores: EventStore[] = [];
  return {
    open() {
      const store = new EventStore(new AtomTable({ engine, tableName }));
      stores.push(store);
      return store;
    },
    async of(call) {
      const before = engine.spent();
      await call();
      for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
      const after = engine.spent();
      return {
        requests: after.requests - before.requests,
        readUnits: after.readUnits - before.readUnits,
        writeUnits: after.writeUnits - before.writeUnits,
      };
    },
  };
}

const refused = (call: Promise<unknown>, code: string) => expect(call).rejects.toMatchObject({ code });
const cost = (requests: number, readUnits: number, writeUnits: number) => ({ requests, readUnits, writeUnits });

it('append: 1 request of 1 write unit, and 1 read for a stream that is not known here', async () => {
  const { open, of } = await openBench();
  const store = open();
  expect(await of(() => store.append('s', [deposited], { expected: 'no-stream' }))).toEqual(cost(2, 1, 1));
  expect(await of(() => store.append('s', [deposited], { expected: 1 }))).toEqual(cost(1, 0, 1));
  expect(await of(() => store.append('s', [deposited, deposited]))).toEqual(cost(1, 0, 1));
  expect(await of(() => store.append('s', [deposited], { commandId: 'one' }))).toEqual(cost(1, 0, 1));
  expect(await of(() => open().append('s', [deposited], { expected: 5 }))).toEqual(cost(2, 1, 1));
});

it('append: calls that wait together share a request', async () => {
  const { open, of } = await openBench();
  const store = open();
  await store.append('s', [deposited]);
  expect(await of(() => Promise.all(upTo(10).map(() => store.append('s', [deposited]))))).toEqual(cost(1, 0, 1));
});

it('append to a stream that goes on: 1 write unit more every few commits, and 1 for each command id', async () => {
  const { open, of } = await openBench();
  const store = open();
  const append = (n: number) => store.append('s', [{ type: 'noted', data: noise(60, n) }]);
  const spent = await of(async () => {
    for (const n of upTo(200)) await append(n);
  });
  expect(spent.writeUnits).toBeLessThan(270);
  const named = await of(async () => {
    for (const n of upTo(50)) await store.append('t', [{ type: 'noted', data: noise(60, n) }], { commandId: `c${n}` });
  });
  expect(named.writeUnits).toBeLessThan(120);
});

it('append that lost a race: 1 request more; one that is refused, or repeated, writes nothing', async () => {
  const { open, of } = await openBench();
  const [store, other] = [open(), open()];
  await store.append('s', [deposited], { commandId: 'one' });
  await other.append('s', [deposited]);
  expect(await of(() => store.append('s', [deposited]))).toEqual(cost(2, 0, 2));
  await other.append('s', [deposited]);
  expect(await of(() => refused(store.append('s', [deposited], { expected: 3 }), 'ERR_CONFLICT'))).toMatchObject({
    requests: 1,
  });
  expect(await of(() => refused(store.append('s', [deposited], { expected: 3 }), 'ERR_CONFLICT'))).toEqual(
    cost(0, 0, 0),
  );
  expect(await of(() => refused(store.append('s', [deposited], { expected: 9 }), 'ERR_CONFLICT'))).toEqual(
    cost(1, 1, 0),
  );
  expect(await of(() => store.append('s', []))).toEqual(cost(1, 1, 0));
  expect(await of(() => store.append('s', [deposited], { commandId: 'one' }))).toEqual(cost(0, 0, 0));
  expect(await of(() => open().append('s', [deposited], { commandId: 'one' }))).toEqual(cost(1, 1, 0));
});

it('append that expects what others have appended since: 1 read more, however often', async () => {
  const { open, of } = await openBench();
  const [store, other] = [open(), open()];
  await store.append('s', [deposited]);
  for (const version of [1, 3, 5]) {
    await other.append('s', [deposited]);
    expect(await of(() => store.append('s', [deposited], { expected: version + 1 }))).toEqual(cost(2, 1, 1));
  }
});

it('append with a command id to a stream that has pages: 1 read for the receipt', async () => {
  const { open, of } = await openBench();
  const store = open();
  for (const n of upTo(30)) await store.append('s', [{ type: 'noted', data: noise(100, n) }]);
  const [without, withId] = [
    await of(() => store.append('s', [deposited])),
    await of(() => store.append('s', [deposited], { commandId: 'new' })),
  ];
  expect(withId.readUnits - without.readUnits).toBe(1);
});

it('read: 1 request for what is in the head; pages at half a read unit each, 100 with a request', async () => {
  const { open, of } = await openBench();
  const store = open();
  for (const n of upTo(10)) await store.append('s', [{ type: 'deposited', data: { amount: n } }]);
  expect(await of(() => all(open().read('s')))).toEqual(cost(1, 1, 0));
  expect(await of(() => all(store.read('s', { direction: 'backwards' })))).toEqual(cost(1, 1, 0));
  expect(await of(() => take(1, store.read('s', { from: 10 })))).toEqual(cost(1, 1, 0));
  expect(await of(() => all(store.read('nowhere')))).toEqual(cost(1, 0.5 + 0.5, 0));
  for (const n of upTo(90)) await store.append('s', [{ type: 'deposited', data: { text: noise(30, n) } }]);
  const spent = await of(() => all(open().read('s')));
  expect(spent.requests).toBe(2);
  expect(spent.readUnits).toBeLessThan(8);
  expect(await of(() => take(1, store.read('s', { direction: 'backwards' })))).toEqual(cost(1, 1, 0));
});

it('10,000 events: a few requests to append, and to read', async () => {
  const { open, of } = await openBench();
  const events = upTo(10_000).map((n) => ({ type: 'counted', data: { n } }));
  expect((await of(() => open().append('s', events))).requests).toBeLessThan(8);
  const spent = await of(() => all(open().read('s')));
  expect(spent.requests).toBe(2);
  expect(spent.readUnits).toBeLessThan(30);
});

it('execute, load: as append, as read', async () => {
  const { open, of } = await openBench();
  const store = open();
  expect(await of(() => store.execute(counter, '1', 5))).toEqual(cost(2, 1, 1));
  expect(await of(() => store.execute(counter, '1', 5))).toEqual(cost(1, 0, 1));
  expect(await of(() => open().execute(counter, '1', 5))).toEqual(cost(2, 1, 1));
  expect(await of(() => open().load(counter, '1'))).toEqual(cost(1, 1, 0));
});

it('exists, info: 1 request; archive, unarchive: 2 requests, 1 write unit', async () => {
  const { open, of } = await openBench();
  const store = open();
  await store.append('s', [deposited]);
  expect(await of(() => store.exists('s'))).toEqual(cost(1, 1, 0));
  expect(await of(() => store.info('s'))).toEqual(cost(1, 1, 0));
  expect(await of(() => store.archive('s'))).toEqual(cost(2, 1, 1));
  expect(await of(() => store.archive('s'))).toMatchObject({ writeUnits: 0 });
  expect(await of(() => store.unarchive('s'))).toEqual(cost(2, 1, 1));
});

it('delete: about 10 requests, and what it deletes; again: 1 request', async () => {
  const { open, of } = await openBench();
  const store = open();
  await store.append('s', [deposited]);
  const small = await of(() => store.delete('s'));
  expect(small.requests).toBeLessThanOrEqual(10);
  expect(small.writeUnits).toBeLessThanOrEqual(4);
  expect(await of(() => store.delete('s'))).toEqual(cost(1, 1, 0));
});

it('streams: one request per 1 MB of the table', async () => {
  const { open, of } = await openBench();
  const store = open();
  for (const n of upTo(20)) await store.append(`s-${n}`, [deposited]);
  expect((await of(() => all(store.streams()))).requests).toBe(1);
});

it('subscribe: one look of half a read unit, then at intervals that double', async () => {
  const { open, of } = await openBench();
  const store = open();
  await store.append('s', [deposited]);
  expect((await of(() => take(1, open().subscribe('s')))).requests).toBe(1);
});
