/** Engines and workers that the runs of one spec share. */
import { afterAll, beforeAll } from '@jest/globals';
import { Crew } from '../histories/crew.js';
import { say } from '../histories/reports.js';
import { type Store, type StoreName, startStore } from '../histories/stores.js';
import { openStore, storeRows } from './open-store.js';

export const faultsMsMax = 300_000;

export interface SharedStores {
  readonly crew: Crew;
  /** Those that are to be had. */
  readonly engines: readonly StoreName[];
  store(name: StoreName): Store;
}

/** A store, and why it is not to be had here, if so. */
export interface SharedStoreRow {
  readonly name: StoreName;
  readonly missing?: string | undefined;
}

/** Opens them before the specs of this file and closes them afterwards. `worker`: the module of the crew. */
export function sharedStores(
  title: string,
  seed: number,
  worker?: URL,
  rows: readonly SharedStoreRow[] = storeRows,
): SharedStores {
  const crew = new Crew(worker);
  const stores = new Map<StoreName, Store>();
  beforeAll(async () => {
    say(`${title}: LEYDEN_SEED=${seed}`);
    for (const { name, missing } of rows) {
      if (missing === undefined) stores.set(name, await openStore(name));
      else say(`*** ${name} is SKIPPED: ${missing} ***`);
    }
  }, faultsMsMax);
  afterAll(async () => {
    await crew.close();
    for (const store of stores.values()) await store.close();
  });
  const engines = rows.filter(({ missing }) => missing === undefined).map(({ name }) => name);
  return { crew, engines, store: (name) => stores.get(name) as Store };
}

/** An engine that can be killed and started again. */
export async function withMortalStore(
  run: (store: Store) => Promise<unknown>,
  name: StoreName = 'dynalite',
): Promise<void> {
  const store = await startStore(name, { onDisk: true });
  try {
    await run(store);
  } finally {
    await store.close();
  }
}
