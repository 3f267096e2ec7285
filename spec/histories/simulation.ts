/**
 * A run in one process: several tables of atoms on an engine in memory, each behind faults of its own, on a virtual clock.
 *
 *   seed ─► callers ─► AtomTable ─► puts written down ─► FaultyEngine ─┐
 *           callers ─► AtomTable ─► puts written down ─► FaultyEngine ─┴► MemoryEngine ─► the order of commits
 *
 * All chance comes from the seed and all time from the clock, so the same seed is the same run: `trace` is a digest of
 * everything that was written down, of every commit, and of the time at the end.
 */
import { createHash } from 'node:crypto';
import { AtomTable } from '../../lib/atom/index.js';
import {
  type Clock,
  type Engine,
  type EngineFaultProfile,
  engineFaultRules,
  FaultyEngine,
  MemoryEngine,
  type Random,
  seededRandom,
} from '../../lib/engine/index.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { Callers, type CallersReport } from './callers.js';
import { type JournalEvent, journalTo } from './journal.js';
import { type FinalTokens, type Judgement, judge } from './judge.js';
import { finalOf, keyName, openSubjects, recording, type Subject, tokenOf } from './subject.js';

interface SimulationOptions {
  readonly seed: number;
  readonly profile: EngineFaultProfile;
  /** Share of requests that are disturbed. @defaultValue 0.2 */
  readonly rate?: number;
  /** Tables of atoms, each as if in a process of its own. @defaultValue 4 */
  readonly processes?: number;
  /** @defaultValue 4 */
  readonly callers?: number;
  /** @defaultValue 4 */
  readonly atoms?: number;
  /** Calls in all. */
  readonly calls: number;
  /** The clock of one process, made from the true one. @defaultValue the true one */
  readonly clockOf?: (clock: VirtualClock, process: number, random: Random) => Clock;
  /** Stands between atoms and faults: for showing that the judge finds out an engine that does not keep its promise. */
  readonly spoil?: (engine: Engine) => Engine;
}

export interface SimulationReport extends Judgement {
  readonly trace: string;
  readonly virtualMs: number;
  readonly requests: number;
  readonly reports: readonly CallersReport[];
}

const table = 'jars';

/** Makes a run and judges it. */
export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  const { seed, profile, rate = 0.2, processes = 4, callers = 4, atoms = 4, calls, clockOf, spoil } = options;
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const fork = (): Random => seededRandom(random.int(2 ** 31));
  const digest = createHash('sha256');
  const events: JournalEvent[] = [];
  let instant = 0;
  const journal = journalTo(
    (event) => {
      events.push(event);
      digest.update(JSON.stringify(event));
    },
    () => {
      instant += 1;
      return instant;
    },
  );
  const latencies = fork();
  const store = new MemoryEngine({
    clock,
    seed: random.int(2 ** 31),
    latency: () => 0.5 + 4 * latencies.next(),
    // Half of all runs on an engine that, as dynalite, does not bring the item along.
    images: random.int(2) === 0,
    staleness: (draw) => draw.int(3),
    onCommit: ({ after }) => digest.update(`${instant} ${clock.monotonicMs()} ${tokenOf(after)}\n`),
  });
  await clock.run(
    store.createTable({ table, partitionKey: { name: keyName, type: 'S' }, billing: { mode: 'on-demand' } }),
  );
  const keys = Array.from({ length: atoms }, (_, index) => `atom-${index}`);
  const crews: { readonly engine: FaultyEngine; readonly callers: Callers }[] = [];
  for (let process = 0; process < processes; process += 1) {
    const engine = new FaultyEngine(store, { clock, seed: random.int(2 ** 31) });
    const subjects = new Map<string, Subject>();
    const bytes = fork();
    const clockChance = fork();
    const own = clockOf?.(clock, process, clockChance) ?? clock;
    const atomTable = new AtomTable({
      engine: recording(spoil?.(engine) ?? engine, subjects, journal),
      tableName: table,
      keyName,
      clock: own,
      random: fork(),
      randomBytes: (count) => Uint8Array.from({ length: count }, () => bytes.int(256)),
    });
    await clock.run(openSubjects(atomTable, keys, subjects));
    const crew = new Callers({
      name: `p${process}`,
      subjects: [...subjects.values()],
      journal,
      clock: own,
      random: fork(),
      callers,
      calls: Math.ceil(calls / processes),
    });
    engine.setRules(engineFaultRules(profile, rate));
    crews.push({ engine, callers: crew });
  }
  await clock.run(Promise.all(crews.map((one) => one.callers.run())));
  for (const { engine, callers: crew } of crews) {
    engine.setRules([]);
    crew.calm();
  }
  await clock.run(Promise.all(crews.map((one) => one.callers.settleAll())));
  await clock.run(Promise.all(crews.map((one) => one.engine.settled())));
  const finals: FinalTokens = new Map(
    await clock.run(
      Promise.all(
        keys.map(async (key) => {
          const item = await store.get({ table, key: { [keyName]: { S: key } }, consistent: true });
          return [key, finalOf(item)] as const;
        }),
      ),
    ),
  );
  digest.update(String(clock.monotonicMs()));
  return {
    ...judge(events, finals),
    trace: digest.digest('hex'),
    virtualMs: clock.monotonicMs(),
    requests: crews.reduce((sum, one) => sum + one.engine.spent().requests, 0),
    reports: crews.map((one) => one.callers.report()),
  };
}
