// Goal: however many take permits and give them back at once, and whatever the network does to them, there never are more in use than
// there are, at any version; and who was told that a permit is his has it. Method: 8 processes on a virtual clock, with and without half
// of their writes disturbed, every commit looked at; and on each engine. LEYDEN_SEED sets the seed.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AtomTable, type ItemAtom, type Settled } from '../../lib/atom/index.js';
import type { Item } from '../../lib/codec/index.js';
import type { Engine, PutRequest, WriteAnswer } from '../../lib/engine/port.js';
import { seededRandom } from '../../lib/engine/random.js';
import { describeEngine, engines, type OpenEngine } from '../support/engines.js';
import { openBench, overridden, writesDisturbed } from './bench.js';

interface Permits {
  readonly max: number;
  readonly used: number;
  readonly by: Readonly<Record<string, number>>;
}

type PermitsAtom = ItemAtom<Permits, Permits>;

const initial: Permits = { max: 3, used: 0, by: {} };

const take = (atom: PermitsAtom, who: string, options: object = {}) =>
  atom.commute(
    { add: { used: 1, by: { [who]: 1 } } },
    { when: { is: { max: 3 }, atMost: { used: 2 }, absent: { by: { [who]: true } } }, ...options },
  );
const give = (atom: PermitsAtom, who: string, options: object = {}) =>
  atom.commute(
    { add: { used: -1 }, remove: { by: { [who]: true } } },
    { when: { present: { by: { [who]: true } } }, ...options },
  );

/** What is wrong with a version of the item; `undefined` for nothing. */
function wrongIn(item: Item): string | undefined {
  const { used, by } = permitsIn(item);
  return used === by.length && used >= 0 && used <= 3 ? undefined : `${used} in use, by ${by.join()}`;
}

function permitsIn(item: Item): { readonly used: number; readonly by: readonly string[] } {
  const { used, by } = (item.d as { readonly M: Item }).M;
  return { used: Number((used as { readonly N: string }).N), by: Object.keys((by as { readonly M: Item }).M) };
}

describe('8 processes with 3 permits', () => {
  it('never use more, and pay two updates at most for a no', async () => {
    const bench = await openBench({ latency: () => 4 });
    const open = () => bench.calm().atom<Permits>('p', { initial });
    await bench.run(open().reset(initial));
    const tally = { yes: 0, no: 0, given: 0 };
    const before = bench.memory.spent();
    const seats = Array.from({ length: 8 }, async (_, process) => {
      const random = seededRandom(bench.seed * 100 + process);
      const atom = open();
      for (let call = 0; call < 40; call += 1) {
        const { applied } = await take(atom, `${process}`);
        tally[applied ? 'yes' : 'no'] += 1;
        await bench.clock.sleep(random.int(20));
        if (!applied) continue;
        expect(await give(atom, `${process}`)).toMatchObject({ applied: true });
        tally.given += 1;
      }
    });
    await bench.run(Promise.all(seats));
    const after = bench.memory.spent();
    const requests = after.requests - before.requests;
    const failed = after.conditionsFailed - before.conditionsFailed;
    console.log(`seed ${bench.seed}: ${JSON.stringify(tally)}, ${requests} requests, ${failed} conditions failed`);
    expect(bench.commits.map(({ after: item }) => wrongIn(item as Item)).filter(Boolean)).toEqual([]);
    expect(tally.no).toBeGreaterThan(40);
    expect(tally.yes).toBeGreaterThan(40);
    // Each yes and each permit given back is an update; a no is a read, or an update that failed and its fence. A permit that is given
    // back between that and the fence costs an update more. The first call of each reads.
    expect(requests).toBeLessThanOrEqual(8 + tally.yes + tally.given + 2 * tally.no + 3 * tally.yes);
    expect(failed).toBeLessThanOrEqual(tally.no + tally.yes);
    expect(permitsIn((await bench.run(bench.item('p'))) as Item)).toEqual({ used: 0, by: [] });
  });

  it('lets the callers of one process share updates', async () => {
    const bench = await openBench({ latency: () => 4 });
    const atom = bench.calm().atom<{ used: number }>('p', { initial: { used: 0 } });
    await bench.run(atom.reset({ used: 0 }));
    const before = bench.memory.spent().requests;
    const calls = Array.from({ length: 64 }, () =>
      atom.commute({ add: { used: 1 } }, { when: { atMost: { used: 39 } } }),
    );
    const told = await bench.run(Promise.all(calls));
    expect(told.filter(({ applied }) => applied)).toHaveLength(40);
    expect(bench.memory.spent().requests - before).toBeLessThanOrEqual(2);
    expect(await bench.run(atom.deref())).toEqual({ used: 40 });
  });

  it.each([true, false])(
    'never use more while half of the writes are disturbed; failed conditions bring the item along: %s',
    async (images) => {
      const bench = await openBench({
        images,
        latency: () => 3,
        rules: writesDisturbed,
      });
      await bench.run(bench.calm().atom<Permits>('p').reset(initial));
      // By name of a permit: what its taker was told, and what who gave it back was told.
      const truth: { who: string; verb: 'take' | 'give'; ask: () => Promise<Settled['outcome']> }[] = [];
      const seats = Array.from({ length: 8 }, async (_, process) => {
        const random = seededRandom(bench.seed * 1_000 + process);
        const table = bench.table({ retry: { attemptTimeoutMs: 40, settleMs: 200 } });
        const atom = table.atom<Permits>('p', { initial });
        for (let call = 0; call < 15; call += 1) {
          const who = `${process}.${call}`;
          const options = { timeoutMs: random.int(4) === 0 ? random.int(60) : 30_000 };
          truth.push({ who, verb: 'take', ask: await toldOf(take(atom, who, options)) });
          await bench.clock.sleep(random.int(30));
          // Without having been told whether it was taken: giving back is on condition of that.
          truth.push({ who, verb: 'give', ask: await toldOf(give(atom, who)) });
        }
      });
      await bench.run(Promise.all(seats));
      bench.faulty.setRules([]);
      const told = new Map<string, string>();
      for (const { who, verb, ask } of truth) told.set(`${verb} ${who}`, await bench.run(ask()));
      await bench.clock.advance(10_000);
      await bench.run(bench.faulty.settled());

      const done = new Map<string, number>();
      const note = (text: string) => done.set(text, (done.get(text) ?? 0) + 1);
      for (const { before, after } of bench.commits.slice(1)) {
        const [was, is] = [permitsIn(before as Item).by, permitsIn(after as Item).by];
        for (const who of is) if (!was.includes(who)) note(`take ${who}`);
        for (const who of was) if (!is.includes(who)) note(`give ${who}`);
      }
      const count = (outcome: string) => [...told.values()].filter((one) => one === outcome).length;
      console.log(
        `seed ${bench.seed}, images ${images}: ${told.size} calls, ${bench.commits.length} commits, ` +
          `${bench.memory.spent().conditionsFailed} conditions failed; ` +
          `${count('done')} done, ${count('not-done')} not done, ${count('unknown')} unknown`,
      );
      expect(bench.commits.map(({ after }) => wrongIn(after as Item)).filter(Boolean)).toEqual([]);
      expect([...told].filter(([text, outcome]) => (done.get(text) ?? 0) !== (outcome === 'done' ? 1 : 0))).toEqual([]);
      expect(count('unknown')).toBe(0);
      expect(count('done')).toBeGreaterThan(60);
      expect(count('not-done')).toBeGreaterThan(20);
    },
    60_000,
  );
});

