// Goal: whoever leaves early is told the truth: not done, or not to be told yet, and settle() tells it later.
// Method: aborts and deadlines in each phase of a write that is held, refused or failing; time passes on a virtual clock.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AtomTable, ItemAtom } from '../../lib/atom/index.js';
import { type Bench, breathe, openBench, outcomeOf, overridden, tokenIn } from './bench.js';

const increment = (n: number) => n + 1;
const retry = { attemptTimeoutMs: 100, settleMs: 2_000 };
const throttle = [{ fault: { kind: 'throttle' }, on: 'writes' }] as const;
const broken = [{ fault: { kind: 'reset-before' } }] as const;

let bench: Bench;
let table: AtomTable;
let atom: ItemAtom<number, number>;
let rival: ItemAtom<number, number>;
beforeEach(async () => {
  bench = await openBench();
  table = bench.table({ retry });
  atom = table.atom<number>('n', { initial: 0 });
  rival = bench.calm().atom<number>('n', { initial: 0 });
});
const stored = () => bench.run(rival.deref());
const unknown = { name: 'UnknownOutcomeError', code: 'ERR_UNKNOWN_OUTCOME', outcome: 'unknown', retryable: false };
const notDone = { outcome: 'not-done', retryable: true };

/** A swap that was sent, not heard of, and given up; `answered` tells whether the store judged it. */
async function givenUp(options: { delivered: boolean }) {
  bench.faulty.hold();
  const swap = outcomeOf(atom.swap(increment, { timeoutMs: 10 }));
  const first = await bench.message(0);
  if (options.delivered) await first.deliver();
  first.lose();
  await bench.run(swap.done);
  bench.faulty.release();
  for (const message of bench.faulty.messages) if (!message.answered) message.drop();
  return { first, error: swap.error as { settle(options?: object): Promise<{ outcome: string }> } };
}

describe('abort', () => {
  const reason = new Error('enough');
  const aborted = AbortSignal.abort(reason);

  it('before the call: the reason itself, and nothing is asked of the store', async () => {
    const calls = [
      () => atom.swap(increment, { signal: aborted }),
      () => atom.swapVals(increment, { signal: aborted }),
      () => atom.swapWith((n) => [n, n], { signal: aborted }),
      () => atom.trySwap(increment, { signal: aborted }),
      () => atom.reset(1, { signal: aborted }),
      () => atom.resetVals(1, { signal: aborted }),
      () => atom.compareAndSet(0, 1, { signal: aborted }),
      () => atom.delete({ signal: aborted }),
      () => atom.deref({ signal: aborted }),
      () => atom.snapshot({ signal: aborted }),
    ];
    for (const call of calls) expect(await call().catch((error: unknown) => error)).toBe(reason);
    await breathe();
    expect(bench.faulty.spent().requests).toBe(0);
  });

  it('before the call of a read that would fail: no rejection is left unhandled', async () => {
    bench.faulty.setRules([{ fault: { kind: '5xx-before' } }]);
    const read = bench
      .table({ retry: { timeoutMs: 0 } })
      .atom('n')
      .deref({ signal: aborted });
    expect(await read.catch((error: unknown) => error)).toBe(reason);
    // Jest fails a spec that leaves a rejection unhandled.
    await bench.clock.advance(10_000);
  });

  it('while waiting behind a write that is under way: the reason itself, the function never runs', async () => {
    bench.faulty.hold();
    const first = atom.swap(increment);
    const message = await bench.message(0);
    const abort = new AbortController();
    let runs = 0;
    const count = (n: number) => {
      runs += 1;
      return n;
    };
    const second = outcomeOf(atom.swap(count, { signal: abort.signal }));
    abort.abort(reason);
    await second.done;
    expect(second.error).toBe(reason);
    await message.pass();
    expect(await bench.run(first)).toBe(1);
    await breathe();
    expect([runs, bench.faulty.messages.length, await stored()]).toEqual([0, 1, 1]);
  });

  it('while its own asynchronous function runs: the reason itself, nothing is written', async () => {
    const abort = new AbortController();
    const swap = outcomeOf(atom.swap(() => new Promise<number>(() => {}), { signal: abort.signal }));
    await breathe();
    abort.abort(reason);
    await bench.run(swap.done);
    expect(swap.error).toBe(reason);
    expect(bench.commits).toEqual([]);
    expect(await bench.run(atom.swap(increment))).toBe(1);
  });

  it('while it is throttled: the reason itself, and it is never sent again', async () => {
    bench.faulty.setRules(throttle);
    const abort = new AbortController();
    const swap = outcomeOf(atom.swap(increment, { signal: abort.signal }));
    await bench.clock.advance(300);
    abort.abort(reason);
    await bench.run(swap.done);
    expect(swap.error).toBe(reason);
    bench.faulty.setRules([]);
    await bench.clock.advance(60_000);
    expect(bench.commits).toEqual([]);
  });

  it.each(['during the first copy', 'after an answer was lost'])('%s: unknown, caused by the reason', async (when) => {
    bench.faulty.hold();
    const abort = new AbortController();
    const swap = outcomeOf(atom.swap(increment, { signal: abort.signal }));
    const first = await bench.message(0);
    if (when === 'after an answer was lost') first.lose();
    abort.abort(reason);
    await swap.done;
    expect(swap.error).toMatchObject({ ...unknown, reason: 'in-flight', key: 'n', writeId: tokenIn(first) });
    expect((swap.error as Error).cause).toBe(reason);
  });
});

