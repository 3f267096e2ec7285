// Goal: loops, callbacks and waits see the value now and then each newer one, commits of their own process at once, and never an older
// version; leaving ends all that was done for them.
// Method: a memory engine on a virtual clock; rivals are tables of their own, as if in other processes.
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { AtomWatch, ItemAtom } from '../../lib/atom/index.js';
import { type Bench, breathe, openBench, outcomeOf, overridden } from './bench.js';

const increment = (n: number) => n + 1;

let bench: Bench;
let atom: ItemAtom<number, number>;
let rival: ItemAtom<number, number>;
beforeEach(async () => {
  bench = await openBench();
  atom = bench.table().atom<number>('n', { initial: 0 });
  rival = bench.calm().atom<number>('n', { initial: 0 });
});

/** Writes down what a loop yields, until it ends. */
function logOf<V>(watch: AtomWatch<V>): { readonly seen: V[]; readonly end: Promise<unknown> } {
  const seen: V[] = [];
  const run = async () => {
    for await (const value of watch) seen.push(value);
    return 'ended';
  };
  return { seen, end: run().catch((error: unknown) => error) };
}

/** Lets time pass until `condition` holds; how long that took. */
async function until(condition: () => boolean, withinMs = 60_000): Promise<number> {
  const startedAt = bench.clock.monotonicMs();
  while (!condition()) {
    if (bench.clock.monotonicMs() - startedAt > withinMs) throw new Error(`not within ${withinMs} ms`);
    await bench.clock.advance(1);
  }
  return bench.clock.monotonicMs() - startedAt;
}

