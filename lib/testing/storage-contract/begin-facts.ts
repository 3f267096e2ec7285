/** Facts about a log that begins with a state instead of nothing. */
import { isDeepStrictEqual } from 'node:util';
import { equal, errorOf, holds, matches } from './checks.js';
import { type Fact, fact } from './fact.js';
import { ledger, noise, range } from './samples.js';

const base = { captured: { lines: ['a', 'b'] }, seq: 7, time: 4_000 } as const;
/** As a system captures itself. */
const systemBase = { captured: { state: { sum: 3, seen: [1, 2] }, ids: [['x', undefined]] }, seq: 7, time: 4_000 };

export const beginFacts: readonly Fact[] = [
  fact('whoever opens goes on from the state, with its number and its time', async ({ openLog, clock }) => {
    const first = openLog();
    clock.set(9_000);
    await first.log.begin(base);
    clock.set(1_000);
    await first.log.release();
    await first.log.close();
    const other = openLog();
    await other.log.recover();
    equal(other.restored, base);
    equal(other.taken, []);
    // The clock says 1000, and time never goes back.
    equal(await other.append(['8', '9']), { seq: 9, time: 4_000 });
    await other.log.close();
    const third = openLog();
    await third.log.recover();
    equal(third.restored, base);
    equal(third.taken, [{ seq: 9, time: 4_000, text: '8\n9' }]);
  }),

  fact('the log that it was begun on goes on from there as well', async ({ openLog }) => {
    const one = openLog();
    await one.log.recover();
    await one.log.begin(base);
    await one.log.catchUp('strong');
    equal(one.restored, base);
    matches(await one.append(['8']), { seq: 8 });
    equal(one.taken, [{ seq: 8, time: 4_000, text: '8' }]);
  }),

  fact('what comes after the state can be read, what was before it is gone by name', async ({ openLog }) => {
    const { log, append } = openLog();
    await log.begin(base);
    for (const n of range(5, 8)) await append([`${n}`]);
    const firsts: number[] = [];
    for await (const { commit } of log.read(8)) if (commit.count > 0) firsts.push(commit.first);
    equal(firsts, range(5, 8));
    const compacted = { code: 'ERR_JOURNAL_COMPACTED', outcome: 'not-done' };
    matches(await errorOf(log.read(3).next()), compacted);
    matches(await errorOf(log.pastStart({ seq: 3 })), compacted);
    const { captured, at } = await log.pastStart({ seq: 9 });
    equal([captured, at.seq, at.time], [base.captured, base.seq, base.time]);
    matches(await log.snapshots(), [{ seq: 7, time: 4_000 }]);
  }),

  fact('a log in which there is an event is not begun, and stays as it is', async ({ openLog }) => {
    const { log, append } = openLog();
    await log.recover();
    await append(['1']);
    matches(await errorOf(log.begin(base)), { outcome: 'not-done' });
    matches(await append(['2']), { seq: 2 });
    await log.close();
    const other = openLog();
    await other.log.recover();
    equal(other.restored?.captured, undefined);
    equal(
      other.taken.map(({ text }) => text),
      ['1', '2'],
    );
    matches(await errorOf(other.log.begin(base)), { outcome: 'not-done' });
  }),

  fact('a log that has begun is not begun again', async ({ openLog }) => {
    const { log } = openLog();
    await log.begin(base);
    await log.close();
    const other = openLog();
    matches(await errorOf(other.log.begin({ ...base, seq: 8 })), { outcome: 'not-done' });
    await other.log.close();
    const third = openLog();
    await third.log.recover();
    equal(third.restored, base);
  }),

  fact('who has begun it holds it, until it is given up or taken', async ({ openLog }) => {
    const first = openLog();
    await first.log.begin(base);
    await first.log.close();
    const next = openLog();
    await next.log.recover();
    const refused = { code: 'ERR_NOT_WRITER', outcome: 'not-done' };
    matches(await errorOf(next.append(['8'])), refused);
    matches(await errorOf(next.log.hold({})), refused);
    await next.log.hold({ isMigration: true });
    matches(await next.append(['8']), { seq: 8 });
    await next.log.release();
    await next.log.close();
    const last = openLog();
    await last.log.recover();
    matches(await last.append(['9']), { seq: 9 });
  }),

  fact('a migration takes a log from another migration, and from nobody else', async ({ openLog, clock }) => {
    clock.set(0);
    const [first, next] = [openLog(), openLog()];
    await first.log.recover();
    await first.log.hold({});
    await first.append(['1']);
    await first.log.close();
    await next.log.recover();
    matches(await errorOf(next.log.hold({ isMigration: true })), { code: 'ERR_NOT_WRITER', outcome: 'not-done' });
    await next.log.hold({ takeOver: true, isMigration: true });
    matches(await next.append(['2']), { seq: 2 });
    await next.log.close();
    const last = openLog();
    await last.log.recover();
    matches(await errorOf(last.log.hold({})), { code: 'ERR_NOT_WRITER', outcome: 'not-done' });
    await last.log.hold({ isMigration: true });
    matches(await last.append(['3']), { seq: 3 });
  }),

  fact('a system goes on from it: state, ids, snapshots, pruning', async ({ open, openLog }) => {
    const { log } = openLog();
    await log.begin(systemBase);
    await log.release();
    await log.close();
    const one = await open(ledger);
    equal([one.seq, one.time, one.state], [7, 4_000, systemBase.captured.state]);
    matches(await one.handle(5, { id: 'x' }), { status: 'known' });
    matches(await one.handle(3), { seq: 8, time: 4_000, state: { sum: 6 } });
    equal((await one.at({ seq: 7 })).state, systemBase.captured.state);
    await one.snapshot();
    for (const n of range(30)) await one.handle({ pay: 1, note: noise(120, n) });
    await one.snapshot();
    matches(await one.prune(), { kept: 2, snapshotsRemoved: 1 });
    equal(await one.verify(), 1);
    const digest = await one.stateDigest();
    await one.close();
    const other = await open(ledger);
    equal([other.seq, await other.stateDigest()], [38, digest]);
  }),

  fact('a state of many parts is the same', async ({ openLog }) => {
    const { log } = openLog();
    const captured = { texts: range(8).map((n) => noise(400_000, n)) };
    await log.begin({ captured, seq: 1, time: 0 });
    await log.close();
    const other = openLog();
    await other.log.recover();
    holds(isDeepStrictEqual(other.restored?.captured, captured), 'all of it was to come back');
  }),
];
