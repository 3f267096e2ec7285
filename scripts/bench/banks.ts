/** The prevalent systems of one worker process, opened once and kept between windows. */
import { AtomTable } from '../../lib/atom/index.js';
import { MemoryEngine, SdkEngine } from '../../lib/engine/index.js';
import { atomStorage, openPrevayler, type Prevayler } from '../../lib/prevalence/index.js';
import { clientOf, type Place } from './clients.js';
import { type Board, emptyBoard, type Landing, land } from './flights.js';
import { type WeighedEngine, weighed } from './weighed-engine.js';

type AnyEngine = SdkEngine | MemoryEngine;

/** A system with an engine of its own, so that what it costs is counted apart. */
export interface Bank {
  readonly prevayler: Prevayler<Board, Landing>;
  readonly engine: WeighedEngine<AnyEngine>;
  /** The number of the next landing from this process. */
  next: number;
}

export interface BankPlace {
  readonly place: Place;
  readonly name: string;
}

function openBoard(table: AtomTable, name: string) {
  return openPrevayler<Board, Landing>({
    storage: atomStorage(table, name),
    initialState: emptyBoard,
    handler: land,
    // Replay and costs of the journal alone are measured; snapshots have a case of their own.
    snapshots: false,
  });
}

/** Opens a system on the engine at `place`; what is stored is recovered. */
export async function openBank({ place, name }: BankPlace): Promise<Bank> {
  const engine = weighed(new SdkEngine(clientOf(place.endpoint)));
  return openOn(engine, place.table, name);
}

/** Opens a system on an engine in this process's memory, each request of which takes a millisecond. */
export async function openMemoryBank(onHead?: Parameters<typeof weighed>[1]): Promise<Bank> {
  const engine = weighed(new MemoryEngine({ latency: () => 1 }), onHead);
  await new AtomTable({ engine: engine.engine, tableName: 'memory' }).ensure();
  return openOn(engine, 'memory', 'board');
}

async function openOn(engine: WeighedEngine<AnyEngine>, tableName: string, name: string): Promise<Bank> {
  const table = new AtomTable({ engine: engine.engine, tableName });
  return { prevayler: await openBoard(table, name), engine, next: 0 };
}
