// Goal: watching costs what it says, sees changes within 1.5 x the interval, shares requests, and outlasts throttling, lost answers,
// late replicas and keys that were not processed; what ends a watch is loud.
// Method: a memory engine on a virtual clock, each batch read written down with its time and keys.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AtomTable, AtomWatch } from '../../lib/atom/index.js';
import type { BatchGetRequest, Engine } from '../../lib/engine/port.js';
import { seededRandom } from '../../lib/engine/random.js';
import { type Bench, type BenchOptions, breathe, openBench, outcomeOf, overridden } from './bench.js';

interface Look {
  readonly atMs: number;
  readonly keys: readonly string[];
  readonly consistent: boolean;
}

let bench: Bench;
let looks: Look[];
let refusal: (() => Error) | undefined;
let table: AtomTable;
let calm: AtomTable;

async function open(options: BenchOptions = {}, tableOptions: Parameters<Bench['table']>[0] = {}): Promise<void> {
  bench = await openBench(options);
  looks = [];
  refusal = undefined;
  const engine: Engine = overridden(bench.faulty, {
    batchGet: async (request: BatchGetRequest, send) => {
      const keys = request.keys.map((key) => (key.id as { S: string }).S);
      looks.push({ atMs: bench.clock.monotonicMs(), keys, consistent: request.consistent });
      if (refusal !== undefined) throw refusal();
      return bench.faulty.batchGet(request, send);
    },
  });
  table = bench.table({ engine, ...tableOptions });
  calm = bench.calm();
}
beforeEach(() => open());

const atom = (key: string) => table.atom<number>(key, { initial: 0 });
const rival = (key: string) => calm.atom<number>(key, { initial: 0 });

function logOf<V>(watch: AtomWatch<V>): { readonly seen: V[]; readonly end: Promise<unknown> } {
  const seen: V[] = [];
  const run = async () => {
    for await (const value of watch) seen.push(value);
    return 'ended';
  };
  return { seen, end: run().catch((error: unknown) => error) };
}

const gapsOf = (from: number) =>
  looks.slice(from).map(({ atMs }, index) => atMs - (looks[from + index - 1]?.atMs ?? 0));
const named = (name: string) => Object.assign(new Error(name), { name, $fault: 'client' });

