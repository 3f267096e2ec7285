/** Facts about several instances of one system: one order, barriers, following, who alone may write. */
import { expect, it } from '@jest/globals';
import type { Change } from '../../lib/prevalence/index.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { type Entry, errorOf, ledger, noise, range } from '../support/prevalent.js';
import type { Place } from './prevalence-bench.js';

/** The next `count` changes. */
async function take<E>(changes: AsyncGenerator<Change<E>, void>, count: number): Promise<Change<E>[]> {
  const taken: Change<E>[] = [];
  while (taken.length < count) {
    const { value, done } = await changes.next();
    if (done) throw new Error(`the changes ended after ${taken.length}`);
    taken.push(value);
  }
  return taken;
}

export function instancesContract(place: () => Place): void {
  it('all instances see one order: equal digests at every number, answers of each in its own order', async () => {
    const { open } = place();
    const instances = await Promise.all([open(ledger), open(ledger), open(ledger)]);
    const answers = await Promise.all(
      instances.map(async (instance, place) => {
        const seqs: number[] = [];
        for (const round of range(6)) {
          const amounts = range(round % 3 === 0 ? 7 : 1, place * 1_000 + round * 10);
          const batch = await Promise.all(amounts.map((n) => instance.handle(n)));
          seqs.push(...batch.map(({ seq }) => seq));
        }
        return seqs;
      }),
    );
    for (const seqs of answers) expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
    expect(answers.flat().sort((a, b) => a - b)).toEqual(range(3 * 18));
    const fresh = await open(ledger);
    for (const instance of instances) await instance.sync();
    const digests = await Promise.all([...instances, fresh].map((instance) => instance.stateDigest()));
    expect(new Set(digests).size).toBe(1);
    for (const instance of instances) {
      const changes = await take(instance.changes({ from: 1 }), 54);
      expect(changes.map(({ event }) => event)).toEqual(fresh.state.seen);
      expect(changes.map(({ seq }) => seq)).toEqual(range(54));
    }
  });

  it('sync is a barrier: afterwards all is there that was acknowledged anywhere', async () => {
    const { open } = place();
    const [one, other] = [await open(ledger), await open(ledger)];
    for (const n of range(5)) {
      await one.handle(n);
      expect(await other.sync()).toEqual(one.state);
      expect([other.seq, other.time]).toEqual([one.seq, one.time]);
    }
  });

  it('an event is decided on the newest state, wherever that was made', async () => {
    const { open } = place();
    const [one, other] = [await open(ledger), await open(ledger)];
    await one.handle(5);
    expect(await other.handle(-5)).toMatchObject({ seq: 2, state: { sum: 0 } });
    expect((await errorOf(one.handle(-1))).message).toBe('overdrawn');
    await other.handle(1);
    expect(await one.handle('same')).toMatchObject({ status: 'same', seq: 3, state: { sum: 1 } });
  });

  it('an id is known across instances, with its first result', async () => {
    const { open } = place();
    const [one, other] = [await open(ledger), await open(ledger)];
    await one.handle(1, { id: 'a' });
    expect(await other.handle(1, { id: 'a' })).toMatchObject({ status: 'known', seq: 1 });
    const both = await Promise.all([one.handle(2, { id: 'b' }), other.handle(2, { id: 'b' })]);
    expect(both.map(({ status }) => status).sort()).toEqual(['journalled', 'known']);
    expect((await one.sync()).seen).toEqual([1, 2]);
  });

  it('large events of several instances, in one order', async () => {
    const { open } = place();
    const instances = [await open(ledger), await open(ledger)];
    const events = (instance: number) =>
      range(6).map((n): Entry => ({ pay: instance * 100 + n, note: noise(n % 2 === 0 ? 20_000 : 10, n) }));
    await Promise.all(instances.map((one, index) => Promise.all(events(index).map((event) => one.handle(event)))));
    await Promise.all(events(0).map((event, index) => (instances[index % 2] as (typeof instances)[0]).handle(event)));
    const states = await Promise.all(instances.map((one) => one.sync()));
    expect(states[0]).toEqual(states[1]);
    expect(states[0]?.seen.length).toBe(18);
  });

  it('changes from now on, from the first, and across a recovery', async () => {
    const { open } = place();
    const one = await open(ledger);
    await Promise.all([one.handle(1, { id: 'a' }), one.handle(2)]);
    const fromNow = one.changes();
    const fromFirst = one.changes({ from: 1 });
    expect(await take(fromFirst, 2)).toMatchObject([
      { seq: 1, time: 1_000, event: 1, id: 'a' },
      { seq: 2, time: 1_000, event: 2, id: undefined },
    ]);
    await one.handle(3);
    expect(await take(fromNow, 1)).toMatchObject([{ seq: 3, event: 3 }]);
    expect(await take(fromFirst, 1)).toMatchObject([{ seq: 3, event: 3 }]);
    await one.snapshot();
    await one.close();
    expect(await fromNow.next()).toMatchObject({ done: true });
    expect(await fromFirst.next()).toMatchObject({ done: true });
    const two = await open(ledger);
    const again = two.changes({ from: 2 });
    expect((await take(again, 2)).map(({ seq }) => seq)).toEqual([2, 3]);
    await two.handle(4);
    expect((await take(again, 1)).map(({ event }) => event)).toEqual([4]);
    await again.return(undefined);
  });

  it('changes of a slow consumer: nothing is left out, what others did among it', async () => {
    const { open } = place();
    const [one, other] = [await open(ledger), await open(ledger)];
    const changes = one.changes();
    const first = changes.next();
    await one.handle(1);
    expect(await first).toMatchObject({ value: { seq: 1 } });
    for (const n of range(20, 2)) await (n % 3 === 0 ? other : one).handle(n);
    await one.sync();
    expect((await take(changes, 20)).map(({ seq, event }) => [seq, event])).toEqual(range(20, 2).map((n) => [n, n]));
    const abort = new AbortController();
    const more = one.changes({ signal: abort.signal }).next();
    abort.abort(new Error('enough'));
    expect((await errorOf(more)).message).toBe('enough');
    await changes.return(undefined);
  });

  it('a change that is told of is in the state', async () => {
    const { open } = place();
    const [one, other] = [await open(ledger), await open(ledger)];
    await one.handle(1);
    await other.handle(2);
    const changes = one.changes({ from: 1 });
    expect((await take(changes, 1)).map(({ seq }) => seq)).toEqual([1]);
    const second = take(changes, 1).then(([change]) => [change?.seq, one.seq]);
    await one.sync();
    expect(await second).toEqual([2, 2]);
    await changes.return(undefined);
  });

  it('an instance follows what others do', async () => {
    const { open } = place();
    const clock = new VirtualClock();
    const [one, reader] = [await open(ledger), await open({ ...ledger, mode: 'read-only', follow: true, clock })];
    const changes = reader.changes();
    for (const n of range(3)) {
      const next = changes.next();
      await one.handle(n);
      await clock.advance(20_000);
      expect(await next).toMatchObject({ value: { seq: n, event: n } });
      expect(reader.state).toEqual(one.state);
    }
    await changes.return(undefined);
  });

  it('one writer alone: others are refused until it goes or is taken over, and then it is', async () => {
    const { open } = place();
    const [other, alone] = [await open(ledger), await open({ ...ledger, mode: 'single-writer' })];
    const refused = { code: 'ERR_NOT_WRITER', outcome: 'not-done' };
    await alone.handle(1);
    expect(await errorOf(other.handle(2))).toMatchObject(refused);
    expect((await other.sync()).sum).toBe(1);
    expect(await errorOf(open({ ...ledger, mode: 'single-writer' }))).toMatchObject(refused);
    const next = await open({ ...ledger, mode: 'single-writer', takeOver: true });
    expect(await errorOf(alone.handle(3))).toMatchObject(refused);
    expect(await next.handle(4)).toMatchObject({ seq: 2, state: { sum: 5 } });
    // It has nothing to give up any more.
    await alone.close();
    expect(await errorOf(other.handle(5))).toMatchObject(refused);
    await next.close();
    expect(await other.handle(6)).toMatchObject({ seq: 3, state: { seen: [1, 4, 6] } });
  });

  it('an instance that is far behind goes on from a snapshot', async () => {
    const { open } = place();
    const [one, stale] = [await open(ledger), await open(ledger)];
    await stale.handle(1);
    for (const n of range(30, 2)) {
      await one.handle({ pay: n, note: noise(120, n) });
      if (n % 10 === 0) await one.snapshot();
    }
    await one.prune();
    const changes = stale.changes();
    const next = errorOf(changes.next());
    expect(await stale.handle(100)).toMatchObject({ seq: 32 });
    expect(await one.sync()).toEqual(stale.state);
    expect(await next).toMatchObject({ code: 'ERR_JOURNAL_COMPACTED' });
  });

  it('snapshots of several instances at once: all end, the newest wins', async () => {
    const { open } = place();
    const instances = await Promise.all([open(ledger), open(ledger), open(ledger)]);
    for (const [index, one] of instances.entries()) {
      await one.handle(index + 1);
      await one.sync();
    }
    const made = await Promise.all(instances.map((one) => one.snapshot()));
    const kept = await (instances[0] as (typeof instances)[0]).snapshots();
    expect(kept.at(-1)?.seq).toBe(3);
    for (const { id } of made) expect(kept.map((one) => one.id)).toContain(id);
    expect((await open(ledger)).state.sum).toBe(6);
  });
}
