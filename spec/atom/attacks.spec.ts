// Goal: attacks that broke a promise once keep failing. Method: each is played on the bench as it was found: a store that
// loses answers, time that passes by hours, rules of the user's that throw or take their time, callers who come at odd moments.
import { AsyncLocalStorage } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Clock } from '../../lib/engine/clock.js';
import { type Bench, breathe, openBench, outcomeOf, overridden } from './bench.js';

const increment = (n: number) => n + 1;
const retry = { timeoutMs: 1_000, attemptTimeoutMs: 100, settleMs: 2_000 };
const deaf = [{ fault: { kind: 'reset-before' } }] as const;

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});

type Unknown = { settle(options?: object): Promise<object> };

/** Has the store judge a first put whose answer is lost, and no other request arrive until further notice. */
async function judgeOnly(call: () => Promise<unknown>) {
  bench.faulty.hold(['put']);
  const outcome = outcomeOf(call());
  const first = await bench.message(0);
  await first.deliver();
  first.lose();
  bench.faulty.setRules(deaf);
  bench.faulty.release();
  return outcome;
}

describe('a creation that took effect, was deleted, and whose tombstone is gone', () => {
  const initial = { initial: 0 };

  /** Two hours pass, in which others delete the atom, time to live removes the tombstone, and somebody may make it again. */
  async function bury(options: { again: boolean }) {
    const rival = bench.calm().atom<number>('n', initial);
    await bench.run(rival.delete());
    await bench.memory.delete({ table: 'state', key: { id: { S: 'n' } } });
    if (options.again) await bench.run(rival.reset(100));
    return rival;
  }

  it('is not done again on another life of the item', async () => {
    const atom = bench.table({ retry }).atom<number>('n', initial);
    const swap = await judgeOnly(() => atom.swap(increment, { timeoutMs: 60_000 }));
    const rival = await bury({ again: true });
    bench.clock.step(2 * 3_600_000);
    bench.faulty.setRules([]);
    await bench.run(swap.done);
    expect(swap.error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', reason: 'incarnation-changed' });
    expect(await bench.run(rival.deref())).toBe(100);
  });

  it.each([
    ['truth', true, 'incarnation-changed'],
    ['cancel', true, 'incarnation-changed'],
    ['truth', false, 'item-gone'],
    ['cancel', false, 'item-gone'],
  ])('settle({ prefer: %p }), made again: %p, does not say not-done', async (prefer, again, reason) => {
    const atom = bench.table({ retry }).atom<number>('n', initial);
    const swap = await judgeOnly(() => atom.swap(increment, { timeoutMs: 10 }));
    await bench.run(swap.done);
    await bench.clock.advance(5_000);
    await bury({ again });
    await bench.clock.advance(2 * 3_600_000);
    bench.faulty.setRules([]);
    expect(await bench.run((swap.error as Unknown).settle({ prefer }))).toEqual({ outcome: 'unknown', reason });
  });

  it('nor does a cancel that was begun in time, and got through hours later only', async () => {
    const atom = bench.table({ retry }).atom<number>('n', initial);
    const swap = await judgeOnly(() => atom.swap(increment, { timeoutMs: 10 }));
    await bench.run(swap.done);
    bench.faulty.setRules([{ fault: { kind: 'throttle' }, on: 'writes' }]);
    const settled = bench.run((swap.error as Unknown).settle({ prefer: 'cancel', timeoutMs: 1_000 }));
    expect(await settled).toEqual({ outcome: 'unknown', reason: 'in-flight' });
    await bench.clock.advance(5_000);
    await bury({ again: false });
    await bench.clock.advance(2 * 3_600_000);
    bench.faulty.setRules([]);
    const later = await bench.run((swap.error as Unknown).settle());
    expect(later).toEqual({ outcome: 'unknown', reason: 'item-gone' });
  });
});

it('a cancel asks no index function, which may throw for an older value', async () => {
  interface Job {
    readonly state?: { readonly status: string };
    readonly size?: number;
  }
  const rival = bench.calm().atom<Job>('job');
  await bench.run(rival.reset({ size: 1 }));
  const index = { status: (job: Job) => (job.state as { status: string }).status };
  const atom = bench.table({ retry }).atom<Job>('job', { index });
  await bench.run(atom.deref());
  bench.faulty.hold(['put']);
  const gone = outcomeOf(atom.swap((job) => ({ ...job, state: { status: 'open' } }), { timeoutMs: 10 }));
  const stays = outcomeOf(atom.swap((job) => ({ ...job, size: 2 }), { timeoutMs: 60_000 }));
  const first = await bench.message(0);
  await bench.run(gone.done);
  const settled = outcomeOf((gone.error as Unknown).settle({ prefer: 'cancel' }));
  first.lose();
  const tokens = () =>
    new Set(bench.faulty.messages.map(({ request }) => JSON.stringify(request).match(/"l":.*?}/)?.[0]));
  for (let index = 1; tokens().size < 2; index += 1) {
    const message = await bench.message(index);
    if (tokens().size < 2) message.lose();
  }
  const cancel = bench.faulty.messages.at(-1);
  await cancel?.pass();
  expect((await bench.item('job'))?.d).toEqual({ M: { size: { N: '1' } } });
  bench.faulty.release();
  await bench.run(Promise.all([settled.done, stays.done]));
  expect(settled.value).toEqual({ outcome: 'not-done' });
  expect(stays.error).toBeInstanceOf(TypeError);
});