describe('the intervals between looks', () => {
  it('begin at 100 ms, double while nothing happens, and stay at 12.8 s; each at most a quarter longer', async () => {
    logOf(atom('n').watch());
    await bench.clock.advance(120_000);
    const gaps = gapsOf(1);
    const rungs = gaps.map((_, index) => 100 * 2 ** Math.min(index, 7));
    gaps.forEach((gap, index) => {
      expect(gap).toBeLessThanOrEqual(1.25 * (rungs[index] as number) + 1);
      // A step up waits at least for the interval before; the jitter of the look before may have taken some of it.
      if (index > 0) expect(gap).toBeGreaterThanOrEqual(0.75 * (rungs[index - 1] as number) - 1);
    });
    expect(looks.map(({ consistent }) => consistent)).toEqual(looks.map((_, index) => index === 0));
  });

  it('begin anew after a change of another process, and not after our own', async () => {
    const { seen } = logOf(atom('n').watch());
    await bench.clock.advance(60_000);
    await bench.run(atom('n').reset(1));
    let count = looks.length;
    await bench.clock.advance(9_000);
    expect(looks.length - count).toBeLessThanOrEqual(1);
    await bench.run(rival('n').reset(2));
    await bench.clock.advance(16_000);
    expect(seen).toEqual([0, 1, 2]);
    count = looks.length;
    const changed = looks.findIndex(({ atMs }) => atMs >= 69_000);
    expect(gapsOf(changed + 1)[0]).toBeLessThanOrEqual(125);
  });

  it('begin anew when somebody joins', async () => {
    logOf(atom('n').watch());
    await bench.clock.advance(60_000);
    const count = looks.length;
    logOf(atom('n').watch());
    await bench.clock.advance(400);
    expect(looks.length - count).toBeGreaterThanOrEqual(3);
  });

  it('are those of the table, and of the watch that wants the shortest', async () => {
    await open({}, { watch: { pollMsMin: 1_000, pollMsMax: 8_000 } });
    const patient = logOf(atom('n').watch());
    await bench.clock.advance(60_000);
    expect(Math.max(...gapsOf(1))).toBeLessThanOrEqual(10_000);
    expect(Math.min(...gapsOf(2))).toBeGreaterThanOrEqual(750);
    const hasty = atom('n').watch({ pollMsMax: 2_000 });
    await bench.run(hasty.next());
    const count = looks.length;
    await bench.clock.advance(60_000);
    expect(Math.max(...gapsOf(count + 1))).toBeLessThanOrEqual(2_500);
    await hasty.return();
    const after = looks.length;
    await bench.clock.advance(120_000);
    expect(Math.max(...gapsOf(after + 3))).toBeGreaterThan(6_000);
    expect(patient.seen).toEqual([0]);
  });

  it('a maximum that is no power of two of the minimum is kept: the finest interval is the next one above the minimum', async () => {
    await open({}, { watch: { pollMsMin: 100, pollMsMax: 10_000 } });
    logOf(atom('n').watch());
    await bench.clock.advance(20_000);
    const count = looks.length;
    await bench.clock.advance(1_000_000);
    expect(looks.length - count).toBeGreaterThanOrEqual(99);
    expect(looks.length - count).toBeLessThanOrEqual(101);
    expect(gapsOf(1)[0]).toBeGreaterThan(0);
    expect(gapsOf(1)[0]).toBeLessThanOrEqual(1.25 * 156.25 + 1);
  });

  it('of processes that start together do not all ask together', async () => {
    const phases: number[] = [];
    for (let process = 0; process < 20; process += 1) {
      await open({ seed: 100 + process });
      logOf(atom('n').watch());
      await bench.clock.advance(120_000);
      phases.push((looks.at(-1)?.atMs ?? 0) % 12_800);
    }
    expect(Math.max(...phases) - Math.min(...phases)).toBeGreaterThan(6_400);
  });

  it('a change is seen within 1.5 x the interval, whenever it comes', async () => {
    const random = seededRandom(bench.seed);
    const { seen } = logOf(atom('n').watch());
    await breathe();
    let [worst, seenIn] = [0, 0];
    for (let n = 1; n <= 60; n += 1) {
      await bench.clock.advance(100 * 2 ** random.int(9) + random.int(12_800));
      // One rung up with each look since the change before was seen.
      const intervalMs = 100 * 2 ** Math.min(7, looks.length - seenIn);
      await bench.run(rival('n').reset(n));
      const changedAt = bench.clock.monotonicMs();
      while (seen.at(-1) !== n) await bench.clock.advance(5);
      seenIn = looks.length;
      worst = Math.max(worst, (bench.clock.monotonicMs() - changedAt) / intervalMs);
    }
    expect(worst).toBeLessThanOrEqual(1.5);
    expect(worst).toBeGreaterThan(0.4);
  });
});

