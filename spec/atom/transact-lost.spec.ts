// Goal: a transaction whose answers get lost took effect once or not at all, its caller is told which, and until that is known nobody in
// this process writes its atoms.
// Method: each request is a message that is delivered, lost, or delivered late by hand; time passes on a virtual clock; rivals write through
// a calm engine. One atom's evidence decides for all, so that of the others may be gone.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AtomTable, ItemAtom, Transaction } from '../../lib/atom/index.js';
import type { TransactWriteRequest } from '../../lib/engine/index.js';
import { type Bench, breathe, openBench, outcomeOf } from './bench.js';

type Settle = { settle(options?: object): Promise<{ outcome: string; reason?: string }> };
type Counter = ItemAtom<number, number>;

const increment = (n: number) => n + 1;
const retry = { attemptTimeoutMs: 100, settleMs: 2_000, timeoutMs: 30_000 };
const unknown = { name: 'UnknownOutcomeError', code: 'ERR_UNKNOWN_OUTCOME', outcome: 'unknown', reason: 'in-flight' };
let bench: Bench;
let table: AtomTable;
let rivals: AtomTable;
let x: Counter;
let y: Counter;

const rival = (atom: Counter, of = rivals): Counter => of.atom<number>(atom.key, { initial: 0 });
const both = (tx: Transaction) => Promise.all([tx.swap(x, increment), tx.swap(y, increment)]);
const stored = () => bench.run(Promise.all([rival(x).deref(), rival(y).deref()]));
const requests = () => bench.faulty.messages.map(({ request }) => request as TransactWriteRequest);
/** Messages that nobody answered get lost from here on, and nothing is held any more. */
const release = () => {
  bench.faulty.release();
  for (const message of bench.faulty.messages) if (!message.answered) message.drop();
};

beforeEach(async () => {
  bench = await openBench();
  table = bench.table({ retry, evidenceWritersMax: 1 });
  rivals = bench.calm({ evidenceWritersMax: 1 });
  x = table.atom<number>('x', { initial: 0 });
  y = table.atom<number>('y', { initial: 0 });
  await bench.run(Promise.all([x.reset(10), y.reset(20)]));
  bench.commits.length = 0;
  bench.faulty.hold();
});

/** Writes so often, by so many, that the evidence of all writes before is gone. */
async function evict(atom: Counter): Promise<void> {
  for (let writer = 0; writer < 3; writer += 1)
    await bench.run(rival(atom, bench.calm({ evidenceWritersMax: 1 })).swap(increment));
}

/** A transaction that was sent, not heard of, and given up. */
async function givenUp(options: { delivered: boolean }, f: (tx: Transaction) => Promise<unknown> = both) {
  const call = outcomeOf(table.transact(f, { timeoutMs: 10 }));
  const first = await bench.message(0);
  if (options.delivered) await first.deliver();
  first.lose();
  await bench.run(call.done);
  release();
  return { first, error: call.error as Settle };
}

