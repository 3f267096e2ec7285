/** Facts about states that were. */
import { equal, errorOf, isKind, matches } from './checks.js';
import { type Fact, fact } from './fact.js';
import { ledger, range } from './samples.js';

export const pastFacts: readonly Fact[] = [
  fact('a state that was, by number, for every number, also within a commit', async ({ open }) => {
    const one = await open({ ...ledger, stateDigestEvery: 4 });
    await Promise.all(range(5).map((n) => one.handle(n)));
    await one.handle(6);
    await one.snapshot();
    await Promise.all(range(5, 7).map((n) => one.handle(n)));
    for (const seq of range(12, 0)) {
      const past = await one.at({ seq });
      equal([past.seq, past.state.seen], [seq, range(seq)]);
    }
    isKind(await errorOf(one.at({ seq: 12 })), 'RangeError');
    isKind(await errorOf(one.at({ seq: -1 })), 'RangeError');
    isKind(await errorOf(one.at({ seq: 1.5 })), 'RangeError');
    isKind(await errorOf(one.at({} as { seq: number })), 'RangeError');
    equal(one.state.seen, range(11));
  }),

  fact('a state that was, by time: after the last commit that is not later', async ({ open, clock }) => {
    const one = await open(ledger);
    for (const n of range(4)) {
      clock.set(n * 1_000);
      await one.handle(n);
      if (n === 2) await one.snapshot();
    }
    const wanted = [
      [0, 0, 0],
      [999, 0, 0],
      [1_000, 1, 1_000],
      [1_001, 1, 1_000],
      [2_000, 2, 2_000],
      [2_999, 2, 2_000],
      [3_500, 3, 3_000],
      [4_000, 4, 4_000],
      [1e15, 4, 4_000],
    ] as const;
    for (const [time, seq, at] of wanted)
      matches(await one.at({ time }), { seq, time: at, state: { seen: range(seq) } });
    isKind(await errorOf(one.at({ time: Number.NaN })), 'RangeError');
  }),

  fact('an audit compares each snapshot with a replay', async ({ open }) => {
    const one = await open(ledger);
    for (const n of range(6)) {
      await one.handle(n);
      if (n % 2 === 0) await one.snapshot();
    }
    equal(await one.verify(), 3);
  }),
];
