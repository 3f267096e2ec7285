/** `npm run chaos -- --prevalence`: prevalent systems under faults; every engine, profile and number of processes in turn. */
import { type EngineFaultProfile, engineFaultProfiles } from '../../lib/engine/index.js';
import { type FaultProfile, faultProfiles } from '../../lib/testing/index.js';
import { Crew } from '../../spec/histories/network-run.js';
import {
  assertCleanLedger,
  ledgerCommand,
  ledgerComplaints,
  ledgerSummary,
} from '../../spec/histories/prevalence/reports.js';
import { type LedgerRunOptions, ledgerRun, ledgerWorker } from '../../spec/histories/prevalence/run.js';
import { simulate } from '../../spec/histories/prevalence/simulation.js';
import type { StoreName } from '../../spec/histories/stores.js';
import { Stores } from './stores.js';

export interface LedgerChaosOptions {
  readonly firstSeed: number;
  /** Numbers of runs, 0 and on, as many as are wished or there is time for. */
  readonly turns: (runs: number) => Iterable<number>;
  readonly fail: (error: unknown) => void;
  readonly profile: (typeof faultProfiles)[number] | undefined;
  readonly runs: number | undefined;
  readonly ops: number | undefined;
  readonly processes: number | undefined;
  readonly callers: number | undefined;
  readonly rate: number | undefined;
  readonly kills: number | undefined;
  readonly stops: number | undefined;
  readonly stales: number | undefined;
  readonly restarts: number | undefined;
}

const stopMsMax = 10_000;

const summed = ['calls', 'events', 'commits', 'unknown', 'unknownApplied', 'open', 'poisoned', 'pagesPruned'] as const;

/** Adds up what runs report. */
class Sums {
  readonly #sums = new Map<string, number>();
  readonly #startedAt = performance.now();
  #runs = 0;

  add(report: Readonly<Record<(typeof summed)[number], number>>): void {
    this.#runs += 1;
    for (const name of summed) this.#sums.set(name, (this.#sums.get(name) ?? 0) + report[name]);
  }

  tell(): void {
    const seconds = ((performance.now() - this.#startedAt) / 1_000).toFixed(0);
    console.log(`${this.#runs} runs in ${seconds} s: ${JSON.stringify(Object.fromEntries(this.#sums))}`);
  }
}

/** Each pair of engine and number of processes with each profile, in turn. */
function planned(turn: number, engines: readonly StoreName[]) {
  const pairs = engines.flatMap((engine) => ([4, 8] as const).map((processes) => ({ engine, processes })));
  const round = Math.floor(turn / faultProfiles.length);
  const pair = pairs[(turn + round) % pairs.length] as (typeof pairs)[number];
  return { ...pair, profile: faultProfiles[turn % faultProfiles.length] as FaultProfile };
}

export async function ledgersOnStores(options: LedgerChaosOptions, engines: readonly StoreName[]): Promise<void> {
  const { firstSeed, turns, fail, rate, callers, ops = 20_000 } = options;
  const { kills = 0, stops = 0, stales = 0, restarts = 0 } = options;
  const inTrouble = kills + stops + stales + restarts > 0;
  const [crew, stores, sums] = [new Crew(ledgerWorker), new Stores(), new Sums()];
  try {
    for (const turn of turns(options.runs ?? 2 * engines.length * faultProfiles.length)) {
      const plan = planned(turn, engines);
      const { profile = plan.profile, processes = plan.processes } = options;
      const [seed, { engine }] = [firstSeed + turn, plan];
      const run: LedgerRunOptions = {
        ...{ seed, profile, processes, callers, rate, calls: ops },
        ...(inTrouble && { troubles: { kills, stops, stales, restarts, stopMsMax } }),
      };
      const troubles = inTrouble ? { kills, stops, stales, restarts } : {};
      const command = ledgerCommand({ engine, profile, seed, processes, ops, callers, rate, ...troubles });
      console.log(command);
      await stores
        .within(engine, restarts > 0, async (store) => {
          const report = await ledgerRun(store, crew, run);
          console.log(`  ${ledgerSummary(report)}`);
          sums.add(report);
          assertCleanLedger(report, command);
        })
        .catch(fail);
    }
  } finally {
    await crew.close();
    await stores.close();
  }
  sums.tell();
}

export async function ledgersInMemory(options: LedgerChaosOptions): Promise<void> {
  const { firstSeed, turns, fail, rate, processes, callers, ops = 2_000, kills, stales } = options;
  const sums = new Sums();
  for (const turn of turns(options.runs ?? engineFaultProfiles.length)) {
    const drawn = engineFaultProfiles[turn % engineFaultProfiles.length] as EngineFaultProfile;
    const { profile = drawn } = options;
    const seed = firstSeed + turn;
    const command = ledgerCommand({ engine: 'memory', profile, seed, processes, ops, callers, rate, kills, stales });
    try {
      const report = await simulate({ seed, profile, rate, processes, callers, calls: ops, kills, stops: stales });
      sums.add(report);
      const wrong = ledgerComplaints(report);
      if (wrong.length > 0) fail(`${wrong.slice(0, 5).join('\n')}\nrepeat: ${command}`);
      else if (turn % 10 === 0) console.log(`${command}: trace ${report.trace.slice(0, 16)}`);
    } catch (error) {
      fail(new Error(`the run broke off\nrepeat: ${command}`, { cause: error }));
    }
  }
  sums.tell();
}
