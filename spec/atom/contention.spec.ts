// Goal: processes that write one atom share it fairly and waste little; the dead, the idle and the hostile cost time only.
// Method: each AtomTable is a process; a memory engine with a lognormal latency of about 2 ms on a virtual clock; counts
// over a time that is seconds there and moments here. LEYDEN_SEED sets the seed.
import { describe, expect, it } from '@jest/globals';
import type { ItemAtom } from '../../lib/atom/index.js';
import { type Random, seededRandom } from '../../lib/engine/random.js';
import { type Bench, numberOf, openBench, textOf } from './bench.js';

const increment = (n: number) => n + 1;

/** Lognormal with median 2 ms; the 99th percentile is at about 4 ms. */
function latencyOf(random: Random): () => number {
  return () => {
    const normal = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
    return 2 * Math.exp(0.3 * normal);
  };
}

function open(seed = Number(process.env.LEYDEN_SEED ?? 1)): Promise<Bench> {
  return openBench({ seed, latency: latencyOf(seededRandom(seed)) });
}

interface Rates {
  readonly swaps: readonly number[];
  readonly failedPerCommit: number;
  readonly commitsPerSecond: number;
  readonly fairness: number;
  readonly p99Ms: number;
}

/** Closed loops of `callers` in each process, for `ms`, after a moment of warming up. */
async function contend(bench: Bench, atoms: readonly ItemAtom<number, number>[], callers: number, ms: number) {
  const { clock } = bench;
  let counting = false;
  let over = false;
  const swaps = atoms.map(() => 0);
  const tookMs: number[] = [];
  let all = 0;
  const caller = async (process: number) => {
    while (!over) {
      const at = clock.monotonicMs();
      await (atoms[process] as ItemAtom<number, number>).swap(increment);
      all += 1;
      if (!counting) continue;
      swaps[process] = (swaps[process] as number) + 1;
      tookMs.push(clock.monotonicMs() - at);
    }
  };
  const loops = atoms.flatMap((_, process) => Array.from({ length: callers }, () => caller(process)));
  await bench.run(clock.sleep(200));
  const before = { failed: bench.faulty.spent().conditionsFailed, commits: bench.commits.length };
  counting = true;
  await bench.run(clock.sleep(ms));
  const failed = bench.faulty.spent().conditionsFailed - before.failed;
  const commits = bench.commits.length - before.commits;
  over = true;
  await bench.run(Promise.all(loops));
  tookMs.sort((a, b) => a - b);
  const rates: Rates = {
    swaps,
    failedPerCommit: failed / commits,
    commitsPerSecond: (commits * 1_000) / ms,
    fairness: Math.min(...swaps) / Math.max(...swaps),
    p99Ms: tookMs[Math.floor(tookMs.length * 0.99)] as number,
  };
  console.log(
    `seed ${bench.seed}, ${atoms.length} processes x ${callers}: ${rates.commitsPerSecond.toFixed(0)} commits/s, ` +
      `${(swaps.reduce((sum, one) => sum + one, 0) / ms) * 1_000} swaps/s, ${rates.failedPerCommit.toFixed(3)} failed puts ` +
      `per commit, slowest/fastest ${rates.fairness.toFixed(2)}, p99 ${rates.p99Ms.toFixed(0)} ms`,
  );
  return { ...rates, all };
}

const atomsOf = (bench: Bench, processes: number) =>
  Array.from({ length: processes }, () => bench.table().atom<number>('n', { initial: 0 }));

/** The final value, and that every commit raised it. */
async function exact(bench: Bench, all: number): Promise<void> {
  const { d, v } = (await bench.run(bench.item('n'))) ?? {};
  expect(numberOf(d)).toBe(all);
  expect(numberOf(v)).toBe(bench.commits.length);
}

describe('processes that write one atom all the time', () => {
  it.each([
    [2, 0.2, 0.8],
    [4, 0.2, 0.8],
    [8, 0.4, 0.75],
  ])(
    '%d of them, 16 callers each: at most %d failed puts per commit, slowest/fastest at least %d',
    async (processes, failedMax, fairnessMin) => {
      const bench = await open();
      const { all, failedPerCommit, fairness } = await contend(bench, atomsOf(bench, processes), 16, 2_500);
      await exact(bench, all);
      expect(failedPerCommit).toBeLessThanOrEqual(failedMax);
      expect(fairness).toBeGreaterThanOrEqual(fairnessMin);
    },
  );

  it('four with one caller each share fairly too', async () => {
    const bench = await open();
    const { all, fairness, failedPerCommit } = await contend(bench, atomsOf(bench, 4), 1, 2_500);
    await exact(bench, all);
    expect(fairness).toBeGreaterThanOrEqual(0.75);
    expect(failedPerCommit).toBeLessThanOrEqual(0.4);
  });
});

