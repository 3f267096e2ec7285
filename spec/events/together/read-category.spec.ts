// Goal: an ordered category is read at the cost of what is in it, whatever sizes its commits have; what was pruned, and nothing more,
// is refused; what was lost is told.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { AggregateType, type RecordedEvent } from '../../../lib/events/index.js';
import { type Bench, openBench } from '../../atom/bench.js';
import { all, first, happened, openStore } from './stores.js';

const ordered = ['account'] as const;
const category = 'account';
/** Text that can't be packed; what it is makes no difference. */
const noise = (bytes: number) => randomBytes(bytes).toString('base64');
const positions = (events: readonly RecordedEvent[]) => events.map(({ position }) => position);
const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, index) => from + index);
const account = new AggregateType<number, number, { type: 'moved'; data: readonly [number, string] }>({
  name: category,
  initial: 0,
  truth: { snapshotEvery: 1_000 },
  handle: (_, amount) => ({ type: 'moved', data: [amount, noise(300)] }),
  apply: (balance, { data }) => balance + data[0],
});

async function spentBy(bench: Bench, work: () => Promise<unknown>) {
  const before = bench.memory.spent();
  await work();
  const { requests, readUnits } = bench.memory.spent();
  return { requests: requests - before.requests, readUnits: readUnits - before.readUnits };
}

describe('readAll of an ordered category', () => {
  it('reads a commit once that is too much for a window', async () => {
    const bench = await openBench();
    const store = openStore(bench, { ordered });
    const text = noise(6_000);
    await store.append(
      'account-a',
      upTo(700).map((id) => happened(id, `${text.slice(0, -8)}${id}`)),
    );
    await store.append('account-b', [happened('last')]);
    const plain = await spentBy(bench, () => all(store.read('account-a')));
    let events: RecordedEvent[] = [];
    const spent = await spentBy(bench, async () => {
      events = await all(store.readAll({ category }));
    });
    expect(positions(events)).toEqual(upTo(701));
    expect(spent.requests).toBeLessThan(plain.requests + 10);
    expect(spent.readUnits).toBeLessThan(plain.readUnits + 10);
  });

  it('reads streams that were brought into order in time that grows as they do', async () => {
    const bench = await openBench();
    const plain = openStore(bench);
    for (let id = 0; id < 250; id += 1) {
      await plain.append(
        'account-a',
        upTo(20).map(() => happened(id, noise(45))),
      );
    }
    const store = openStore(bench, { ordered });
    await store.order(category);
    const once = await spentBy(bench, () => all(store.read('account-a')));
    let events: RecordedEvent[] = [];
    const spent = await spentBy(bench, async () => {
      events = await all(store.readAll({ category }));
    });
    expect(positions(events)).toEqual(upTo(5_000));
    expect(spent.readUnits).toBeLessThan(3 * once.readUnits);
  });

  it('holds no more than a window of text, however suddenly events become large', async () => {
    const bench = await openBench();
    const store = openStore(bench, { ordered });
    await store.append(
      'account-small',
      upTo(3_000).map((id) => happened(id)),
    );
    const text = noise(600_000);
    for (let id = 0; id < 40; id += 1) await store.append(`account-${id}`, [happened(id, `${id}${text}`)]);
    let [bytes, most] = [0, 0];
    const batchGet = bench.memory.batchGet.bind(bench.memory);
    bench.memory.batchGet = async (...args) => {
      const answer = await batchGet(...args);
      for (const value of answer.items.flatMap((item) => Object.values(item))) {
        if ('B' in value) bytes += (value.B as Uint8Array).byteLength;
      }
      most = Math.max(most, bytes);
      return answer;
    };
    const found: (number | undefined)[] = [];
    for await (const { position } of store.readAll({ category })) {
      // What was read up to the first event of a window is in memory with it.
      bytes = 0;
      found.push(position);
    }
    expect(found).toEqual(upTo(3_040));
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(16 * 1_024 * 1_024);
  });

  it('reads whatever the streams themselves still have, when they were pruned', async () => {
    const bench = await openBench();
    const store = openStore(bench, { ordered });
    for (let version = 1; version <= 60; version += 1) {
      await store.execute(account, '1', 1);
      await store.settled();
      if (version % 5 > 0) continue;
      const { floor } = await openStore(bench, { ordered }).prune(account, '1', { keepSnapshots: 1 });
      for (let from = floor; from <= version; from += 1) {
        const events = await all(openStore(bench, { ordered }).readAll({ category, from }));
        expect(positions(events)).toEqual(upTo(version + 1 - from, from));
      }
      if (floor === 1) continue;
      await expect(all(store.readAll({ category, from: floor - 1 }))).rejects.toMatchObject({
        code: 'ERR_STREAM_PRUNED',
        floor,
      });
    }
  });

  it('goes on behind what was pruned of a stream that was brought into order', async () => {
    const bench = await openBench();
    const plain = openStore(bench);
    for (let version = 1; version <= 40; version += 1) await plain.execute(account, '1', 1);
    const store = openStore(bench, { ordered });
    await store.order(category);
    const { floor } = await store.prune(account, '1', { keepSnapshots: 1 });
    expect(floor).toBeGreaterThan(1);
    expect(positions(await first(1, store.readAll({ category, from: floor })))).toEqual([floor]);
  });

  it('tells when a stream is gone that was never deleted', async () => {
    const bench = await openBench();
    const store = openStore(bench, { ordered });
    for (const stream of ['account-a', 'account-b']) await store.append(stream, [happened(1)]);
    await bench.memory.delete({ table: 'state', key: { id: { S: 'events/account-a/head' } } });
    await expect(all(openStore(bench, { ordered }).readAll({ category }))).rejects.toMatchObject({
      code: 'ERR_JOURNAL_GAP',
      reason: 'missing',
    });
  });
});
