/** Event stores as if each were in a process of its own, on one memory engine and one virtual clock. */

import type { Engine } from '../../../lib/engine/index.js';
import { EventStore, type EventStoreOptions, type RecordedEvent } from '../../../lib/events/index.js';
import type { Bench } from '../../atom/bench.js';

export interface StoreOptions extends EventStoreOptions {
  readonly engine?: Engine;
  readonly evidenceWritersMax?: number;
}

export function openStore(bench: Bench, options: StoreOptions = {}): EventStore {
  const { engine = bench.memory, evidenceWritersMax, ...rest } = options;
  const table = bench.table({ engine, ...(evidenceWritersMax !== undefined && { evidenceWritersMax }) });
  return new EventStore(table, rest);
}

/** One event. */
export interface Happened {
  readonly type: 'happened';
  readonly data: { readonly id: string | number; readonly more: string };
}

export const happened = (id: string | number, more = ''): Happened => ({ type: 'happened', data: { id, more } });

/** Ids of the events of a stream, or of anything that gives events. */
export async function idsIn(events: AsyncIterable<RecordedEvent>): Promise<(string | number)[]> {
  const ids: (string | number)[] = [];
  for await (const { data } of events) ids.push((data as { id: string | number }).id);
  return ids;
}

export async function all<T>(things: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const thing of things) found.push(thing);
  return found;
}

/** The first so many. */
export async function first<T>(count: number, things: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  if (count > 0) {
    for await (const thing of things) {
      found.push(thing);
      if (found.length === count) break;
    }
  }
  return found;
}
