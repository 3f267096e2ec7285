// Goal: transactions that meet at their atoms all come through: few requests are lost, nobody starves, nothing waits for itself.
// Method: closed loops for some seconds of a virtual clock, on a memory engine with the round trips of a real one; requests are counted.
import { describe, expect, it } from '@jest/globals';
import type { AtomTable, ItemAtom, Transaction } from '../../lib/atom/index.js';
import { type Random, seededRandom } from '../../lib/engine/index.js';
import { type Bench, openBench, overridden } from './bench.js';

type Counter = ItemAtom<number, number>;

const increment = (n: number) => n + 1;
const seed = Number(process.env.LEYDEN_SEED ?? 1);

/** A bench with round trips of 3 to 5 ms, and a count of transactions that were sent. */
async function crowded(): Promise<{ bench: Bench; open(): AtomTable; sent(): number }> {
  const latencies = seededRandom(seed);
  const bench = await openBench({ seed, latency: () => 3 + 2 * latencies.next() });
  let sent = 0;
  const engine = overridden(bench.memory, {
    transactWrite: (request) => {
      sent += 1;
      return bench.memory.transactWrite(request);
    },
  });
  return { bench, open: () => bench.calm({ engine }), sent: () => sent };
}

const countersOf = (table: AtomTable, count: number): Counter[] =>
  Array.from({ length: count }, (_, at) => table.atom<number>(`c${at}`, { initial: 0 }));

/** Two different ones. */
function pairOf<T>(list: readonly T[], random: Random): readonly [T, T] {
  const first = random.int(list.length);
  const second = (first + 1 + random.int(list.length - 1)) % list.length;
  return [list[first] as T, list[second] as T];
}

const both =
  ([one, other]: readonly [Counter, Counter]) =>
  (tx: Transaction) =>
    Promise.all([tx.swap(one, increment), tx.swap(other, increment)]);

/** Each worker in a closed loop; how often each came through. */
async function work(
  bench: Bench,
  ms: number,
  workers: readonly ((turn: number) => Promise<unknown>)[],
): Promise<number[]> {
  const untilMs = bench.clock.monotonicMs() + ms;
  const loop = async (one: (turn: number) => Promise<unknown>) => {
    let turns = 0;
    for (; bench.clock.monotonicMs() < untilMs; turns += 1) await one(turns);
    return turns;
  };
  return bench.run(Promise.all(workers.map(loop)));
}

const total = (counts: readonly number[]) => counts.reduce((sum, one) => sum + one, 0);

describe(`2 of 10 atoms, 8 workers, LEYDEN_SEED=${seed}`, () => {
  it('in processes of their own: at most half a lost request for each commit, and nobody starves', async () => {
    const { bench, open, sent } = await crowded();
    const workers = Array.from({ length: 8 }, (_, index) => {
      const table = open();
      const atoms = countersOf(table, 10);
      const random = seededRandom(seed * 100 + index);
      return () => table.transact(both(pairOf(atoms, random)));
    });
    const early = total(await work(bench, 500, workers));
    const before = sent();
    const counts = await work(bench, 3_000, workers);
    const commits = total(counts);
    const sum = total(await bench.run(Promise.all(countersOf(open(), 10).map((one) => one.deref()))));
    expect(sum).toBe(2 * (early + commits));
    expect((sent() - before) / commits - 1).toBeLessThanOrEqual(0.5);
    expect(Math.min(...counts) / Math.max(...counts)).toBeGreaterThan(0.2);
    expect(commits).toBeGreaterThan(300);
  });

  it('in one process: none is lost', async () => {
    const { bench, open, sent } = await crowded();
    const table = open();
    const atoms = countersOf(table, 10);
    const workers = Array.from({ length: 8 }, (_, index) => {
      const random = seededRandom(seed * 100 + index);
      return () => table.transact(both(pairOf(atoms, random)));
    });
    const counts = await work(bench, 500, workers);
    expect(sent()).toBe(total(counts));
    expect(Math.min(...counts) / Math.max(...counts)).toBeGreaterThan(0.5);
  });
});

describe('one pair of atoms', () => {
  it('that 8 processes want takes turns: few are lost, all come through as often', async () => {
    const { bench, open, sent } = await crowded();
    const workers = Array.from({ length: 8 }, () => {
      const table = open();
      const [one, other] = countersOf(table, 2) as [Counter, Counter];
      return () => table.transact(both([one, other]));
    });
    await work(bench, 500, workers);
    const before = sent();
    const counts = await work(bench, 1_500, workers);
    expect((sent() - before) / total(counts) - 1).toBeLessThan(0.2);
    expect(Math.min(...counts) / Math.max(...counts)).toBeGreaterThan(0.8);
  });

  it('a lost race costs one request: what it told is enough for the next', async () => {
    const { bench, open, sent } = await crowded();
    const [one, other] = countersOf(open(), 2) as [Counter, Counter];
    const mine = open();
    const [x, y] = countersOf(mine, 2) as [Counter, Counter];
    await bench.run(Promise.all([x.reset(1), y.reset(2)]));
    await bench.run(Promise.all([one.reset(10), other.reset(20)]));
    const before = bench.memory.spent();
    const startedAt = bench.clock.monotonicMs();
    expect(await bench.run(mine.transact(both([x, y])))).toEqual([11, 21]);
    expect(bench.memory.spent().requests - before.requests).toBe(2);
    expect(sent()).toBe(2);
    expect(bench.clock.monotonicMs() - startedAt).toBeLessThan(2 * 5 + 1);
  });
});

