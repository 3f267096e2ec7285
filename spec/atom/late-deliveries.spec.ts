// Goal: with impatient callers and thousands of writes that arrive after their caller has gone, nothing that was reported as
// not done ever takes effect, nothing that was done is done twice, and one later call settles every unknown.
// Method: seeded faults on a virtual clock; each write stores its own name alone, so the log of commits tells which took
// effect. LEYDEN_SEED sets the seed.
import { expect, it } from '@jest/globals';
import type { ItemAtom, Settled } from '../../lib/atom/index.js';
import type { Item } from '../../lib/codec/index.js';
import { seededRandom } from '../../lib/engine/random.js';
import { type Bench, openBench } from './bench.js';

interface Value {
  readonly by: string;
  readonly count: number;
}

interface Told {
  readonly id: string;
  readonly outcome: 'done' | 'not-done' | 'unknown';
  readonly settle?: () => Promise<Settled>;
}

const tables = 4;
const atoms = 8;
const callers = 16;
const attemptTimeoutMs = 40;

/** What a call was told in the end. */
async function tell(id: string, call: Promise<unknown>, reason: Error): Promise<Told> {
  try {
    await call;
    return { id, outcome: 'done' };
  } catch (error) {
    if (error === reason) return { id, outcome: 'not-done' };
    const { outcome, settle } = error as { outcome?: Told['outcome']; settle?: Told['settle'] };
    if (outcome === undefined) throw error;
    return settle === undefined ? { id, outcome } : { id, outcome, settle: () => settle.call(error) };
  }
}

async function caller(
  bench: Bench,
  name: string,
  handles: readonly ItemAtom<Value, Value>[],
  told: Told[],
  ops: number,
) {
  const random = seededRandom(bench.seed * 100_003 + told.length * 31 + name.length * 7 + Number(name.slice(1)));
  for (let op = 0; op < ops; op += 1) {
    const id = `${name}.${op}`;
    const atom = handles[random.int(handles.length)] as ItemAtom<Value, Value>;
    const abort = new AbortController();
    const reason = new Error('enough');
    const options = { coalesce: false, timeoutMs: random.int(60), signal: abort.signal };
    if (random.int(3) === 0) {
      bench.clock.sleep(random.int(80)).then(
        () => abort.abort(reason),
        () => {},
      );
    }
    const call = atom.swap(({ count }) => ({ by: id, count: count + 1 }), options);
    const one = await tell(id, call, reason);
    told.push(one);
    if (one.settle !== undefined && random.int(4) === 0) void one.settle();
    await bench.clock.sleep(random.int(30));
  }
}

it.each([true, false])(
  '5,000 lost and late writes, failed conditions bring the item along: %s',
  async (images) => {
    const bench = await openBench({
      images,
      latency: () => 3,
      rules: [
        { fault: { kind: 'late', delayMs: [0, 2_000] }, on: 'writes', probability: 0.45 },
        { fault: { kind: 'reset-after' }, on: 'writes', probability: 0.05 },
        { fault: { kind: 'duplicate', gapMs: [0, 500] }, on: 'writes', probability: 0.05 },
        { fault: { kind: 'throttle' }, probability: 0.02 },
        { fault: { kind: '5xx-after' }, probability: 0.03 },
      ],
    });
    const told: Told[] = [];
    const ops = 90;
    const seats: Promise<void>[] = [];
    for (let table = 0; table < tables; table += 1) {
      const opened = bench.table({ retry: { attemptTimeoutMs, settleMs: 200 } });
      const handles = Array.from({ length: atoms }, (_, atom) =>
        opened.atom<Value>(`n${atom}`, { initial: { by: '', count: 0 } }),
      );
      for (let seat = 0; seat < callers; seat += 1) {
        seats.push(caller(bench, `c${table * callers + seat}`, handles, told, ops));
      }
    }
    await bench.run(Promise.all(seats));
    const late = bench.faulty.spent().unclear;
    bench.faulty.setRules([]);

    // One later call each, while late copies are still on their way.
    const truth = new Map<string, string>();
    for (const { id, outcome, settle } of told) {
      const settled = settle === undefined ? outcome : (await bench.run(settle())).outcome;
      truth.set(id, settled);
    }
    await bench.clock.advance(10_000);
    await bench.run(bench.faulty.settled());

    const commits = new Map<string, number>();
    const counts = new Map<string, number>();
    for (const { key, after } of bench.commits) {
      const { by, count } = ((after as Item).d as { M: { by: { S: string }; count: { N: string } } }).M;
      commits.set(by.S, (commits.get(by.S) ?? 0) + 1);
      const name = JSON.stringify(key);
      if (Number(count.N) !== (counts.get(name) ?? 0) + 1) throw new Error(`${name} goes on with ${count.N}`);
      counts.set(name, Number(count.N));
    }
    const wrong = [...truth].filter(([id, outcome]) => (commits.get(id) ?? 0) !== (outcome === 'done' ? 1 : 0));
    const tally = (outcome: string) => [...truth.values()].filter((one) => one === outcome).length;
    const unknown = told.filter(({ outcome }) => outcome === 'unknown').length;
    console.log(
      `seed ${bench.seed}, images ${images}: ${told.length} calls, ${bench.commits.length} commits, ${late} lost or late, ` +
        `${unknown} told unknown, then ${tally('done')} done, ${tally('not-done')} not done, ${tally('unknown')} unknown`,
    );
    expect(wrong).toEqual([]);
    expect(tally('unknown')).toBe(0);
    expect(truth.size).toBe(tables * callers * ops);
    expect(late).toBeGreaterThan(4_500);
  },
  120_000,
);
