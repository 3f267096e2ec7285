// Goal: each consistency of a read keeps its promise, and reads are shared without ever showing what was overwritten before
// the call.
// Method: a memory engine whose eventually consistent reads lag behind by a number of images that the spec sets.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ItemAtom } from '../../lib/atom/index.js';
import { seededRandom } from '../../lib/engine/random.js';
import { type Bench, breathe, openBench, outcomeOf, overridden } from './bench.js';

const increment = (n: number) => n + 1;

let lag = 0;
let bench: Bench;
let atom: ItemAtom<number, number>;
let rival: ItemAtom<number, number>;
beforeEach(async () => {
  lag = 0;
  bench = await openBench({ staleness: () => lag, latency: () => 4 });
  atom = bench.table().atom<number>('n', { initial: 0 });
  rival = bench.calm().atom<number>('n', { initial: 0 });
});
const spentBy = async (body: () => Promise<unknown>) => {
  const before = bench.faulty.spent();
  await bench.run(body());
  const after = bench.faulty.spent();
  return { requests: after.requests - before.requests, readUnits: after.readUnits - before.readUnits };
};

describe('a strong deref', () => {
  it('of a store that nobody can reach ends at the deadline, and says what was in the way', async () => {
    bench = await openBench();
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });
    const engine = overridden(bench.memory, { get: () => Promise.reject(refused) });
    const retry = { timeoutMs: 2_000 };
    atom = bench.table({ engine, retry }).atom<number>('n', { initial: 0 });
    for (const timeoutMs of [undefined, 500, 2_000, 9_000]) {
      const limits = timeoutMs === undefined ? {} : { timeoutMs };
      const failure = await bench.run(atom.deref(limits).catch((error: unknown) => error));
      expect(failure).toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done', cause: refused });
    }
  });

  it('ends so also when another one has begun meanwhile', async () => {
    bench = await openBench();
    const get = async () => {
      await bench.clock.sleep(20);
      throw Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });
    };
    const retry = { timeoutMs: 2_000 };
    atom = bench.table({ engine: overridden(bench.memory, { get }), retry }).atom<number>('n', { initial: 0 });
    const late = async (index: number) => {
      await bench.clock.sleep(index * 50);
      return atom.deref({ timeoutMs: 60_000 }).catch((error: unknown) => error);
    };
    for (const failure of await bench.run(Promise.all(Array.from({ length: 100 }, (_, index) => late(index))))) {
      expect(failure).toMatchObject({ code: 'ERR_DEADLINE', cause: { code: 'ECONNREFUSED' } });
    }
  });

  it('1,000 at once cost at most 3 requests', async () => {
    await bench.run(rival.reset(7));
    const all = () => Promise.all(Array.from({ length: 1_000 }, () => atom.deref()));
    expect((await spentBy(all)).requests).toBeLessThanOrEqual(3);
    expect(new Set(await bench.run(all()))).toEqual(new Set([7]));
  });

  it('1,000 one after the other in time, 100 to a read: each read is shared by those who wait', async () => {
    const late = async (index: number) => {
      await bench.clock.sleep(index / 100);
      return atom.deref();
    };
    const { requests } = await spentBy(() => Promise.all(Array.from({ length: 1_000 }, (_, index) => late(index))));
    expect(requests).toBeLessThanOrEqual(5);
  });

  it('begun after a commit was acknowledged does not join the read that was under way', async () => {
    bench = await openBench();
    const engine = overridden(bench.memory, {
      get: async (request) => {
        const judged = await bench.memory.get(request);
        await bench.clock.sleep(10);
        return judged;
      },
    });
    atom = bench.table({ engine }).atom<number>('n', { initial: 0 });
    rival = bench.calm().atom<number>('n', { initial: 0 });
    await bench.run(rival.reset(1));
    const early = atom.deref();
    await bench.clock.advance(1);
    await bench.run(rival.reset(2));
    const late = atom.deref();
    expect(await bench.run(late)).toBe(2);
    expect(await bench.run(early)).toBe(1);
  });

  it('never returns less than what was acknowledged before it began: seeded writers, slow reads', async () => {
    const random = seededRandom(bench.seed);
    const engine = overridden(bench.faulty, {
      get: async (request, options) => {
        await bench.clock.sleep(random.int(10));
        const item = await bench.faulty.get(request, options);
        await bench.clock.sleep(random.int(20));
        return item;
      },
    });
    atom = bench.table({ engine }).atom<number>('n', { initial: 0 });
    let acknowledged = 0;
    const write = async (writer: typeof atom) => {
      for (let turn = 0; turn < 60; turn += 1) {
        acknowledged = Math.max(acknowledged, await writer.swap(increment));
        await bench.clock.sleep(random.int(8));
      }
    };
    let checked = 0;
    const read = async () => {
      for (let turn = 0; turn < 40; turn += 1) {
        const floor = acknowledged;
        expect(await atom.deref()).toBeGreaterThanOrEqual(floor);
        checked += 1;
        await bench.clock.sleep(random.int(12));
      }
    };
    await bench.run(Promise.all([write(rival), write(atom), read(), read(), read(), read()]));
    expect([checked, acknowledged]).toEqual([160, 120]);
  });

  it('is not served from the cache, and costs one read unit', async () => {
    await bench.run(atom.reset(1));
    await bench.run(rival.reset(2));
    lag = 5;
    expect(await bench.run(atom.deref())).toBe(2);
    expect(await spentBy(() => atom.deref())).toEqual({ requests: 1, readUnits: 1 });
  });
});

