// Goal: what a transaction has only read still stands when it is committed, so that rules over several atoms hold.
// Method: the write-skew test of Avout (a Clojure STM over several machines): cats and dogs share a kennel of 3 places, and each writer adds
// to the one kind after having counted both. 100 runs with 1 to 25 writers each, in 1 to 5 processes. Planted: without the checks of what was
// read, the kennel must be found overcrowded.
import { describe, expect, it } from '@jest/globals';
import type { AtomTable } from '../../lib/atom/index.js';
import { type Engine, seededRandom } from '../../lib/engine/index.js';
import { openBench, overridden } from './bench.js';

const places = 3;
const runsMax = 100;
const seed = Number(process.env.LEYDEN_SEED ?? 1);

/** How many animals there were after each run. */
async function kennels(runs = runsMax, spoil = (engine: Engine): Engine => engine): Promise<number[]> {
  const random = seededRandom(seed);
  const bench = await openBench({ seed, latency: () => 1 + 4 * random.next() });
  const engine = spoil(bench.memory);
  const found: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const tables = Array.from({ length: 1 + random.int(5) }, () => bench.calm({ engine }));
    const kinds = (table: AtomTable) =>
      ['cats', 'dogs'].map((kind) => table.atom<number>(`${kind}-${run}`, { initial: 0 }));
    const write = async (writer: number) => {
      const table = tables[writer % tables.length] as AtomTable;
      const [own, other] = writer % 2 === 0 ? kinds(table) : kinds(table).reverse();
      if (own === undefined || other === undefined) return;
      await bench.clock.sleep(random.int(6));
      await table.transact(async (tx) => {
        const [n, m] = await Promise.all([tx.deref(own), tx.deref(other)]);
        if (n + m < places) await tx.reset(own, n + 1);
      });
    };
    const writers = 1 + random.int(25);
    await bench.run(Promise.all(Array.from({ length: writers }, (_, writer) => write(writer))));
    const [cats = 0, dogs = 0] = await bench.run(
      Promise.all(kinds(bench.calm()).map((atom) => atom.deref({ consistency: 'strong' }))),
    );
    found.push(Math.min(cats + dogs - Math.min(writers, places), 1));
  }
  return found;
}

describe(`write skew, LEYDEN_SEED=${seed}`, () => {
  it('is impossible: each kennel is as full as it may be, and no fuller', async () => {
    expect(new Set(await kennels())).toEqual(new Set([0]));
  });

  it('is found when what was only read is not checked', async () => {
    const unchecked = (engine: Engine) =>
      overridden(engine, {
        transactWrite: ({ actions, token }, options) =>
          engine.transactWrite({ actions: actions.filter(({ kind }) => kind !== 'check'), token }, options),
      });
    expect(new Set(await kennels(20, unchecked))).toContain(1);
  });
});
