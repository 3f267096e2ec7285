/**
 * What the parts of the contract of storages share: an open place, a new and empty store for each fact, and instances on it that are
 * closed at the end of the fact.
 */
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { type Clock, systemClock } from '../../lib/engine/index.js';
import { openPrevayler, type Prevayler, type PrevaylerOptions, type Storage } from '../../lib/prevalence/index.js';
import { handClock } from '../support/prevalent.js';

/** A store of one system. */
interface Store {
  /** The store as another process has it; within one process if the storage allows only one. */
  view(): Storage;
  /** Writes that were sent to the store so far. Absent where they can't be counted: then it isn't checked that readers send none. */
  writes?(): number;
}

/** How a contract run gets its storages. */
export interface StorageFactory {
  /** `one`: while an instance is open, no other one can be, and facts about several are left out. */
  readonly instances: 'one' | 'many';
  /** Largest event that is taken, in bytes of JSON text. */
  readonly eventBytesMax: number;
  open(): Promise<{
    /** A new store, unlike all others. */
    newStore(): Store;
    close(): Promise<void>;
  }>;
}

/** A system as facts open it. */
type SystemOptions<S, E, R> = Pick<PrevaylerOptions<S, E, R>, 'initialState' | 'handler'> &
  Partial<PrevaylerOptions<S, E, R>>;

/** The workbench of one fact. */
export interface Place {
  readonly clock: Clock & { set(nowMs: number): void };
  readonly warnings: readonly unknown[];
  writes(): number | undefined;
  /** Another instance. It neither follows nor makes snapshots in the background unless asked to. */
  open<S, E, R = unknown>(system: SystemOptions<S, E, R>): Promise<Prevayler<S, E, R>>;
}

const openWaitMs = 120_000;

/** Registers opening and closing with jest; the function that it returns begins a fact, on a new store. */
export function registerPlaces(factory: StorageFactory): () => Place {
  let opened: Awaited<ReturnType<StorageFactory['open']>> | undefined;
  const instances: { close(): Promise<void> }[] = [];
  beforeAll(async () => {
    opened = await factory.open();
  }, openWaitMs);
  afterEach(async () => {
    for (const instance of instances.splice(0)) await instance.close();
  });
  afterAll(async () => {
    await opened?.close();
  }, openWaitMs);

  return () => {
    if (opened === undefined) throw new Error('the storage under contract did not open');
    const store = opened.newStore();
    const warnings: unknown[] = [];
    const clock = handClock(systemClock);
    return {
      clock,
      warnings,
      writes: () => store.writes?.(),
      async open(system) {
        const defaults = {
          follow: false,
          snapshots: false,
          clock,
          onWarning: (error: unknown) => warnings.push(error),
        };
        const instance = await openPrevayler({ ...defaults, storage: store.view(), ...system });
        instances.push(instance);
        return instance;
      },
    };
  };
}