describe('other consistencies', () => {
  beforeEach(async () => {
    for (let n = 1; n <= 5; n += 1) await bench.run(rival.reset(n));
  });

  it('eventual: what a replica says, at half the price', async () => {
    lag = 3;
    expect(await spentBy(() => atom.deref({ consistency: 'eventual' }))).toEqual({ requests: 1, readUnits: 0.5 });
    expect(await bench.run(atom.deref({ consistency: 'eventual' }))).toBe(2);
    expect(await bench.run(atom.deref())).toBe(5);
    expect(await bench.run(atom.deref({ consistency: 'eventual' }))).toBe(2);
    expect(await bench.run(atom.snapshot({ consistency: 'eventual' }))).toMatchObject({ value: 2, stale: true });
    expect(await bench.run(atom.snapshot())).toMatchObject({ value: 5, stale: false });
  });

  it('session: at half the price, and never older than what this table wrote or read before', async () => {
    lag = 3;
    expect(await bench.run(atom.deref({ consistency: 'session' }))).toBe(2);
    lag = 4;
    expect(await bench.run(atom.deref({ consistency: 'session' }))).toBeGreaterThanOrEqual(2);
    await bench.run(atom.reset(60));
    expect(await bench.run(atom.deref({ consistency: 'session' }))).toBe(60);
    await bench.run(rival.reset(61));
    expect(await bench.run(atom.deref({ consistency: 'session' }))).toBe(60);
    lag = 0;
    expect(await bench.run(atom.deref({ consistency: 'session' }))).toBe(61);
    expect(await spentBy(() => atom.deref({ consistency: 'session' }))).toEqual({ requests: 1, readUnits: 0.5 });
  });

  it('session: also after the cache was dropped', async () => {
    bench = await openBench({ staleness: () => lag, images: false });
    atom = bench.table().atom<number>('n', { initial: 0 });
    rival = bench.calm().atom<number>('n', { initial: 0 });
    for (let n = 1; n <= 5; n += 1) await bench.run(atom.reset(n));
    await bench.run(rival.reset(50));
    lag = 4;
    expect(await bench.run(atom.trySwap(increment))).toMatchObject({ status: 'conflict' });
    expect(await bench.run(atom.deref({ consistency: 'session' }))).toBeGreaterThanOrEqual(5);
  });

  it('session: seeded lags, one reader: versions never go back', async () => {
    const random = seededRandom(bench.seed);
    let seen = 0;
    for (let turn = 0; turn < 200; turn += 1) {
      lag = random.int(7);
      if (random.int(3) === 0) await bench.run(rival.swap(increment));
      if (random.int(10) === 0) await bench.run(atom.swap(increment));
      const { version } = await bench.run(atom.snapshot({ consistency: 'session' }));
      expect(version).toBeGreaterThanOrEqual(seen);
      seen = version;
    }
  });

  it('cached: what is known, at no cost; a strong read when nothing is', async () => {
    expect(atom.peek()).toBe(undefined);
    expect(await spentBy(() => atom.deref({ consistency: 'cached' }))).toEqual({ requests: 1, readUnits: 1 });
    await bench.run(rival.reset(6));
    expect(await spentBy(() => atom.deref({ consistency: 'cached' }))).toEqual({ requests: 0, readUnits: 0 });
    expect(await bench.run(atom.deref({ consistency: 'cached' }))).toBe(5);
    expect(atom.peek()).toBe(5);
    expect(await bench.run(atom.snapshot({ consistency: 'cached' }))).toMatchObject({ value: 5, stale: true });
    await bench.run(atom.deref());
    expect(atom.peek()).toBe(6);
  });

  it('maxStalenessMs: what is known if it was current so recently, else a strong read', async () => {
    const consistency = { maxStalenessMs: 100 };
    await bench.run(atom.deref());
    await bench.run(rival.reset(6));
    expect(await bench.run(atom.deref({ consistency }))).toBe(5);
    await bench.clock.advance(50);
    expect((await spentBy(() => atom.deref({ consistency }))).requests).toBe(0);
    await bench.clock.advance(50);
    expect(await bench.run(atom.deref({ consistency }))).toBe(6);
    // What an eventually consistent read brought was never known to be current.
    await bench.clock.advance(200);
    await bench.run(atom.deref({ consistency: 'eventual' }));
    expect((await spentBy(() => atom.deref({ consistency }))).requests).toBe(1);
  });

  it('a no-op on a cached base is confirmed by a strong read, and computed anew when the base was old', async () => {
    await bench.run(atom.deref());
    await bench.run(rival.reset(6));
    expect(await bench.run(atom.swap((n) => (n === 5 ? 5 : n * 10)))).toBe(60);
    await bench.run(rival.reset(7));
    expect(await bench.run(atom.compareAndSet(60, 61))).toBe(false);
    expect(await bench.run(atom.compareAndSet(7, 8))).toBe(true);
    await bench.run(rival.reset(9));
    lag = 5;
    expect(await bench.run(atom.swap((n) => (n === 8 ? 8 : n * 10)))).toBe(90);
  });

  it('an error on a cached base is confirmed by a strong read, and computed anew when the base was old', async () => {
    await bench.run(atom.deref());
    await bench.run(rival.reset(6));
    const picky = (n: number) => {
      if (n === 5) throw new RangeError('five');
      return n + 1;
    };
    expect(await bench.run(atom.swap(picky))).toBe(7);
    await bench.run(rival.reset(5));
    await expect(bench.run(atom.swap(picky))).rejects.toThrow('five');
    await breathe();
    expect(await bench.run(atom.deref())).toBe(5);
  });

  it('from: read runs the function on a read made after the call', async () => {
    await bench.run(atom.deref());
    await bench.run(rival.reset(6));
    const seen: number[] = [];
    const note = (n: number) => {
      seen.push(n);
      return n + 1;
    };
    expect(await bench.run(atom.swap(note, { from: 'read' }))).toBe(7);
    expect(seen).toEqual([6]);
  });

  it('reads of record are consistent: of deref, before a write, and after a failed one', async () => {
    const kinds: boolean[] = [];
    const engine = overridden(bench.faulty, {
      get: (request, options) => {
        kinds.push(request.consistent);
        return bench.faulty.get(request, options);
      },
    });
    lag = 4;
    atom = bench.table({ engine }).atom<number>('n', { initial: 0 });
    const swap = outcomeOf(atom.swap(increment));
    await bench.run(swap.done);
    await bench.run(rival.reset(8));
    await bench.run(Promise.all([atom.swap(increment), atom.deref(), atom.compareAndSet(3, 3)]));
    expect(swap.value).toBe(6);
    expect(kinds.length).toBeGreaterThanOrEqual(2);
    expect(kinds).not.toContain(false);
  });
});
