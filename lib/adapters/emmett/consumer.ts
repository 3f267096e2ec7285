import { randomUUID } from 'node:crypto';
import type {
  CurrentMessageProcessorPosition,
  MessageConsumer,
  MessageConsumerOptions,
  MessageProcessor,
} from '@event-driven-io/emmett';
import type { RecordedEvent } from '../../events/index.js';
import { toReadEvent } from './messages.js';

/** Options of {@link leydenEventStoreConsumer}. */
export interface LeydenConsumerOptions extends MessageConsumerOptions {
  /**
   * The events after a position, in order: those of one stream (the position is the event's `seq`), or of an ordered category (its
   * `position`). When they end, the consumer ends; a subscription does not end before `signal` says so.
   */
  readonly events: (after: number, signal: AbortSignal) => AsyncIterable<RecordedEvent>;
  /** The newest position: for processors with `startFrom: 'END'`. @defaultValue none: such a processor is refused */
  readonly end?: () => Promise<number>;
}

/** A processor, and how far it is here. */
interface Feed {
  readonly processor: Processor;
  after: number | undefined;
  isStopped: boolean;
}

type Processor = NonNullable<MessageConsumerOptions['processors']>[number];
type Handled = Awaited<ReturnType<MessageProcessor['handle']>>;

/**
 * Runs Emmett's processors (`reactor`, `projector`) over the events of a stream or of an ordered category.
 *
 * **Guarantee.** Each processor is told each event after its position, in order, one at a time. **At least once:** an event that was
 * handled and has no checkpoint yet is told again after a crash; without `checkpoints` (see {@link leydenCheckpointer}) all are, from
 * `startFrom` on. Nothing is skipped: what a processor throws, or says with `STOP` and an error, ends the consumer, and `start()`
 * rejects with it; started again, it goes on with that event. Processors that shall not stop one another need a consumer each.
 * **It cannot** keep another process from running the same processor at the same time; hold a lock for that.
 *
 * `start()` resolves when the events end, all processors have stopped, or after `stop()`. `close()` stops and closes the processors.
 *
 * @cost That of `events`, from the position of the processor that is furthest behind; and that of the checkpoints.
 * @throws TypeError at once without a processor; from `start()` for `startFrom: 'END'` without `end`, and for events of several streams
 * that have no positions.
 *
 * @example
 * ```ts
 * import { reactor } from '@event-driven-io/emmett';
 * import { AtomTable } from 'leyden-jar';
 * import { leydenCheckpointer, leydenEventStoreConsumer } from 'leyden-jar/adapters/emmett';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { EventStore } from 'leyden-jar/events';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'shop' });
 * await table.create();
 * const store = new EventStore(table);
 * await store.append('cart-7', [{ type: 'added', data: { sku: 'tea' } }, { type: 'confirmed', data: {} }]);
 *
 * const consumer = leydenEventStoreConsumer({
 *   events: (after, signal) => store.read('cart-7', { from: after + 1, signal }),
 *   processors: [
 *     reactor({
 *       processorId: 'mails',
 *       checkpoints: leydenCheckpointer(table),
 *       canHandle: ['confirmed'],
 *       eachMessage: ({ type, metadata }) => console.log(type, metadata.streamPosition), // => confirmed 2n
 *     }),
 *   ],
 * });
 * await consumer.start();
 * await consumer.close();
 * ```
 */
export function leydenEventStoreConsumer(options: LeydenConsumerOptions): MessageConsumer {
  const { events, end, processors = [], consumerId = randomUUID() } = options;
  if (processors.length === 0)
    throw new TypeError('Cannot make a consumer: processors must have one processor or more');
  const feeds = processors.map((processor): Feed => ({ processor, after: undefined, isStopped: false }));
  let stopping = new AbortController();
  let running: Promise<void> | undefined;
  /** That whose numbers are the positions, where events have no others. */
  let stream: string | undefined;

  const run = async () => {
    const { signal } = stopping;
    await Promise.all(feeds.map((feed) => begin(feed, end)));
    if (signal.aborted) return;
    const after = Math.min(...feeds.map((feed) => feed.after ?? 0));
    let failure: { readonly error: unknown } | undefined;
    try {
      for await (const event of events(after, signal)) {
        if (signal.aborted) return;
        stream ??= event.stream;
        requirePosition(event, stream);
        failure = await tellAll(feeds, event);
        if (failure !== undefined || !feeds.some(isListening)) break;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    if (failure !== undefined) throw failure.error;
  };

  const start = () => {
    if (running === undefined) {
      stopping = new AbortController();
      running = run().finally(() => {
        running = undefined;
      });
    }
    return running;
  };
  const stop = async () => {
    stopping.abort();
    // Who called start() is told of what went wrong.
    await running?.catch(() => {});
  };
  const close = async () => {
    await stop();
    await Promise.all(processors.map((processor) => processor.close({})));
  };
  return {
    ...{ consumerId, processors, start, stop, close },
    get isRunning() {
      return running !== undefined;
    },
  };
}

/** Starts a processor. One that is active already goes on where it was left here. */
async function begin(feed: Feed, end: LeydenConsumerOptions['end']): Promise<void> {
  const position: CurrentMessageProcessorPosition | undefined = await feed.processor.start({});
  feed.isStopped = false;
  if (position === undefined) return;
  if (position === 'BEGINNING') feed.after = 0;
  else if (position !== 'END') feed.after = Number(position.lastCheckpoint);
  else if (end !== undefined) feed.after = await end();
  else throw new TypeError(`Cannot start processor ${feed.processor.id} at the end: give the consumer the option end`);
}

/** Numbers of several streams say nothing of what was handled. */
function requirePosition(event: RecordedEvent, stream: string): void {
  if (event.position !== undefined || event.stream === stream) return;
  throw new TypeError(
    `Cannot consume: events of several streams need positions, those of an ordered category: ${stream}, ${event.stream}`,
  );
}

function isListening({ processor, isStopped }: Feed): boolean {
  return processor.isActive && !isStopped;
}

/** @returns what the first of them failed with, after all have done with the event. */
async function tellAll(feeds: readonly Feed[], event: RecordedEvent): Promise<{ readonly error: unknown } | undefined> {
  const told = await Promise.allSettled(feeds.map((feed) => tell(feed, event)));
  const failed = told.find(({ status }) => status === 'rejected');
  return failed && { error: (failed as PromiseRejectedResult).reason };
}

async function tell(feed: Feed, event: RecordedEvent): Promise<void> {
  const position = event.position ?? event.seq;
  if (!isListening(feed) || position <= (feed.after ?? 0)) return;
  const handled: Handled = await feed.processor.handle([toReadEvent(event)], {});
  feed.isStopped = handled?.type === 'STOP';
  if (handled?.type === 'STOP' && handled.error !== undefined) throw handled.error;
  feed.after = position;
}
