/** What the contract of storages asks of whoever runs it: new stores, and what only their owner can do with them. */
import type { Storage } from '../../prevalence/index.js';

/** A store of one system: a name in a table, a folder, a prefix in a bucket. */
export interface TestedStore {
  /** The store as another process has it; the same object each time where only one process may open it. */
  view(): Storage;
  /** Writes that were sent to the store so far. Absent where they can't be counted: then it isn't checked that readers send none. */
  writes?(): number;
  /** Called at the end of the fact, when all that was opened on the store is closed. */
  close?(): Promise<void> | void;
}

/** How a run of the contract gets its stores. */
export interface StorageFactory<Store extends TestedStore = TestedStore> {
  /** `one`: while an instance is open no other one can be, and facts about several are left out. @defaultValue 'many' */
  readonly instances?: 'one' | 'many';
  /** Largest event that is taken, in bytes of JSON text. */
  readonly eventBytesMax: number;
  /** Whether its storages put all that they store through the codec of `LogRequest`. @defaultValue false */
  readonly seals?: boolean;
  /** A new and empty store, unlike all others; one for each fact, or two for one about two systems. */
  newStore(): Store | Promise<Store>;
  /** All that is stored in a store. Absent: it isn't checked that sealing leaves nothing readable. */
  storedBytes?(store: Store): Promise<Uint8Array[]> | Uint8Array[];
  /** Spoils the stored bytes of a snapshot. Absent: facts about damaged snapshots are left out. */
  damageSnapshot?(store: Store, id: string): Promise<void> | void;
}