describe('what a watch costs', () => {
  it('1,000 quiet atoms for an hour: 0.04 read units a second each, and a request for each hundred of them', async () => {
    const atoms = 1_000;
    for (let index = 0; index < atoms; index += 1) logOf(atom(`a${index}`).watch());
    await bench.clock.advance(3_600_000);
    const looksEach = looks.filter(({ keys }) => keys.includes('a7')).length;
    const { requests, readUnits } = bench.faulty.spent();
    // One consistent look for the first value; 8 on the way up the ladder; then one each 12.8 s.
    expect(looksEach).toBeGreaterThanOrEqual(1 + 8 + Math.floor((3_600 - 26) / 12.8) - 1);
    expect(looksEach).toBeLessThanOrEqual(1 + 8 + Math.ceil(3_600 / 12.8));
    expect(requests).toBe((atoms / 100) * looksEach);
    expect(readUnits).toBe(atoms * (1 + 0.5 * (looksEach - 1)));
    expect(readUnits / atoms / 3_600).toBeLessThanOrEqual(0.05);
  });

  it('a change costs the looks on the way back to quiet, of that atom alone', async () => {
    for (let index = 0; index < 100; index += 1) logOf(atom(`a${index}`).watch());
    await bench.clock.advance(60_000);
    const count = looks.length;
    await bench.run(rival('a5').reset(1));
    await bench.clock.advance(60_000);
    const after = looks.slice(count);
    const ofIt = after.filter(({ keys }) => keys.includes('a5')).length;
    const ofOthers = after.filter(({ keys }) => keys.includes('a6')).length;
    expect(ofIt - ofOthers).toBeGreaterThanOrEqual(6);
    expect(ofIt - ofOthers).toBeLessThanOrEqual(9);
    // It falls in with the others again: they share their requests.
    expect(after.at(-1)?.keys.length).toBe(100);
  });

  it('those who join in one turn share requests, and rungs that fall due together do', async () => {
    for (let index = 0; index < 250; index += 1) logOf(atom(`a${index}`).watch());
    await breathe();
    expect(looks.map(({ keys, consistent }) => [keys.length, consistent])).toEqual([
      [100, true],
      [100, true],
      [50, true],
    ]);
    await open();
    logOf(atom('often').watch({ pollMsMax: 6_400 }));
    logOf(atom('seldom').watch());
    await bench.clock.advance(60_000);
    const count = looks.length;
    await bench.clock.advance(1_280_000);
    expect(looks.length - count).toBeGreaterThanOrEqual(199);
    expect(looks.length - count).toBeLessThanOrEqual(201);
    expect(looks.slice(count).filter(({ keys }) => keys.includes('seldom')).length).toBeGreaterThanOrEqual(99);
  });

  it('`consistency: strong` looks strongly, at twice the price; the others stay as they are', async () => {
    logOf(atom('weak').watch());
    const strong = atom('strong').watch({ consistency: 'strong' });
    await bench.run(strong.next());
    await bench.clock.advance(60_000);
    const ofStrong = looks.filter(({ keys }) => keys.includes('strong'));
    const ofWeak = looks.filter(({ keys }) => keys.includes('weak'));
    expect(ofStrong.every(({ consistent }) => consistent)).toBe(true);
    expect(ofWeak.slice(1).some(({ consistent }) => consistent)).toBe(false);
    expect(bench.faulty.spent().readUnits).toBe(ofStrong.length + 1 + 0.5 * (ofWeak.length - 1));
  });

  it('10,000 atoms: no more than 4 requests are under way at once', async () => {
    await open({ latency: () => 20 });
    let underWay = 0;
    let most = 0;
    const engine = overridden(bench.memory, {
      batchGet: async (request: BatchGetRequest) => {
        underWay += 1;
        most = Math.max(most, underWay);
        const answer = await bench.memory.batchGet(request);
        underWay -= 1;
        return answer;
      },
    });
    const many = bench.table({ engine });
    for (let index = 0; index < 2_000; index += 1) many.atom(`a${index}`).addWatch('w', () => {});
    await bench.clock.advance(1_000);
    expect(most).toBe(4);
  });
});

