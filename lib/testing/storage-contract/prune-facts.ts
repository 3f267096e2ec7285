/** Facts about pruning: what is wanted stays, and what is gone is gone by name. */
import { equal, holds, matches } from './checks.js';
import { type Fact, fact } from './fact.js';
import { emptyLedger, ledger, noise, range } from './samples.js';
import { take } from './take.js';

/** What was pruned is gone, and that is said by name. */
async function goneOr<T>(work: Promise<T>): Promise<T | 'gone'> {
  try {
    return await work;
  } catch (error) {
    matches(error, { code: 'ERR_JOURNAL_COMPACTED', outcome: 'not-done' });
    return 'gone';
  }
}

export const pruneFacts: readonly Fact[] = [
  fact('who reads while it is pruned gets all of it, or is told that it is gone', async ({ openLog }) => {
    const { log, append } = openLog();
    await log.recover();
    for (const n of range(60)) {
      await append([JSON.stringify(noise(200, n))]);
      if (n % 20 === 0) await log.snapshot({ due: false });
    }
    const reading = log.read(1);
    const seqs: number[] = [];
    const rest = async () => {
      for await (const { commit } of reading) {
        if (commit.count > 0) seqs.push(commit.first);
        if (seqs.length === 2) await log.prune();
      }
    };
    const end = await goneOr(rest());
    equal(seqs, range(seqs.length));
    holds(end === 'gone' || seqs.length === 60, `a reading ended after ${seqs.length} of 60 events, without a word`);
  }),

  fact('prune leaves what the newest two snapshots need; what is older is gone, or as it was', async ({ open }) => {
    const one = await open(ledger);
    const digests = new Map<number, string>();
    for (const n of range(45)) {
      await one.handle({ pay: n, note: noise(120, n) });
      digests.set(n, await one.stateDigest());
      if (n % 15 === 0) await one.snapshot();
    }
    const report = await one.prune();
    matches(report, { kept: 2, snapshotsRemoved: 1 });
    equal(
      (await one.snapshots()).map(({ seq }) => seq),
      [30, 45],
    );
    matches(await one.prune(), { kept: 2, snapshotsRemoved: 0 });
    const old = await goneOr(one.at({ seq: 1 }));
    if (old !== 'gone') equal(old.state.seen, [1]);
    const change = await goneOr(one.changes({ from: 1 }).next());
    if (change !== 'gone') matches(change, { value: { seq: 1 } });
    for (const seq of [30, 31, 38, 44, 45]) {
      const { state } = await one.at({ seq });
      equal(state.seen, range(seq));
    }
    matches(await one.handle(46), { seq: 46 });
    const digest = await one.stateDigest();
    await one.close();
    const two = await open(ledger);
    equal([two.seq, await two.stateDigest()], [46, digest]);
  }),

  fact('prune with nothing to remove removes nothing, before the first event too', async ({ open }) => {
    const one = await open(ledger);
    const nothing = { kept: 0, snapshotsRemoved: 0, pagesRemoved: 0, bodiesRemoved: 0 };
    equal(await one.prune(), nothing);
    await one.handle(1);
    equal(await one.prune(), nothing);
    equal(await one.at({ seq: 0 }), { state: emptyLedger, seq: 0, time: 0 });
  }),

  fact('prune leaves the whole journal where it is to be kept for ever', async ({ open }) => {
    const one = await open({ ...ledger, retention: { keep: 1, journal: 'forever' } });
    for (const n of range(30)) {
      await one.handle({ pay: n, note: noise(120, n) });
      if (n % 10 === 0) await one.snapshot();
    }
    matches(await one.prune(), { kept: 1, snapshotsRemoved: 2 });
    equal((await one.at({ seq: 0 })).state, emptyLedger);
    for (const seq of [1, 10, 15, 29, 30]) equal((await one.at({ seq })).state.seen, range(seq));
    const changes = await take(one.changes({ from: 1 }), 30);
    equal(
      changes.map(({ seq }) => seq),
      range(30),
    );
  }),

  fact('prune leaves what the only snapshot that is kept needs', async ({ open }) => {
    const one = await open({ ...ledger, retention: { keep: 1 } });
    for (const n of range(20)) {
      await one.handle({ pay: n, note: noise(3_000, n) });
      if (n % 8 === 0) await one.snapshot();
      if (n % 5 === 0) await one.prune();
    }
    for (const seq of range(5, 16)) equal((await one.at({ seq })).state.seen, range(seq));
    await one.close();
    const { state, seq } = await open(ledger);
    equal([state.seen, seq], [range(20), 20]);
  }),
];