describe('a lost answer', () => {
  it('is followed by the same bytes under the same token, and the caller gets the result of the one effect', async () => {
    const call = outcomeOf(table.transact(both));
    const first = await bench.message(0);
    await first.deliver();
    first.lose();
    await (await bench.message(1)).pass();
    await bench.run(call.done);
    const [one, two] = requests();
    expect(two).toEqual(one);
    expect([call.value, await stored(), bench.commits.length]).toEqual([[11, 21], [11, 21], 2]);
  });

  it('of a copy that comes after the second: no second effect', async () => {
    const call = outcomeOf(table.transact(both));
    const first = await bench.message(0);
    first.lose();
    await (await bench.message(1)).pass();
    await bench.run(call.done);
    expect(await first.deliver()).toMatchObject({ status: 'applied' });
    await bench.clock.advance(11 * 60_000);
    expect(bench.commits).toHaveLength(2);
    // By now the token is forgotten, and the conditions stand guard.
    expect(await first.deliver()).toMatchObject({ status: 'cancelled' });
    expect([call.value, bench.commits.length]).toEqual([[11, 21], 2]);
  });

  it('when the token is forgotten: the evidence tells', async () => {
    const patient = bench.table({ retry: { ...retry, timeoutMs: 3_600_000 } });
    const [px, py] = [rival(x, patient), rival(y, patient)];
    await bench.run(Promise.all([px.deref(), py.deref()]));
    const call = outcomeOf(patient.transact((tx) => Promise.all([tx.swap(px, increment), tx.swap(py, increment)])));
    const first = await bench.message(0);
    await first.deliver();
    const second = bench.faulty.message(1);
    first.lose();
    await bench.run(second);
    await bench.run(rival(x).swap(increment));
    await bench.clock.advance(11 * 60_000);
    const last = bench.faulty.messages.at(-1);
    expect(await last?.deliver()).toMatchObject({ status: 'cancelled' });
    last?.answer();
    await bench.run(call.done);
    expect([call.value, await stored(), bench.commits.length]).toEqual([[11, 21], [12, 21], 3]);
  });

  it('and a rival on top: what the caller is told is its own result', async () => {
    const call = outcomeOf(table.transact(both));
    const first = await bench.message(0);
    await first.deliver();
    first.lose();
    await bench.run(rival(y).swap((n) => n * 100));
    await (await bench.message(1)).pass();
    await bench.run(call.done);
    expect([call.value, await stored()]).toEqual([
      [11, 21],
      [11, 2_100],
    ]);
  });

  it('of a copy that was never judged, and a rival first: runs again, and the late copy fails', async () => {
    const call = outcomeOf(table.transact(both));
    const first = await bench.message(0);
    first.lose();
    const second = await bench.message(1);
    await bench.run(rival(x).swap((n) => n * 2));
    await second.pass();
    const third = await bench.message(2);
    await third.pass();
    await bench.run(call.done);
    expect([call.value, await stored()]).toEqual([
      [21, 21],
      [21, 21],
    ]);
    expect(await first.deliver()).toMatchObject({ status: 'cancelled' });
  });

  it('where only the check of an atom that was read fails: it never took effect, and runs again', async () => {
    const add = async (tx: Transaction) => tx.reset(y, (await tx.deref(x)) + 1);
    const call = outcomeOf(table.transact(add));
    const first = await bench.message(0);
    first.lose();
    const second = await bench.message(1);
    await bench.run(rival(x).reset(50));
    await second.pass();
    await (await bench.message(2)).pass();
    await bench.run(call.done);
    expect([call.value, await stored()]).toEqual([51, [50, 51]]);
    expect(await first.deliver()).toMatchObject({ status: 'cancelled' });
  });
});