describe('late replicas', () => {
  it('never take a watch back, and hold it up for one look or two', async () => {
    let lag = 0;
    await open({ staleness: () => lag });
    await bench.run(rival('n').reset(1));
    const { seen } = logOf(atom('n').watch());
    await bench.clock.advance(1_000);
    for (let n = 2; n <= 6; n += 1) {
      lag = 3;
      await bench.run(rival('n').reset(n));
      await bench.clock.advance(1_000);
      lag = 0;
      await bench.clock.advance(2_000);
    }
    expect(seen.at(-1)).toBe(6);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  it('that see no item yet: one consistent look settles it', async () => {
    let lag = 0;
    await open({ staleness: () => lag });
    const { seen } = logOf(atom('n').watch());
    await bench.clock.advance(1_000);
    await bench.run(rival('n').reset(1));
    lag = 1;
    await bench.clock.advance(5_000);
    expect(seen).toEqual([0]);
    lag = 0;
    await bench.clock.advance(15_000);
    expect(seen).toEqual([0, 1]);
    expect(looks.filter(({ consistent }) => consistent).length).toBe(2);
  });
});

describe('trouble that passes', () => {
  it('keys that were not processed are looked at next, and the others are not held up', async () => {
    await open({ limits: { batchGetBytesMax: 400 } });
    for (let index = 0; index < 20; index += 1) await bench.run(rival(`a${index}`).reset(1));
    const logs = Array.from({ length: 20 }, (_, index) => logOf(atom(`a${index}`).watch()));
    await bench.clock.advance(2_000);
    expect(logs.map(({ seen }) => seen)).toEqual(logs.map(() => [1]));
    expect(looks[1]?.keys.length).toBeLessThan(20);
    expect(looks[1]?.keys.length).toBeGreaterThan(0);
  });

  it('an outage ends no watch, costs ever fewer requests, and is over when it is over', async () => {
    const { seen, end } = logOf(atom('n').watch());
    await bench.clock.advance(30_000);
    bench.faulty.setRules([{ fault: { kind: 'throttle' }, on: ['batchGet'] }]);
    await bench.run(rival('n').reset(1));
    const count = looks.length;
    await bench.clock.advance(120_000);
    expect(looks.length - count).toBeGreaterThan(60);
    expect(looks.length - count).toBeLessThan(500);
    bench.faulty.setRules([]);
    await bench.clock.advance(2_000);
    expect(seen).toEqual([0, 1]);
    await expect(Promise.race([end, breathe()])).resolves.toBeUndefined();
  });

  it.each(['reset-before', 'reset-after', '5xx-after', 'cut-body', 'unreachable', 'partial'] as const)(
    'half of all answers %s: every change is seen',
    async (kind) => {
      await open({ rules: [{ fault: { kind }, on: ['batchGet'], probability: 0.5 }] });
      const { seen } = logOf(atom('n').watch());
      for (let n = 1; n <= 10; n += 1) {
        await bench.clock.advance(3_000);
        await bench.run(rival('n').reset(n));
      }
      await bench.clock.advance(30_000);
      expect(seen.at(-1)).toBe(10);
      expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
    },
  );

  it('an answer that never comes is given up, and asked for again', async () => {
    await open({ rules: [{ fault: { kind: 'delay', delayMs: 3_600_000 }, on: ['batchGet'], times: 3 }] });
    const first = outcomeOf(atom('n').watch().next());
    await bench.clock.advance(1_000 + 2_000 + 4_000 + 500);
    expect(first.value).toEqual({ done: false, value: 0 });
    expect(looks.slice(0, 4).map(({ atMs }) => Math.round(atMs / 1_000))).toEqual([0, 1, 3, 7]);
  });

  it('on the way from the item to the value (a key service, a part) is waited out, ever longer', async () => {
    let troubles = 3;
    const validate = (value: unknown) => {
      if (troubles === 0) return { value: value as number };
      troubles -= 1;
      throw Object.assign(new Error('the key service is out'), { name: 'TimeoutError' });
    };
    const schema = { '~standard': { version: 1, vendor: 'spec', validate } } as const;
    await bench.run(rival('n').reset(1));
    const { seen } = logOf(table.atom<number>('n', { schema }).watch());
    await bench.clock.advance(2_000);
    expect(seen).toEqual([1]);
    expect(gapsOf(1).slice(0, 3)).toEqual([...gapsOf(1).slice(0, 3)].sort((a, b) => a - b));
    expect(looks.slice(0, 4).map(({ consistent }) => consistent)).toEqual([true, true, true, true]);
  });

  it('is the last obstacle in the message of a wait that came to its deadline', async () => {
    await open({ rules: [{ fault: { kind: 'throttle' }, on: ['batchGet'] }] });
    const failed = await bench.run(
      atom('n')
        .waitFor((n) => n > 0, { timeoutMs: 5_000 })
        .catch((error) => error),
    );
    expect(failed).toMatchObject({
      code: 'ERR_DEADLINE',
      attempts: 0,
      cause: { name: expect.stringMatching(/Throttl|Throughput/) },
    });
  });
});

describe('what ends a watch', () => {
  const damage = (key: string) => bench.put({ id: { S: key }, l: { S: 'x:1' }, d: { N: '1' } });

  it('an item that can not be read: loops and waits reject, a callback is told once, and goes on', async () => {
    const errors: unknown[] = [];
    await open({}, { onWatchError: (error) => errors.push(error) });
    const { seen, end } = logOf(atom('n').watch());
    const waiting = outcomeOf(atom('n').waitFor((n) => n > 5, { timeoutMs: 900_000 }));
    const calls: number[] = [];
    atom('n').addWatch('w', (_id, _atom, _old, next) => calls.push(next));
    await bench.clock.advance(1_000);
    await damage('n');
    await bench.clock.advance(60_000);
    expect(await end).toMatchObject({ code: 'ERR_DECODE', reason: 'damaged' });
    expect(waiting.error).toMatchObject({ code: 'ERR_DECODE' });
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_DECODE' })]);
    await bench.clock.advance(600_000);
    expect(errors.length).toBe(1);
    // Who comes later is told as well.
    expect(await bench.run(logOf(atom('n').watch()).end)).toMatchObject({ code: 'ERR_DECODE' });
    await bench.memory.delete({ table: 'state', key: { id: { S: 'n' } } });
    await bench.run(rival('n').reset(7));
    await bench.clock.advance(30_000);
    expect([seen, calls]).toEqual([[0], [7]]);
  });

  it('is reported for a callback that comes after a loop was told', async () => {
    const errors: unknown[] = [];
    await open({}, { onWatchError: (error) => errors.push(error) });
    await damage('n');
    const hasty = atom('n').watch();
    const patient = atom('n').watch();
    await expect(bench.run(hasty.next())).rejects.toMatchObject({ code: 'ERR_DECODE' });
    await expect(bench.run(patient.next())).rejects.toMatchObject({ code: 'ERR_DECODE' });
    expect(errors).toEqual([]);
    atom('n').addWatch('w', () => {});
    await bench.clock.advance(60_000);
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_DECODE' })]);
  });

  it('an older image that can not be read ends nothing: a consistent look decides', async () => {
    let lag = 0;
    await open({ staleness: () => lag });
    await damage('n');
    await bench.memory.delete({ table: 'state', key: { id: { S: 'n' } } });
    await bench.run(rival('n').reset(1));
    const { seen } = logOf(atom('n').watch());
    await breathe();
    lag = 2;
    await bench.clock.advance(30_000);
    lag = 0;
    await bench.run(rival('n').reset(2));
    await bench.clock.advance(30_000);
    expect(seen).toEqual([1, 2]);
  });

  it('a read that the store refuses for good: loops reject with its error unchanged, a callback is told once', async () => {
    const errors: unknown[] = [];
    await open({}, { onWatchError: (error) => errors.push(error) });
    const denied = named('AccessDeniedException');
    const { end } = logOf(atom('n').watch());
    const calls: number[] = [];
    atom('n').addWatch('w', (_id, _atom, _old, next) => calls.push(next));
    await bench.clock.advance(1_000);
    refusal = () => denied;
    await bench.clock.advance(60_000);
    expect(await end).toBe(denied);
    expect(errors).toEqual([denied]);
    const count = looks.length;
    await bench.clock.advance(128_000);
    expect(looks.length - count).toBeLessThanOrEqual(11);
    refusal = undefined;
    await bench.run(rival('n').reset(1));
    await bench.clock.advance(30_000);
    expect(calls).toEqual([1]);
    expect(errors.length).toBe(1);
  });

  it('a table name that can not be told is no reason to hang', async () => {
    const broken = new Error('no stage');
    const nameless = bench.table({
      tableName: () => {
        throw broken;
      },
    });
    expect(await bench.run(logOf(nameless.atom('n').watch()).end)).toBe(broken);
  });
});

describe('a cache that is dropped', () => {
  it('is a reason to look soon: what it missed is seen before the next interval', async () => {
    let refused = false;
    const engine = overridden(bench.faulty, {
      put: async (request, options) => {
        if (!refused) return bench.faulty.put(request, options);
        return { status: 'not-applied', kind: 'refused', error: new Error('refused') };
      },
    });
    const own = bench.table({ engine }).atom<number>('n', { initial: 0 });
    const { seen } = logOf(own.watch());
    await bench.clock.advance(60_000);
    await bench.run(rival('n').reset(5));
    refused = true;
    await expect(bench.run(own.reset(6))).rejects.toThrow('refused');
    await bench.clock.advance(200);
    expect(seen).toEqual([0, 5]);
  });
});
