// Goal: whatever becomes of an update, a commute with a condition is done once, or told "no" and never done. Its requests are counted.
// Method: as `commute-schedules.spec.ts`: each write of A is held as a message and delivered, lost or answered by hand, while B takes and
// gives back undisturbed.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ItemAtom, UnknownOutcomeError } from '../../lib/atom/index.js';
import type { UpdateRequest } from '../../lib/engine/port.js';
import { type Bench, openBench, outcomeOf, overridden } from './bench.js';

interface Permits {
  readonly used: number;
  readonly by: Readonly<Record<string, number>>;
}

type PermitsAtom = ItemAtom<Permits, Permits>;

const retry = { timeoutMs: 60_000 };
const max = 2;

const take = (atom: PermitsAtom, who: string, options: object = {}) =>
  atom.commute(
    { add: { used: 1, by: { [who]: 1 } } },
    { when: { atMost: { used: max - 1 }, absent: { by: { [who]: true } } }, ...options },
  );
const give = (atom: PermitsAtom, who: string) =>
  atom.commute({ add: { used: -1 }, remove: { by: { [who]: true } } }, { when: { present: { by: { [who]: true } } } });

describe.each([
  ['failed conditions bring the item along', true],
  ['failed conditions tell nothing', false],
])('commute() with when, %s', (_, images) => {
  let bench: Bench;
  let a: PermitsAtom;
  let b: PermitsAtom;
  beforeEach(async () => {
    bench = await openBench({ images });
    const options = { initial: { used: 0, by: {} } };
    a = bench.table({ retry }).atom<Permits>('v', options);
    b = bench.calm().atom<Permits>('v', options);
    await bench.run(take(b, 'b'));
    await bench.run(a.deref());
    bench.faulty.hold(['put', 'update']);
  });
  const value = () => bench.run(b.deref());
  const kinds = () => bench.faulty.messages.map(({ kind }) => kind);

  it('is done once when it was applied, its answer was lost, and its condition does not hold any more', async () => {
    const taken = take(a, 'a');
    const first = await bench.message(0);
    await first.deliver();
    first.lose();
    expect(await (await bench.message(1)).pass()).toMatchObject({ status: 'condition-failed' });
    expect(await bench.run(taken)).toEqual({ applied: true, value: { used: 2, by: { a: 1, b: 1 } } });
    expect(kinds()).toEqual(['update', 'update']);
  });

  it('was done, whatever became of it since', async () => {
    const taken = take(a, 'a');
    const first = await bench.message(0);
    await first.deliver();
    first.lose();
    await bench.run(give(b, 'a'));
    await (await bench.message(1)).pass();
    expect(await bench.run(taken)).toEqual({ applied: true, value: { used: 1, by: { b: 1 } } });
  });

  it('is told no once a fence has made sure of it, and no copy finds the condition to hold later', async () => {
    const taken = take(a, 'a');
    const first = await bench.message(0);
    await bench.run(take(b, 'c'));
    expect(await first.pass()).toMatchObject({ status: 'condition-failed' });
    const fence = await bench.message(1);
    expect((fence.request as UpdateRequest).update.expression).toBe('SET #v = #v + :one, #l = :l, #w.#m = :s');
    await fence.pass();
    expect(await bench.run(taken)).toEqual({ applied: false, value: { used: 2, by: { b: 1, c: 1 } } });
    expect(kinds()).toEqual(['update', 'update']);
    await bench.run(give(b, 'c'));
    expect(await first.deliver()).toMatchObject({ status: 'condition-failed' });
    expect(await value()).toEqual({ used: 1, by: { b: 1 } });
  });

  it('is done once when its late copy found the condition to hold before the fence came', async () => {
    const taken = take(a, 'a');
    const first = await bench.message(0);
    first.lose();
    const second = await bench.message(1);
    await bench.run(take(b, 'c'));
    await second.pass();
    const fence = await bench.message(2);
    await bench.run(give(b, 'c'));
    expect(await first.deliver()).toMatchObject({ status: 'applied' });
    expect(await fence.pass()).toMatchObject({ status: 'condition-failed' });
    expect(await bench.run(taken)).toMatchObject({ applied: true });
    expect(await value()).toEqual({ used: 2, by: { a: 1, b: 1 } });
  });

  it('settles a lost fence before it says no', async () => {
    const taken = outcomeOf(take(a, 'a'));
    const first = await bench.message(0);
    await bench.run(take(b, 'c'));
    await first.pass();
    const fence = await bench.message(1);
    await fence.deliver();
    fence.lose();
    const again = await bench.message(2);
    expect(taken.settled).toBe(false);
    await again.pass();
    await bench.run(taken.done);
    expect(taken.value).toMatchObject({ applied: false });
    await bench.run(give(b, 'c'));
    expect(await first.deliver()).toMatchObject({ status: 'condition-failed' });
  });

  it('is sent again as an update when the condition holds again by the time of the fence', async () => {
    const taken = take(a, 'a');
    const first = await bench.message(0);
    await bench.run(take(b, 'c'));
    await first.pass();
    const fence = await bench.message(1);
    await bench.run(give(b, 'c'));
    await fence.pass();
    await (await bench.message(2)).pass();
    expect(await bench.run(taken)).toEqual({ applied: true, value: { used: 2, by: { a: 1, b: 1 } } });
    expect(kinds()).toEqual(['update', 'update', 'update']);
    await bench.run(give(b, 'b'));
    await bench.run(give(b, 'a'));
    expect(await first.deliver()).toMatchObject({ status: 'condition-failed' });
    expect(await value()).toEqual({ used: 0, by: {} });
  });

  it('lets as many of those who wait together in as there is room for', async () => {
    await bench.run(give(b, 'b'));
    bench.faulty.release();
    await bench.run(a.deref());
    bench.faulty.hold(['put', 'update']);
    const before = bench.faulty.messages.length;
    const calls = ['x', 'y', 'z'].map((who) => take(a, who));
    const first = await bench.message(before);
    await bench.run(take(b, 'b'));
    // Two were in it, and there is room for one.
    await first.pass();
    await (await bench.message(before + 1)).pass();
    await (await bench.message(before + 2)).pass();
    const told = await bench.run(Promise.all(calls));
    expect(told.map(({ applied }) => applied)).toEqual([true, false, false]);
    expect(kinds().slice(before)).toEqual(['update', 'update', 'update']);
    expect(await value()).toEqual({ used: 2, by: { b: 1, x: 1 } });
  });

  it('does not say no on the strength of what it knew', async () => {
    bench.faulty.release();
    await bench.run(take(b, 'c'));
    await bench.run(a.deref());
    await bench.run(give(b, 'c'));
    const spent = bench.memory.spent().requests;
    expect(await bench.run(take(a, 'a'))).toMatchObject({ applied: true });
    // A read that denies it, and the update.
    expect(bench.memory.spent().requests - spent).toBe(2);
    const full = bench.memory.spent();
    expect(await bench.run(take(a, 'd'))).toMatchObject({ applied: false });
    const after = bench.memory.spent();
    expect([after.requests - full.requests, after.writeUnits - full.writeUnits]).toEqual([1, 0]);
  });

  it('is told no beside others on the strength of what they left, and does not hold them up', async () => {
    bench.faulty.release();
    const before = bench.memory.spent().requests;
    const many = a.commute({ add: { used: 2 } }, { when: { atMost: { used: 0 } } });
    const [no, yes, other] = await bench.run(Promise.all([many, take(a, 'a'), a.commute({ add: { by: { n: 1 } } })]));
    expect(no).toEqual({ applied: false, value: { used: 2, by: { a: 1, b: 1, n: 1 } } });
    expect([yes.applied, other.used]).toEqual([true, 2]);
    expect(bench.memory.spent().requests - before).toBe(1);
  });

  it('is not put off for ever by others who wait with it', async () => {
    bench.faulty.release();
    let isTold = false;
    const many = a.commute({ add: { used: 2 } }, { when: { atMost: { used: -1 } } }).then((told) => {
      isTold = true;
      return told;
    });
    let commutes = 0;
    const others = Array.from({ length: 4 }, async () => {
      for (; !isTold && commutes < 100; commutes += 1) await a.commute({ add: { by: { n: 1 } } });
    });
    expect(await bench.run(many)).toMatchObject({ applied: false });
    await bench.run(Promise.all(others));
    expect(commutes).toBeLessThan(12);
  });

  it('is unknown at the deadline, and settled as done or not done', async () => {
    const lost = outcomeOf(take(a, 'a', { timeoutMs: 100 }));
    const first = await bench.message(0);
    await bench.run(lost.done);
    expect(lost.error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', reason: 'in-flight' });
    first.lose();
    await bench.run(take(b, 'c'));
    bench.faulty.release();
    expect(await bench.run((lost.error as UnknownOutcomeError).settle())).toEqual({ outcome: 'not-done' });
    await bench.run(give(b, 'c'));
    expect(await first.deliver()).toMatchObject({ status: 'condition-failed' });
    expect(await value()).toEqual({ used: 1, by: { b: 1 } });
  });

  it('is cancelled by a fence', async () => {
    const giveUp = new AbortController();
    const lost = outcomeOf(take(a, 'a', { signal: giveUp.signal }));
    const first = await bench.message(0);
    giveUp.abort();
    await bench.run(lost.done);
    const settled = (lost.error as UnknownOutcomeError).settle({ prefer: 'cancel' });
    first.lose();
    await (await bench.message(1)).pass();
    expect(await bench.run(settled)).toEqual({ outcome: 'not-done' });
    expect(await first.deliver()).toMatchObject({ status: 'condition-failed' });
  });

  it('waits for no turn to say no, however many writers there are', async () => {
    bench.faulty.release();
    for (let writer = 0; writer < 6; writer += 1) {
      const other = bench.calm().atom<Permits>('v', { initial: { used: 0, by: {} } });
      await bench.run(other.swap((same) => same, { noop: 'write' }));
    }
    await bench.run(a.deref());
    await bench.run(take(b, 'c'));
    const spent = bench.memory.spent().requests;
    expect(await bench.run(take(a, 'a'))).toMatchObject({ applied: false });
    // The update and its fence; and a look at the item where the failed condition does not tell.
    expect(bench.memory.spent().requests - spent).toBe(images ? 2 : 3);
  });
});

describe('commute() with when, on a store that judges otherwise', () => {
  it('puts what the store does not find satisfied, though it is', async () => {
    const bench = await openBench();
    await bench.run(bench.calm().atom<Permits>('v').reset({ used: 0, by: {} }));
    let updates = 0;
    const engine = overridden(bench.memory, {
      update: async (request) => {
        updates += 1;
        if (!request.update.expression.includes('#d')) return bench.memory.update(request);
        const image = await bench.item('v');
        return { status: 'condition-failed', image } as never;
      },
    });
    const atom = bench.table({ engine }).atom<Permits>('v', { initial: { used: 0, by: {} } });
    expect(await bench.run(take(atom, 'a'))).toEqual({ applied: true, value: { used: 1, by: { a: 1 } } });
    expect(updates).toBe(2);
  });
});
