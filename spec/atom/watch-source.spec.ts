// Goal: a source makes watches quicker and cheaper, and can't make them wrong, whatever it tells, leaves out, or throws.
// Method: a source that the spec speaks for, on a memory engine and a virtual clock.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AtomTable, AtomWatch, WatchListener, WatchSource, WatchTarget } from '../../lib/atom/index.js';
import { type Bench, breathe, openBench } from './bench.js';

interface Subscription {
  readonly target: WatchTarget;
  readonly listener: WatchListener;
  open: boolean;
}

let bench: Bench;
let subscriptions: Subscription[];
let table: AtomTable;
let lag = 0;
let errors: unknown[];
const source: WatchSource = {
  subscribe(target, listener) {
    const subscription = { target, listener, open: true };
    subscriptions.push(subscription);
    return {
      close() {
        subscription.open = false;
      },
    };
  },
};
beforeEach(async () => {
  lag = 0;
  bench = await openBench({ staleness: () => lag });
  subscriptions = [];
  errors = [];
  table = bench.table({ watchSource: source, onWatchError: (error) => errors.push(error) });
});

const atom = () => table.atom<number>('n', { initial: 0 });
const rival = () => bench.calm().atom<number>('n', { initial: 0 });
const listener = () => (subscriptions.at(-1) as Subscription).listener;

function logOf<V>(watch: AtomWatch<V>): V[] {
  const seen: V[] = [];
  const run = async () => {
    for await (const value of watch) seen.push(value);
  };
  run().catch((error: unknown) => seen.push(error as never));
  return seen;
}
const spentBy = async (body: () => Promise<unknown>) => {
  const before = bench.faulty.spent();
  await body();
  const after = bench.faulty.spent();
  return { requests: after.requests - before.requests, readUnits: after.readUnits - before.readUnits };
};

describe('a subscription', () => {
  it('is one for all watches of an atom, from the first to the last', async () => {
    const loops = [atom().watch(), atom().watch()];
    for (const loop of loops) await bench.run(loop.next());
    atom().addWatch('w', () => {});
    expect(subscriptions.map(({ target }) => target)).toEqual([
      { tableName: 'state', key: { id: { S: 'n' } }, keyText: 'n' },
    ]);
    for (const loop of loops) await loop.return();
    expect(subscriptions[0]?.open).toBe(true);
    atom().removeWatch('w');
    expect(subscriptions[0]?.open).toBe(false);
    await bench.run(atom().watch().next());
    expect(subscriptions.length).toBe(2);
  });

  it('that throws is reported, and polling does the work', async () => {
    const broken = new Error('no bus');
    const broke = bench.table({
      watchSource: {
        subscribe() {
          throw broken;
        },
      },
      onWatchError: (error) => errors.push(error),
    });
    const seen = logOf(broke.atom<number>('n', { initial: 0 }).watch());
    await breathe();
    await bench.run(rival().reset(1));
    await bench.clock.advance(1_000);
    expect([seen, errors]).toEqual([[0, 1], [broken]]);
  });

  it('whose close() throws is reported', async () => {
    const broken = new Error('no end');
    const close = () => {
      throw broken;
    };
    const broke = bench.table({ watchSource: { subscribe: () => ({ close }) }, onWatchError: (e) => errors.push(e) });
    const loop = broke.atom<number>('n', { initial: 0 }).watch();
    await bench.run(loop.next());
    await loop.return();
    await breathe();
    expect(errors).toEqual([broken]);
    expect(bench.clock.pending).toBe(0);
  });

  it('is told nothing more after its end: late calls do nothing', async () => {
    const loop = atom().watch();
    await bench.run(loop.next());
    await loop.return();
    const { requests } = await spentBy(async () => {
      listener().onHint();
      listener().onHint({ item: await bench.item('n') });
      listener().onHealth(true);
      await bench.clock.advance(10_000);
    });
    expect(requests).toBe(0);
  });
});