describe('a caller that leaves', () => {
  it('at the deadline: unknown, with the write and all its atoms named', async () => {
    const { error } = await givenUp({ delivered: true });
    expect(error).toMatchObject({ ...unknown, key: 'x', writeId: requests()[0]?.token });
    expect((error as unknown as Error).message).toContain('atoms x, y');
  });

  it('by its signal: unknown, caused by the reason', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const call = outcomeOf(table.transact(both, { signal: abort.signal }));
    await bench.message(0);
    abort.abort(reason);
    await bench.run(call.done);
    expect(call.error).toMatchObject({ ...unknown, cause: reason });
  });

  it('before anything was accepted: the reason itself, nothing is sent any more, and its atoms are free at once', async () => {
    release();
    bench.faulty.setRules([{ fault: { kind: 'throttle' }, on: 'writes' }]);
    const abort = new AbortController();
    const reason = new Error('enough');
    const call = outcomeOf(table.transact(both, { signal: abort.signal }));
    await bench.clock.advance(3_000);
    abort.abort(reason);
    await bench.run(call.done);
    expect(call.error).toBe(reason);
    bench.faulty.setRules([]);
    const leftAt = bench.clock.monotonicMs();
    expect(await bench.run(x.swap(increment))).toBe(11);
    expect(bench.clock.monotonicMs()).toBe(leftAt);
    await bench.clock.advance(60_000);
    expect(await stored()).toEqual([11, 20]);
  });

  it.each([true, false])('settle() tells the truth (applied before: %s): done, once', async (delivered) => {
    const { error, first } = await givenUp({ delivered });
    expect(await bench.run(error.settle())).toEqual({ outcome: 'done' });
    if (!delivered) expect(bench.commits).toHaveLength(2);
    expect(await stored()).toEqual([11, 21]);
    expect(await error.settle()).toEqual({ outcome: 'done' });
    await first.deliver().catch(() => {});
    expect(await stored()).toEqual([11, 21]);
  });

  it('settle({ prefer: cancel }) makes it impossible with one plain put; a late copy fails', async () => {
    const { error, first } = await givenUp({ delivered: false });
    const writes = bench.faulty.spent().requests;
    expect(await bench.run(error.settle({ prefer: 'cancel' }))).toEqual({ outcome: 'not-done' });
    expect(bench.faulty.spent().requests - writes).toBeLessThanOrEqual(2);
    expect(await stored()).toEqual([10, 20]);
    expect(await bench.memory.transactWrite(first.request as TransactWriteRequest)).toMatchObject({
      status: 'cancelled',
    });
    expect(await bench.run(table.transact(both))).toEqual([11, 21]);
  });

  it('settle({ prefer: cancel }) comes too late for one that was applied: done', async () => {
    const { error } = await givenUp({ delivered: true });
    expect(await bench.run(error.settle({ prefer: 'cancel' }))).toEqual({ outcome: 'done' });
    expect(await stored()).toEqual([11, 21]);
  });

  it('settle() gives up at its own time, and answers later', async () => {
    const call = outcomeOf(table.transact(both, { timeoutMs: 10 }));
    (await bench.message(0)).lose();
    await bench.run(call.done);
    const settling = bench.run((call.error as Settle).settle({ timeoutMs: 1_000 }));
    expect(await settling).toEqual({ outcome: 'unknown', reason: 'in-flight' });
    release();
    expect(await bench.run((call.error as Settle).settle())).toEqual({ outcome: 'done' });
  });

  it('leaves the settling to the background: done before anybody asks', async () => {
    const { error } = await givenUp({ delivered: false });
    await bench.clock.advance(retry.settleMs);
    expect(await stored()).toEqual([11, 21]);
    const { requests: before } = bench.faulty.spent();
    expect(await error.settle()).toEqual({ outcome: 'done' });
    expect(bench.faulty.spent().requests).toBe(before);
  });

  it('keeps its lanes until it is known what became of it: calls on its atoms wait, others do not', async () => {
    const call = outcomeOf(table.transact(both, { timeoutMs: 10 }));
    const first = await bench.message(0);
    await first.deliver();
    first.lose();
    await bench.run(call.done);
    bench.faulty.hold(['transactWrite']);
    const z = table.atom<number>('z', { initial: 0 });
    expect(await bench.run(z.swap(increment))).toBe(1);
    const swap = outcomeOf(x.swap(increment));
    const other = outcomeOf(table.transact((tx) => tx.swap(y, increment)));
    await bench.clock.advance(500);
    expect([swap.settled, other.settled]).toEqual([false, false]);
    release();
    await bench.run(Promise.all([swap.done, other.done]));
    expect([swap.value, other.value, await stored()]).toEqual([12, 22, [12, 22]]);
  });

  it('pauses when nobody waits for settleMs; whoever wants one of its atoms has it go on', async () => {
    const call = outcomeOf(table.transact(both, { timeoutMs: 10 }));
    (await bench.message(0)).lose();
    await bench.run(call.done);
    await bench.clock.advance(10 * retry.settleMs);
    const { requests: paused } = bench.faulty.spent();
    await bench.clock.advance(60_000);
    expect(bench.faulty.spent().requests).toBe(paused);
    release();
    expect(await bench.run(y.swap(increment))).toBe(22);
    expect(await stored()).toEqual([11, 22]);
  });
  it('is not waited for while it pauses: whoever comes has it go on, and both are', async () => {
    const call = outcomeOf(table.transact(both, { timeoutMs: 10 }));
    (await bench.message(0)).lose();
    await bench.run(call.done);
    const pausing = outcomeOf(table.settled({ timeoutMs: 60_000 }));
    await bench.run(pausing.done);
    expect([pausing.value, bench.clock.monotonicMs() < 2 * retry.settleMs]).toEqual([true, true]);
    release();
    const ended: unknown[] = [];
    const other = y.swap(increment).then((value) => ended.push(value));
    const closing = table.close().then((settled) => ended.push(settled));
    await bench.run(Promise.all([other, closing]));
    expect(ended).toEqual([22, true]);
    expect(await stored()).toEqual([11, 22]);
  });
});