describe('progress goes on', () => {
  it('when a writer of the ring dies', async () => {
    const bench = await open();
    const atoms = atomsOf(bench, 4);
    const before = await contend(bench, atoms, 8, 1_000);
    const after = await contend(bench, atoms.slice(0, 3), 8, 1_500);
    await exact(bench, before.all + after.all);
    expect(after.commitsPerSecond).toBeGreaterThan(0.5 * before.commitsPerSecond);
    expect(after.fairness).toBeGreaterThanOrEqual(0.7);
  });

  it('under evidence of a hundred writers that never were, hostile numbers and all', async () => {
    const bench = await open();
    const atoms = atomsOf(bench, 3);
    await contend(bench, atoms, 4, 200);
    const names = Array.from({ length: 100 }, (_, index) => `${'!~zA'[index % 4]}${index}`);
    const stale = names.map((name, index) => [name, { N: String([0, 1, 7, Number.MAX_SAFE_INTEGER][index % 4]) }]);
    const item = { ...(await bench.run(bench.item('n'))), w0: { M: Object.fromEntries(stale) } };
    await bench.run(bench.put({ ...item, l: { S: '~~~~:9007199254740991' } }));
    await bench.run(Promise.all(atoms.map((atom) => atom.deref())));
    const at = bench.clock.monotonicMs();
    await bench.run(Promise.any(atoms.map((atom) => atom.swap(increment))));
    expect(bench.clock.monotonicMs() - at).toBeLessThan(200);
    const { commitsPerSecond, fairness } = await contend(bench, atoms, 4, 1_000);
    expect(commitsPerSecond).toBeGreaterThan(150);
    expect(fairness).toBeGreaterThanOrEqual(0.25);
  });

  it('when one process writes and the others have stopped: it gets its old speed back', async () => {
    const bench = await open();
    const atoms = atomsOf(bench, 4);
    await contend(bench, atoms, 4, 500);
    const alone = await contend(bench, atoms.slice(0, 1), 4, 2_000);
    expect(alone.commitsPerSecond).toBeGreaterThan(250);
  });
});

describe('writers who seldom write', () => {
  it('do not wait for each other: a swap takes a read and a write, or two', async () => {
    const bench = await open();
    const random = seededRandom(bench.seed + 7);
    const tookMs: number[] = [];
    const visitor = async (atom: ItemAtom<number, number>) => {
      for (let turn = 0; turn < 40; turn += 1) {
        await bench.clock.sleep(random.int(1_000));
        const at = bench.clock.monotonicMs();
        await atom.swap(increment);
        tookMs.push(bench.clock.monotonicMs() - at);
      }
    };
    await bench.run(Promise.all(atomsOf(bench, 4).map(visitor)));
    await exact(bench, 160);
    tookMs.sort((a, b) => a - b);
    const [median, worst] = [tookMs[80] as number, tookMs.at(-1) as number];
    console.log(`seed ${bench.seed}, seldom: median ${median.toFixed(1)} ms, worst ${worst.toFixed(1)} ms`);
    expect(median).toBeLessThan(8);
    expect(worst).toBeLessThan(60);
  });

  it('get their turn beside busy ones', async () => {
    const bench = await open();
    const [rare, ...busy] = atomsOf(bench, 4) as [ItemAtom<number, number>, ...ItemAtom<number, number>[]];
    const tookMs: number[] = [];
    const visits = (async () => {
      for (let turn = 0; turn < 20; turn += 1) {
        await bench.clock.sleep(100);
        const at = bench.clock.monotonicMs();
        await rare.swap(increment);
        tookMs.push(bench.clock.monotonicMs() - at);
      }
    })();
    const { all, commitsPerSecond } = await contend(bench, busy, 8, 2_000);
    await bench.run(visits);
    await exact(bench, all + 20);
    console.log(`seed ${bench.seed}, beside busy ones: worst ${Math.max(...tookMs).toFixed(0)} ms`);
    expect(Math.max(...tookMs)).toBeLessThan(200);
    // And the busy ones do not wait for a visitor who has gone.
    expect(commitsPerSecond).toBeGreaterThan(180);
  });
});

it('the last committer is named in the item, so that the others know whose turn it is', async () => {
  const bench = await open();
  const atoms = atomsOf(bench, 3);
  await contend(bench, atoms, 2, 300);
  const { l, w0, w1 } = ((await bench.run(bench.item('n'))) ?? {}) as never as Record<string, { M: object }>;
  const writers = Object.keys({ ...w0?.M, ...w1?.M });
  expect(writers).toHaveLength(3);
  expect(writers).toContain(textOf(l as never).split(':')[0]);
});