describe('whoever waits is told in time', () => {
  it('also when a schema takes longer than he does, after a lost race, before a store that is gone', async () => {
    let slowMs = 0;
    const validate = async (value: unknown) => {
      await bench.clock.sleep(slowMs);
      return { value: value as number };
    };
    const schema = { '~standard': { version: 1, vendor: 'slow', validate } } as const;
    const atom = bench.table({ retry }).atom<number>('n', { schema });
    const rival = bench.calm().atom<number>('n');
    await bench.run(rival.reset(1));
    await bench.run(atom.deref());
    await bench.run(rival.reset(2));
    bench.faulty.hold(['put']);
    const swap = outcomeOf(atom.swap((n) => (n ?? 0) + 1));
    const first = await bench.message(0);
    slowMs = 10_000;
    await first.pass();
    bench.faulty.release();
    bench.faulty.setRules(deaf);
    await bench.clock.advance(retry.timeoutMs + 2 * retry.attemptTimeoutMs);
    expect(swap.error).toMatchObject({ outcome: 'not-done' });
  });

  it.each(Array.from({ length: 12 }, (_, hops) => [hops]))(
    'also when he comes %i moments after settling has paused',
    async (hops) => {
      let whenPaused: (() => void) | undefined;
      const clock: Clock = {
        now: () => bench.clock.now(),
        monotonicMs: () => bench.clock.monotonicMs(),
        sleep(ms, options = {}) {
          const { signal, background } = options;
          if (background !== true) signal?.addEventListener('abort', () => whenPaused?.(), { once: true });
          return bench.clock.sleep(ms, options);
        },
      };
      const atom = bench.table({ retry, clock }).atom<number>('n', { initial: 0 });
      await bench.run(atom.reset(1));
      bench.faulty.setRules([{ fault: { kind: 'reset-before' }, on: 'writes' }]);
      await expect(bench.run(atom.swap(increment, { timeoutMs: 10 }))).rejects.toMatchObject({ outcome: 'unknown' });
      const later = new Promise<number>((resolve, reject) => {
        whenPaused = () => {
          whenPaused = undefined;
          bench.faulty.setRules([]);
          let moment = Promise.resolve();
          for (let hop = 0; hop < hops; hop += 1) moment = moment.then(() => {});
          moment.then(() => atom.swap(increment)).then(resolve, reject);
        };
      });
      expect(await bench.run(later)).toBe(3);
    },
  );

  it('also when an earlier read has failed: a deadline of 0 gives an attempt its time', async () => {
    const atom = bench.table({ retry }).atom<number>('n', { initial: 0 });
    bench.faulty.setRules(deaf);
    await expect(bench.run(atom.deref())).rejects.toMatchObject({
      code: 'ERR_DEADLINE',
      cause: { code: 'ECONNRESET' },
    });
    bench.faulty.setRules([{ fault: { kind: 'delay', delayMs: 10 } }]);
    expect(await bench.run(atom.deref({ timeoutMs: 0 }))).toBe(0);
  });
});

