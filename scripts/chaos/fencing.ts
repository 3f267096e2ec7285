/** `npm run chaos -- --fencing`: holders of locks that are stopped beyond their leases. */
import { fencingComplaints, fencingRun, fencingWorker } from '../../spec/histories/fencing/run.js';
import { Crew } from '../../spec/histories/network-run.js';
import { chaosCommand } from '../../spec/histories/plans.js';
import type { StoreName } from '../../spec/histories/stores.js';
import { Stores } from './stores.js';

export interface FencingChaosOptions {
  readonly firstSeed: number;
  /** Numbers of runs, 0 and on, as many as are wished or there is time for. */
  readonly turns: (runs: number) => Iterable<number>;
  readonly fail: (error: unknown) => void;
  readonly runs: number | undefined;
  /** Stops of a run. */
  readonly stops: number | undefined;
}

export async function holdersOnStores(options: FencingChaosOptions, engines: readonly StoreName[]): Promise<void> {
  const { firstSeed, turns, fail, stops = 100 } = options;
  const [crew, stores] = [new Crew(fencingWorker), new Stores()];
  const sums: Record<string, number> = {};
  try {
    for (const turn of turns(options.runs ?? 10)) {
      const engine = engines[turn % engines.length] as StoreName;
      const seed = firstSeed + turn;
      const command = `${chaosCommand({ engine, seed, stops, runs: 1 })} --fencing`;
      console.log(command);
      await stores
        .within(engine, false, async (store) => {
          const { surprises, ...report } = await fencingRun(store, crew, { seed, stops });
          console.log(`  ${JSON.stringify(report)}`);
          for (const [name, count] of Object.entries(report)) sums[name] = (sums[name] ?? 0) + count;
          const wrong = fencingComplaints({ ...report, surprises });
          if (wrong.length > 0) fail(`${wrong.join('\n')}\nrepeat: ${command}`);
        })
        .catch(fail);
    }
  } finally {
    await crew.close();
    await stores.close();
  }
  console.log(JSON.stringify(sums));
}
