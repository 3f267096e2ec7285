/**
 * Measures the library against the raw SDK and against the loop of its ancestor, on dynalite and on DynamoDB Local.
 *
 *   npm run bench -- [--plan quick|standard|long] [--engine dynalite|local] [--only name,…]
 *                    [--markdown FILE] [--json FILE] [--profile FOLDER]
 *
 * See README.md of this folder for how and why so.
 */
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { findDynamoDBLocal } from '../../lib/testing/index.js';
import { client } from './cases/client.js';
import { commute } from './cases/commute.js';
import { eventsAppend } from './cases/events-append.js';
import { eventsCommands } from './cases/events-commands.js';
import { eventsLoad } from './cases/events-load.js';
import { eventsMemory } from './cases/events-memory.js';
import { faults } from './cases/faults.js';
import { files } from './cases/files.js';
import { filesRecovery } from './cases/files-recovery.js';
import { filesSnapshots } from './cases/files-snapshots.js';
import { getMany } from './cases/get-many.js';
import { layers } from './cases/layers.js';
import { library } from './cases/library.js';
import { locks } from './cases/locks.js';
import { manyAtoms } from './cases/many-atoms.js';
import { oneAtom } from './cases/one-atom.js';
import { prevalenceCosts } from './cases/prevalence-costs.js';
import { prevalenceLibrary } from './cases/prevalence-library.js';
import { prevalenceFourProcesses, prevalenceWriters } from './cases/prevalence-processes.js';
import { prevalenceRecovery } from './cases/prevalence-recovery.js';
import { prevalenceSnapshots } from './cases/prevalence-snapshots.js';
import { eightProcesses, fourProcesses } from './cases/processes.js';
import { reads } from './cases/reads.js';
import { recipes } from './cases/recipes.js';
import { s3 } from './cases/s3.js';
import { streamsLibrary, streamsThroughput } from './cases/streams.js';
import { streamsFailover, streamsGroupVirtual, streamsRebalance } from './cases/streams-group.js';
import { streamsFull, streamsIdleShards, streamsLatency, streamsVirtual } from './cases/streams-pace.js';
import { transactions } from './cases/transactions.js';
import { sizes, uncontended } from './cases/uncontended.js';
import { watches, watchesIdle } from './cases/watches.js';
import { compile } from './compile.js';
import { plans } from './plan.js';
import { type EngineName, engineNames } from './processes.js';
import { machineNow, markdown, type Result, terminalTable } from './report.js';
import type { Row } from './row.js';
import { type Case, openStage } from './stage.js';

const cases: Readonly<Record<string, Case>> = {
  uncontended,
  sizes,
  oneAtom,
  fourProcesses,
  eightProcesses,
  manyAtoms,
  reads,
  faults,
  client,
  getMany,
  layers,
  transactions,
  commute,
  watches,
  locks,
  recipes,
  prevalenceCosts,
  prevalenceFourProcesses,
  prevalenceWriters,
  prevalenceRecovery,
  prevalenceSnapshots,
  eventsAppend,
  eventsLoad,
  eventsCommands,
  eventsMemory,
  streamsThroughput,
  streamsFull,
  streamsIdleShards,
  streamsLatency,
  streamsFailover,
  streamsRebalance,
};
/** Cases without an engine. */
const libraryCases = {
  library,
  watchesIdle,
  prevalenceLibrary,
  streamsLibrary,
  streamsVirtual,
  streamsGroupVirtual,
  files,
  filesRecovery,
  filesSnapshots,
  s3,
};

const { values: options } = parseArgs({
  options: {
    plan: { type: 'string', default: 'standard' },
    engine: { type: 'string' },
    only: { type: 'string' },
    markdown: { type: 'string' },
    json: { type: 'string' },
    profile: { type: 'string' },
  },
});

const plan = plans[options.plan as keyof typeof plans];
if (plan === undefined) throw new RangeError(`--plan is one of ${Object.keys(plans).join(', ')}: ${options.plan}`);
const only = options.only?.split(',');
const names = [...Object.keys(cases), ...Object.keys(libraryCases)];
const unknownCase = only?.find((wanted) => !names.some((name) => name.startsWith(wanted)));
if (unknownCase !== undefined) {
  throw new RangeError(`--only takes ${names.join(', ')}, or how they begin: ${unknownCase}`);
}
const isWanted = (name: string) => only === undefined || only.some((wanted) => name.startsWith(wanted));
const execArgv = options.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${path.resolve(options.profile)}`];

const startedAt = performance.now();
const minutes = () => (performance.now() - startedAt) / 60_000;
const log = (text: string) => process.stderr.write(`${minutes().toFixed(1).padStart(5)} min  ${text}\n`);

function wantedEngines(): EngineName[] {
  const { missing } = findDynamoDBLocal();
  if (missing !== undefined) process.stderr.write(`\n*** DynamoDB Local is LEFT OUT: ${missing} ***\n\n`);
  return engineNames.filter((name) => {
    if (name === 'DynamoDB Local' && missing !== undefined) return false;
    return options.engine === undefined || name.toLowerCase().includes(options.engine.toLowerCase());
  });
}

async function measureEngine(name: EngineName, home: string): Promise<Row[]> {
  const stage = await openStage(name, { plan: plan as NonNullable<typeof plan>, home, execArgv, log });
  const rows: Row[] = [];
  try {
    for (const [title, run] of Object.entries(cases)) {
      if (!isWanted(title)) continue;
      log(`${name}: ${title}`);
      try {
        const found = await run(stage);
        rows.push(...found);
        console.log(terminalTable(found));
      } catch (error) {
        // The other cases still count.
        failures.push(`${name}: ${title}`);
        console.error(error);
      }
    }
  } finally {
    await stage.close();
  }
  return rows;
}

const failures: string[] = [];
const machine = machineNow(loadavg()[0] ?? 0);
const home = await compile();
console.log(
  `${machine.shape}, node ${machine.node}; clients and engine share the cores. Load before: ${machine.loadBefore}\n`,
);
const engines: Record<string, readonly Row[]> = {};
for (const name of wantedEngines()) {
  const isNeeded = Object.keys(cases).some(isWanted);
  if (!isNeeded) break;
  console.log(`== ${name}\n`);
  engines[name] = await measureEngine(name, home);
}
const rowsAlone: Row[] = [];
for (const [title, run] of Object.entries(libraryCases)) {
  if (!isWanted(title)) continue;
  if (rowsAlone.length === 0) console.log('== no engine\n');
  log(title);
  const found = await run(plan, home, execArgv);
  rowsAlone.push(...found);
  console.log(terminalTable(found));
}
if (rowsAlone.length > 0) engines['no engine'] = rowsAlone;

const result: Result = { machine, plan: options.plan, minutes: minutes(), engines };
const missed = Object.entries(engines).flatMap(([engine, rows]) =>
  rows.filter((row) => row.goal?.met === false).map((row) => `${engine}: ${row.group}: ${row.name}`),
);
console.log(missed.length === 0 ? 'All goals met.' : `Missed:\n  ${missed.join('\n  ')}`);
if (failures.length > 0) {
  console.log(`FAILED, and not measured:\n  ${failures.join('\n  ')}`);
  process.exitCode = 1;
}
log('done');
if (options.markdown !== undefined) writeFileSync(options.markdown, markdown(result));
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(result, undefined, 2)}\n`);
