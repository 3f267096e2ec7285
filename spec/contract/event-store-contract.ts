/**
 * The contract of event stores: what one must do on any engine, as facts that jest runs. Each fact has a store of its own; a view is what
 * one process has.
 */
import { describe } from '@jest/globals';
import { appendingContract } from './event-store-appending.js';
import { type EventStoreFactory, registerStores } from './event-store-bench.js';
import { commandIdsContract } from './event-store-command-ids.js';
import { readingContract } from './event-store-reading.js';
import { streamsContract } from './event-store-streams.js';

/** Registers all facts for the stores that `factory` opens. Call it inside a `describe`. */
export function eventStoreContract(factory: EventStoreFactory): void {
  const store = registerStores(factory);
  describe('append', () => appendingContract(store));
  describe('command ids', () => commandIdsContract(store));
  describe('read, subscribe', () => readingContract(store));
  describe('streams', () => streamsContract(store));
}
