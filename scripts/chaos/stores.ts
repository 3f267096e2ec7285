/** The stores of long runs. */
import { type Store, type StoreName, startStore } from '../../spec/histories/stores.js';

/** Stores that live as long as needed: one for each run whose engine is killed, else one for all runs. */
export class Stores {
  readonly #shared = new Map<StoreName, Promise<Store>>();

  async within(name: StoreName, alone: boolean, run: (store: Store) => Promise<void>): Promise<void> {
    if (!alone) {
      if (!this.#shared.has(name)) this.#shared.set(name, startStore(name, { onDisk: false }));
      return run(await (this.#shared.get(name) as Promise<Store>));
    }
    const store = await startStore(name, { onDisk: true });
    try {
      await run(store);
    } finally {
      await store.close();
    }
  }

  async close(): Promise<void> {
    for (const store of this.#shared.values()) await (await store).close();
  }
}
