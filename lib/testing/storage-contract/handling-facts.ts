/** Facts about `handle`: answers, refusals, what is journalled, many callers, states of all kinds. */
import { withResult } from '../../prevalence/index.js';
import { equal, errorOf, holds, isKind, matches } from './checks.js';
import { type Fact, fact, factOfEach } from './fact.js';
import { type Entry, ledger, range } from './samples.js';

export const handlingFacts: readonly Fact[] = [
  fact('begins with the initial state and nothing else', async ({ open }) => {
    const one = await open(ledger);
    equal(one.state, { sum: 0, seen: [] });
    equal([one.seq, one.time], [0, 0]);
    equal(await one.sync(), one.state);
  }),

  fact('answers with the state after the event, its number, its time and its result', async ({ open, clock }) => {
    const handler = (sum: number, n: number) => withResult(sum + n, `${sum} and ${n}`);
    const one = await open<number, number, string>({ initialState: 0, handler });
    clock.set(5_000);
    const first = await one.handle(2);
    equal(first, { state: 2, result: '0 and 2', seq: 1, time: 5_000, status: 'journalled' });
    clock.set(6_000);
    const second = await one.handle(3);
    equal(second, { state: 5, result: '2 and 3', seq: 2, time: 6_000, status: 'journalled' });
    equal([one.state, one.seq, one.time], [5, 2, 6_000]);
  }),

  fact('tells the handler time and number, the same at every replay', async ({ open, clock }) => {
    type Told = readonly (readonly [time: number, seq: number])[];
    const handler = (told: Told, _: string, { time, seq }: { time: number; seq: number }): Told => [
      ...told,
      [time, seq],
    ];
    const one = await open({ initialState: [] as Told, handler });
    await one.handle('a');
    clock.set(9_000);
    await Promise.all([one.handle('b'), one.handle('c')]);
    equal(one.state, [
      [1_000, 1],
      [9_000, 2],
      [9_000, 3],
    ]);
    const told = one.state;
    await one.close();
    clock.set(20_000);
    equal((await open({ initialState: [] as Told, handler })).state, told);
  }),

  fact('a state that is an array goes with a result and without', async ({ open }) => {
    const handler = (list: readonly number[], n: number) =>
      n > 1 ? withResult([...list, n], list.length) : [...list, n];
    const one = await open<readonly number[], number, number>({ initialState: [], handler });
    matches(await one.handle(1), { state: [1], result: undefined });
    matches(await one.handle(2), { state: [1, 2], result: 1 });
  }),

  fact('an event that the handler refuses leaves no trace, and the next one works', async ({ open, writes }) => {
    const one = await open(ledger);
    await one.handle(1);
    const before = writes();
    const refusal = await errorOf(one.handle('refuse'));
    isKind(refusal, 'RangeError');
    equal(refusal.message, 'refused');
    equal(writes(), before);
    equal([one.state, one.seq], [{ sum: 1, seen: [1] }, 1]);
    matches(await one.handle(2), { seq: 2, state: { sum: 3 } });
    await one.close();
    equal((await open(ledger)).state, { sum: 3, seen: [1, 2] });
  }),

  fact('an event that leaves the state the same is answered and not journalled', async ({ open, writes }) => {
    const one = await open(ledger);
    await one.handle(1);
    const before = writes();
    matches(await one.handle('same'), { status: 'same', seq: 1, state: { sum: 1 } });
    equal(writes(), before);
    equal(one.seq, 1);
  }),

  fact(
    'many callers at once: each event counts once, in the order of the calls, refusals and no-ops between',
    async ({ open }) => {
      const one = await open(ledger);
      const entries = range(300).map((n): Entry => (n % 10 === 3 ? 'refuse' : n % 10 === 7 ? 'same' : n));
      const answers = await Promise.allSettled(entries.map((entry) => one.handle(entry)));
      const wanted = entries.filter((entry) => typeof entry === 'number');
      equal(one.state.seen, wanted);
      equal(one.seq, wanted.length);
      let seq = 0;
      for (const [index, answer] of answers.entries()) {
        if (typeof entries[index] === 'number') seq += 1;
        if (entries[index] === 'refuse') equal(answer.status, 'rejected');
        else matches(answer, { status: 'fulfilled', value: { seq } });
      }
      holds(one.stats().commits < wanted.length / 10, 'callers who wait together were to share commits');
      const digest = await one.stateDigest();
      await one.close();
      equal(await (await open(ledger)).stateDigest(), digest);
    },
  ),

  fact(
    'an event that only stands because of one before it in the same batch, and one that falls because of it',
    async ({ open }) => {
      const one = await open(ledger);
      const answers = await Promise.allSettled([5, -3, -3, 1, -3].map((n) => one.handle(n)));
      equal(
        answers.map(({ status }) => status === 'fulfilled'),
        [true, true, false, true, true],
      );
      equal(one.state, { sum: 0, seen: [5, -3, 1, -3] });
    },
  ),

  ...factOfEach(
    [
      ['null', 1, null],
      ['false', true, false],
      ['zero', 1, 0],
      ['the empty string', 'a', ''],
    ],
    'a state that is %s is one, by replay and by snapshot',
    async ({ open }, [_name, initialState, event]) => {
      const system = { initialState: initialState as unknown, handler: (_: unknown, next: unknown) => next };
      const one = await open(system);
      matches(await one.handle(event), { status: 'journalled', state: event });
      await one.close();
      const two = await open(system);
      equal([two.state, two.seq], [event, 1]);
      await two.snapshot();
      await two.close();
      const three = await open({ ...system, handler: () => 'not called' });
      equal([three.state, three.seq], [event, 1]);
    },
  ),
];