describe('deadline', () => {
  it('0: one attempt is made all the same, by reads and by writes', async () => {
    bench = await openBench({ latency: () => 4 });
    const cold = () => bench.table({ retry }).atom<number>('n', { initial: 0 });
    expect(await bench.run(cold().swap(increment, { timeoutMs: 0 }))).toBe(1);
    expect(await bench.run(cold().deref({ timeoutMs: 0 }))).toBe(1);
    expect(await bench.run(cold().trySwap(increment, { timeoutMs: 0 }))).toMatchObject({ status: 'applied', value: 2 });
    expect(await bench.run(cold().compareAndSet(2, 3, { timeoutMs: 0 }))).toBe(true);
    expect(await bench.run(cold().delete({ timeoutMs: 0 }))).toBe(true);
  });

  it('Infinity: no deadline', async () => {
    bench.faulty.setRules([{ fault: { kind: 'reset-before' }, times: 5 }]);
    expect(await bench.run(atom.swap(increment, { timeoutMs: Number.POSITIVE_INFINITY }))).toBe(1);
  });

  it('while nothing can be read: not done, caused by the last obstacle', async () => {
    bench.faulty.setRules(broken);
    const swap = outcomeOf(atom.swap(increment, { timeoutMs: 50 }));
    const deref = outcomeOf(atom.deref({ timeoutMs: 50 }));
    await bench.run(swap.done);
    await bench.run(deref.done);
    const obstacle = { name: 'DeadlineError', code: 'ERR_DEADLINE', ...notDone, cause: { code: 'ECONNRESET' } };
    expect(swap.error).toMatchObject(obstacle);
    expect(deref.error).toMatchObject(obstacle);
    expect(bench.commits).toEqual([]);
  });

  it('while it is throttled: not done, caused by the throttling, and never sent again', async () => {
    bench.faulty.setRules(throttle);
    const swap = outcomeOf(atom.swap(increment, { timeoutMs: 500 }));
    await bench.run(swap.done);
    expect(swap.error).toMatchObject({
      code: 'ERR_DEADLINE',
      ...notDone,
      cause: { name: 'ProvisionedThroughputExceededException' },
    });
    bench.faulty.setRules([]);
    await bench.clock.advance(60_000);
    expect(bench.commits).toEqual([]);
  });

  it('while an answer is on its way: waits for it, up to the time-out of one attempt', async () => {
    bench = await openBench({ latency: () => 80 });
    atom = bench.table({ retry }).atom<number>('n', { initial: 0 });
    await bench.run(atom.deref());
    expect(await bench.run(atom.swap(increment, { timeoutMs: 10 }))).toBe(1);
  });

  it.each([
    ['judged', true, 'done', 1],
    ['never judged and sent again', false, 'done', 1],
  ] as const)('after a lost answer: unknown; %s, it settles', async (_, delivered, outcome, value) => {
    const { error } = await givenUp({ delivered });
    expect(error).toMatchObject({ ...unknown, reason: 'in-flight' });
    expect(await bench.run(error.settle())).toEqual({ outcome });
    expect(await stored()).toBe(value);
  });

  it('after lost races only: contention', async () => {
    const engine = overridden(bench.memory, {
      put: async (request) => {
        await rival.swap(increment);
        return bench.memory.put(request);
      },
    });
    const swap = outcomeOf(bench.table({ engine, retry }).atom('n', { initial: 0 }).swap(increment, { timeoutMs: 0 }));
    await bench.run(swap.done);
    expect(swap.error).toMatchObject({ name: 'ContentionError', code: 'ERR_CONTENTION', ...notDone });
    const { attempts, conflicts } = swap.error as { attempts: number; conflicts: number };
    expect([attempts, conflicts]).toEqual([1, 1]);
  });

  it('does not matter when the function for the table’s name throws: its error comes at once', async () => {
    let name = () => 'state';
    const late = bench.table({ tableName: () => name() }).atom<number>('n', { initial: 0 });
    await bench.run(late.swap(increment));
    name = () => {
      throw new RangeError('no stage set');
    };
    await expect(bench.run(late.swap(increment))).rejects.toThrow('no stage set');
    await expect(bench.run(late.deref())).rejects.toThrow('no stage set');
  });

  it('of a call that is longer than that of its table: pauses all the same', async () => {
    bench.faulty.setRules(broken);
    let asked = 0;
    const get: typeof bench.faulty.get = (request, options) => {
      asked += 1;
      if (asked > 1_000) bench.faulty.setRules([]);
      return bench.faulty.get(request, options);
    };
    const engine = overridden(bench.faulty, { get });
    atom = bench.table({ engine, retry: { ...retry, timeoutMs: 0 } }).atom<number>('m', { initial: 0 });
    const swap = outcomeOf(atom.swap(increment, { timeoutMs: 1_000 }));
    await bench.run(swap.done);
    expect(swap.error).toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done' });
    expect(asked).toBeLessThan(200);
  });

  it('onTimeout gets the error and gives the result, for deadlines only', async () => {
    bench.faulty.setRules(broken);
    const seen: unknown[] = [];
    const onTimeout = (error: Error) => {
      seen.push(error);
      return 'fallback' as const;
    };
    expect(await bench.run(atom.swap(increment, { timeoutMs: 20, onTimeout }))).toBe('fallback');
    expect(seen).toMatchObject([{ code: 'ERR_DEADLINE', outcome: 'not-done' }]);
    bench.faulty.setRules([]);
    const failing = atom.swap(
      () => {
        throw new RangeError('mine');
      },
      { onTimeout },
    );
    await expect(bench.run(failing)).rejects.toThrow(RangeError);
    expect(seen).toHaveLength(1);
    bench.faulty.hold();
    const lost = outcomeOf(atom.swap(increment, { timeoutMs: 20, onTimeout }));
    await bench.run(lost.done);
    expect([lost.value, (seen[1] as { outcome: string }).outcome]).toEqual(['fallback', 'unknown']);
  });
});

