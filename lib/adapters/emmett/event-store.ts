import type {
  AggregateStreamOptions,
  AggregateStreamResult,
  AppendToStreamOptions,
  AppendToStreamResult,
  BigIntStreamPosition,
  DefaultEventStoreOptions,
  EventStore as EmmettStore,
  Event,
  ExpectedStreamVersion,
  ReadStreamResult,
} from '@event-driven-io/emmett';
import { isLeydenError } from '../../errors.js';
import type { Appended, ConflictError, EventStore, ExpectedVersion, WriteOptions } from '../../events/index.js';
import { downcastRecordedMessages, ExpectedVersionConflictError, tryPublishMessagesAfterCommit } from './api.js';
import { type LeydenReadEvent, type LeydenReadEventMetadata, toAppended, toInput } from './messages.js';
import { noVersion, type ReadRangeOptions, readRange, versionOf } from './range-reader.js';

/** Options of {@link getLeydenEventStore}. */
export type LeydenEventStoreOptions = DefaultEventStoreOptions<LeydenEventStore>;

/** Options of `appendToStream`: Emmett's, and those of the store below. */
export type LeydenAppendOptions<E extends Event = Event, Stored extends Event = E> = AppendToStreamOptions<
  BigIntStreamPosition,
  E,
  Stored
> &
  Pick<WriteOptions, 'commandId' | 'signal' | 'timeoutMs'>;

/** What {@link getLeydenEventStore} gives: Emmett's `EventStore`. */
export interface LeydenEventStore extends EmmettStore<LeydenReadEventMetadata> {
  appendToStream<E extends Event, Stored extends Event = E>(
    streamName: string,
    events: E[],
    options?: LeydenAppendOptions<E, Stored>,
  ): Promise<AppendToStreamResult>;
}

/**
 * Emmett's `EventStore` on ours: for `CommandHandler`, `DeciderCommandHandler`, and whatever else Emmett does with a store.
 *
 * **Guarantee.** That of {@link EventStore}: an append is atomic, on exactly the version that was expected, and no lost answer is
 * taken for a conflict. bigint, Date, Map and all else that superjson takes come back from data and metadata as they were.
 * A message's id (`messageId`) is the event's: stable, the same for all readers.
 *
 * **What it cannot do.** Inline projections: an append writes one item, and a projection would be another; run them in a consumer
 * ({@link leydenEventStoreConsumer}). Sessions (`withSession`): there is no connection and no transaction to hold. A message has a
 * `globalPosition` only where it was read from an ordered category.
 *
 * `from`, `to` and `maxCount` count as Emmett's in-memory store does: `from: 2n` skips two events, `to: 5n` ends with the fifth;
 * `maxCount` is not looked at beside `to`. It differs from that store in that
 *
 * - `aggregateStream` says the version that the state is at when it read with `from`, not how many events it has seen;
 * - an append of no events is none, and tells the version; with a `from`, `to` or `maxCount` below 0 a read is refused;
 * - what is read is frozen: an `evolve` that changes the event that it is given throws;
 * - `downcast` sees an event as it was given, without position and id;
 * - members of an event beside `type`, `data` and `metadata` are not kept.
 *
 * With `commandId`, an append that is made again changes nothing, and gives the first outcome; `onAfterCommit` is not told again.
 * `onAfterCommit` is told in this process after the append: never, if the process dies before. What it throws is logged by Emmett.
 *
 * @cost `readStream`, `aggregateStream`: that of `read`; with `from`, `to` or `maxCount` one more request, for the stream's version.
 * `appendToStream`: that of `append`. `streamExists`: 1 request.
 * @iam as `append` and `read`
 * @throws Emmett's `ExpectedVersionConflictError`, whose `cause` is the `ConflictError` with the events that were faster; else what
 * `append` and `read` throw, `StreamClosedError` `ERR_STREAM_CLOSED` among them; TypeError, RangeError for wrong arguments.
 *
 * @example
 * ```ts
 * import { CommandHandler } from '@event-driven-io/emmett';
 * import { AtomTable } from 'leyden-jar';
 * import { getLeydenEventStore } from 'leyden-jar/adapters/emmett';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { EventStore } from 'leyden-jar/events';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'shop' });
 * await table.create();
 * const eventStore = getLeydenEventStore(new EventStore(table));
 *
 * type Deposited = { type: 'deposited'; data: { amount: bigint } };
 * const handle = CommandHandler<bigint, Deposited>({
 *   initialState: () => 0n,
 *   evolve: (balance, { data }) => balance + data.amount,
 *   retry: { onVersionConflict: 5 },
 * });
 * const { newState, nextExpectedStreamVersion } = await handle(eventStore, 'account-7', () => ({
 *   type: 'deposited',
 *   data: { amount: 20n },
 * }));
 * console.log(newState, nextExpectedStreamVersion); // => 20n 1n
 * ```
 */