describe('a hint with an image', () => {
  it('is seen at once, without a read', async () => {
    const seen = logOf(atom().watch());
    await bench.clock.advance(30_000);
    await bench.run(rival().reset(1));
    const created = await bench.item('n');
    listener().onHint({ item: created });
    // Of what another incarnation began, a consistent read has to tell.
    await bench.clock.advance(1);
    await bench.run(rival().reset(2));
    const item = await bench.item('n');
    const { requests } = await spentBy(async () => {
      listener().onHint({ item });
      await breathe();
    });
    expect([seen, requests]).toEqual([[0, 1, 2], 0]);
  });

  it('that is older than what is known, or known already, does nothing', async () => {
    await bench.run(rival().reset(1));
    const old = await bench.item('n');
    await bench.run(rival().reset(2));
    const seen = logOf(atom().watch());
    await bench.clock.advance(30_000);
    await bench.run(atom().reset(3));
    const known = await bench.item('n');
    const { readUnits } = await spentBy(async () => {
      for (let times = 0; times < 5; times += 1) listener().onHint({ item: old });
      listener().onHint({ item: known });
      await breathe();
    });
    expect([seen, readUnits]).toEqual([[2, 3], 0]);
  });

  it('of a removed item is settled by a consistent read', async () => {
    await bench.run(rival().reset(1));
    const seen = logOf(atom().watch());
    await bench.clock.advance(30_000);
    // A lie: the item is there.
    listener().onHint({ item: undefined });
    await bench.clock.advance(200);
    expect(seen).toEqual([1]);
    await bench.memory.delete({ table: 'state', key: { id: { S: 'n' } } });
    lag = 1;
    listener().onHint({ item: undefined });
    await bench.clock.advance(200);
    expect(seen).toEqual([1, 0]);
  });

  it('that can not be read ends nothing: a consistent read decides', async () => {
    await bench.run(rival().reset(1));
    const seen = logOf(atom().watch());
    await bench.clock.advance(30_000);
    listener().onHint({ item: { id: { S: 'n' }, l: { S: 'x:1' } } });
    await bench.run(rival().reset(2));
    await bench.clock.advance(200);
    expect(seen).toEqual([1, 2]);
    expect(errors).toEqual([]);
  });
});

describe('a hint without an image', () => {
  it('is a consistent read, at once', async () => {
    const seen = logOf(atom().watch());
    await bench.clock.advance(30_000);
    await bench.run(rival().reset(1));
    lag = 3;
    listener().onHint();
    await breathe();
    expect(seen).toEqual([0, 1]);
  });

  it('a storm of them is ten reads a second', async () => {
    logOf(atom().watch());
    await bench.clock.advance(30_000);
    const { requests } = await spentBy(async () => {
      for (let ms = 0; ms < 2_000; ms += 1) {
        listener().onHint();
        await bench.clock.advance(1);
      }
    });
    expect(requests).toBeGreaterThanOrEqual(10);
    expect(requests).toBeLessThanOrEqual(22);
  });
});

describe('a source that says that it is healthy', () => {
  it('slows polling down to the safety interval, after one consistent read', async () => {
    logOf(atom().watch());
    await bench.clock.advance(30_000);
    listener().onHealth(true);
    await bench.clock.advance(1_000);
    const { requests, readUnits } = await spentBy(() => bench.clock.advance(3_600_000));
    expect(requests).toBeGreaterThanOrEqual(58);
    expect(requests).toBeLessThanOrEqual(60);
    expect(readUnits).toBe(0.5 * requests);
  });

  it('what came before is not missed: a change between two looks is found when it becomes healthy', async () => {
    const seen = logOf(atom().watch());
    await bench.clock.advance(30_000);
    await bench.run(rival().reset(1));
    listener().onHealth(true);
    await breathe();
    expect(seen).toEqual([0, 1]);
  });

  it('and is not: what it leaves out is found within the safety interval', async () => {
    table = bench.table({ watchSource: source, watch: { safetyMs: 20_000 } });
    const seen = logOf(atom().watch());
    await bench.clock.advance(1_000);
    listener().onHealth(true);
    await bench.clock.advance(100_000);
    await bench.run(rival().reset(1));
    await bench.clock.advance(1.25 * 20_000);
    expect(seen).toEqual([0, 1]);
  });

  it('and then that it is not: polling begins anew at the finest interval', async () => {
    const seen = logOf(atom().watch());
    await bench.clock.advance(1_000);
    listener().onHealth(true);
    await bench.clock.advance(600_000);
    listener().onHealth(false);
    listener().onHealth(false);
    await bench.run(rival().reset(1));
    await bench.clock.advance(200);
    expect(seen).toEqual([0, 1]);
  });

  it('changes that it tells of do not make polling quicker', async () => {
    const seen = logOf(atom().watch());
    await bench.run(rival().reset(1));
    await bench.clock.advance(1_000);
    listener().onHealth(true);
    await bench.clock.advance(1_000);
    const { requests } = await spentBy(async () => {
      for (let n = 2; n <= 31; n += 1) {
        await bench.run(rival().reset(n));
        listener().onHint({ item: await bench.item('n') });
        await bench.clock.advance(1_000);
      }
    });
    expect(seen.length).toBe(32);
    expect(requests).toBeLessThanOrEqual(1);
  });
});