describe('watch()', () => {
  it('yields the value now, then each newer one of another process', async () => {
    await bench.run(rival.reset(7));
    const { seen } = logOf(atom.watch());
    await breathe();
    expect(seen).toEqual([7]);
    await bench.run(rival.swap(increment));
    expect(await until(() => seen.length === 2)).toBeLessThanOrEqual(150);
    expect(seen).toEqual([7, 8]);
  });

  it('yields `initial` where there is nothing, and sees the item being made', async () => {
    const { seen } = logOf(atom.watch());
    await breathe();
    await bench.run(rival.reset(0));
    await until(() => seen.length === 2);
    expect(seen).toEqual([0, 0]);
  });

  it('sees commits of its own process at once, without a read', async () => {
    const { seen } = logOf(atom.watch());
    await breathe();
    await bench.run(atom.swap(increment));
    const { readUnits } = bench.faulty.spent();
    await bench.run(atom.swap(increment));
    await breathe();
    expect(seen).toEqual([0, 1, 2]);
    expect(bench.faulty.spent().readUnits).toBe(readUnits);
  });

  it('sees what commute, a transaction and putMany of its own process commit at once', async () => {
    const table = bench.table();
    const own = table.atom<number>('n', { initial: 0 });
    await bench.run(own.reset(1));
    const { seen } = logOf(own.watch());
    await breathe();
    await bench.run(own.commute({ add: 1 }));
    await bench.run(table.transact((tx) => tx.swap(own, increment)));
    await bench.run(table.putMany([[own, 4]]));
    await breathe();
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(bench.clock.monotonicMs()).toBe(0);
  });

  it('is conflated: who is slow gets the newest value, and none twice', async () => {
    const watch = atom.watch();
    expect(await bench.run(watch.next())).toEqual({ done: false, value: 0 });
    for (let n = 0; n < 5; n += 1) await bench.run(atom.swap(increment));
    expect(await bench.run(watch.next())).toEqual({ done: false, value: 5 });
    const next = outcomeOf(watch.next());
    await bench.clock.advance(30_000);
    expect(next.settled).toBe(false);
    await watch.return();
    await next.done;
    expect(next.value).toEqual({ done: true, value: undefined });
  });

  it('gives values in their order to those who ask for several at once', async () => {
    const watch = atom.watch();
    const asked = [watch.next(), watch.next(), watch.next()];
    await breathe();
    for (let n = 0; n < 2; n += 1) {
      await bench.run(atom.swap(increment));
      await breathe();
    }
    expect((await bench.run(Promise.all(asked))).map((one) => one.value)).toEqual([0, 1, 2]);
  });

  it('sends nothing before the first next(), and nothing after the loop was left', async () => {
    const { requests } = bench.faulty.spent();
    const watch = atom.watch();
    await bench.clock.advance(60_000);
    expect(bench.faulty.spent().requests).toBe(requests);
    for await (const _ of watch) break;
    const after = bench.faulty.spent().requests;
    expect(bench.clock.pending).toBe(0);
    await bench.clock.advance(60_000);
    expect(bench.faulty.spent().requests).toBe(after);
  });

  it('joined by another loop gives that one the value as it is then', async () => {
    const first = logOf(atom.watch());
    await bench.clock.advance(60_000);
    await bench.run(rival.reset(9));
    const second = logOf(atom.watch());
    await breathe();
    expect([first.seen, second.seen]).toEqual([[0, 9], [9]]);
  });

  it('ends with the reason of its signal, while it waits and before it began', async () => {
    const abort = new AbortController();
    const { seen, end } = logOf(atom.watch({ signal: abort.signal }));
    await breathe();
    const reason = new Error('enough');
    abort.abort(reason);
    expect(await end).toBe(reason);
    expect(seen).toEqual([0]);
    expect(await logOf(atom.watch({ signal: abort.signal })).end).toBe(reason);
    expect(bench.clock.pending).toBe(0);
  });

  it('gives undefined for a deleted atom without `initial`, and nothing when its tombstone goes', async () => {
    const bare = bench.table().atom<number>('bare');
    const other = bench.calm().atom<number>('bare');
    await bench.run(other.reset(1));
    const { seen } = logOf(bare.watch());
    await breathe();
    await bench.run(other.delete());
    await until(() => seen.length === 2);
    await bench.clock.advance(2 * 3_600_000);
    await bench.memory.updateTimeToLive('state', 'x');
    expect(bench.memory.expire()).toBe(1);
    await bench.clock.advance(60_000);
    await bench.run(other.reset(5));
    await until(() => seen.length === 3);
    expect(seen).toEqual([1, undefined, 5]);
  });

  it('of an item of another layout sees it taken over, and changed by its own program', async () => {
    const adopt = (item: Record<string, unknown>) => Number((item.old as { N: string } | undefined)?.N ?? 0);
    await bench.put({ id: { S: 'a' }, old: { N: '1' } });
    const adopted = bench.table().atom<number>('a', { adopt });
    const { seen } = logOf(adopted.watch());
    await breathe();
    await bench.put({ id: { S: 'a' }, old: { N: '2' } });
    await until(() => seen.length === 2);
    await bench.run(
      bench
        .calm()
        .atom<number>('a', { adopt })
        .swap((n) => (n ?? 0) + 10),
    );
    await until(() => seen.length === 3);
    expect(seen).toEqual([1, 2, 12]);
  });

  it('sees a table that was put back to an older state, once a consistent read says so', async () => {
    await bench.run(rival.reset(1));
    const backup = await bench.item('n');
    await bench.run(rival.reset(2));
    const { seen } = logOf(atom.watch());
    await breathe();
    await bench.put(backup ?? {});
    await until(() => seen.length === 2);
    expect(seen).toEqual([2, 1]);
  });

  it('is told nothing older than what was told, by a read that was long on its way while the cache was dropped', async () => {
    let held: (() => void) | undefined;
    let refused = false;
    const engine = overridden(bench.faulty, {
      get: async (request, options) => {
        const judged = await bench.faulty.get(request, options);
        if (held !== undefined) await new Promise<void>((resolve) => (held = resolve));
        return judged;
      },
      put: async (request, options) => {
        if (!refused) return bench.faulty.put(request, options);
        return { status: 'not-applied', kind: 'refused', error: new Error('refused') };
      },
    });
    const own = bench.table({ engine }).atom<number>('n', { initial: 0 });
    const { seen } = logOf(own.watch());
    await bench.run(own.reset(5));
    held = () => {};
    const slow = own.deref();
    await breathe();
    const release = held;
    held = undefined;
    await bench.run(own.reset(6));
    refused = true;
    await expect(bench.run(own.reset(7))).rejects.toThrow('refused');
    release();
    expect(await bench.run(slow)).toBe(5);
    await bench.clock.advance(1_000);
    expect(seen).toEqual([0, 5, 6]);
  });

  it('is given no value that is older than its call, and that one once', async () => {
    let gate: Promise<void> | undefined;
    let open = () => {};
    let looks = 0;
    const engine = overridden(bench.faulty, {
      batchGet: async (request, options) => {
        const judged = await bench.faulty.batchGet(request, options);
        looks += 1;
        await gate;
        return judged;
      },
    });
    /** Lets the next look be judged, and holds its answer back. */
    const holdLook = async () => {
      gate = new Promise((resolve) => {
        open = resolve;
      });
      const before = looks;
      await until(() => looks > before);
      gate = undefined;
    };
    const own = bench.table({ engine }).atom<number>('n', { initial: 0 });
    await bench.run(rival.reset(1));
    const first = logOf(own.watch());
    await bench.clock.advance(30_000);
    // A look that was judged before the write, and is answered after the call.
    await holdLook();
    await bench.run(rival.reset(2));
    const second = logOf(own.watch());
    open();
    await breathe();
    expect([first.seen, second.seen]).toEqual([[1, 2], [2]]);
    // One that brings a change while the call still waits for its own.
    await bench.clock.advance(30_000);
    await bench.run(rival.reset(3));
    await holdLook();
    const third = logOf(own.watch());
    open();
    await breathe();
    expect([first.seen, second.seen, third.seen]).toEqual([[1, 2, 3], [2, 3], [3]]);
  });

  it('is told of what a read of its own process brings', async () => {
    const { seen } = logOf(atom.watch());
    await bench.clock.advance(60_000);
    await bench.run(rival.reset(1));
    await bench.run(atom.deref());
    await bench.run(rival.reset(2));
    await bench.run(atom.deref({ consistency: 'eventual' }));
    await breathe();
    expect(seen).toEqual([0, 1, 2]);
  });

  it('keeps its cell: no handle is needed any more, and the commits of another handle are seen at once', async () => {
    const table = bench.table();
    const { seen } = logOf(table.atom<number>('k', { initial: 0 }).watch());
    await breathe();
    await bench.run(table.atom<number>('k', { initial: 0 }).reset(3));
    await breathe();
    expect(seen).toEqual([0, 3]);
  });

  it('that is left while a look is under way gives that up', async () => {
    bench = await openBench({ latency: () => 10 });
    const watch = bench.table().atom<number>('n').watch();
    const next = outcomeOf(watch.next());
    await breathe();
    expect(bench.clock.pending).toBe(2);
    await watch.return();
    await breathe();
    expect([next.settled, bench.clock.pending]).toEqual([true, 0]);
  });

  it('can be disposed of, and refuses what can be no interval', async () => {
    {
      await using watch = atom.watch();
      await bench.run(watch.next());
    }
    expect(bench.clock.pending).toBe(0);
    expect(() => atom.watch({ pollMsMax: 0 })).toThrow(RangeError);
    expect(() => atom.watch({ consistency: 'session' as never })).toThrow(TypeError);
    expect(() => bench.table({ watch: { pollMsMin: 200, pollMsMax: 100 } })).toThrow(RangeError);
    expect(() => bench.table({ watch: { pollMsMin: 0 } })).toThrow(RangeError);
    expect(() => bench.table({ watch: { safetyMs: 1 } })).toThrow(RangeError);
  });

  it('refuses to be called inside a function of its own atom', async () => {
    const failed = await bench.run(atom.swap(() => (atom.watch() ? 1 : 2)).catch((error) => error.code));
    expect(failed).toBe('ERR_REENTRANT');
  });
});

