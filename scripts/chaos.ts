/**
 * `npm run chaos`: the runs of `npm run test:faults` and of the simulation, as many and as long as wished.
 *
 * Every run has a seed of its own and prints the one command that makes it again. A run that fails keeps its folder:
 * the histories of all processes, the seed, the options and the faults that were carried out.
 */
import { parseArgs } from 'node:util';
import { engineFaultProfiles } from '../lib/engine/index.js';
import { type FaultProfile, faultProfiles, findDynamoDBLocal } from '../lib/testing/index.js';
import { counterRun } from '../spec/histories/counter-run.js';
import { Crew } from '../spec/histories/crew.js';
import { failoverRun, failoverSummary } from '../spec/histories/failover/run.js';
import { type NetworkRunOptions, networkRun } from '../spec/histories/network-run.js';
import { chaosCommand, type PlannedRun, planRuns } from '../spec/histories/plans.js';
import { assertClean, simulationComplaints, suiteSeed, summary } from '../spec/histories/reports.js';
import { simulate } from '../spec/histories/simulation.js';
import type { StoreName } from '../spec/histories/stores.js';
import { purseModes, pursesInMemory, pursesOnStores } from './chaos/events.js';
import { holdersOnStores } from './chaos/fencing.js';
import { filesInTrouble } from './chaos/files.js';
import { groupModes, groupsOnStores } from './chaos/groups.js';
import { bucketProfiles, ledgersInMemory, ledgersOnStores } from './chaos/prevalence.js';
import { rotations } from './chaos/rotation.js';
import { Stores } from './chaos/stores.js';
import { streamModes, streamsInMemory } from './chaos/streams.js';
import { type StoreTurn, turnsOnStores } from './chaos/turns.js';

// The SDK's advice about versions of Node is for another place.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

const help = `Long seeded runs of atoms under faults, judged call by call.

Usage: npm run chaos -- [options]

  --engine NAME     dynalite, dynamodb-local, or memory (simulation on a virtual clock)    (default: both real ones in turn)
  --profile NAME    ${faultProfiles.slice(0, 5).join(', ')},
                    ${faultProfiles.slice(5).join(', ')}                    (default: all in turn)
  --seed N          seed of the first run; the following ones add 1                        (default: the time)
  --runs N          how many                                                               (default 10)
  --minutes N       as many runs as begin within this time
  --ops N           calls of a run                                    (default 20000; memory: in runs of 20000 at most)
  --processes N     processes of a run                                                     (default: 4 and 8 in turn)
  --callers N       callers of a process                                                   (default 4)
  --atoms N         atoms of a run                                                         (default 4)
  --rate R          share of requests that are disturbed                                   (default 0.2)
  --kills N         workers killed (-9) in a run; --stops N: stopped for 0.1 to 10 s; --restarts N: engine killed (-9)
  --prevalence      instead: runs of prevalent systems; --stales N: workers stopped until others have pruned beyond them
  --s3 N            instead: N runs of prevalent systems in a bucket of a stand-in for S3; --stales N, --restarts N as above.
                    --engine memory: N simulations, down to the SDK's commands
  --events N        instead: N calls of event stores, in runs of 10000 (memory: 2000) at most. --mode batches (memory): appends of
                    1 to 10000 events, in runs of 200 calls
  --fencing         instead: runs with --stops N (default 100) holders of locks that are stopped beyond their leases, of --lease N
                    milliseconds (default 300; more where the machine is busy with other work)
  --failovers N     instead: N leaders of five candidates, a process each, killed (-9) or stopped beyond their lease
  --groups N        instead: N runs of consumer groups and readers of streams on DynamoDB Local. --mode NAME: only
                    ${groupModes.join(', ')} (default: all in turn);
                    --ops: writes, pauses of zombies, members that join or leave
  --streams N       instead: N simulations of streams on a virtual clock. --mode NAME: ${streamModes.join(', ')}
                    (default: ${streamModes[0]})
  --files N         instead: N states of a disk after losses of power, recovered; with --kills K: and K processes killed (-9) while they
                    append to files
  --rotation N      instead: keys of sealed systems that change under writers that die, until N items were written in each kind of place
  --count N         instead: N counted writes, half of all writes disturbed, with the SDK's retries and without

Exit code: 0 = all runs were clean; 1 = at least one was not; 2 = wrong usage.
`;

