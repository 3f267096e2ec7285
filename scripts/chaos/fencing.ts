/** `npm run chaos -- --fencing`: holders of locks that are stopped beyond their leases. */
import { fencingComplaints, fencingRun, fencingWorker } from '../../spec/histories/fencing/run.js';
import { chaosCommand } from '../../spec/histories/plans.js';
import type { StoreName } from '../../spec/histories/stores.js';
import { type ChaosOptions, type StoreTurn, turnsOnStores } from './turns.js';

export interface FencingChaosOptions extends ChaosOptions {
  readonly runs: number | undefined;
  /** Stops of a run. */
  readonly stops: number | undefined;
  /** Of the holders' sessions. */
  readonly leaseMs: number | undefined;
}

export async function holdersOnStores(options: FencingChaosOptions, engines: readonly StoreName[]): Promise<void> {
  const { firstSeed, fail, runs = 10, stops = 100, leaseMs } = options;
  const sums: Record<string, number> = {};
  const turnOf = (turn: number): StoreTurn => {
    const engine = engines[turn % engines.length] as StoreName;
    const seed = firstSeed + turn;
    const command = `${chaosCommand({ engine, seed, stops, lease: leaseMs, runs: 1 })} --fencing`;
    return {
      ...{ engine, isAlone: false, command },
      async run(store, crew) {
        const { surprises, ...report } = await fencingRun(store, crew, { seed, stops, leaseMs });
        console.log(`  ${JSON.stringify(report)}`);
        for (const [name, count] of Object.entries(report)) sums[name] = (sums[name] ?? 0) + count;
        const wrong = fencingComplaints({ ...report, surprises });
        if (wrong.length > 0) fail(`${wrong.join('\n')}\nrepeat: ${command}`);
      },
    };
  };
  await turnsOnStores(options, { runs, worker: fencingWorker, turnOf });
  console.log(JSON.stringify(sums));
}
