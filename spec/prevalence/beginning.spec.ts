// Goal: a log begins with a state or not; cut short anywhere, nobody takes it for something else, and beginning again ends it. Method: the
// engine of who begins goes silent at its k-th request, or loses the answer of its k-th write, for every k; two who begin at once.
import { afterEach, describe, expect, it } from '@jest/globals';
import { type Clock, FaultyEngine } from '../../lib/engine/index.js';
import type { Log, LogBase } from '../../lib/prevalence/index.js';
import { errorOf, ledger, noise, range } from '../support/prevalent.js';
import { dyingEngine, steppedEngine } from '../support/stepped-engine.js';
import { type Bench, openBench, type ProcessOptions } from './bench.js';

let bench: Bench;
afterEach(() => bench.close());

const state = { sum: 55, seen: range(10) };
const base: LogBase = { captured: { state, ids: [['old', 'result']] }, seq: 10, time: 500 };
/** Of two parts. */
const large: LogBase = { ...base, captured: { state, ids: [['old', noise(450_000)]] } };
const unfinished = { code: 'ERR_LOG_UNFINISHED', outcome: 'not-done', retryable: true };

function openLog(process: ProcessOptions = {}, clock: Clock = bench.clock): Log {
  const consumer = { apply() {}, capture: () => undefined, restore() {} };
  const request = { consumer, format: '', clock, retention: {}, readOnly: false, onWarning() {} };
  return bench.storage(process).open(request);
}

/** Who has begun it holds it, and may be gone: takes the log from it, and gives it up. */
async function letGo(): Promise<void> {
  // Nothing that is written is newer than the state.
  const { clock: own } = bench;
  const clock: Clock = { now: () => 0, monotonicMs: () => own.monotonicMs(), sleep: (ms, how) => own.sleep(ms, how) };
  const log = openLog({}, clock);
  await bench.run(log.recover());
  await bench.run(log.hold({ isMigration: true }));
  await bench.run(log.release());
}

/** What another process finds: nothing, the state, or that it is not done. */
async function found(): Promise<'nothing' | 'unfinished' | 'state'> {
  try {
    const one = await bench.open(ledger);
    if (one.seq === 0) {
      expect([one.state.sum, await bench.run(one.sync())]).toEqual([0, one.state]);
      return 'nothing';
    }
    expect([one.seq, one.time, one.state]).toEqual([10, 500, state]);
    return 'state';
  } catch (error) {
    expect(error).toMatchObject(unfinished);
    return 'unfinished';
  }
}

/** It is a system as any other, and what attempts have left behind goes. */
async function expectWhole(time = 500): Promise<void> {
  const early = await bench.open(ledger);
  expect(await errorOf(bench.run(early.handle(1)))).toMatchObject({ code: 'ERR_NOT_WRITER' });
  await letGo();
  const one = await bench.open({ ...ledger, retention: { keep: 1 } }, { makingMsMax: 3_600_000 });
  expect([one.seq, one.time, one.state]).toEqual([10, time, state]);
  expect(await bench.run(one.handle(1, { id: 'old' }))).toMatchObject({ status: 'known' });
  expect(await bench.run(one.handle(5))).toMatchObject({ seq: 11, state: { sum: 60 } });
  await bench.clock.advance(3_600_000);
  const { id, parts } = await bench.run(one.snapshot());
  for (const _ of range(2)) await bench.run(one.prune());
  const stored = (await bench.keys()).filter((key) => key.includes('/part/'));
  expect(stored).toEqual(range(parts, 0).map((part) => `bank/part/${id}/${part}`));
  const other = await bench.open(ledger);
  expect([other.seq, other.state]).toEqual([11, one.state]);
}

describe.each(['before', 'after'] as const)('begin(), dead %s its k-th request was applied', (when) => {
  it('leaves nothing, something that is refused, or the state; and beginning again ends it', async () => {
    const seen = new Set<string>();
    for (let at = 0; ; at += 1) {
      bench = await openBench();
      const { engine, died } = dyingEngine(bench.memory, at, when);
      const end = await bench.run(
        Promise.race([
          openLog({ engine })
            .begin(large)
            .then(() => 'done'),
          died,
        ]),
      );
      const left = await found();
      seen.add(left);
      if (end === 'done') {
        expect(left).toBe('state');
        break;
      }
      const again = bench.run(openLog().begin(base));
      if (left === 'state') expect(await errorOf(again)).toMatchObject({ code: 'ERR_LOG_NOT_EMPTY', seq: 10 });
      else await again;
      await expectWhole();
      await bench.close();
      expect(at).toBeLessThan(100);
    }
    expect([...seen].sort()).toEqual(['nothing', 'state', 'unfinished']);
  });
});

it('begins all the same when the answer of any write is lost', async () => {
  for (let at = 0; ; at += 1) {
    bench = await openBench();
    const rules = [{ fault: { kind: 'reset-after' }, on: 'writes', after: at, times: 1 }] as const;
    const faulty = new FaultyEngine(bench.memory, { rules, clock: bench.clock });
    await bench.run(openLog({ engine: faulty }).begin(base));
    expect(await found()).toBe('state');
    await expectWhole();
    if (faulty.spent().unclear === 0) break;
    await bench.close();
  }
});