const flags = {
  engine: { type: 'string' },
  profile: { type: 'string' },
  seed: { type: 'string' },
  runs: { type: 'string' },
  minutes: { type: 'string' },
  ops: { type: 'string' },
  processes: { type: 'string' },
  callers: { type: 'string' },
  atoms: { type: 'string' },
  rate: { type: 'string' },
  kills: { type: 'string' },
  stops: { type: 'string' },
  restarts: { type: 'string' },
  stales: { type: 'string' },
  prevalence: { type: 'boolean' },
  s3: { type: 'string' },
  events: { type: 'string' },
  fencing: { type: 'boolean' },
  count: { type: 'string' },
  failovers: { type: 'string' },
  lease: { type: 'string' },
  files: { type: 'string' },
  rotation: { type: 'string' },
  groups: { type: 'string' },
  streams: { type: 'string' },
  mode: { type: 'string' },
  help: { type: 'boolean' },
} as const;

function readFlags() {
  try {
    return parseArgs({ options: flags }).values;
  } catch (error) {
    console.error((error as Error).message);
    process.exit(2);
  }
}
const given = readFlags();

class UsageError extends Error {}

function numberOf(name: Exclude<keyof typeof given, 'help' | 'prevalence' | 'fencing'>): number | undefined {
  const text = given[name];
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!(number >= 0)) throw new UsageError(`--${name} must be a number of at least 0: ${text}`);
  return number;
}

function oneOf<T extends string>(name: 'engine' | 'profile' | 'mode', known: readonly T[]): T | undefined {
  const text = given[name];
  if (text === undefined) return undefined;
  if (!known.includes(text as T)) throw new UsageError(`--${name} must be one of ${known.join(', ')}: ${text}`);
  return text as T;
}

const seconds = (sinceMs: number): string => `${((performance.now() - sinceMs) / 1_000).toFixed(1)} s`;
const failures: string[] = [];

function fail(error: unknown): void {
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
  const words = (error instanceof Error ? error.message : String(error)) + cause;
  failures.push(words);
  console.log(`  FAILED: ${words}`);
}

/** Numbers of runs, 0 and on, until there were enough or the time is up. */
function* turns(runs: number): Generator<number> {
  const minutes = numberOf('minutes');
  const untilMs = performance.now() + (minutes ?? 0) * 60_000;
  for (let turn = 0; minutes === undefined ? turn < runs : performance.now() < untilMs; turn += 1) yield turn;
}

async function chaosInMemory(firstSeed: number): Promise<void> {
  const calls = numberOf('ops') ?? 20_000;
  const callsMax = 20_000;
  const runs = numberOf('runs') ?? Math.ceil(calls / callsMax);
  const chosen = oneOf('profile', engineFaultProfiles);
  const [processes, callers, atoms, rate] = [
    numberOf('processes'),
    numberOf('callers'),
    numberOf('atoms'),
    numberOf('rate'),
  ];
  const startedAt = performance.now();
  const sums = { calls: 0, commits: 0, unknown: 0, unknownApplied: 0, virtualMs: 0 };
  for (const turn of turns(runs)) {
    const profile =
      chosen ?? (engineFaultProfiles[turn % engineFaultProfiles.length] as (typeof engineFaultProfiles)[number]);
    const options = {
      ...{ seed: firstSeed + turn, profile, calls: Math.min(calls, callsMax) },
      ...(processes !== undefined && { processes }),
      ...(callers !== undefined && { callers }),
      ...(atoms !== undefined && { atoms }),
      ...(rate !== undefined && { rate }),
    };
    const { seed } = options;
    const command = chaosCommand({
      engine: 'memory',
      seed,
      profile,
      ops: options.calls,
      processes,
      callers,
      atoms,
      rate,
    });
    const report = await simulate(options);
    for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += report[name];
    const wrong = simulationComplaints(report);
    if (wrong.length > 0) fail(`${wrong.slice(0, 5).join('\n')}\nrepeat: ${command}`);
    else if (turn % 10 === 0) console.log(`${command}: trace ${report.trace.slice(0, 16)}, ${seconds(startedAt)}`);
  }
  console.log(`${JSON.stringify(sums)} in ${seconds(startedAt)}`);
}