export function getLeydenEventStore(store: EventStore, options: LeydenEventStoreOptions = {}): LeydenEventStore {
  const { hooks } = options;
  if ('projections' in options) {
    throw new TypeError(
      'Cannot open an event store for Emmett: it has no inline projections, as an append writes one item alone; ' +
        'run them in a consumer (leydenEventStoreConsumer)',
    );
  }

  const readStream = async <E extends Event, Stored extends Event = E>(
    streamName: string,
    read?: ReadRangeOptions<E, Stored>,
  ): Promise<ReadStreamResult<E, LeydenReadEventMetadata>> => {
    const events: LeydenReadEvent<E>[] = [];
    const { version } = await readRange<E, Stored>(store, streamName, read, (event) => events.push(event));
    return { currentStreamVersion: version, events, streamExists: version > noVersion };
  };

  const aggregateStream = async <State, E extends Event, Stored extends Event = E>(
    streamName: string,
    { evolve, initialState, read }: AggregateStreamOptions<State, E, LeydenReadEventMetadata, Stored>,
  ): Promise<AggregateStreamResult<State>> => {
    let state = initialState();
    // All three forms of `evolve` take an event with its metadata.
    const step = evolve as (state: State, event: LeydenReadEvent<E>) => State;
    const { version, end } = await readRange<E, Stored>(store, streamName, read, (event) => {
      state = step(state, event);
    });
    return { currentStreamVersion: end, state, streamExists: version > noVersion };
  };

  const appendToStream = async <E extends Event, Stored extends Event = E>(
    streamName: string,
    events: E[],
    { expectedStreamVersion, schema, ...write }: LeydenAppendOptions<E, Stored> = {},
  ): Promise<AppendToStreamResult> => {
    const stored = downcastRecordedMessages<E, Stored>(events, schema?.versioning);
    const inputs = stored.map((event) => toInput(event as Event));
    const { commandId, signal, timeoutMs } = write;
    const expected = await expectedOf(store, streamName, expectedStreamVersion);
    let appended: Appended;
    try {
      appended = await store.append(streamName, inputs, {
        ...{ expected, commandId, signal },
        ...(timeoutMs !== undefined && { timeoutMs }),
      });
    } catch (error) {
      if (!isLeydenError(error, 'ERR_CONFLICT')) throw error;
      throw await conflictOf(store, error as ConflictError, expectedStreamVersion);
    }
    const { version, repeated } = appended;
    if (!repeated && events.length > 0) {
      const messages = events.map((event, index) => toAppended(event, appended.events[index] as never));
      await tryPublishMessagesAfterCommit<LeydenEventStore>(messages as never, hooks);
    }
    return { nextExpectedStreamVersion: BigInt(version), createdNewStream: appended.events[0]?.seq === 1 };
  };

  const streamExists = (streamName: string): Promise<boolean> => store.exists(streamName);

  // An object with members of its own, since Emmett's test wrapper copies them.
  return { readStream, aggregateStream, appendToStream, streamExists };
}

async function expectedOf(
  store: EventStore,
  stream: string,
  expected: ExpectedStreamVersion | undefined,
): Promise<ExpectedVersion> {
  if (expected === undefined || expected === 'NO_CONCURRENCY_CHECK') return 'any';
  if (expected === 'STREAM_DOES_NOT_EXIST') return 'no-stream';
  if (expected === 'STREAM_EXISTS') return 'exists';
  if (typeof expected !== 'bigint') {
    throw new TypeError(
      `Cannot append to stream ${stream}: expectedStreamVersion must be a bigint, STREAM_EXISTS, STREAM_DOES_NOT_EXIST or NO_CONCURRENCY_CHECK: ${JSON.stringify(expected)}`,
    );
  }
  if (expected < 0n || expected > BigInt(Number.MAX_SAFE_INTEGER)) {
    // No stream will ever be there.
    throw new ExpectedVersionConflictError(await versionOf(store, stream), expected);
  }
  return Number(expected);
}

/** Emmett's own error, since users look for its class or its code; ours, with the events that were faster, is its cause. */
async function conflictOf(
  store: EventStore,
  cause: ConflictError,
  expected: ExpectedStreamVersion | undefined,
): Promise<ExpectedVersionConflictError> {
  const { stream, actual } = cause;
  // A version that the stream has outgrown is refused on what is known here; how far the stream is now is looked up.
  const isOutgrown = cause.expected === 'no-stream' || (typeof cause.expected === 'number' && cause.expected < actual);
  const current = isOutgrown ? await versionOf(store, stream).catch(() => BigInt(actual)) : BigInt(actual);
  return Object.assign(new ExpectedVersionConflictError(current, expected as ExpectedStreamVersion), { cause });
}
