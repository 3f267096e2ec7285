// Goal: what the long runs of `spec/histories/prevalence` found stays found: one short spec for each.
import { expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import type { Item } from '../../lib/codec/index.js';
import { type Engine, MemoryEngine } from '../../lib/engine/index.js';
import {
  atomStorage,
  type Change,
  openPrevayler,
  type Prevayler,
  type PrevaylerOptions,
} from '../../lib/prevalence/index.js';

type List = readonly number[];
const handler = (state: List, event: number): List => [...state, event];

/** Opens instances of one system, each with a table object of its own. */
async function system() {
  const memory = new MemoryEngine();
  await new AtomTable({ engine: memory, tableName: 'state' }).create();
  const warnings: unknown[] = [];
  const open = (
    options: Partial<PrevaylerOptions<List, number, unknown>> = {},
    engine: Engine = memory,
  ): Promise<Prevayler<List, number>> =>
    openPrevayler({
      storage: atomStorage(new AtomTable({ engine, tableName: 'state' }), 'log', { headBytesMax: 512 }),
      initialState: [] as List,
      ...{ handler, follow: false, snapshots: false, onWarning: (error: unknown) => warnings.push(error) },
      ...options,
    });
  return { open, warnings, memory };
}

it.each([1, 5])(
  'a snapshot that falls due at commit %d of a replay has the state of its own place',
  async (eventsMin) => {
    const { open, warnings } = await system();
    const one = await open();
    await one.handle(0);
    const other = await open({ snapshots: { eventsMin, spread: 0 } });
    const list = Array.from({ length: 13 }, (_, n) => n);
    for (const n of list.slice(1, -1)) await one.handle(n);
    // Replays all of them within the function that swaps the head.
    await other.handle(12);
    const made = async () => (await one.snapshots()).at(-1);
    let snapshot = await made();
    for (let turns = 0; snapshot === undefined && turns < 1_000; turns += 1) {
      await new Promise(setImmediate);
      snapshot = await made();
    }
    const fresh = await open();
    expect([fresh.seq, fresh.state]).toEqual([13, list]);
    const { seq, state } = await fresh.at({ seq: snapshot?.seq as number });
    expect(state).toEqual(list.slice(0, seq));
    expect(warnings).toEqual([]);
    for (const system of [one, other, fresh]) await system.close();
  },
);

it('changes() tells of events that were pruned under its hands, after the state has jumped beyond them', async () => {
  const { open } = await system();
  const [one, other] = [await open(), await open()];
  const seen: Change<number>[] = [];
  const following = (async () => {
    for await (const change of other.changes()) seen.push(change);
  })();
  await one.handle(1);
  await other.sync();
  for (let n = 2; n <= 100; n += 1) await one.handle(n * 1_000_003);
  await one.snapshot();
  expect((await one.prune()).pagesRemoved).toBeGreaterThan(0);
  await other.sync();
  expect(other.seq).toBe(100);
  await expect(following).rejects.toMatchObject({ code: 'ERR_JOURNAL_COMPACTED', from: 2 });
  expect(seen.map(({ seq }) => seq)).toEqual([1]);
  for (const system of [one, other]) await system.close();
});

it('at() takes a snapshot that is removed while it is read for pruned, not for damaged', async () => {
  const { open, memory } = await system();
  const one = await open({ retention: { keep: 1 } });
  for (let n = 1; n <= 100; n += 1) await one.handle(n * 1_000_003);
  await one.snapshot();
  let removals = 0;
  const removing = new Proxy(memory, {
    get(target, name) {
      const member = Reflect.get(target, name, target) as unknown;
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]) => {
        if (removals === 0 && name !== 'spent' && JSON.stringify(args[0]).includes('log/part/')) {
          removals += 1;
          for (let n = 1; n <= 100; n += 1) await one.handle(n * 1_000_003);
          await one.snapshot();
          await one.prune();
        }
        return member.apply(target, args);
      };
    },
  });
  const other = await open({}, removing);
  removals = 0;
  await expect(other.at({ seq: 200 })).rejects.toMatchObject({ code: 'ERR_JOURNAL_COMPACTED' });
  expect([removals, one.seq]).toEqual([1, 300]);
  for (const system of [one, other]) await system.close();
});

it('changes() waits, and does not ask without end, when the journal has less than the state', async () => {
  const { open, memory } = await system();
  const [one, other] = [await open(), await open()];
  await one.handle(1);
  const key = { id: { S: 'log/head' } };
  const backup = await memory.get({ table: 'state', key, consistent: true });
  await one.handle(2);
  await other.sync();
  await memory.put({ table: 'state', item: backup as Item });
  const seen: number[] = [];
  const following = (async () => {
    for await (const { seq } of other.changes({ from: 2 })) seen.push(seq);
  })();
  for (let turns = 0; turns < 50; turns += 1) await new Promise(setImmediate);
  const { requests } = memory.spent();
  for (let turns = 0; turns < 50; turns += 1) await new Promise(setImmediate);
  expect([seen, memory.spent().requests - requests]).toEqual([[], 0]);
  for (const system of [one, other]) await system.close();
  await following;
});
