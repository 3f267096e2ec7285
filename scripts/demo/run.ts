/**
 * One run from nothing to figures: engine, table, workers, comparison, and all of it put away again.
 *
 * Invariant: however it ends (done, failed, interrupted by `signal`), no process is left, and neither is a temporary
 * folder nor a table that this run made.
 */
import { randomBytes } from 'node:crypto';
import type { AtomTable, CreateClientOptions, Spent } from '../../lib/index.js';
import { openAtoms, type RunAtoms } from './atoms.js';
import { type CrewResult, runCrew } from './crew.js';
import { computeExpected, type Flight, readFlights } from './flights.js';
import type { DemoOptions } from './options.js';
import { showProgress } from './progress.js';
import { openStore, openTable, type Store } from './store.js';
import { type Verdict, verify } from './verify.js';
import { giveBack, type Stage } from './work-list.js';

/** A chunk that was given back after the death of its holder. */
interface Returned {
  readonly chunk: number;
  readonly stage: Stage;
}

/** All that a run has found. */
export interface RunResult extends Verdict, CrewResult {
  readonly engine: string;
  readonly chunks: number;
  readonly returned: readonly Returned[];
  /** By all processes together, the comparison not included. */
  readonly total: Spent;
}

export async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<RunResult> {
  const flights = await readFlights(options.rows);
  signal.throwIfAborted();
  const broken = new AbortController();
  const store = await openStore(options.engine, (error) => broken.abort(error));
  try {
    signal.throwIfAborted();
    return await runInStore(options, flights, store, AbortSignal.any([signal, broken.signal]));
  } finally {
    await quietly('closing the engine', store.close);
  }
}

async function runInStore(
  options: DemoOptions,
  flights: readonly Flight[],
  store: Store,
  signal: AbortSignal,
): Promise<RunResult> {
  const run = `demo-${randomBytes(6).toString('hex')}`;
  const tableName = options.table ?? `leyden-jar-${run}`;
  const table = await openTable(store, tableName);
  const atoms = openAtoms(table.atoms, run);
  try {
    console.error(`${options.processes} processes, ${flights.length.toLocaleString('en')} flights, ${store.title}`);
    const job = { run, tableName, client: store.client };
    return { engine: store.title, ...(await ingest(options, flights, table.atoms, atoms, job, signal)) };
  } finally {
    // In a table of somebody else's only the atoms of this run are ours to remove.
    if (!table.created && !store.temporary)
      await quietly(`removing the atoms ${run}/* from table ${tableName}`, () => removeAtoms(atoms));
    await quietly(`deleting table ${tableName}`, table.close);
  }
}

async function ingest(
  { processes, kill, rowsPerChunk, window, falsify }: DemoOptions,
  flights: readonly Flight[],
  table: AtomTable,
  atoms: RunAtoms,
  job: { readonly run: string; readonly tableName: string; readonly client: CreateClientOptions },
  signal: AbortSignal,
): Promise<Omit<RunResult, 'engine'>> {
  const rows = flights.length;
  const chunks = Math.ceil(rows / rowsPerChunk);
  const returned: Returned[] = [];
  const progress = showProgress(rows);
  let crew: CrewResult;
  try {
    crew = await runCrew({
      processes,
      kill,
      signal,
      job: { ...job, rows, rowsPerChunk, window, evidenceWritersMax: Math.max(8, processes + 1) },
      async giveBack(worker) {
        // Written even when the list shows nothing: the dead worker's last write may still be on its way to the store, and
        // can take effect only as long as nothing else is written.
        const [before] = await atoms.list.swapVals((list) => giveBack(list, worker), { noop: 'write' });
        for (const [chunk, held] of Object.entries(before.held)) {
          if (held.worker === worker) returned.push({ chunk: Number(chunk), stage: held.stage });
        }
      },
      onProgress: progress.update,
      onNote: progress.note,
    });
    // What the killed process counted after its last message is in here as well.
    progress.update(rows);
  } finally {
    progress.stop();
  }
  const total = addSpent([...crew.spent, table.spent()]);
  const expected = computeExpected(falsify ? altered(flights) : flights);
  const verdict = await verify(atoms, expected, chunks);
  return { ...crew, ...verdict, chunks, returned, total };
}

/** The flights with one of them a minute later. */
function altered(flights: readonly Flight[]): readonly Flight[] {
  const at = Math.floor(flights.length / 2);
  return flights.map((flight, n) => (n === at ? { ...flight, delay: flight.delay + 1 } : flight));
}

function addSpent(all: readonly Spent[]): Spent {
  const [first = {} as Spent] = all;
  const names = Object.keys(first) as (keyof Spent)[];
  return Object.fromEntries(names.map((name) => [name, all.reduce((sum, one) => sum + one[name], 0)])) as never;
}

async function removeAtoms(atoms: RunAtoms): Promise<void> {
  const names = [...computeExpected([]).keys()];
  await Promise.all([atoms.list, ...names.map(atoms.ledger)].map((atom) => atom.delete({ timeoutMs: 5_000 })));
}

/** Putting away must not hide how the run ended; what could not be put away is said. */
async function quietly(what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    console.error(`Failed ${what}; please do it by hand: ${(error as Error).message}`);
  }
}