describe('settle()', () => {
  it('tells not-done when a rival was faster, and the late copy fails', async () => {
    const { first, error } = await givenUp({ delivered: false });
    await bench.run(rival.swap((n) => n + 10));
    expect(await bench.run(error.settle())).toEqual({ outcome: 'not-done' });
    expect(await first.deliver()).toMatchObject({ status: 'condition-failed' });
    expect(await stored()).toBe(10);
  });

  it.each([
    [false, 'not-done', 0],
    [true, 'done', 1],
  ])('cancels for sure: judged before %s, so %s', async (delivered, outcome, value) => {
    const { first, error } = await givenUp({ delivered });
    expect(await bench.run(error.settle({ prefer: 'cancel' }))).toEqual({ outcome });
    expect(await bench.run(error.settle())).toEqual({ outcome });
    await first.deliver();
    expect(await stored()).toBe(value);
  });

  it('of trySwap: unknown, then settled', async () => {
    bench.faulty.hold();
    const tried = atom.trySwap(increment, { timeoutMs: 10 });
    (await bench.message(0)).lose();
    const result = await bench.run(tried);
    expect(result).toMatchObject({ status: 'unknown', old: 0 });
    bench.faulty.release();
    for (const message of bench.faulty.messages) if (!message.answered) message.drop();
    expect(await bench.run(result.settle())).toEqual({ outcome: 'done' });
    expect(await bench.run((await bench.run(atom.trySwap(increment))).settle())).toEqual({ outcome: 'done' });
  });

  it('answers unknown after its own time, or on abort, and never rejects; later it tells', async () => {
    const { error } = await givenUp({ delivered: true });
    bench.faulty.setRules(broken);
    const inFlight = { outcome: 'unknown', reason: 'in-flight' };
    expect(await bench.run(error.settle({ timeoutMs: 500 }))).toEqual(inFlight);
    expect(await bench.run(error.settle({ signal: AbortSignal.abort() }))).toEqual(inFlight);
    bench.faulty.setRules([]);
    expect(await bench.run(error.settle())).toEqual({ outcome: 'done' });
  });

  it.each(['evidence-evicted', 'incarnation-changed', 'item-gone'])('stays unknown when %s', async (reason) => {
    const narrow = { retry, evidenceWritersMax: 1 };
    const [a, b, c] = [bench.table(narrow), bench.calm(narrow), bench.calm(narrow)].map((one) =>
      one.atom<number>('n', { initial: 0 }),
    ) as [typeof atom, typeof atom, typeof atom];
    await bench.run(b.swap(increment));
    await bench.run(a.deref());
    bench.faulty.hold();
    const swap = outcomeOf(a.swap(increment));
    const first = await bench.message(0);
    first.lose();
    const key = { id: { S: 'n' } };
    if (reason === 'evidence-evicted') for (const one of [c, b, c]) await bench.run(one.swap(increment));
    else await bench.memory.delete({ table: 'state', key });
    if (reason === 'incarnation-changed') await bench.run(c.reset(5));
    await (await bench.message(1)).pass();
    await bench.run(swap.done);
    expect(swap.error).toMatchObject({ ...unknown, reason });
    const { settle } = swap.error as { settle(): Promise<unknown> };
    expect(await bench.run(settle.call(swap.error))).toEqual({ outcome: 'unknown', reason });
    bench.faulty.release();
    expect(typeof (await bench.run(a.swap(increment)))).toBe('number');
  });
});