describe('whoever leaves', () => {
  it('leaves no timer behind, once his write is settled no more', async () => {
    const atom = bench.table({ retry }).atom<number>('n', { initial: 0 });
    await bench.run(atom.reset(1));
    bench.faulty.setRules(deaf);
    const leaving = new AbortController();
    const swap = outcomeOf(atom.swap(increment, { timeoutMs: 3_600_000, signal: leaving.signal }));
    await bench.clock.advance(50);
    leaving.abort();
    await bench.clock.advance(10_000);
    expect(swap.error).toMatchObject({ outcome: 'unknown' });
    expect(bench.clock.pending).toBe(0);
  });

  it('shares one listener with all who wait under the same signal', async () => {
    const atom = bench.table({ retry }).atom<number>('n', { initial: 0 });
    const { signal } = new AbortController();
    const all = [...Array(100).keys()].flatMap(() => [atom.swap(increment, { signal }), atom.deref({ signal })]);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await bench.run(Promise.all(all));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    const leaving = new AbortController();
    const reason = new Error('enough');
    const calls = all.map(() => atom.swap(increment, { signal: leaving.signal }).catch((error: unknown) => error));
    leaving.abort(reason);
    for (const error of await bench.run(Promise.all(calls))) expect(error).toBe(reason);
    expect(await bench.run(atom.deref())).toBe(100);
  });
});

it('from: read holds for a call that comes while an earlier one reads', async () => {
  let slow: Promise<void> | undefined;
  const engine = overridden(bench.memory, {
    get: async (request, options) => {
      const item = await bench.memory.get(request, options);
      await slow;
      return item;
    },
  });
  const atom = bench.table({ retry, engine }).atom<number>('n', { initial: 0 });
  const rival = bench.calm().atom<number>('n', { initial: 0 });
  await bench.run(rival.reset(1));
  slow = bench.clock.sleep(50);
  const first = atom.swap((n) => n + 10);
  await breathe();
  await bench.run(rival.reset(2));
  const seen: number[] = [];
  const second = atom.swap((n) => seen.push(n) && n + 100, { from: 'read' });
  expect(await bench.run(Promise.all([first, second]))).toEqual([12, 112]);
  expect(seen).toEqual([12]);
});

it('trySwap runs its function once, however often the read fails that confirms a no-op', async () => {
  const atom = bench.table({ retry }).atom<number>('n', { initial: 0 });
  await bench.run(atom.reset(1));
  let runs = 0;
  bench.faulty.setRules([{ fault: { kind: 'reset-before' }, on: 'reads' }]);
  const same = (n: number) => {
    runs += 1;
    return n;
  };
  const tried = outcomeOf(atom.trySwap(same, { timeoutMs: 60_000 }));
  await bench.clock.advance(5_000);
  bench.faulty.setRules([]);
  await bench.run(tried.done);
  expect(tried.value).toMatchObject({ status: 'noop', value: 1 });
  expect(runs).toBe(1);
});

