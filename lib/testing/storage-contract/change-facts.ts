/** Facts about following: each change once and in order, those of other instances among them. */
import { VirtualClock } from '../virtual-clock.js';
import { equal, errorOf, matches } from './checks.js';
import { type Fact, fact } from './fact.js';
import { ledger, range } from './samples.js';
import { take } from './take.js';

export const changeFacts: readonly Fact[] = [
  fact('changes from now on, from the first, and across a recovery', async ({ open }) => {
    const one = await open(ledger);
    await Promise.all([one.handle(1, { id: 'a' }), one.handle(2)]);
    const fromNow = one.changes();
    const fromFirst = one.changes({ from: 1 });
    matches(await take(fromFirst, 2), [
      { seq: 1, time: 1_000, event: 1, id: 'a' },
      { seq: 2, time: 1_000, event: 2, id: undefined },
    ]);
    await one.handle(3);
    matches(await take(fromNow, 1), [{ seq: 3, event: 3 }]);
    matches(await take(fromFirst, 1), [{ seq: 3, event: 3 }]);
    await one.snapshot();
    await one.close();
    matches(await fromNow.next(), { done: true });
    matches(await fromFirst.next(), { done: true });
    const two = await open(ledger);
    const again = two.changes({ from: 2 });
    equal(
      (await take(again, 2)).map(({ seq }) => seq),
      [2, 3],
    );
    await two.handle(4);
    equal(
      (await take(again, 1)).map(({ event }) => event),
      [4],
    );
    await again.return(undefined);
  }),

  fact('changes of a slow consumer: nothing is left out, what others did among it', async ({ open }) => {
    const [one, other] = [await open(ledger), await open(ledger)];
    const changes = one.changes();
    const first = changes.next();
    await one.handle(1);
    matches(await first, { value: { seq: 1 } });
    for (const n of range(20, 2)) await (n % 3 === 0 ? other : one).handle(n);
    await one.sync();
    equal(
      (await take(changes, 20)).map(({ seq, event }) => [seq, event]),
      range(20, 2).map((n) => [n, n]),
    );
    const abort = new AbortController();
    const more = one.changes({ signal: abort.signal }).next();
    abort.abort(new Error('enough'));
    equal((await errorOf(more)).message, 'enough');
    await changes.return(undefined);
  }),

  fact('a change that is told of is in the state', async ({ open }) => {
    const [one, other] = [await open(ledger), await open(ledger)];
    await one.handle(1);
    await other.handle(2);
    const changes = one.changes({ from: 1 });
    equal(
      (await take(changes, 1)).map(({ seq }) => seq),
      [1],
    );
    const second = take(changes, 1).then(([change]) => [change?.seq, one.seq]);
    await one.sync();
    equal(await second, [2, 2]);
    await changes.return(undefined);
  }),

  fact('an instance follows what others do', async ({ open }) => {
    const clock = new VirtualClock();
    const [one, reader] = [await open(ledger), await open({ ...ledger, mode: 'read-only', follow: true, clock })];
    const changes = reader.changes();
    for (const n of range(3)) {
      const next = changes.next();
      await one.handle(n);
      await clock.advance(20_000);
      matches(await next, { value: { seq: n, event: n } });
      equal(reader.state, one.state);
    }
    await changes.return(undefined);
  }),
];
