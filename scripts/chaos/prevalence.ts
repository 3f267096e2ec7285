/** `npm run chaos -- --prevalence`, `--s3 N`: prevalent systems under faults; every engine, profile and number of processes in turn. */
import { type EngineFaultProfile, engineFaultProfiles } from '../../lib/engine/index.js';
import { type FaultProfile, faultProfiles } from '../../lib/testing/index.js';
import { ledgerCommand, ledgerSummary } from '../../spec/histories/prevalence/reports.js';
import { type LedgerRunOptions, ledgerRun, ledgerWorker } from '../../spec/histories/prevalence/run.js';
import { simulateBucket } from '../../spec/histories/prevalence/simulated-bucket.js';
import { simulate } from '../../spec/histories/prevalence/simulation.js';
import { assertCleanWork, workComplaints } from '../../spec/histories/reports.js';
import type { StoreName } from '../../spec/histories/stores.js';
import { type ChaosOptions, type StoreTurn, Sums, turnsInMemory, turnsOnStores } from './turns.js';

export interface LedgerChaosOptions extends ChaosOptions {
  readonly profile: FaultProfile | undefined;
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

/** Those of runs on buckets: of tables, nobody alters what is in them. */
export const bucketProfiles: readonly FaultProfile[] = [...faultProfiles, 'altered', 'conflict'];

const summed = ['calls', 'events', 'commits', 'unknown', 'unknownApplied', 'open', 'poisoned', 'pagesPruned'] as const;

/** Each pair of engine and number of processes with each profile, in turn. */
function planned(turn: number, engines: readonly StoreName[]) {
  const pairs = engines.flatMap((engine) => ([4, 8] as const).map((processes) => ({ engine, processes })));
  const profiles = engines[0] === 's3' ? bucketProfiles : faultProfiles;
  const round = Math.floor(turn / profiles.length);
  const pair = pairs[(turn + round) % pairs.length] as (typeof pairs)[number];
  return { ...pair, profile: profiles[turn % profiles.length] as FaultProfile };
}

export async function ledgersOnStores(options: LedgerChaosOptions, engines: readonly StoreName[]): Promise<void> {
  const { firstSeed, rate, callers, ops = 20_000, runs = 2 * engines.length * faultProfiles.length } = options;
  const { kills = 0, stops = 0, stales = 0, restarts = 0 } = options;
  const inTrouble = kills + stops + stales + restarts > 0;
  const sums = new Sums(summed);
  const turnOf = (turn: number): StoreTurn => {
    const plan = planned(turn, engines);
    const { profile = plan.profile, processes = plan.processes } = options;
    const [seed, { engine }] = [firstSeed + turn, plan];
    const run: LedgerRunOptions = {
      ...{ seed, profile, processes, callers, rate, calls: ops },
      ...(inTrouble && { troubles: { kills, stops, stales, restarts, stopMsMax } }),
    };
    const troubles = inTrouble ? { kills, stops, stales, restarts } : {};
    const command = ledgerCommand({ engine, profile, seed, processes, ops, callers, rate, ...troubles });
    return {
      ...{ engine, isAlone: restarts > 0, command },
      async run(store, crew) {
        const report = await ledgerRun(store, crew, run);
        console.log(`  ${ledgerSummary(report)}`);
        sums.add(report);
        assertCleanWork(report, command);
      },
    };
  };
  await turnsOnStores(options, { runs, worker: ledgerWorker, turnOf });
  sums.tell();
}

/** `inBucket`: on a stand-in for S3 without a network, not on a table. */
export async function ledgersInMemory(options: LedgerChaosOptions & { readonly inBucket: boolean }): Promise<void> {
  const { firstSeed, rate, processes, callers, kills, stales, inBucket } = options;
  const { ops = inBucket ? 200 : 2_000 } = options;
  const sums = new Sums(summed);
  const turnOf = (turn: number) => {
    const drawn = engineFaultProfiles[turn % engineFaultProfiles.length] as EngineFaultProfile;
    const { profile = drawn } = options as { readonly profile?: EngineFaultProfile | undefined };
    const seed = firstSeed + turn;
    const words = { profile, seed, processes, callers, rate, kills };
    return {
      command: ledgerCommand({ engine: 'memory', ...(inBucket && { s3: 1 }), ...words, ops, stales }),
      async run() {
        const report = await (inBucket ? simulateBucket : simulate)({ ...words, calls: ops, stops: stales });
        sums.add(report);
        return { trace: report.trace, wrong: workComplaints(report) };
      },
    };
  };
  await turnsInMemory(options, { runs: options.runs ?? engineFaultProfiles.length, turnOf });
  sums.tell();
}
