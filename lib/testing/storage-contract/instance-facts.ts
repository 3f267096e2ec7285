/** Facts about several instances of one system: one order, barriers, snapshots of several at once. */
import { equal, errorOf, includes, matches } from './checks.js';
import { type Fact, fact } from './fact.js';
import { type Entry, ledger, noise, range } from './samples.js';
import { take } from './take.js';

export const instanceFacts: readonly Fact[] = [
  fact(
    'all instances see one order: equal digests at every number, answers of each in its own order',
    async ({ open }) => {
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
      for (const seqs of answers)
        equal(
          seqs,
          [...seqs].sort((a, b) => a - b),
        );
      equal(
        answers.flat().sort((a, b) => a - b),
        range(3 * 18),
      );
      const fresh = await open(ledger);
      for (const instance of instances) await instance.sync();
      const digests = await Promise.all([...instances, fresh].map((instance) => instance.stateDigest()));
      equal(new Set(digests).size, 1);
      for (const instance of instances) {
        const changes = await take(instance.changes({ from: 1 }), 54);
        equal(
          changes.map(({ event }) => event),
          fresh.state.seen,
        );
        equal(
          changes.map(({ seq }) => seq),
          range(54),
        );
      }
    },
  ),

  fact('sync is a barrier: afterwards all is there that was acknowledged anywhere', async ({ open }) => {
    const [one, other] = [await open(ledger), await open(ledger)];
    for (const n of range(5)) {
      await one.handle(n);
      equal(await other.sync(), one.state);
      equal([other.seq, other.time], [one.seq, one.time]);
    }
  }),

  fact('an event is decided on the newest state, wherever that was made', async ({ open }) => {
    const [one, other] = [await open(ledger), await open(ledger)];
    await one.handle(5);
    matches(await other.handle(-5), { seq: 2, state: { sum: 0 } });
    equal((await errorOf(one.handle(-1))).message, 'overdrawn');
    await other.handle(1);
    matches(await one.handle('same'), { status: 'same', seq: 3, state: { sum: 1 } });
  }),

  fact('a log that catches up several times at once tells of each commit once', async ({ openLog }) => {
    const [one, other] = [openLog(), openLog()];
    await one.log.recover();
    await other.log.recover();
    for (const n of range(8)) await one.append([`${n}`]);
    const folds = range(4).map((n) => other.log.catchUp(n % 2 === 0 ? 'strong' : 'eventual'));
    await Promise.all([...folds, other.append(['9'])]);
    equal(
      other.taken.map(({ text }) => text),
      range(9).map(String),
    );
  }),

  fact('an id is known across instances, with its first result', async ({ open }) => {
    const [one, other] = [await open(ledger), await open(ledger)];
    await one.handle(1, { id: 'a' });
    matches(await other.handle(1, { id: 'a' }), { status: 'known', seq: 1 });
    const both = await Promise.all([one.handle(2, { id: 'b' }), other.handle(2, { id: 'b' })]);
    equal(both.map(({ status }) => status).sort(), ['journalled', 'known']);
    equal((await one.sync()).seen, [1, 2]);
  }),

  fact('large events of several instances, in one order', async ({ open }) => {
    const instances = [await open(ledger), await open(ledger)];
    const events = (instance: number) =>
      range(6).map((n): Entry => ({ pay: instance * 100 + n, note: noise(n % 2 === 0 ? 20_000 : 10, n) }));
    await Promise.all(instances.map((one, index) => Promise.all(events(index).map((event) => one.handle(event)))));
    await Promise.all(events(0).map((event, index) => (instances[index % 2] as (typeof instances)[0]).handle(event)));
    const states = await Promise.all(instances.map((one) => one.sync()));
    equal(states[0], states[1]);
    equal(states[0]?.seen.length, 18);
  }),

  fact('an instance that is far behind goes on from a snapshot', async ({ open }) => {
    const [one, stale] = [await open(ledger), await open(ledger)];
    await stale.handle(1);
    for (const n of range(30, 2)) {
      await one.handle({ pay: n, note: noise(120, n) });
      if (n % 10 === 0) await one.snapshot();
    }
    await one.prune();
    const changes = stale.changes();
    const next = changes.next().then(
      ({ value }) => value,
      (error: unknown) => error,
    );
    matches(await stale.handle(100), { seq: 32 });
    equal(await one.sync(), stale.state);
    // What it has not been told of is gone, or is told.
    const told = (await next) as { readonly code?: unknown };
    matches(told, told.code === undefined ? { seq: 2, event: { pay: 2 } } : { code: 'ERR_JOURNAL_COMPACTED' });
  }),

  fact('snapshots of several instances at once: all end, the newest wins', async ({ open }) => {
    const instances = await Promise.all([open(ledger), open(ledger), open(ledger)]);
    for (const [index, one] of instances.entries()) {
      await one.handle(index + 1);
      await one.sync();
    }
    const made = await Promise.all(instances.map((one) => one.snapshot()));
    const kept = await (instances[0] as (typeof instances)[0]).snapshots();
    equal(kept.at(-1)?.seq, 3);
    for (const { id } of made)
      includes(
        kept.map((one) => one.id),
        id,
      );
    equal((await open(ledger)).state.sum, 6);
  }),

  fact(
    'what several append at once is in one order for all, each decision on what is before it',
    async ({ openLog }) => {
      const logs = range(3).map(() => openLog());
      for (const { log } of logs) await log.recover();
      const decidedOn = new Map<number, number>();
      const appendNext = async ({ log }: (typeof logs)[0]) => {
        let seen = -1;
        const decide = ({ seq }: { readonly seq: number }) => {
          seen = seq;
          return { text: `{"after":${seq}}`, count: 1 };
        };
        const appended = await log.append({ decide });
        if (appended.status === 'applied') decidedOn.set(appended.commit.first, seen);
      };
      await Promise.all(logs.flatMap((log) => range(15).map(() => appendNext(log))));
      equal(
        [...decidedOn].sort(([a], [b]) => a - b),
        range(45).map((seq) => [seq, seq - 1]),
      );
      const fresh = openLog();
      await fresh.log.recover();
      equal(
        fresh.taken.map(({ text }) => text),
        range(45, 0).map((seq) => `{"after":${seq}}`),
      );
    },
  ),

  fact('an acknowledged event is there for whoever opens next', async ({ openLog }) => {
    const one = openLog();
    await one.log.recover();
    for (const n of range(8)) {
      await one.append([`${n}`]);
      const { log, taken } = openLog({ readOnly: true });
      await log.recover();
      equal(taken.at(-1)?.seq, n);
      await log.close();
    }
  }),
];