it('may be begun again with another state, as long as it is not done', async () => {
  bench = await openBench();
  const { engine, died } = dyingEngine(bench.memory, 3, 'after');
  await bench.run(Promise.race([openLog({ engine }).begin({ captured: 'other', seq: 99, time: 300 }), died]));
  expect(await found()).toBe('unfinished');
  await bench.run(openLog().begin(base));
  await expectWhole();
});

it('an instance that was open while it was empty goes on from the state', async () => {
  bench = await openBench();
  const one = await bench.open(ledger);
  await bench.run(openLog().begin(base));
  expect(await bench.run(one.sync())).toEqual(state);
  await letGo();
  expect(await bench.run(one.handle(5))).toMatchObject({ seq: 11, time: expect.any(Number) });
});

it('an instance that looks while it is not done is told so, and lives on', async () => {
  bench = await openBench();
  const one = await bench.open(ledger);
  const { engine, died } = dyingEngine(bench.memory, 4, 'after');
  await bench.run(Promise.race([openLog({ engine }).begin(base), died]));
  expect(await errorOf(bench.run(one.sync()))).toMatchObject(unfinished);
  expect(await errorOf(bench.run(one.handle(1)))).toMatchObject({ code: 'ERR_JOURNAL_CLOSED', outcome: 'not-done' });
  await bench.run(openLog().begin(base));
  expect(await bench.run(one.sync())).toEqual(state);
});

it('of two who begin at once one does, and the other is told', async () => {
  bench = await openBench();
  const both = await bench.run(Promise.allSettled([openLog().begin(base), openLog().begin(base)]));
  expect(both.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(1);
  for (const one of both) if (one.status === 'rejected') expect(one.reason).toMatchObject({ outcome: 'not-done' });
  if (both.every(({ status }) => status === 'rejected')) await bench.run(openLog().begin(base));
  await expectWhole();
});

it.each(['dies', 'ends'])('who is overtaken, by one that %s, is told so wherever it had come to', async (fate) => {
  for (let at = 1; ; at += 1) {
    bench = await openBench();
    let resume = () => {};
    const resumed = new Promise<void>((resolve) => {
      resume = resolve;
    });
    let isPaused = false;
    let pausedNow = () => {};
    const paused = new Promise<void>((resolve) => {
      pausedNow = resolve;
    });
    const slow = steppedEngine(bench.memory, (step) => {
      if (step.index !== at) return undefined;
      isPaused = true;
      pausedNow();
      return resumed.then(() => step.send());
    });
    const begun = openLog({ engine: slow }).begin(base);
    begun.catch(() => {});
    await bench.run(Promise.race([begun.catch(() => {}), paused]));
    // The other one closes the head again, and dies, or goes on to the end.
    const { engine, died } = dyingEngine(bench.memory, fate === 'dies' ? 2 : 1_000, 'after');
    const nothing = { state: { sum: 0, seen: [] }, ids: [] };
    const other = openLog({ engine })
      .begin({ ...base, captured: nothing })
      .then(() => true)
      .catch(() => false);
    const isOther = await bench.run(Promise.race([other, died.then(() => false)]));
    resume();
    const [end] = await bench.run(Promise.allSettled([begun]));
    if (end?.status === 'rejected') {
      expect(['ERR_LOG_UNFINISHED', 'ERR_LOG_NOT_EMPTY']).toContain((end.reason as { code: string }).code);
    } else expect(isOther).toBe(false);
    if (end?.status === 'rejected' && !isOther) await bench.run(openLog().begin(base));
    if (!isOther) await expectWhole();
    else expect((await bench.open(ledger)).state).toEqual({ sum: 0, seen: [] });
    if (!isPaused) break;
    await bench.close();
  }
});

it('is refused to all but who holds the log, who may', async () => {
  bench = await openBench();
  const [holder, other] = [openLog(), openLog()];
  await bench.run(holder.recover());
  await bench.run(holder.hold({}));
  expect(await errorOf(bench.run(other.begin(base)))).toMatchObject({ code: 'ERR_NOT_WRITER', outcome: 'not-done' });
  const time = bench.clock.now();
  await bench.clock.advance(5_000);
  await bench.run(holder.begin(base));
  // Who held it did so at a time, and time never goes back.
  await expectWhole(time);
});

it('is refused where the head of another log is gone, and the pointer is left', async () => {
  bench = await openBench();
  const one = await bench.open(ledger);
  await bench.run(one.handle(1));
  await bench.run(one.snapshot());
  await bench.remove('bank/head');
  const keys = await bench.keys();
  expect(await errorOf(bench.run(openLog().begin(base)))).toMatchObject({ code: 'ERR_SNAPSHOT_POINTER' });
  expect(await bench.keys()).toEqual(keys);
});