describe('evidence', () => {
  it('of one atom is enough, when that of the other is gone', async () => {
    const { error } = await givenUp({ delivered: true });
    bench.faulty.hold();
    await evict(x);
    await bench.clock.advance(11 * 60_000);
    release();
    expect(await bench.run(error.settle())).toEqual({ outcome: 'done' });
    expect(await stored()).toEqual([14, 21]);
  });

  it('gone from all atoms: unknown for ever, and the atoms are free', async () => {
    const { error } = await givenUp({ delivered: true });
    bench.faulty.hold();
    await evict(x);
    await evict(y);
    await bench.clock.advance(11 * 60_000);
    release();
    const lost = { outcome: 'unknown', reason: 'evidence-evicted' };
    expect(await bench.run(error.settle())).toEqual(lost);
    expect(await bench.run(error.settle({ prefer: 'cancel' }))).toEqual(lost);
    expect(await bench.run(x.swap(increment))).toBe(15);
  });

  it('gone from one, and the other still at its base: it never took effect', async () => {
    const { error } = await givenUp({ delivered: false });
    bench.faulty.hold();
    await evict(x);
    release();
    expect(await bench.run(error.settle())).toEqual({ outcome: 'not-done' });
    expect(await stored()).toEqual([13, 20]);
  });

  it('is asked, too, when the caller still waits: what nobody can tell is told as that', async () => {
    const patient = bench.table({ retry: { ...retry, timeoutMs: 3_600_000 }, evidenceWritersMax: 1 });
    const [px, py] = [rival(x, patient), rival(y, patient)];
    await bench.run(Promise.all([px.deref(), py.deref()]));
    const call = outcomeOf(patient.transact((tx) => Promise.all([tx.swap(px, increment), tx.swap(py, increment)])));
    const first = await bench.message(0);
    await first.deliver();
    first.lose();
    await bench.message(1);
    await evict(x);
    await evict(y);
    await bench.clock.advance(11 * 60_000);
    release();
    await bench.run(call.done);
    expect(call.error).toMatchObject({ ...unknown, reason: 'evidence-evicted' });
  });
});

describe('creations', () => {
  const hour = 3_600_000;
  const create = (tx: Transaction) => Promise.all([tx.reset(nx, 1), tx.reset(ny, 2)]);
  let nx: Counter;
  let ny: Counter;
  beforeEach(() => {
    nx = table.atom<number>('new-x', { initial: 0 });
    ny = table.atom<number>('new-y', { initial: 0 });
  });

  it('are told from those of a rival by their incarnation', async () => {
    const { error } = await givenUp({ delivered: false }, create);
    await bench.run(rival(nx).reset(7));
    expect(await bench.run(error.settle())).toEqual({ outcome: 'not-done' });
    expect(await bench.run(Promise.all([rival(nx).deref(), rival(ny).deref()]))).toEqual([7, 0]);
  });

  it('are not sent again once their items may have been removed, for they would find an empty place', async () => {
    const { error } = await givenUp({ delivered: true }, create);
    bench.faulty.hold();
    await breathe();
    await bench.run(Promise.all([rival(nx).delete(), rival(ny).delete()]));
    await bench.clock.advance(2 * hour);
    await bench.memory.updateTimeToLive('state', 'x').catch(() => {});
    bench.memory.expire();
    release();
    expect(await bench.run(error.settle())).toEqual({ outcome: 'unknown', reason: 'item-gone' });
    expect(await bench.run(Promise.all([rival(nx).deref(), rival(ny).deref()]))).toEqual([0, 0]);
  });

  it('can be cancelled', async () => {
    const { error, first } = await givenUp({ delivered: false }, create);
    expect(await bench.run(error.settle({ prefer: 'cancel' }))).toEqual({ outcome: 'not-done' });
    expect(await bench.memory.transactWrite(first.request as TransactWriteRequest)).toMatchObject({
      status: 'cancelled',
    });
    expect(await bench.run(Promise.all([rival(nx).deref(), rival(ny).deref()]))).toEqual([0, 0]);
  });
});
