// Goal: wherever a process dies, each event that it had under way is in the journal or not, an acknowledged one is, and with an id each
// counts exactly once when it is handled again; snapshots and prunes that break off harm nothing and leave nothing behind for ever.
// Method: the engine of one process goes silent at its k-th request, before or after that was applied, for every k until it comes through.
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Prevayler } from '../../lib/prevalence/index.js';
import { type Entry, type Ledger, ledger, noise, range } from '../support/prevalent.js';
import { dyingEngine } from '../support/stepped-engine.js';
import { type Bench, openBench } from './bench.js';

let bench: Bench;
afterEach(() => bench.close());

type Work = (one: Prevayler<Ledger, Entry>, acknowledged: number[]) => Promise<void>;

/** What a process does that acknowledges its events, each with an id. */
const handling =
  (groups: readonly (readonly Entry[])[]): Work =>
  async (one, acknowledged) => {
    for (const group of groups) {
      await Promise.all(
        group.map(async (entry) => {
          const amount = amountOf(entry);
          await one.handle(entry, { id: `${amount}` });
          acknowledged.push(amount);
        }),
      );
    }
  };

const amountOf = (entry: Entry) => (typeof entry === 'object' ? entry.pay : Number(entry));
const large = (pay: number): Entry => ({ pay, note: noise(4_000, pay) });
const small = (pay: number): Entry => ({ pay, note: noise(150, pay) });

const works: readonly (readonly [name: string, groups: readonly (readonly Entry[])[], deathsMin: number])[] = [
  ['one event in the head', [[1]], 2],
  ['several events in the head', [[1, 2, 3]], 2],
  ['one event in a body', [[large(1)]], 4],
  ['several events in a body', [[large(1), large(2), 3]], 4],
  ['bodies one after the other', [[large(1)], [large(2)], [large(3), 4]], 7],
  ['events that fill pages', range(9).map((n) => [small(n)]), 12],
];

/** Has a process die at each of its requests, and looks at what is left each time; returns how often it died. */
async function killEverywhere(
  when: 'before' | 'after',
  prepare: () => Promise<void>,
  work: Work,
  look: (acknowledged: readonly number[], at: number) => Promise<void>,
): Promise<number> {
  for (let at = 0; ; at += 1) {
    bench = await openBench();
    await prepare();
    const { engine, died } = dyingEngine(bench.memory, at, when);
    const acknowledged: number[] = [];
    const life = bench.start({ ...ledger, retention: { keep: 1 } }, { engine }).then(async (one) => {
      await work(one, acknowledged);
      return 'done';
    });
    const end = await bench.run(Promise.race([life, died]));
    await look(acknowledged, at);
    if (end === 'done') return at;
    await bench.close();
    if (at > 200) throw new Error('it never came through');
  }
}

describe.each(['before', 'after'] as const)('dead %s its k-th request was applied', (when) => {
  it.each(works)('handle: %s', async (_name, groups, deathsMin) => {
    const entries = groups.flat();
    const amounts = entries.map(amountOf);
    const nothing = async () => {};
    const deaths = await killEverywhere(when, nothing, handling(groups), async (acknowledged) => {
      const survivor = await bench.open(ledger);
      const { seen } = survivor.state;
      // A prefix of what was under way, in order, none twice, none of the acknowledged missing.
      expect(seen).toEqual(amounts.slice(0, seen.length));
      expect(seen).toEqual(expect.arrayContaining([...acknowledged]));
      for (const entry of entries) await bench.run(survivor.handle(entry, { id: `${amountOf(entry)}` }));
      expect(survivor.state.seen).toEqual(amounts);
      const fresh = await bench.open(ledger);
      expect(fresh.state).toEqual(survivor.state);
      expect(await bench.run(fresh.handle(100))).toMatchObject({ seq: amounts.length + 1 });
    });
    expect(deaths).toBeGreaterThanOrEqual(deathsMin);
  });

  it('a first word, and two instances of which one dies', async () => {
    let other: Prevayler<Ledger, Entry> | undefined;
    const prepare = async () => {
      other = await bench.open(ledger);
      await bench.run(other.handle(50));
    };
    await killEverywhere(when, prepare, handling([[large(1), 2], [3]]), async (acknowledged) => {
      const survivor = other as Prevayler<Ledger, Entry>;
      await bench.run(survivor.handle(51));
      const { seen } = survivor.state;
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen).toEqual(expect.arrayContaining([50, 51, ...acknowledged]));
      expect((await bench.open(ledger)).state).toEqual(survivor.state);
    });
  });

  it('snapshot and prune: all is there, the next ones work, and nothing is left behind', async () => {
    let digest = '';
    const prepare = async () => {
      const one = await bench.open(ledger);
      for (const n of range(6)) await bench.run(one.handle(n % 3 === 0 ? large(n) : small(n)));
      await bench.run(one.snapshot());
      for (const n of range(6, 7)) await bench.run(one.handle(n % 3 === 0 ? large(n) : small(n)));
      digest = await bench.run(one.stateDigest());
    };
    const work: Work = async (one) => {
      await one.snapshot();
      await one.prune();
    };
    const deaths = await killEverywhere(when, prepare, work, async () => {
      const survivor = await bench.open(
        { ...ledger, retention: { keep: 1 } },
        { writerQuietMs: 1_000, makingMsMax: 3_600_000 },
      );
      expect(await bench.run(survivor.stateDigest())).toBe(digest);
      // As long as it may be alive, what it is making stays.
      await bench.clock.advance(3_600_000);
      await bench.run(survivor.handle(small(99)));
      const { id } = await bench.run(survivor.snapshot());
      for (const _ of range(2)) await bench.run(survivor.prune());
      const keys = await bench.keys();
      expect(keys.filter((key) => key.includes('/part/'))).toEqual([`bank/part/${id}/0`]);
      // All but the bodies of what is not in pages yet.
      expect(keys.filter((key) => key.includes('/page/')).length).toBeLessThanOrEqual(1);
      const fresh = await bench.open(ledger);
      expect(fresh.state).toEqual(survivor.state);
    });
    expect(deaths).toBeGreaterThan(12);
  });
});
