/** Facts about what is kept: snapshots, recovery from them, pruning, states that were, and ids. */
import { expect, it } from '@jest/globals';
import { withResult } from '../../lib/prevalence/index.js';
import { type Entry, emptyLedger, errorOf, type Ledger, ledger, noise, range } from '../support/prevalent.js';
import type { Place } from './prevalence-bench.js';

const uncalled = {
  ...ledger,
  handler() {
    throw new Error('the handler was called');
  },
};
const counter = {
  initialState: 0,
  handler: (sum: number, n: number) => (n === 0 ? sum : withResult(sum + n, sum + n)),
};

export function keepingContract(place: () => Place): void {
  it('a snapshot says what is in it; twice in a row is once', async () => {
    const { open, writes, clock } = place();
    const one = await open(ledger);
    clock.set(4_000);
    await Promise.all([one.handle(1), one.handle(2)]);
    const made = await one.snapshot();
    expect(made).toMatchObject({ seq: 2, time: 4_000, parts: expect.any(Number), digest: expect.any(String) });
    expect(made.bytes).toBeGreaterThan(0);
    const before = writes();
    expect((await one.snapshot()).id).toBe(made.id);
    await one.handle('same');
    expect((await one.snapshot()).id).toBe(made.id);
    expect(writes()).toBe(before);
    expect((await one.snapshots()).map(({ id }) => id)).toEqual([made.id]);
    await one.handle(3);
    const next = await one.snapshot();
    expect(next.seq).toBe(3);
    expect((await one.snapshots()).map(({ id }) => id)).toEqual([made.id, next.id]);
  });

  it('before the first event there is nothing to make a snapshot of', async () => {
    const one = await place().open(ledger);
    expect(await errorOf(one.snapshot())).toMatchObject({ code: 'ERR_SNAPSHOT', outcome: 'not-done' });
    expect(await one.handle(1)).toMatchObject({ seq: 1 });
  });

  it('recovers from a snapshot without calling the handler for what it covers', async () => {
    const { open, warnings } = place();
    const one = await open(ledger);
    for (const n of range(20)) await one.handle({ pay: n, note: noise(100, n) });
    await one.snapshot();
    const digest = await one.stateDigest();
    await one.close();
    const two = await open(uncalled);
    expect([two.seq, two.time, await two.stateDigest()]).toEqual([20, 1_000, digest]);
    expect(warnings).toEqual([]);
  });

  it('after a snapshot only what came later is replayed', async () => {
    const { open } = place();
    const one = await open(ledger);
    await one.handle(1);
    await one.snapshot();
    await Promise.all([one.handle(2), one.handle(3)]);
    const { state } = one;
    await one.close();
    const seqs: number[] = [];
    const two = await open({
      ...ledger,
      handler(sum: Ledger, entry: Entry, { seq }: { readonly seq: number }) {
        seqs.push(seq);
        return ledger.handler(sum, entry);
      },
    });
    expect(two.state).toEqual(state);
    expect(seqs).toEqual([2, 3]);
    expect(two.stats().replayed).toBe(2);
  });

  it('prune leaves what the newest two snapshots need; what is older can not be had any more', async () => {
    const { open } = place();
    const one = await open(ledger);
    const digests = new Map<number, string>();
    for (const n of range(45)) {
      await one.handle({ pay: n, note: noise(120, n) });
      digests.set(n, await one.stateDigest());
      if (n % 15 === 0) await one.snapshot();
    }
    const report = await one.prune();
    expect(report).toMatchObject({ kept: 2, snapshotsRemoved: 1 });
    expect((await one.snapshots()).map(({ seq }) => seq)).toEqual([30, 45]);
    expect(await one.prune()).toMatchObject({ kept: 2, snapshotsRemoved: 0 });
    const compacted = { code: 'ERR_JOURNAL_COMPACTED', outcome: 'not-done' };
    expect(await errorOf(one.at({ seq: 1 }))).toMatchObject(compacted);
    expect(await errorOf(one.changes({ from: 1 }).next())).toMatchObject(compacted);
    for (const seq of [30, 31, 38, 44, 45]) {
      const { state } = await one.at({ seq });
      expect(state.seen).toEqual(range(seq));
    }
    expect(await one.handle(46)).toMatchObject({ seq: 46 });
    const digest = await one.stateDigest();
    await one.close();
    const two = await open(ledger);
    expect([two.seq, await two.stateDigest()]).toEqual([46, digest]);
  });

  it('prune with nothing to remove removes nothing, before the first event too', async () => {
    const { open } = place();
    const one = await open(ledger);
    const nothing = { kept: 0, snapshotsRemoved: 0, pagesRemoved: 0, bodiesRemoved: 0 };
    expect(await one.prune()).toEqual(nothing);
    await one.handle(1);
    expect(await one.prune()).toEqual(nothing);
    expect(await one.at({ seq: 0 })).toEqual({ state: emptyLedger, seq: 0, time: 0 });
  });

  it('a state that was, by number, for every number, also within a commit', async () => {
    const { open } = place();
    const one = await open({ ...ledger, stateDigestEvery: 4 });
    await Promise.all(range(5).map((n) => one.handle(n)));
    await one.handle(6);
    await one.snapshot();
    await Promise.all(range(5, 7).map((n) => one.handle(n)));
    for (const seq of range(12, 0)) {
      const past = await one.at({ seq });
      expect([past.seq, past.state.seen]).toEqual([seq, range(seq)]);
    }
    expect(await errorOf(one.at({ seq: 12 }))).toBeInstanceOf(RangeError);
    expect(await errorOf(one.at({ seq: -1 }))).toBeInstanceOf(RangeError);
    expect(await errorOf(one.at({ seq: 1.5 }))).toBeInstanceOf(RangeError);
    expect(await errorOf(one.at({} as { seq: number }))).toBeInstanceOf(RangeError);
    expect(one.state.seen).toEqual(range(11));
  });

  it('a state that was, by time: after the last commit that is not later', async () => {
    const { open, clock } = place();
    const one = await open(ledger);
    for (const n of range(4)) {
      clock.set(n * 1_000);
      await one.handle(n);
      if (n === 2) await one.snapshot();
    }
    const wanted = [
      [0, 0, 0],
      [999, 0, 0],
      [1_000, 1, 1_000],
      [1_001, 1, 1_000],
      [2_000, 2, 2_000],
      [2_999, 2, 2_000],
      [3_500, 3, 3_000],
      [4_000, 4, 4_000],
      [1e15, 4, 4_000],
    ] as const;
    for (const [time, seq, at] of wanted)
      expect(await one.at({ time })).toMatchObject({ seq, time: at, state: { seen: range(seq) } });
    expect(await errorOf(one.at({ time: Number.NaN }))).toBeInstanceOf(RangeError);
  });

  it('an audit compares each snapshot with a replay', async () => {
    const { open } = place();
    const one = await open(ledger);
    for (const n of range(6)) {
      await one.handle(n);
      if (n % 2 === 0) await one.snapshot();
    }
    expect(await one.verify()).toBe(3);
  });

  it('an id that was seen gets its first result again, and nothing is journalled', async () => {
    const { open, writes } = place();
    const one = await open<number, number, number>(counter);
    expect(await one.handle(5, { id: 'a' })).toMatchObject({ result: 5, seq: 1, status: 'journalled' });
    await one.handle(1);
    const before = writes();
    expect(await one.handle(5, { id: 'a' })).toMatchObject({ result: 5, state: 6, seq: 2, status: 'known' });
    expect(writes()).toBe(before);
    expect(one.state).toBe(6);
  });

  it('of several events with one id in one batch the first counts', async () => {
    const { open } = place();
    const one = await open<number, number, number>(counter);
    const answers = await Promise.all([
      one.handle(5, { id: 'a' }),
      one.handle(7, { id: 'a' }),
      one.handle(5, { id: 'a' }),
    ]);
    expect(answers.map(({ status, result }) => [status, result])).toEqual([
      ['journalled', 5],
      ['known', 5],
      ['known', 5],
    ]);
    expect(one.state).toBe(5);
  });

  it('ids are known after a replay, after a snapshot, and after both', async () => {
    const { open } = place();
    const one = await open<number, number, number>(counter);
    await one.handle(5, { id: 'a' });
    await one.close();
    const two = await open<number, number, number>(counter);
    expect(await two.handle(5, { id: 'a' })).toMatchObject({ result: 5, status: 'known' });
    await two.handle(2, { id: 'b' });
    await two.snapshot();
    await two.handle(3, { id: 'c' });
    await two.close();
    const three = await open<number, number, number>(counter);
    for (const [id, result] of [
      ['a', 5],
      ['b', 7],
      ['c', 10],
    ] as const) {
      expect(await three.handle(1, { id })).toMatchObject({ result, status: 'known', seq: 3 });
    }
  });

  it('an id without a result is known as well', async () => {
    const { open } = place();
    const one = await open(ledger);
    await one.handle(1, { id: 'a' });
    await one.snapshot();
    await one.close();
    const two = await open(ledger);
    expect(await two.handle(1, { id: 'a' })).toMatchObject({ status: 'known', result: undefined });
  });

  it('ids of refusals and of events that change nothing are not remembered', async () => {
    const { open } = place();
    const one = await open(ledger);
    await errorOf(one.handle('refuse', { id: 'a' }));
    expect(await one.handle('same', { id: 'a' })).toMatchObject({ status: 'same' });
    expect(await one.handle(1, { id: 'a' })).toMatchObject({ status: 'journalled' });
    const both = await Promise.allSettled([one.handle('refuse', { id: 'b' }), one.handle(2, { id: 'b' })]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(one.state.seen).toEqual([1, 2]);
  });

  it('the newest idsMax ids are remembered, here and after a recovery', async () => {
    const { open } = place();
    const system = { ...counter, idsMax: 3 };
    const one = await open<number, number, number>(system);
    await Promise.all(range(5).map((n) => one.handle(n, { id: `${n}` })));
    const statuses = async (system: typeof one) => {
      const answers = [];
      for (const id of ['5', '4', '3']) answers.push((await system.handle(1, { id })).status);
      return answers;
    };
    expect(await statuses(one)).toEqual(['known', 'known', 'known']);
    await one.snapshot();
    await one.close();
    const two = await open<number, number, number>(system);
    expect(await statuses(two)).toEqual(['known', 'known', 'known']);
    expect(await two.handle(1, { id: '2' })).toMatchObject({ status: 'journalled' });
  });
}
