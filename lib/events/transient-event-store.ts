/**
 * A store in memory, for tests: the same streams, the same conditions, the same code, over an engine in this process.
 *
 * Its clock counts: each look at it is a millisecond later. So times are the same in each run.
 */
import { AtomTable } from '../atom/index.js';
import { type Clock, countingClock, MemoryEngine } from '../engine/index.js';
import { EventStore } from './event-store.js';
import type { EventStoreOptions } from './store-options.js';

/** Options of {@link transientEventStore}. */
export interface TransientEventStoreOptions extends EventStoreOptions {
  /**
   * Where the streams lie. Stores that are given one engine share them, as processes on many machines share a table.
   * @defaultValue one of its own
   */
  readonly engine?: MemoryEngine;
  /** @defaultValue one that counts: each look at it is a millisecond later */
  readonly clock?: Clock;
}

/**
 * Opens a store that keeps its streams in memory; what is in it goes with it. It refuses what a store on a table refuses: expected
 * versions, sizes, names, values.
 *
 * @example
 * ```ts
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { transientEventStore } from 'leyden-jar/events';
 *
 * const engine = new MemoryEngine();
 * const [one, other] = [transientEventStore({ engine }), transientEventStore({ engine })];
 * await one.append('account-7', [{ type: 'opened' }], { expected: 'no-stream' });
 * console.log((await other.info('account-7'))?.version); // 1
 * ```
 */
export function transientEventStore(options: TransientEventStoreOptions = {}): EventStore {
  const { engine = new MemoryEngine(), clock = countingClock(), ...rest } = options;
  if (!(engine instanceof MemoryEngine)) {
    throw new TypeError(
      'Cannot open an event store in memory: engine must be a MemoryEngine; on a table use new EventStore(table)',
    );
  }
  // The table is there when this returns. It may have been before.
  engine.createTable({ table: tableName, ...tableShape }).catch(() => {});
  // Each store has a table object of its own, as if it ran on another machine.
  return new EventStore(new AtomTable({ engine, tableName, clock }), rest);
}

const tableName = 'transient';
const tableShape = { partitionKey: { name: 'id', type: 'S' }, billing: { mode: 'on-demand' } } as const;