describe('a write that nobody waits for', () => {
  it('is settled in the background for settleMs, then left alone, and settled by the next call', async () => {
    const { error } = await givenUp({ delivered: true });
    bench.faulty.setRules(broken);
    await bench.clock.advance(retry.settleMs);
    await bench.clock.advance(1_000);
    const { requests } = bench.faulty.spent();
    await bench.clock.advance(600_000);
    expect(bench.faulty.spent().requests).toBe(requests);
    expect(bench.clock.pending).toBe(0);
    bench.faulty.setRules([]);
    expect(await bench.run(atom.swap(increment))).toBe(2);
    expect(await error.settle()).toEqual({ outcome: 'done' });
    expect(await stored()).toBe(2);
  });

  it('is settled in the background when the store comes back in time', async () => {
    const { error } = await givenUp({ delivered: false });
    await bench.clock.advance(retry.settleMs);
    expect(await stored()).toBe(1);
    expect(await error.settle()).toEqual({ outcome: 'done' });
  });

  it('does not keep a call waiting that comes while its last copy is still under way', async () => {
    const { settleMs, attemptTimeoutMs } = { settleMs: 2_000, attemptTimeoutMs: 1_000 };
    atom = bench.table({ retry: { settleMs, attemptTimeoutMs } }).atom<number>('n', { initial: 0 });
    bench.faulty.hold();
    const swap = outcomeOf(atom.swap(increment, { timeoutMs: 10 }));
    (await bench.message(0)).lose();
    await bench.run(swap.done);
    await bench.clock.advance(settleMs + 1);
    expect(bench.faulty.messages.at(-1)?.answered).toBe(false);
    const calledAt = bench.clock.monotonicMs();
    const next = outcomeOf(atom.swap(increment));
    bench.faulty.release();
    await bench.run(next.done);
    expect(next.value).toBe(2);
    expect(bench.clock.monotonicMs() - calledAt).toBeLessThan(2 * attemptTimeoutMs);
  });

  it('does not keep settle() waiting either', async () => {
    const { settleMs, attemptTimeoutMs } = { settleMs: 2_000, attemptTimeoutMs: 1_000 };
    atom = bench.table({ retry: { settleMs, attemptTimeoutMs } }).atom<number>('n', { initial: 0 });
    bench.faulty.hold();
    const swap = outcomeOf(atom.swap(increment, { timeoutMs: 10 }));
    (await bench.message(0)).lose();
    await bench.run(swap.done);
    await bench.clock.advance(settleMs + 1);
    const settled = (swap.error as { settle(): Promise<unknown> }).settle();
    bench.faulty.release();
    expect(await bench.run(settled)).toEqual({ outcome: 'done' });
  });
});
