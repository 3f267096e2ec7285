// Goal: many processes execute commands on the same aggregates, over real engines and every kind of fault: nothing is lost, nothing is
// applied twice, every command is known again, and nobody is told what is not so; also when processes are killed and stopped, and the
// engine is killed.
// Method: runs drawn from a seed; what everybody wrote down, and what stands in the streams, is judged. `npm run chaos -- --events N`
// makes longer ones, with each profile of faults.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { assertCleanPurses, purseCommand, purseSummary } from '../histories/events/reports.js';
import { type PurseTroubles, purseRun, purseWorker } from '../histories/events/run.js';
import { Crew } from '../histories/network-run.js';
import { planRuns } from '../histories/plans.js';
import { say, suiteSeed } from '../histories/reports.js';
import { type Store, type StoreName, startStore } from '../histories/stores.js';
import { openStore, storeRows } from './open-store.js';

const calls = 320;
const seed = suiteSeed();
const engines = storeRows.filter(({ missing }) => missing === undefined).map(({ name }) => name);
const stores = new Map<StoreName, Store>();
const crew = new Crew(purseWorker);
const limitMs = 300_000;

beforeAll(async () => {
  say(`events: LEYDEN_SEED=${seed}`);
  for (const { name, missing } of storeRows) {
    if (missing === undefined) stores.set(name, await openStore(name));
    else say(`*** ${name} is SKIPPED: ${missing} ***`);
  }
}, limitMs);
afterAll(async () => {
  await crew.close();
  for (const store of stores.values()) await store.close();
});

describe('8 processes, 10 aggregates', () => {
  // Some of the profiles each time, on one engine after the other.
  const plans = planRuns(seed, engines).slice(0, 3);
  it.each(
    plans.map((plan, index) => ({ ...plan, processes: 8, engine: engines[index % engines.length] as StoreName })),
  )(
    '$profile, $engine, seed $seed',
    async ({ engine, ...options }) => {
      const report = await purseRun(stores.get(engine) as Store, crew, { ...options, calls });
      say(`  ${options.profile}, ${engine}: ${purseSummary(report)}`);
      assertCleanPurses(report, purseCommand({ engine, ...options, ops: calls }));
      expect(report.events).toBeGreaterThan(calls / 4);
    },
    limitMs,
  );
});

describe('deaths and pauses', () => {
  const troubled = async (store: Store, troubles: PurseTroubles) => {
    const options = { seed, profile: 'all-mixed', rate: 0.1, processes: 4, calls: 300 } as const;
    const report = await purseRun(store, crew, { ...options, troubles });
    say(`  ${store.name}: ${purseSummary(report)}`);
    const { stopMsMax: _stopMsMax, ...deeds } = troubles;
    const { calls: ops, ...words } = options;
    assertCleanPurses(report, purseCommand({ engine: store.name, ...words, ops, ...deeds }));
    return report;
  };

  it(
    'three processes are killed, one is stopped',
    async () => {
      const store = stores.get(engines.at(-1) as StoreName) as Store;
      const report = await troubled(store, { kills: 3, stops: 1, stopMsMax: 1_500, restarts: 0 });
      expect(report.kills).toBe(3);
    },
    limitMs,
  );

  it(
    'the engine is killed and started again',
    async () => {
      const store = await startStore('dynalite', { onDisk: true });
      try {
        await troubled(store, { kills: 1, stops: 0, stopMsMax: 1_000, restarts: 1 });
      } finally {
        await store.close();
      }
    },
    limitMs,
  );
});