for (const row of engines.filter(({ name }) => name !== 'aws')) {
  describeEngine(row, () => {
    let opened: OpenEngine;
    let tableName: string;
    let engine: Engine;
    /** All that a write was told to have made, by version. */
    const versions = new Map<number, Item>();
    beforeAll(async () => {
      opened = await row.open();
      tableName = opened.uniqueTable();
      await new AtomTable({ engine: opened.engine, tableName }).create();
      const noted = async (answer: Promise<WriteAnswer>, put?: Item): Promise<WriteAnswer> => {
        const given = await answer;
        const item = given.status === 'applied' ? (put ?? given.image) : undefined;
        if (item !== undefined) versions.set(Number((item.v as { readonly N: string }).N), item);
        return given;
      };
      engine = overridden(opened.engine, {
        put: (request: PutRequest, options) => noted(opened.engine.put(request, options), request.item),
        update: (request, options) => noted(opened.engine.update(request, options)),
      });
    });
    afterAll(() => opened.close());

    it('8 processes with 3 permits never use more, at any version', async () => {
      const open = () => new AtomTable({ engine, tableName }).atom<Permits>('p', { initial });
      await open().reset(initial);
      const tally = { yes: 0, no: 0 };
      const seats = Array.from({ length: 8 }, async (_, process) => {
        const atom = open();
        for (let call = 0; call < 12; call += 1) {
          const { applied } = await take(atom, `${process}`);
          tally[applied ? 'yes' : 'no'] += 1;
          if (applied) expect(await give(atom, `${process}`)).toMatchObject({ applied: true });
        }
      });
      await Promise.all(seats);
      const { version } = await open().snapshot();
      console.log(`${row.name}: ${JSON.stringify(tally)}, ${version} versions`);
      expect([...versions.values()].map(wrongIn).filter(Boolean)).toEqual([]);
      expect(versions.size).toBeGreaterThan(0.9 * Number(version));
      expect(tally.yes + tally.no).toBe(96);
      expect(await open().deref()).toEqual(initial);
    });
  });
}

async function toldOf(call: Promise<{ readonly applied: boolean }>): Promise<() => Promise<Settled['outcome']>> {
  try {
    const { applied } = await call;
    return async () => (applied ? 'done' : 'not-done');
  } catch (error) {
    const { outcome, settle } = error as { outcome?: Settled['outcome']; settle?: () => Promise<Settled> };
    if (outcome === undefined) throw error;
    return settle === undefined ? async () => outcome : async () => (await settle.call(error)).outcome;
  }
}
