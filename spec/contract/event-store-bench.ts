/**
 * What the parts of the contract of event stores share: an open place, a new and empty store for each fact, and store objects on it that are
 * closed at the end of the fact.
 */
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import type { EventStore, EventStoreOptions } from '../../lib/events/index.js';

/** How a contract run gets its stores. */
export interface EventStoreFactory {
  open(): Promise<{
    /** A new store, unlike all others; the function opens it once more, as another process has it. */
    newStore(): (options: EventStoreOptions) => EventStore;
    close(): Promise<void>;
  }>;
}

/** The workbench of one fact: opens the fact's store, each time as another process. */
export type OpenStore = (options?: EventStoreOptions) => EventStore;

const openWaitMs = 120_000;

/** Registers opening and closing with jest; the function that it returns begins a fact, on a new store. */
export function registerStores(factory: EventStoreFactory): () => OpenStore {
  let opened: Awaited<ReturnType<EventStoreFactory['open']>> | undefined;
  const stores: EventStore[] = [];
  beforeAll(async () => {
    opened = await factory.open();
  }, openWaitMs);
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
  });
  afterAll(async () => {
    await opened?.close();
  }, openWaitMs);

  return () => {
    if (opened === undefined) throw new Error('the store under contract did not open');
    const newObject = opened.newStore();
    return (options = {}) => {
      const store = newObject(options);
      stores.push(store);
      return store;
    };
  };
}

/** All events of a loop. */
export async function all<T>(events: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}

/** The first events of a loop that may go on for ever. */
export async function take<T>(count: number, events: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  if (count === 0) return seen;
  for await (const event of events) {
    seen.push(event);
    if (seen.length === count) break;
  }
  return seen;
}

export const seqs = (events: readonly { readonly seq: number }[]): number[] => events.map(({ seq }) => seq);

/** Whole numbers from 1. */
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Text that can't be compressed to much less than two thirds. */
export function noise(length: number, seed = 1): string {
  let [state, text] = [seed, ''];
  while (text.length < length) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    text += state.toString(36);
  }
  return text.slice(0, length);
}