describe('a value that expires', () => {
  const open = async (ttlMs: number) => {
    const short = bench.table().atom<string>('s', { initial: 'none', ttlMs });
    await bench.run(bench.calm().atom<string>('s', { initial: 'none', ttlMs }).reset('there'));
    const log = logOf(short.watch());
    await breathe();
    return { short, ...log };
  };

  it('wakes watchers at its moment, without a read', async () => {
    const { short, seen } = await open(5_000);
    const calls: unknown[] = [];
    short.addWatch('x', (_id, _atom, old, next) => calls.push([old, next]));
    await bench.clock.advance(4_999);
    expect(seen).toEqual(['there']);
    const { requests } = bench.faulty.spent();
    await bench.clock.advance(1);
    expect(seen).toEqual(['there', 'none']);
    expect(calls).toEqual([['there', 'none']]);
    expect(bench.faulty.spent().requests).toBe(requests);
  });

  it('is told once, also when the clock is put back after it', async () => {
    const { seen } = await open(5_000);
    await bench.clock.advance(5_000);
    bench.clock.step(-60_000);
    await bench.clock.advance(60_000);
    expect(seen).toEqual(['there', 'none']);
  });

  it('goes when our clock says so: put back before, it stays; put forward, it goes at the next look', async () => {
    const back = await open(50_000);
    bench.clock.step(-30_000);
    await bench.clock.advance(79_999);
    expect(back.seen).toEqual(['there']);
    await bench.clock.advance(1);
    expect(back.seen).toEqual(['there', 'none']);
    const forward = await open(50_000);
    bench.clock.step(49_999);
    await bench.clock.advance(16_000);
    expect(forward.seen).toEqual(['there', 'none']);
  });

  it('leaves no timer for its expiry after the last watch', async () => {
    const short = bench.table().atom<string>('s', { initial: 'none', ttlMs: 5_000 });
    await bench.run(short.reset('there'));
    const watch = short.watch();
    await bench.run(watch.next());
    expect(bench.clock.pending).toBe(2);
    await watch.return();
    expect(bench.clock.pending).toBe(0);
  });

  it('that is written again in time stays, and one that is written afterwards comes back', async () => {
    const { short, seen } = await open(5_000);
    await bench.clock.advance(4_000);
    await bench.run(short.reset('again'));
    await bench.clock.advance(4_999);
    expect(seen).toEqual(['there', 'again']);
    await bench.clock.advance(1);
    await bench.run(short.reset('back'));
    await breathe();
    expect(seen).toEqual(['there', 'again', 'none', 'back']);
  });
});

