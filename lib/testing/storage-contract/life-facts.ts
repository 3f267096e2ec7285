/** Facts about opening, closing, formats, and who may do what, with one instance at a time. */
import { equal, errorOf, errorThrown, isKind, matches } from './checks.js';
import { type Fact, fact, factOfEach } from './fact.js';
import { ledger } from './samples.js';
import { usesOf } from './uses.js';

export const lifeFacts: readonly Fact[] = [
  fact('close waits for what is under way', async ({ open }) => {
    const one = await open(ledger);
    const handled = [1, 2, 3].map((n) => one.handle(n));
    await one.close();
    equal(
      (await Promise.all(handled)).map(({ seq }) => seq),
      [1, 2, 3],
    );
    equal((await open(ledger)).state.sum, 6);
  }),

  fact('close waits for a snapshot under way', async ({ open }) => {
    const one = await open(ledger);
    await one.handle(1);
    let made = 0;
    const snapshot = one.snapshot().then(({ seq }) => {
      made = seq;
    });
    await one.close();
    equal(made, 1);
    await snapshot;
  }),

  fact('a closed instance refuses every use, and closes again without a word', async ({ open, writes }) => {
    const one = await open(ledger);
    await one.handle(1);
    await one.close();
    await one.close();
    const before = writes();
    const closed = { code: 'ERR_CLOSED', outcome: 'not-done' };
    const { atOnce, awaited } = usesOf(one, 2);
    for (const use of atOnce) matches(errorThrown(use), closed);
    for (const use of awaited) matches(await errorOf(use()), closed);
    equal(writes(), before);
    await one[Symbol.asyncDispose]();
  }),

  fact('refuses what another application keeps under this name, and leaves it as it is', async ({ open }) => {
    const one = await open({ ...ledger, format: 'bank/1' });
    await one.handle(1);
    await one.close();
    matches(await errorOf(open({ ...ledger, format: 'shop/1' })), {
      code: 'ERR_JOURNAL_FORMAT',
      outcome: 'not-done',
    });
    equal((await open({ ...ledger, format: 'bank/1' })).state.sum, 1);
  }),

  fact('opening writes nothing, nor does a reader ever', async ({ open, writes }) => {
    const empty = await open({ ...ledger, mode: 'read-only' });
    equal(empty.state.sum, 0);
    await empty.close();
    const one = await open(ledger);
    await one.handle(1);
    await one.snapshot();
    await one.handle(2);
    await one.close();
    const before = writes();
    const reader = await open({ ...ledger, mode: 'read-only', snapshots: { bytesMin: 0, eventsMin: 1 } });
    equal(reader.state.sum, 3);
    await reader.sync();
    await reader.at({ seq: 1 });
    await reader.verify();
    for await (const { seq } of reader.changes({ from: 1 })) if (seq === 2) break;
    const refused = { code: 'ERR_READ_ONLY', outcome: 'not-done' };
    matches(await errorOf(reader.handle(3)), refused);
    matches(await errorOf(reader.snapshot()), refused);
    matches(await errorOf(reader.prune()), refused);
    await reader.close();
    equal(writes(), before);
  }),

  fact('what is in one store is not in another', async ({ open, openElsewhere }) => {
    const [one, other] = [await open(ledger), await openElsewhere(ledger)];
    await one.handle(1, { id: 'a' });
    await one.snapshot();
    matches(await other.handle(2, { id: 'a' }), { seq: 1, status: 'journalled', state: { sum: 2, seen: [2] } });
    equal((await other.snapshot()).seq, 1);
    await one.handle(3);
    equal([(await one.sync()).seen, (await other.sync()).seen], [[1, 3], [2]]);
    equal([(await one.snapshots()).length, (await other.snapshots()).length], [1, 1]);
  }),

  fact('one writer alone gives up its right when it is closed', async ({ open }) => {
    const alone = await open({ ...ledger, mode: 'single-writer' });
    await alone.handle(1);
    await alone.close();
    const next = await open(ledger);
    matches(await next.handle(2), { seq: 2 });
  }),

  ...factOfEach(
    [
      ['no handler', { handler: undefined }, 'TypeError'],
      ['no initial state', { initialState: undefined }, 'TypeError'],
      ['a format that is too long', { format: 'x'.repeat(101) }, 'RangeError'],
      ['no such mode', { mode: 'both' }, 'RangeError'],
      ['less than no ids', { idsMax: -1 }, 'RangeError'],
      ['half an event', { waitingEventsMax: 0.5 }, 'RangeError'],
      ['no snapshot to keep', { retention: { keep: 0 } }, 'RangeError'],
    ],
    'refuses wrong options before anything is sent: %s',
    async ({ open, writes }, [_name, wrong, kind]) => {
      const before = writes();
      const options = { ...ledger, ...wrong } as unknown as typeof ledger;
      isKind(await errorOf(open(options)), kind);
      equal(writes(), before);
    },
  ),

  ...factOfEach(
    [
      ['an empty id', { id: '' }, 'RangeError'],
      ['an id that is too long', { id: 'é'.repeat(257) }, 'RangeError'],
      ['an id that is a number', { id: 5 }, 'RangeError'],
      ['less than no time', { timeoutMs: -1 }, 'RangeError'],
      ['a time that is no number', { timeoutMs: Number.NaN }, 'RangeError'],
    ],
    'refuses wrong options of a call: %s',
    async ({ open }, [_name, wrong, kind]) => {
      const one = await open(ledger);
      isKind(await errorOf(one.handle(1, wrong as unknown as { id: string })), kind);
      matches(await one.handle(1), { seq: 1 });
    },
  ),
];
