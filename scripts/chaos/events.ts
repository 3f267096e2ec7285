/** `npm run chaos -- --events N`: event stores under faults, N calls in all; every engine and profile in turn. */
import { type EngineFaultProfile, engineFaultProfiles } from '../../lib/engine/index.js';
import { type FaultProfile, faultProfiles } from '../../lib/testing/index.js';
import { purseCommand, purseSummary } from '../../spec/histories/events/reports.js';
import { type PurseRunOptions, purseRun, purseWorker } from '../../spec/histories/events/run.js';
import { simulate } from '../../spec/histories/events/simulation.js';
import { assertCleanWork, workComplaints } from '../../spec/histories/reports.js';
import type { StoreName } from '../../spec/histories/stores.js';
import { type ChaosOptions, type StoreTurn, Sums, turnsInMemory, turnsOnStores } from './turns.js';

export interface PurseChaosOptions extends ChaosOptions {
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
  ...(['calls', 'events', 'done', 'repeated', 'refused', 'conflicts'] as const),
  ...(['unknown', 'unknownApplied', 'open'] as const),
];

export async function pursesOnStores(options: PurseChaosOptions, engines: readonly StoreName[]): Promise<void> {
  const { firstSeed, rate, callers, processes = 8, kills = 0, stops = 0, restarts = 0 } = options;
  const inTrouble = kills + stops + restarts > 0;
  const ops = Math.min(options.calls, callsMax.onStores);
  const sums = new Sums(summed);
  const turnOf = (turn: number): StoreTurn => {
    const drawn = faultProfiles[turn % faultProfiles.length] as FaultProfile;
    const engine = engines[(turn + Math.floor(turn / faultProfiles.length)) % engines.length] as StoreName;
    const [seed, { profile = drawn }] = [firstSeed + turn, options];
    const run: PurseRunOptions = {
      ...{ seed, profile, processes, callers, rate, calls: ops },
      ...(inTrouble && { troubles: { kills, stops, restarts, stopMsMax } }),
    };
    const troubles = inTrouble ? { kills, stops, restarts } : {};
    const command = purseCommand({ ops, engine, profile, seed, processes, callers, rate, ...troubles });
    return {
      ...{ engine, isAlone: restarts > 0, command },
      async run(store, crew) {
        const report = await purseRun(store, crew, run);
        console.log(`  ${purseSummary(report)}`);
        sums.add(report);
        assertCleanWork(report, command);
      },
    };
  };
  await turnsOnStores(options, { runs: Math.ceil(options.calls / ops), worker: purseWorker, turnOf });
  sums.tell();
}

export async function pursesInMemory(options: PurseChaosOptions): Promise<void> {
  const { firstSeed, rate, processes, callers, kills, stops, mode } = options;
  const ops = Math.min(options.calls, mode === undefined ? callsMax.inMemory : callsMax.batches);
  const sums = new Sums(summed);
  const turnOf = (turn: number) => {
    const drawn = engineFaultProfiles[turn % engineFaultProfiles.length] as EngineFaultProfile;
    const { profile = drawn } = options;
    const words = { profile, seed: firstSeed + turn, processes, callers, rate, kills, stops };
    return {
      command: purseCommand({ ops, engine: 'memory', mode, ...words }),
      async run() {
        const report = await simulate({ ...words, calls: ops, eventsMax: mode === undefined ? undefined : eventsMax });
        sums.add(report);
        return { trace: report.trace, wrong: workComplaints(report) };
      },
    };
  };
  await turnsInMemory(options, { runs: Math.ceil(options.calls / ops), turnOf });
  sums.tell();
}
