/** `npm run chaos -- --events N`: event stores under faults, N calls in all; every engine and profile in turn. */
import { type EngineFaultProfile, engineFaultProfiles } from '../../lib/engine/index.js';
import { type FaultProfile, faultProfiles } from '../../lib/testing/index.js';
import { assertCleanPurses, purseCommand, purseComplaints, purseSummary } from '../../spec/histories/events/reports.js';
import { type PurseRunOptions, purseRun, purseWorker } from '../../spec/histories/events/run.js';
import { simulate } from '../../spec/histories/events/simulation.js';
import { Crew } from '../../spec/histories/network-run.js';
import type { StoreName } from '../../spec/histories/stores.js';
import { Stores } from './stores.js';

export interface PurseChaosOptions {
  readonly firstSeed: number;
  /** Numbers of runs, 0 and on, as many as are wished or there is time for. */
  readonly turns: (runs: number) => Iterable<number>;
  readonly fail: (error: unknown) => void;
  /** Calls in all. */
  readonly calls: number;
  readonly profile: (typeof faultProfiles)[number] | 'calm' | undefined;
  readonly processes: number | undefined;
  readonly callers: number | undefined;
  readonly rate: number | undefined;
  readonly kills: number | undefined;
  readonly stops: number | undefined;
  readonly restarts: number | undefined;
  /** In memory: appends of 1 to 10,000 events. */
  readonly mode: (typeof purseModes)[number] | undefined;
}

export const purseModes = ['batches'] as const;

/** Of one run; the judge has all of it at once. */
const callsMax = { inMemory: 2_000, batches: 200, onStores: 10_000 } as const;
const eventsMax = 10_000;
const stopMsMax = 10_000;

const summed = [
  'calls',
  'events',
  'done',
  'repeated',
  'refused',
  'conflicts',
  'unknown',
  'unknownApplied',
  'open',
] as const;

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

export async function pursesOnStores(options: PurseChaosOptions, engines: readonly StoreName[]): Promise<void> {
  const { firstSeed, turns, fail, rate, callers, processes = 8, kills = 0, stops = 0, restarts = 0 } = options;
  const inTrouble = kills + stops + restarts > 0;
  const ops = Math.min(options.calls, callsMax.onStores);
  const [crew, stores, sums] = [new Crew(purseWorker), new Stores(), new Sums()];
  try {
    for (const turn of turns(Math.ceil(options.calls / ops))) {
      const drawn = faultProfiles[turn % faultProfiles.length] as FaultProfile;
      const engine = engines[(turn + Math.floor(turn / faultProfiles.length)) % engines.length] as StoreName;
      const [seed, { profile = drawn }] = [firstSeed + turn, options];
      const run: PurseRunOptions = {
        ...{ seed, profile, processes, callers, rate, calls: ops },
        ...(inTrouble && { troubles: { kills, stops, restarts, stopMsMax } }),
      };
      const troubles = inTrouble ? { kills, stops, restarts } : {};
      const command = purseCommand({ ops, engine, profile, seed, processes, callers, rate, ...troubles });
      console.log(command);
      await stores
        .within(engine, restarts > 0, async (store) => {
          const report = await purseRun(store, crew, run);
          console.log(`  ${purseSummary(report)}`);
          sums.add(report);
          assertCleanPurses(report, command);
        })
        .catch(fail);
    }
  } finally {
    await crew.close();
    await stores.close();
  }
  sums.tell();
}

export async function pursesInMemory(options: PurseChaosOptions): Promise<void> {
  const { firstSeed, turns, fail, rate, processes, callers, kills, stops, mode } = options;
  const ops = Math.min(options.calls, mode === undefined ? callsMax.inMemory : callsMax.batches);
  const sums = new Sums();
  for (const turn of turns(Math.ceil(options.calls / ops))) {
    const drawn = engineFaultProfiles[turn % engineFaultProfiles.length] as EngineFaultProfile;
    const { profile = drawn } = options;
    const seed = firstSeed + turn;
    const command = purseCommand({
      ops,
      engine: 'memory',
      mode,
      profile,
      seed,
      processes,
      callers,
      rate,
      kills,
      stops,
    });
    try {
      const run = { seed, profile, rate, processes, callers, calls: ops, kills, stops };
      const report = await simulate({ ...run, eventsMax: mode === undefined ? undefined : eventsMax });
      sums.add(report);
      const wrong = purseComplaints(report);
      if (wrong.length > 0) fail(`${wrong.slice(0, 5).join('\n')}\nrepeat: ${command}`);
      else if (turn % 10 === 0) console.log(`${command}: trace ${report.trace.slice(0, 16)}`);
    } catch (error) {
      fail(new Error(`the run broke off\nrepeat: ${command}`, { cause: error }));
    }
  }
  sums.tell();
}
