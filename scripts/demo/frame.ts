/**
 * The frame of a run, whatever is shown: engine and table before it, and both put away again after it.
 *
 * Invariant: however it ends (done, failed, interrupted by `signal`), no engine is left, and neither is a temporary folder
 * nor a table that this run made, nor an item of its own in a table that was there.
 */
import { randomBytes } from 'node:crypto';
import type { CreateClientOptions, CreateOptions } from '../../lib/index.js';
import { type Flight, readFlights } from './flights.js';
import type { DemoOptions } from './options.js';
import { type DemoTable, openStore, openTable, type Store } from './store.js';

/** Where a run takes place, and with what. */
export interface Place {
  /** For people. */
  readonly engine: string;
  /** Names the run: keys of its items begin with it. */
  readonly run: string;
  readonly tableName: string;
  readonly client: CreateClientOptions;
  readonly table: DemoTable;
  readonly flights: readonly Flight[];
  /** Aborts when the run is to end: it was interrupted, or the engine has failed. */
  readonly signal: AbortSignal;
}

/** What is shown in a frame. */
export interface Show<T> {
  /** How the table is made, where it is missing. */
  readonly create?: CreateOptions;
  work(place: Place): Promise<T>;
  /** Removes the run's items from a table of somebody else's. */
  removeItems(place: Place): Promise<void>;
}

export async function runFramed<T>(options: DemoOptions, signal: AbortSignal, show: Show<T>): Promise<T> {
  const flights = await readFlights(options.rows);
  signal.throwIfAborted();
  const broken = new AbortController();
  const store = await openStore(options.engine, (error) => broken.abort(error));
  try {
    signal.throwIfAborted();
    return await runInStore(options, flights, store, AbortSignal.any([signal, broken.signal]), show);
  } finally {
    await quietly('closing the engine', store.close);
  }
}

async function runInStore<T>(
  options: DemoOptions,
  flights: readonly Flight[],
  store: Store,
  signal: AbortSignal,
  show: Show<T>,
): Promise<T> {
  const run = `demo-${randomBytes(6).toString('hex')}`;
  const tableName = options.table ?? `leyden-jar-${run}`;
  const table = await openTable(store, tableName, show.create);
  const place: Place = { engine: store.title, run, tableName, client: store.client, table, flights, signal };
  try {
    console.error(`${options.processes} processes, ${flights.length.toLocaleString('en')} flights, ${store.title}`);
    return await show.work(place);
  } finally {
    // In a table of somebody else's only the items of this run are ours to remove.
    if (!table.created && !store.temporary)
      await quietly(`removing the items ${run}/* from table ${tableName}`, () => show.removeItems(place));
    await quietly(`deleting table ${tableName}`, table.close);
  }
}

/** Putting away must not hide how the run ended; what could not be put away is said. */
async function quietly(what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    console.error(`Failed ${what}; please do it by hand: ${(error as Error).message}`);
  }
}
