/** Facts about snapshots: what is in them, and recovering from them. */
import { equal, errorOf, holds, matches } from './checks.js';
import { type Fact, fact } from './fact.js';
import { collector, type Entry, type Ledger, ledger, noise, range } from './samples.js';

const uncalled = {
  ...ledger,
  handler() {
    throw new Error('the handler was called');
  },
};

export const snapshotFacts: readonly Fact[] = [
  fact('a snapshot says what is in it; twice in a row is once', async ({ open, writes, clock }) => {
    const one = await open(ledger);
    clock.set(4_000);
    await Promise.all([one.handle(1), one.handle(2)]);
    const made = await one.snapshot();
    matches(made, { seq: 2, time: 4_000 });
    equal([typeof made.parts, typeof made.digest], ['number', 'string']);
    holds(made.bytes > 0, 'a snapshot was to have bytes');
    const before = writes();
    equal((await one.snapshot()).id, made.id);
    await one.handle('same');
    equal((await one.snapshot()).id, made.id);
    equal(writes(), before);
    equal(
      (await one.snapshots()).map(({ id }) => id),
      [made.id],
    );
    await one.handle(3);
    const next = await one.snapshot();
    equal(next.seq, 3);
    equal(
      (await one.snapshots()).map(({ id }) => id),
      [made.id, next.id],
    );
  }),

  fact('the digest of a snapshot is another one for another state, and the same for whoever asks', async ({ open }) => {
    const one = await open({ ...ledger, retention: { keep: 5 } });
    const digests: string[] = [];
    for (const n of [1, 2, -2]) {
      await one.handle(n);
      digests.push((await one.snapshot()).digest);
    }
    equal(new Set(digests).size, 3);
    holds(!digests.includes(''), 'a snapshot was to have a digest');
    await one.close();
    const other = await open(ledger);
    equal(
      (await other.snapshots()).map(({ digest }) => digest),
      digests,
    );
  }),

  fact('a snapshot that is asked for together with events is of a state that was', async ({ openLog }) => {
    const { log, append } = openLog();
    await log.recover();
    await append(['1']);
    for (const n of range(6, 2)) {
      const appended = append([`${n}`]);
      const { seq = 0 } = (await log.snapshot({ due: false })) ?? {};
      await appended;
      const { captured } = await log.pastStart({ seq });
      equal((captured as { readonly lines: readonly string[] }).lines, range(seq).map(String));
    }
    await log.close();
    const other = openLog();
    await other.log.recover();
    const { captured } = other.restored ?? {};
    const { lines = [] } = (captured ?? {}) as { readonly lines?: readonly string[] };
    equal([...lines, ...other.taken.map(({ text }) => text)], range(7).map(String));
  }),

  fact('before the first event there is nothing to make a snapshot of', async ({ open }) => {
    const one = await open(ledger);
    matches(await errorOf(one.snapshot()), { code: 'ERR_SNAPSHOT', outcome: 'not-done' });
    matches(await one.handle(1), { seq: 1 });
  }),

  fact('recovers from a snapshot without calling the handler for what it covers', async ({ open, warnings }) => {
    const one = await open(ledger);
    for (const n of range(20)) await one.handle({ pay: n, note: noise(100, n) });
    await one.snapshot();
    const digest = await one.stateDigest();
    await one.close();
    const two = await open(uncalled);
    equal([two.seq, two.time, await two.stateDigest()], [20, 1_000, digest]);
    equal(warnings, []);
  }),

  fact('after a snapshot only what came later is replayed', async ({ open }) => {
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
    equal(two.state, state);
    equal(seqs, [2, 3]);
    equal(two.stats().replayed, 2);
  }),

  fact('a snapshot is of one state, whatever happens while it is made', async ({ open }) => {
    const one = await open(ledger);
    for (const n of range(10)) await one.handle({ pay: n, note: noise(1_000, n) });
    const making = one.snapshot();
    const handled = range(10, 11).map((n) => one.handle(n));
    const made = await making;
    await Promise.all(handled);
    holds(made.seq >= 10 && made.seq <= 20, `the snapshot was to be of event 10 to 20, and says ${made.seq}`);
    equal((await one.at({ seq: made.seq })).state.seen, range(made.seq));
    await one.verify();
    await one.close();
    equal((await open(ledger)).state.seen, range(20));
  }),

  fact('a state of many parts is the same after a recovery', async ({ open }) => {
    const one = await open(collector);
    for (const n of range(8)) await one.handle({ n, text: noise(400_000, n) });
    const digest = await one.stateDigest();
    const { bytes } = await one.snapshot();
    holds(bytes > 2_000_000, 'what can not be packed was to take its bytes');
    await one.close();
    const other = await open({ ...collector, handler: () => ['the handler was called'] });
    equal([other.seq, await other.stateDigest()], [8, digest]);
  }),
];