describe('callers who share a write', () => {
  it.each(['abort', 'deadline'])(
    'take their step along when they leave by %s while another’s function runs',
    async (way) => {
      const atom = bench.table({ retry }).atom<string[]>('n', { initial: [] });
      await bench.run(atom.reset([]));
      const leaving = new AbortController();
      const options = way === 'abort' ? { signal: leaving.signal } : { timeoutMs: 10 };
      const gone = outcomeOf(atom.swap((all) => [...all, 'gone'], options));
      const slow = async (all: string[]) => {
        await bench.clock.sleep(500);
        return [...all, 'slow'];
      };
      const stays = atom.swap(slow);
      await bench.clock.advance(20);
      leaving.abort(Object.assign(new Error('enough'), { outcome: 'not-done' }));
      expect(await bench.run(stays)).toEqual(['slow']);
      expect(gone.error).toMatchObject({ outcome: 'not-done' });
      expect(await bench.run(atom.deref())).toEqual(['slow']);
    },
  );

  it('each have their functions run in the context of their own call', async () => {
    const context = new AsyncLocalStorage<string>();
    const atom = bench.calm().atom<number>('n', { initial: 0 });
    const seen: (string | undefined)[] = [];
    const note = (n: number) => seen.push(context.getStore()) && n + 1;
    const calls = ['one', 'two'].map((who) => context.run(who, () => atom.swap(note)));
    await bench.run(Promise.all(calls));
    expect(seen).toEqual(['one', 'two']);
    expect(bench.commits).toHaveLength(1);
  });

  it('are inside of their own functions only: what one does in another atom’s does not stop the other', async () => {
    const table = bench.calm({ retry });
    const outer = table.atom<number>('outer', { initial: 0 });
    const inner = table.atom<number>('inner', { initial: 0 });
    await bench.run(Promise.all([outer.deref(), inner.deref()]));
    let inside: Promise<number> | undefined;
    const swap = outer.swap(async (n) => {
      inside = inner.swap(increment);
      return n + (await inside);
    });
    while (inside === undefined) await Promise.resolve();
    const other = inner.swap(async (n) => n + 1 + (await outer.deref()));
    expect(await bench.run(Promise.all([swap, other]))).toEqual([1, 2]);
  });

  it('are noticed when they wait for themselves through another atom whose lane others keep busy', async () => {
    const table = bench.table({ retry });
    const outer = table.atom<number>('outer', { initial: 0 });
    const inner = table.atom<number>('inner', { initial: 0 });
    await bench.run(Promise.all([outer.deref(), inner.reset(1)]));
    bench.faulty.setRules([{ fault: { kind: 'delay', delayMs: 50 } }]);
    const busy = inner.swap(increment);
    const watched = outcomeOf(
      outer.swap(async (n) => n + (await inner.swap(async (m) => m + (await outer.swap(increment))))),
    );
    await bench.run(Promise.all([busy, watched.done]));
    expect(watched.error).toMatchObject({ code: 'ERR_REENTRANT', key: 'outer' });
  });
});

describe('a value', () => {
  it('that is given is copied at the call, not in its turn', async () => {
    const atom = bench.table().atom<{ n: number; at?: Date }>('n');
    for (const at of [undefined, new Date(0)]) {
      const given = at === undefined ? { n: 1 } : { n: 1, at };
      const reset = atom.reset(given);
      given.n = 2;
      expect(await bench.run(reset)).toMatchObject({ n: 1 });
      const next = { n: 3 };
      const set = atom.compareAndSet(await bench.run(atom.snapshot()), next);
      next.n = 4;
      expect(await bench.run(set)).toBe(true);
      expect(await bench.run(atom.deref())).toEqual({ n: 3 });
    }
  });

  it('that is given and can’t be copied is refused by a rejection, and writes nothing', async () => {
    const atom = bench.table().atom<unknown>('n');
    await expect(bench.run(atom.reset(() => 1))).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED_VALUE' });
    await expect(bench.run(atom.reset(undefined))).rejects.toThrow('Cannot reset atom n: undefined is not a value');
    expect(await bench.run(atom.compareAndSet(7, () => 1))).toBe(false);
    await expect(bench.run(atom.compareAndSet(undefined, () => 1))).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED_VALUE',
    });
    expect(bench.commits).toHaveLength(0);
  });

  it('that trySwap’s function changed is told as it was', async () => {
    const atom = bench.table().atom<Map<string, number>>('n');
    const rival = bench.calm().atom<Map<string, number>>('n');
    await bench.run(atom.reset(new Map([['x', 1]])));
    await bench.run(rival.reset(new Map([['x', 2]])));
    const tried = await bench.run(atom.trySwap((map = new Map()) => map.set('mine', 9)));
    expect(tried).toMatchObject({ status: 'conflict', old: new Map([['x', 1]]), value: new Map([['x', 1]]) });
  });
});

it('a validator stays while nobody holds a handle', async () => {
  const table = bench.table();
  await bench.run(table.atom<number>('n').setValidator((n) => n >= 0));
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round += 1) {
    await breathe();
    collect();
  }
  const refused = { code: 'ERR_INVALID_VALUE' };
  await expect(bench.run(table.atom<number>('n').reset(-1))).rejects.toMatchObject(refused);
});