describe('addWatch()', () => {
  it('calls with id, atom, old and next for each change, and not for the state at its beginning', async () => {
    const calls: unknown[] = [];
    atom.addWatch('w', (id, which, old, next) => calls.push([id, which === atom, old, next]));
    await breathe();
    expect(calls).toEqual([]);
    await bench.run(atom.swap(increment));
    await bench.run(rival.swap(increment));
    await until(() => calls.length === 2);
    expect(calls).toEqual([
      ['w', true, 0, 1],
      ['w', true, 1, 2],
    ]);
  });

  it('is called for each commit of its own process, each call with what the one before had', async () => {
    const calls: [number, number][] = [];
    atom.addWatch('w', (_id, _atom, old, next) => calls.push([old, next]));
    for (let n = 0; n < 4; n += 1) await bench.run(atom.swap(increment));
    await breathe();
    expect(calls).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 4],
    ]);
  });

  it('of a warm atom tells what happened elsewhere since this process last looked', async () => {
    await bench.run(atom.reset(1));
    await bench.run(rival.reset(2));
    const calls: unknown[] = [];
    atom.addWatch('w', (_id, _atom, old, next) => calls.push([old, next]));
    await breathe();
    expect(calls).toEqual([[1, 2]]);
  });

  it('under the same id replaces the one before, whichever handle it was added to', async () => {
    const table = bench.table();
    const one = table.atom<number>('n', { initial: 0 });
    const other = table.atom<number>('n', { initial: 0 });
    const calls: string[] = [];
    one.addWatch('w', () => calls.push('one'));
    other.addWatch('w', () => calls.push('other'));
    await bench.run(one.reset(1));
    await breathe();
    expect(calls).toEqual(['other']);
    expect([one.removeWatch('w'), one.removeWatch('w')]).toEqual([true, false]);
    expect(bench.clock.pending).toBe(0);
  });

  it('is not called after removeWatch(), not even for what was seen before', async () => {
    const calls: unknown[] = [];
    await bench.run(atom.reset(1));
    atom.addWatch('w', (...call) => calls.push(call));
    await breathe();
    atom.addWatch('remover', () => atom.removeWatch('w'));
    atom.removeWatch('w');
    atom.addWatch('w', (...call) => calls.push(call));
    await bench.run(atom.swap(increment));
    await bench.clock.advance(60_000);
    expect(calls).toEqual([]);
    atom.removeWatch('remover');
    expect(bench.clock.pending).toBe(0);
  });

  it('refuses what is no function', () => {
    expect(() => atom.addWatch('w', 7 as never)).toThrow(TypeError);
  });

  it('runs outside of the functions that changed the atom: other atoms and this one can be called', async () => {
    let fail = (_error: unknown) => {};
    const table = bench.table({ onWatchError: (error) => fail(error) });
    const one = table.atom<number>('one', { initial: 0 });
    const copy = table.atom<number>('copy', { initial: 0 });
    const done = new Promise((resolve, reject) => {
      fail = reject;
      one.addWatch('copy', (_id, which, _old, next) => resolve(copy.reset(next).then(() => which.deref())));
    });
    const slowly = async (n: number) => {
      await one.reset(5);
      return n + 1;
    };
    await bench.run(copy.swap(slowly));
    expect(await bench.run(done)).toBe(5);
  });
});

