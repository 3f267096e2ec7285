/**
 * Emmett's event store on ours. Needs `@event-driven-io/emmett`, of the 0.42 line.
 *
 * @module
 */
export { type LeydenCheckpointer, type LeydenCheckpointerOptions, leydenCheckpointer } from './checkpointer.js';
export { type LeydenConsumerOptions, leydenEventStoreConsumer } from './consumer.js';
export {
  getLeydenEventStore,
  type LeydenAppendOptions,
  type LeydenEventStore,
  type LeydenEventStoreOptions,
} from './event-store.js';
export type { LeydenReadEvent, LeydenReadEventMetadata } from './messages.js';
