// Goal: attacks that broke a promise once keep failing. Method: each is played on the bench as it was found: a store that
// loses answers, time that passes by hours, rules of the user's that throw or take their time, callers who come at odd moments.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { type Bench, openBench, outcomeOf } from './bench.js';

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
