/** Facts about ids: an event that comes again is known, and gets its first result. */
import { equal, errorOf, matches } from './checks.js';
import { type Fact, fact } from './fact.js';
import { counter, ledger, range } from './samples.js';

export const idFacts: readonly Fact[] = [
  fact('an id that was seen gets its first result again, and nothing is journalled', async ({ open, writes }) => {
    const one = await open<number, number, number>(counter);
    matches(await one.handle(5, { id: 'a' }), { result: 5, seq: 1, status: 'journalled' });
    await one.handle(1);
    const before = writes();
    matches(await one.handle(5, { id: 'a' }), { result: 5, state: 6, seq: 2, status: 'known' });
    equal(writes(), before);
    equal(one.state, 6);
  }),

  fact('of several events with one id in one batch the first counts', async ({ open }) => {
    const one = await open<number, number, number>(counter);
    const answers = await Promise.all([
      one.handle(5, { id: 'a' }),
      one.handle(7, { id: 'a' }),
      one.handle(5, { id: 'a' }),
    ]);
    equal(
      answers.map(({ status, result }) => [status, result]),
      [
        ['journalled', 5],
        ['known', 5],
        ['known', 5],
      ],
    );
    equal(one.state, 5);
  }),

  fact('ids are known after a replay, after a snapshot, and after both', async ({ open }) => {
    const one = await open<number, number, number>(counter);
    await one.handle(5, { id: 'a' });
    await one.close();
    const two = await open<number, number, number>(counter);
    matches(await two.handle(5, { id: 'a' }), { result: 5, status: 'known' });
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
      matches(await three.handle(1, { id }), { result, status: 'known', seq: 3 });
    }
  }),

  fact('an id without a result is known as well', async ({ open }) => {
    const one = await open(ledger);
    await one.handle(1, { id: 'a' });
    await one.snapshot();
    await one.close();
    const two = await open(ledger);
    matches(await two.handle(1, { id: 'a' }), { status: 'known', result: undefined });
  }),

  fact('ids of refusals and of events that change nothing are not remembered', async ({ open }) => {
    const one = await open(ledger);
    await errorOf(one.handle('refuse', { id: 'a' }));
    matches(await one.handle('same', { id: 'a' }), { status: 'same' });
    matches(await one.handle(1, { id: 'a' }), { status: 'journalled' });
    const both = await Promise.allSettled([one.handle('refuse', { id: 'b' }), one.handle(2, { id: 'b' })]);
    equal(
      both.map(({ status }) => status),
      ['rejected', 'fulfilled'],
    );
    equal(one.state.seen, [1, 2]);
  }),

  fact('the newest idsMax ids are remembered, here and after a recovery', async ({ open }) => {
    const system = { ...counter, idsMax: 3 };
    const one = await open<number, number, number>(system);
    await Promise.all(range(5).map((n) => one.handle(n, { id: `${n}` })));
    const statuses = async (system: typeof one) => {
      const answers = [];
      for (const id of ['5', '4', '3']) answers.push((await system.handle(1, { id })).status);
      return answers;
    };
    equal(await statuses(one), ['known', 'known', 'known']);
    await one.snapshot();
    await one.close();
    const two = await open<number, number, number>(system);
    equal(await statuses(two), ['known', 'known', 'known']);
    matches(await two.handle(1, { id: '2' }), { status: 'journalled' });
  }),
];