function plan(firstSeed: number, turn: number, engines: readonly StoreName[]): PlannedRun {
  const ten = faultProfiles.length;
  const drawn = planRuns(firstSeed + turn - (turn % ten), engines)[turn % ten] as PlannedRun;
  const profile = oneOf('profile', [...faultProfiles, 'calm'] as readonly FaultProfile[]) ?? drawn.profile;
  return { ...drawn, profile, seed: firstSeed + turn };
}

async function chaosOnStores(firstSeed: number, engines: readonly StoreName[]): Promise<void> {
  const [kills = 0, stops = 0, restarts = 0] = [numberOf('kills'), numberOf('stops'), numberOf('restarts')];
  const inTrouble = kills + stops + restarts > 0;
  const turnOf = (turn: number): StoreTurn => {
    const { engine, profile, seed, processes: drawn } = plan(firstSeed, turn, engines);
    const processes = numberOf('processes') ?? drawn;
    const [callers, atoms, rate, calls] = [
      numberOf('callers'),
      numberOf('atoms'),
      numberOf('rate'),
      numberOf('ops') ?? 20_000,
    ];
    const options: NetworkRunOptions = {
      ...{ seed, profile, processes, callers, atoms, rate, calls },
      ...(inTrouble && { troubles: { kills, stops, restarts, stopMsMax: 10_000 } }),
    };
    const words = { engine, profile, seed, processes, ops: calls, callers, atoms, rate };
    const command = chaosCommand({ ...words, ...(inTrouble && { kills, stops, restarts }), runs: 1 });
    return {
      ...{ engine, isAlone: restarts > 0, command },
      async run(store, crew) {
        const report = await networkRun(store, crew, options);
        console.log(`  ${summary(report)}`);
        assertClean(report, command, { timed: stops === 0 });
      },
    };
  };
  await turnsOnStores({ firstSeed, turns, fail }, { runs: numberOf('runs') ?? 10, turnOf });
}

async function chaosCounting(firstSeed: number, engines: readonly StoreName[], writes: number): Promise<void> {
  const [crew, stores] = [new Crew(), new Stores()];
  const processes = numberOf('processes') ?? 4;
  try {
    for (const turn of turns(numberOf('runs') ?? 1)) {
      for (const engine of engines) {
        for (const retries of ['sdk', 'library'] as const) {
          const seed = firstSeed + turn;
          await stores
            .within(engine, false, async (store) => {
              const { faults, ...books } = await counterRun(store, crew, { seed, writes, processes, retries });
              console.log(`${engine}, retries of the ${retries}, seed ${seed}: ${JSON.stringify(books)}`);
              const off = books.value - books.acknowledged - books.settledDone;
              if (off !== 0 || books.unsettled > 0 || books.surprises.length > 0) {
                const command = chaosCommand({ engine, seed, processes, count: writes, runs: 1 });
                fail(`off by ${off}, ${JSON.stringify(faults)}\nrepeat: ${command}`);
              }
            })
            .catch(fail);
        }
      }
    }
  } finally {
    await crew.close();
    await stores.close();
  }
}

async function chaosOfFailovers(firstSeed: number, engines: readonly StoreName[], failovers: number): Promise<void> {
  const stores = new Stores();
  try {
    for (const turn of turns(numberOf('runs') ?? 1)) {
      for (const engine of engines) {
        const seed = firstSeed + turn;
        const command = chaosCommand({ engine, seed, failovers, runs: 1 });
        console.log(command);
        await stores
          .within(engine, false, async (store) => {
            const report = await failoverRun(store, { seed, failovers, candidates: numberOf('processes') });
            console.log(`  ${failoverSummary(report)}`);
            if (report.findings.length > 0) fail(`${report.findings.slice(0, 5).join('\n')}\nrepeat: ${command}`);
          })
          .catch(fail);
      }
    }
  } finally {
    await stores.close();
  }
}

