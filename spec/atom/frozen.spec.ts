// Goal: a process that is frozen in the middle of a write (AWS Lambda between two invocations, a paused machine) and thawed long after
// neither loses nor doubles it, and its caller is told the truth.
// Method: a clock that jumps ahead by 16 minutes while a message is held: all timers that fell due fire at once, as Node.js does it.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AtomTable, ItemAtom } from '../../lib/atom/index.js';
import type { Clock } from '../../lib/engine/index.js';
import { type Bench, breathe, openBench, outcomeOf } from './bench.js';

const frozenMs = 16 * 60 * 1_000;
const increment = (n: number) => n + 1;

/** A clock of which time can be cut out. */
class FreezingClock implements Clock {
  readonly #inner: Clock;
  readonly #sleepers = new Set<{ readonly dueMs: number; readonly thaw: AbortController }>();
  #aheadMs = 0;

  constructor(inner: Clock) {
    this.#inner = inner;
  }

  now(): number {
    return this.#inner.now() + this.#aheadMs;
  }

  monotonicMs(): number {
    return this.#inner.monotonicMs() + this.#aheadMs;
  }

  async sleep(ms: number, { signal, background = false }: Parameters<Clock['sleep']>[1] = {}): Promise<void> {
    const sleeper = { dueMs: this.monotonicMs() + ms, thaw: new AbortController() };
    this.#sleepers.add(sleeper);
    const until = signal === undefined ? sleeper.thaw.signal : AbortSignal.any([signal, sleeper.thaw.signal]);
    try {
      await this.#inner.sleep(ms, { signal: until, background });
    } catch (error) {
      if (!sleeper.thaw.signal.aborted || signal?.aborted) throw error;
    } finally {
      this.#sleepers.delete(sleeper);
    }
  }

  freeze(ms: number): void {
    this.#aheadMs += ms;
    for (const { dueMs, thaw } of [...this.#sleepers]) if (dueMs <= this.monotonicMs()) thaw.abort();
  }
}

let bench: Bench;
let clock: FreezingClock;
let table: AtomTable;
let atom: ItemAtom<number, number>;
beforeEach(async () => {
  bench = await openBench();
  clock = new FreezingClock(bench.clock);
  table = bench.table({ clock, retry: { timeoutMs: 3_000, attemptTimeoutMs: 500 } });
  atom = table.atom<number>('n', { initial: 0 });
  await bench.run(atom.reset(10));
});
const stored = () => bench.run(bench.calm().atom<number>('n').deref());

/** What became of a call in the end, by its answer or by `settle()`. */
async function truthOf(swap: ReturnType<typeof outcomeOf<number>>): Promise<'done' | 'not-done' | 'unknown'> {
  await bench.run(swap.done);
  if (swap.error === undefined) return 'done';
  const { outcome, settle } = swap.error as {
    outcome: 'not-done' | 'unknown';
    settle(): Promise<{ outcome: 'done' | 'not-done' | 'unknown' }>;
  };
  return outcome === 'unknown' ? (await bench.run(settle.call(swap.error))).outcome : outcome;
}

describe('a process that was frozen while its write was under way', () => {
  it('after the store had taken it: it is done, once', async () => {
    bench.faulty.hold(['put']);
    const swap = outcomeOf(atom.swap(increment));
    const first = await bench.message(0);
    await first.deliver();
    clock.freeze(frozenMs);
    await breathe();
    first.lose();
    bench.faulty.release();
    expect(await truthOf(swap)).toBe('done');
    expect(await stored()).toBe(11);
  });

  it('before the store had it: what its caller is told is so, and stays so when it arrives after all', async () => {
    bench.faulty.hold(['put']);
    const swap = outcomeOf(atom.swap(increment));
    const first = await bench.message(0);
    clock.freeze(frozenMs);
    await breathe();
    first.lose();
    bench.faulty.release();
    const truth = await truthOf(swap);
    expect(truth).not.toBe('unknown');
    const after = truth === 'done' ? 11 : 10;
    expect(await stored()).toBe(after);
    await first.deliver();
    expect(await stored()).toBe(after);
  });

  it('while others wrote on: it is told apart by its evidence, and goes on from their value', async () => {
    bench.faulty.hold(['put']);
    const swap = outcomeOf(atom.swap(increment));
    const first = await bench.message(0);
    await first.deliver();
    clock.freeze(frozenMs);
    const rival = bench.calm().atom<number>('n');
    for (let n = 0; n < 5; n += 1) await bench.run(rival.swap((value) => (value ?? 0) + 100));
    await breathe();
    first.lose();
    bench.faulty.release();
    expect(await truthOf(swap)).toBe('done');
    expect(await bench.run(atom.swap(increment))).toBe(512);
    expect(await stored()).toBe(512);
  });

  it('and that waited for settled() before, had nothing under way', async () => {
    const swap = outcomeOf(atom.swap(increment));
    expect(await bench.run(table.settled())).toBe(true);
    const { requests } = table.spent();
    clock.freeze(frozenMs);
    await bench.clock.advance(60_000);
    expect(swap.value).toBe(11);
    expect(table.spent().requests).toBe(requests);
    expect(await bench.run(atom.swap(increment))).toBe(12);
  });
});
