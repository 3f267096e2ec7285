/** Facts about snapshots that can't be read any more: nothing is made up, and what can be had is had. */
import { equal, errorOf, holds, matches } from './checks.js';
import { type Fact, fact } from './fact.js';
import { ledger, noise, range } from './samples.js';

export const damageFacts: readonly Fact[] = [
  fact('a damaged snapshot is passed over with a warning, for an older one', async ({ open, ...place }) => {
    const one = await open(ledger);
    for (const n of range(6)) {
      await one.handle(n);
      if (n === 2 || n === 4) await one.snapshot();
    }
    const digest = await one.stateDigest();
    const [, newest] = await one.snapshots();
    await one.close();
    await place.damageSnapshot(newest?.id as string);
    const other = await open(ledger);
    equal([other.seq, await other.stateDigest()], [6, digest]);
    equal(other.stats().replayed, 4);
    holds(place.warnings.length > 0, 'the damage was to be told');
    matches(place.warnings[0], { code: 'ERR_SNAPSHOT_DAMAGED' });
    matches(await other.handle(7), { seq: 7 });
  }),

  fact('where all of the journal is there, it is replayed instead', async ({ open, damageSnapshot, warnings }) => {
    const one = await open(ledger);
    for (const n of range(4)) await one.handle(n);
    const { id } = await one.snapshot();
    await one.close();
    await damageSnapshot(id);
    const other = await open(ledger);
    equal([other.state.seen, other.stats().replayed], [range(4), 4]);
    matches(warnings[0], { code: 'ERR_SNAPSHOT_DAMAGED' });
    // And a new one can be made of the same state, which is read from then on.
    await other.snapshot();
    await other.close();
    const told = warnings.length;
    const third = await open(ledger);
    equal([third.state.seen, third.stats().replayed, warnings.length], [range(4), 0, told]);
  }),

  fact('where it is not, opening is refused, and nothing is written', async ({ open, damageSnapshot, writes }) => {
    const one = await open({ ...ledger, retention: { keep: 1 } });
    for (const n of range(60)) await one.handle({ pay: n, note: noise(3_000, n) });
    const { id } = await one.snapshot();
    await one.prune();
    // A storage that removes whole files may have it all the same.
    const isGone = await one.at({ seq: 0 }).then(
      () => false,
      () => true,
    );
    await one.close();
    await damageSnapshot(id);
    const before = writes();
    if (!isGone) {
      equal((await open(ledger)).state.seen, range(60));
      return;
    }
    matches(await errorOf(open({ ...ledger, mode: 'read-only' })), {
      code: 'ERR_SNAPSHOT_DAMAGED',
      outcome: 'not-done',
    });
    equal(writes(), before);
  }),
];