async function chaosOfLedgers(
  firstSeed: number,
  engine: StoreName | 'memory' | undefined,
  runs: number | undefined = numberOf('runs'),
): Promise<void> {
  const options = {
    ...{ firstSeed, turns, fail, profile: oneOf('profile', engine === 's3' ? bucketProfiles : faultProfiles) },
    ...{ runs, ops: numberOf('ops'), processes: numberOf('processes'), callers: numberOf('callers') },
    ...{ rate: numberOf('rate'), kills: numberOf('kills'), stops: numberOf('stops'), stales: numberOf('stales') },
    restarts: numberOf('restarts'),
  };
  if (engine === 'memory') await ledgersInMemory({ ...options, inBucket: given.s3 !== undefined });
  else await ledgersOnStores(options, engine === 's3' ? [engine] : enginesHere(engine));
}

async function chaosOfPurses(firstSeed: number, engine: StoreName | 'memory' | undefined, calls: number) {
  const options = {
    ...{ firstSeed, turns, fail, calls, profile: oneOf('profile', [...faultProfiles, 'calm'] as const) },
    ...{ processes: numberOf('processes'), callers: numberOf('callers'), rate: numberOf('rate') },
    mode: oneOf('mode', purseModes),
    ...{ kills: numberOf('kills'), stops: numberOf('stops'), restarts: numberOf('restarts') },
  };
  if (engine === 'memory') await pursesInMemory(options);
  else await pursesOnStores(options, enginesHere(engine));
}

async function chaosOfHolders(firstSeed: number, engine: StoreName | 'memory' | undefined): Promise<void> {
  if (engine === 'memory')
    throw new UsageError('--fencing stops real processes, so it needs another --engine than memory');
  const options = {
    firstSeed,
    turns,
    fail,
    runs: numberOf('runs'),
    stops: numberOf('stops'),
    leaseMs: numberOf('lease'),
  };
  await holdersOnStores(options, enginesHere(engine));
}

async function chaosOfGroups(firstSeed: number, runs: number): Promise<void> {
  const { missing } = findDynamoDBLocal();
  if (missing !== undefined) throw new UsageError(`--groups needs DynamoDB Local: ${missing}`);
  const options = { firstSeed, turns, fail, runs, mode: oneOf('mode', groupModes), ops: numberOf('ops') };
  await groupsOnStores(options);
}

/** The engines that are wished and to be had. */
function enginesHere(engine: StoreName | undefined): readonly StoreName[] {
  const { missing } = findDynamoDBLocal();
  if (missing !== undefined && engine !== 'dynalite') console.log(`*** dynamodb-local is SKIPPED: ${missing} ***`);
  if (engine !== undefined) return [engine];
  return missing === undefined ? ['dynalite', 'dynamodb-local'] : ['dynalite'];
}

async function main(): Promise<void> {
  if (given.help === true) {
    console.log(help);
    return;
  }
  const seed = numberOf('seed') ?? suiteSeed();
  const engine = oneOf('engine', ['dynalite', 'dynamodb-local', 'memory']);
  const writes = numberOf('count');
  const failovers = numberOf('failovers');
  const groups = numberOf('groups');
  const streams = numberOf('streams');
  const events = numberOf('events');
  const buckets = numberOf('s3');
  const files = numberOf('files');
  const rotation = numberOf('rotation');
  if (groups !== undefined) await chaosOfGroups(seed, groups);
  else if (rotation !== undefined) await rotations({ firstSeed: seed, fail, items: rotation });
  else if (files !== undefined) {
    await filesInTrouble({ firstSeed: seed, fail, states: files, kills: numberOf('kills') ?? 0 });
  } else if (streams !== undefined) {
    await streamsInMemory({ firstSeed: seed, turns, fail, runs: streams, mode: oneOf('mode', streamModes) ?? 'hours' });
  } else if (buckets !== undefined) await chaosOfLedgers(seed, engine === 'memory' ? engine : 's3', buckets);
  else if (events !== undefined) await chaosOfPurses(seed, engine, events);
  else if (given.prevalence === true) await chaosOfLedgers(seed, engine);
  else if (given.fencing === true) await chaosOfHolders(seed, engine);
  else if (engine === 'memory') await chaosInMemory(seed);
  else if (failovers !== undefined) await chaosOfFailovers(seed, enginesHere(engine), failovers);
  else if (writes === undefined) await chaosOnStores(seed, enginesHere(engine));
  else await chaosCounting(seed, enginesHere(engine), writes);
  console.log(failures.length === 0 ? 'all clean' : `${failures.length} runs FAILED`);
  if (failures.length > 0) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