describe('a callback that throws', () => {
  const uncaught = jest.fn();
  afterEach(() => {
    process.removeListener('uncaughtException', uncaught);
  });

  it('or rejects is told to onWatchError, and disturbs nobody', async () => {
    const errors: unknown[] = [];
    const own = bench.table({ onWatchError: (error) => errors.push(error) }).atom<number>('n', { initial: 0 });
    const calls: number[] = [];
    const [thrown, rejected] = [new Error('thrown'), new Error('rejected')];
    own.addWatch('bad', () => {
      throw thrown;
    });
    own.addWatch('worse', () => Promise.reject(rejected));
    own.addWatch('good', (_id, _atom, _old, next) => calls.push(next));
    const { seen } = logOf(own.watch());
    await breathe();
    expect(await bench.run(own.reset(1))).toBe(1);
    expect(await bench.run(own.reset(2))).toBe(2);
    await breathe();
    expect(errors).toEqual([thrown, rejected, thrown, rejected]);
    expect([calls, seen]).toEqual([
      [1, 2],
      [0, 1, 2],
    ]);
  });
});

describe('waitFor()', () => {
  it('resolves with the value now, if that will do', async () => {
    expect(await bench.run(atom.waitFor((n) => n === 0))).toBe(0);
    expect(bench.clock.pending).toBe(0);
  });

  it('resolves with the first state that will do, of its own process or another', async () => {
    const own = atom.waitFor((n) => n === 2);
    const other = outcomeOf(atom.waitFor((n) => n === 3));
    for (let n = 0; n < 2; n += 1) await bench.run(atom.swap(increment));
    expect(await bench.run(own)).toBe(2);
    await bench.run(rival.swap(increment));
    await bench.run(other.done);
    expect(other.value).toBe(3);
  });

  it('sees each commit of its own process, also those that are overwritten at once', async () => {
    const passing = atom.waitFor((n) => n === 3);
    await breathe();
    for (let n = 0; n < 6; n += 1) await bench.run(atom.swap(increment));
    expect(await bench.run(passing)).toBe(3);
  });

  it('rejects at its deadline with ERR_DEADLINE, and leaves nothing behind', async () => {
    const failed = await bench.run(atom.waitFor((n) => n > 0, { timeoutMs: 1_500 }).catch((error) => error));
    expect(failed).toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done', key: 'n', attempts: 1 });
    expect(bench.clock.monotonicMs()).toBe(1_500);
    expect(bench.clock.pending).toBe(0);
  });

  it('waits for ever with timeoutMs: Infinity, until its signal aborts', async () => {
    const abort = new AbortController();
    const waiting = outcomeOf(
      atom.waitFor((n) => n > 0, { timeoutMs: Number.POSITIVE_INFINITY, signal: abort.signal }),
    );
    await bench.clock.advance(3_600_000);
    expect(waiting.settled).toBe(false);
    abort.abort('over');
    await waiting.done;
    expect(waiting.error).toBe('over');
    const late = atom.waitFor(() => true, { signal: abort.signal }).catch((error: unknown) => error);
    expect(await late).toBe('over');
  });

  it('rejects with what the predicate throws, and with a TypeError for one that is asynchronous or none', async () => {
    const wrong = new Error('wrong');
    const throwing = atom.waitFor(() => {
      throw wrong;
    });
    await expect(bench.run(throwing)).rejects.toBe(wrong);
    const asynchronous = (async () => false) as unknown as (n: number) => boolean;
    await expect(bench.run(atom.waitFor(asynchronous))).rejects.toThrow(TypeError);
    await expect(atom.waitFor(undefined as never)).rejects.toThrow(TypeError);
    await expect(atom.waitFor(() => true, { timeoutMs: -1 })).rejects.toThrow(RangeError);
    expect(bench.clock.pending).toBe(0);
  });
});
