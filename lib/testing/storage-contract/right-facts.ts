/** Facts about who alone may write. */
import { equal, errorOf, holds, matches } from './checks.js';
import { type Fact, fact } from './fact.js';
import { ledger, range } from './samples.js';

const refused = { code: 'ERR_NOT_WRITER', outcome: 'not-done' };

export const rightFacts: readonly Fact[] = [
  fact('one writer alone: others are refused until it goes or is taken over, and then it is', async ({ open }) => {
    const [other, alone] = [await open(ledger), await open({ ...ledger, mode: 'single-writer' })];
    await alone.handle(1);
    matches(await errorOf(other.handle(2)), refused);
    equal((await other.sync()).sum, 1);
    matches(await errorOf(open({ ...ledger, mode: 'single-writer' })), refused);
    const next = await open({ ...ledger, mode: 'single-writer', takeOver: true });
    matches(await errorOf(alone.handle(3)), refused);
    matches(await next.handle(4), { seq: 2, state: { sum: 5 } });
    // It has nothing to give up any more.
    await alone.close();
    matches(await errorOf(other.handle(5)), refused);
    await next.close();
    matches(await other.handle(6), { seq: 3, state: { seen: [1, 4, 6] } });
  }),

  fact('the right is one’s own: nobody else can give it up', async ({ openLog }) => {
    const [one, other] = [openLog(), openLog()];
    await Promise.all([one.log.recover(), other.log.recover()]);
    holds(one.log.instance !== other.log.instance, 'two instances were to have two names');
    await one.log.hold({});
    await other.log.release();
    matches(await errorOf(other.append(['1'])), refused);
    matches(await one.append(['2']), { seq: 1 });
    await one.log.release();
    await one.log.release();
    matches(await other.append(['3']), { seq: 2 });
  }),

  fact('who was deposed writes no more, and can not give up what is another’s', async ({ openLog }) => {
    const [one, other, third] = [openLog(), openLog(), openLog()];
    for (const { log } of [one, other, third]) await log.recover();
    await one.log.hold({});
    matches(await errorOf(other.log.hold({})), refused);
    await other.log.hold({ takeOver: true });
    matches(await errorOf(one.append(['1'])), refused);
    await one.log.release();
    matches(await errorOf(third.append(['2'])), refused);
    matches(await other.append(['3']), { seq: 1 });
    // Having given up, it is one of all.
    matches(await errorOf(one.append(['4'])), refused);
    await other.log.release();
    matches(await one.append(['5']), { seq: 2 });
    equal(
      [one, other, third].map(({ taken }) => taken.length),
      [2, 1, 0],
    );
  }),

  fact('of appends on their way, those that are in before a take-over count, and no later one', async ({ openLog }) => {
    const [one, other] = [openLog(), openLog()];
    await Promise.all([one.log.recover(), other.log.recover()]);
    await one.log.hold({});
    const appends = Promise.allSettled(range(12).map((n) => one.append([`${n}`])));
    await other.log.hold({ takeOver: true });
    const settled = await appends;
    const counted = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value.seq] : []));
    equal(counted, range(counted.length));
    for (const one of settled) if (one.status === 'rejected') matches(one.reason, refused);
    matches(await other.append(['last']), { seq: counted.length + 1 });
  }),
];