describe('beside single calls on the same atoms', () => {
  it('of the same process: both come through, nothing is lost', async () => {
    const { bench, open, sent } = await crowded();
    const table = open();
    const [x, y] = countersOf(table, 2) as [Counter, Counter];
    const swapper = () => x.swap(increment);
    const counts = await work(bench, 800, [swapper, swapper, swapper, () => table.transact(both([x, y]))]);
    expect(await bench.run(x.deref())).toBe(total(counts));
    expect(sent()).toBe(counts[3]);
    // The lane is lent every other time.
    expect(counts[3]).toBeGreaterThan(60);
  });

  it('with a function that takes its time: it is run twice at most, however much goes on', async () => {
    const { bench, open } = await crowded();
    const table = open();
    const [x, y] = countersOf(table, 2) as [Counter, Counter];
    const runs: number[] = [];
    const slow = (tx: Transaction) => {
      runs[runs.length - 1] = (runs.at(-1) as number) + 1;
      return tx.swap(x, async (n) => {
        await bench.clock.sleep(50);
        await tx.swap(y, increment);
        return n + 1;
      });
    };
    const counts = await work(bench, 2_000, [
      () => x.swap(increment),
      () => y.swap(increment),
      () => {
        runs.push(0);
        return table.transact(slow);
      },
    ]);
    expect(Math.max(...runs)).toBe(2);
    expect(await bench.run(x.deref())).toBe((counts[0] as number) + (counts[2] as number));
    for (const count of counts) expect(count).toBeGreaterThan(10);
  });

  it('with a function that only reads what others write all the time: it comes through', async () => {
    const { bench, open } = await crowded();
    const table = open();
    const [x, y] = countersOf(table, 2) as [Counter, Counter];
    let runs = 0;
    const slow = async (tx: Transaction) => {
      runs += 1;
      const seen = await tx.deref(x);
      await bench.clock.sleep(20);
      return tx.reset(y, seen);
    };
    const [, slowly = 0] = await work(bench, 1_000, [() => x.swap(increment), () => table.transact(slow)]);
    expect(slowly).toBeGreaterThan(10);
    expect(runs).toBeLessThanOrEqual(2 * slowly);
  });

  it('of other processes: neither starves the other', async () => {
    const { bench, open } = await crowded();
    const table = open();
    const [x, y] = countersOf(table, 2) as [Counter, Counter];
    const swappers = Array.from({ length: 3 }, () => {
      const [atom] = countersOf(open(), 1) as [Counter];
      return () => atom.swap(increment);
    });
    const counts = await work(bench, 2_000, [() => table.transact(both([x, y])), ...swappers]);
    expect(await bench.run(x.deref())).toBe(total(counts));
    expect(Math.min(...counts) / Math.max(...counts)).toBeGreaterThan(0.3);
  });
});

describe('many transactions over the same atoms', () => {
  it('in whatever order they touch them, held or not, never wait for each other for ever', async () => {
    const { bench, open } = await crowded();
    const table = open();
    const atoms = countersOf(table, 5);
    const workers = Array.from({ length: 12 }, (_, index) => {
      const random = seededRandom(seed * 1_000 + index);
      return () => {
        const order = [...atoms].sort(() => random.next() - 0.5).slice(0, 1 + random.int(4));
        return table.transact(async (tx) => {
          for (const atom of order) {
            if (random.int(3) === 0) await bench.clock.sleep(random.int(4));
            if (random.int(4) === 0) await tx.deref(atom);
            else await tx.swap(atom, increment);
          }
        });
      };
    });
    const counts = await work(bench, 600, workers);
    for (const count of counts) expect(count).toBeGreaterThan(3);
  });

  it('read-only ones come through between those that write', async () => {
    const { bench, open } = await crowded();
    const table = open();
    const atoms = countersOf(table, 4);
    const other = open();
    const writers = Array.from({ length: 3 }, (_, index) => {
      const random = seededRandom(seed * 1_000 + index);
      return () => other.transact(both(pairOf(countersOf(other, 4), random)));
    });
    const sums: number[] = [];
    const reader = async () => {
      const values = await table.transact((tx) => Promise.all(atoms.map((atom) => tx.deref(atom))));
      sums.push(total(values) % 2);
    };
    const counts = await work(bench, 1_000, [reader, ...writers]);
    expect(counts[0]).toBeGreaterThan(50);
    expect(sums.every((one) => one === 0)).toBe(true);
  });
});
