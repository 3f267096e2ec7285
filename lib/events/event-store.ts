/** The event store: what a user calls. Each call is documented here, and done by a file beside this one. */
import type { AtomTable } from '../atom/index.js';
import type { Head } from '../journal/index.js';
import { type AggregateType, type AnyAggregateType, isAggregateType } from './aggregate/aggregate-type.js';
import { CommandWork, type Executed } from './aggregate/command-work.js';
import { loadAggregate } from './aggregate/load-aggregate.js';
import { type PruneOptions, type PruneReport, pruneStream, requirePrune } from './aggregate/prune.js';
import { type Appended, AppendWork } from './append-work.js';
import { requireOptions } from './call-options.js';
import { EventStoreClosedError, StreamClosedError } from './errors.js';
import type { EventInput, RecordedEvent } from './event.js';
import { bytesOf, encodeEvent } from './event-line.js';
import { expectedIn } from './expected-version.js';
import { floorNow } from './floor.js';
import { OpenStreams } from './open-streams.js';
import { requireCommandId } from './receipts.js';
import {
  type AppendOptions,
  type CallSignal,
  type EventStoreOptions,
  type ExecuteArguments,
  type ExecuteOptions,
  type Loaded,
  requireRetries,
  requireStoreOptions,
  requireWrite,
  type WriteOptions,
  writeOptions,
} from './store-options.js';
import { infoOf, requireStreamsOptions, type StreamInfo, type StreamsOptions } from './stream-info.js';
import { archiveStream, deleteStream, type EndOptions, type StreamEnds, unarchiveStream } from './stream-life.js';
import { requireAggregateId, requireStreamName, streamOf } from './stream-name.js';
import { type ReadOptions, readStream, requireReadOptions } from './stream-reader.js';
import { requireSubscribeOptions, type SubscribeOptions, subscribeTo } from './stream-subscription.js';
import { AllStreams, type ReadAllOptions, type SubscribeAllOptions } from './together/all-streams.js';
import type { CategoryFeed, FeedOptions } from './together/category-feed.js';
import type { StreamEntry } from './together/stream-entry.js';
import type { CommitParser } from './view/head-parser.js';
import type { Projection } from './view/projection.js';
import type { Projector } from './view/projector.js';
import type { Rebuilt } from './view/rebuild.js';
import type { AnyView, View } from './view/view.js';
import type { ViewReader } from './view/view-reader.js';
import { type ProjectOptions, type RebuildViewOptions, Views } from './view/views.js';

/**
 * A store of events: streams that are appended to under a condition, and read. Make one per process and share it; making one sends
 * nothing.
 *
 * **Guarantee.** Events whose `append` or `execute` resolves are in their stream exactly once, in one piece, numbered without gaps, on
 * exactly the version that was expected; those of a call that rejects with `outcome: 'not-done'` never will be. All readers see one
 * order. What it can't do: an order among streams, unless their category is ordered.
 *
 * **If the process dies**, the events of a call have happened or not, never some of them. **A lost answer** is settled by evidence in the
 * stream's head before you are answered; what a caller does again after a crash happens once if it has a command id.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { EventStore } from 'leyden-jar/events';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'bank' });
 * await table.create();
 * await using store = new EventStore(table);
 * await store.append('account-7', [{ type: 'opened', data: { owner: 'ann' } }], { expected: 'no-stream' });
 * for await (const { seq, type } of store.read('account-7')) console.log(seq, type); // => 1 opened
 * ```
 */
export class EventStore {
  readonly name: string;
  readonly #streams: OpenStreams;
  readonly #all: AllStreams;
  readonly #views: Views;
  readonly #closing = new AbortController();

  /** @throws TypeError, RangeError for wrong options. */
  constructor(table: AtomTable, options: EventStoreOptions = {}) {
    const { name, facts } = requireStoreOptions(table, options);
    this.name = name;
    this.#streams = new OpenStreams(facts);
    this.#all = new AllStreams({ ...facts, streams: this.#streams, ends: this.#closing.signal });
    this.#views = new Views({ ...facts, streams: this.#streams, all: this.#all, ends: this.#closing.signal });
  }

  /**
   * Appends events to a stream, all or none. Takes copies of them at the call.
   *
   * **Guarantee.** Resolves when they stand in the stream: on exactly the version that is `expected`, next to each other. Calls for one
   * stream that wait together share a commit, in their order; each is answered by itself. With a `commandId` that was there before nothing is
   * appended, and the first outcome is given (`repeated`). No events: says whether the expectation is met.
   *
   * **If the process dies**, all of them are there or none; call it again with the same `commandId`. **If the answer is lost**, it is
   * settled first; `UnknownOutcomeError` only when you left meanwhile, by signal or deadline, and its `settle()` tells.
   *
   * @consistency A conflict is one with what is there: an expectation that can still come to hold is looked at again before it is refused.
   * @cost 1 request, 1 write unit; 1 read more for a stream that was not used here lately. A stream that grows: 1 write unit more every
   * few commits, and 1 for each `commandId`; with a `commandId` 1 read unit for the look whether it is known. Events that do not fit in
   * the head (about 600 bytes compressed): their write units more. Each race that is lost: 1 request more.
   * @iam dynamodb:GetItem, PutItem; BatchGetItem where others append as well; DeleteItem for what came too late
   * @throws {ConflictError} `ERR_CONFLICT` with the events that were faster; {@link StreamClosedError} `ERR_STREAM_CLOSED`;
   * {@link CommandIdReusedError} `ERR_COMMAND_ID_REUSED`; {@link CategoryOrderError} `ERR_CATEGORY_ORDER`; `AppendTooLargeError`
   * `ERR_APPEND_TOO_LARGE`, `UnsupportedValueError` `ERR_UNSUPPORTED_VALUE`; `DeadlineError` `ERR_DEADLINE`, `UnknownOutcomeError`
   * `ERR_UNKNOWN_OUTCOME`; `JournalFormatError` `ERR_JOURNAL_FORMAT` where the name is another system's;
   * {@link EventStoreClosedError} `ERR_EVENT_STORE_CLOSED`; TypeError, RangeError for wrong arguments.
   *
   * @example
   * ```ts
   * import { ConflictError, transientEventStore } from 'leyden-jar/events';
   *
   * const store = transientEventStore();
   * const { version } = await store.append('account-7', [{ type: 'opened' }], { expected: 'no-stream' });
   * await store.append('account-7', [{ type: 'deposited', data: 5 }], { expected: version, commandId: 'deposit-1' });
   * const again = await store.append('account-7', [{ type: 'deposited', data: 5 }], { commandId: 'deposit-1' });
   * console.log(again.version, again.repeated); // => 2 true
   * try {
   *   await store.append('account-7', [{ type: 'closed' }], { expected: version });
   * } catch (error) {
   *   if (error instanceof ConflictError) console.log(error.actual, error.events[0]?.type); // => 2 deposited
   * }
   * ```
   */
  async append<E extends EventInput>(
    stream: string,
    events: readonly E[],
    options: AppendOptions = {},
  ): Promise<Appended<RecordedEvent<E>>> {
    this.#requireOpen('append to');
    requireStreamName('append', stream);
    if (!Array.isArray(events))
      throw new TypeError(`Cannot append to stream ${stream}: events must be an array: ${typeof events}`);
    requireOptions<AppendOptions>('append', options, { expected: true, ...writeOptions });
    const { metadata, signal } = options;
    const { commandId, timeoutMs } = requireWrite(options);
    const expected = expectedIn(options);
    const lines = events.map((event) => encodeEvent(event, metadata));
    const open = this.#streams.of(stream);
    const id = commandId ?? lines[0]?.content().i;
    if (id !== undefined) requireCommandId(id);
    open.journal.requireSize(bytesOf(lines));
    signal?.throwIfAborted();
    const facts = {
      ...this.#streams.waiting([stream], id ?? 'of these events', timeoutMs),
      lines,
      expected,
      commandId: id,
    };
    const appended = await this.#streams.push(open, new AppendWork(stream, facts), signal);
    return appended as Appended<RecordedEvent<E>>;
  }

  /**
   * Reads the events of a stream, forwards or backwards, from any number on, upcasted. Nothing is asked for before the loop asks, and
   * little ahead of it: about 8 MB of text are held at most.
   *
   * **Guarantee.** Each event once, in order, up to the newest as of the call; or a typed error, never a gap. A stream that there is not has
   * no events.
   *
   * @consistency Linearizable: what was acknowledged before the call is among them.
   * @cost 1 request, 1 read unit, when all of it is in the head. Then half a read unit for each page of the stream, 32 of which share an item of
   * some 3 read units once they are old, up to 100 with a request. From the middle: log2(pages) requests to find the place.
   * @iam dynamodb:GetItem, BatchGetItem
   * @throws {StreamClosedError} `ERR_STREAM_CLOSED` for a deleted stream, {@link StreamPrunedError} `ERR_STREAM_PRUNED`,
   * {@link UpcastError} `ERR_UPCAST`, `JournalGapError` `ERR_JOURNAL_GAP` for what is missing or damaged; `signal.reason`.
   *
   * @example
   * ```ts
   * import { transientEventStore } from 'leyden-jar/events';
   *
   * const store = transientEventStore();
   * await store.append('account-7', [{ type: 'opened' }, { type: 'deposited', data: 5 }, { type: 'closed' }]);
   * for await (const { seq, type } of store.read('account-7', { direction: 'backwards', to: 2 })) console.log(seq, type);
   * // => 3 closed
   * // => 2 deposited
   * ```
   */
  async *read<E extends EventInput = EventInput>(
    stream: string,
    options: ReadOptions = {},
  ): AsyncGenerator<RecordedEvent<E>, void, undefined> {
    this.#requireOpen('read');
    requireStreamName('read a stream', stream);
    requireReadOptions(options);
    for await (const records of readStream(this.#streams.toRead(stream), options)) yield* records as RecordedEvent<E>[];
  }

  /**
   * Decides a command on the state of an aggregate, and appends the events that it leads to, on exactly that state.
   *
   * **Guarantee.** As for {@link EventStore.append}. Others were faster: it is decided again on the newer state, up to `retries` times. What
   * `handle` throws reaches you as it is, and an answer without events is given, only on a state that was the newest after the call;
   * neither changes anything. Commands for one aggregate that wait together are decided one after the other and share a commit.
   *
   * **If the process dies**, all events of the command are there or none; what `handle` did besides deciding may have been done. Do
   * it again with the same `commandId`.
   *
   * @cost As `append`, when the state is at hand or in the head; else the events after the newest snapshot are read, as by `read`.
   * @iam dynamodb:GetItem, PutItem, BatchGetItem, DeleteItem
   * @throws {ConflictError} `ERR_CONFLICT` after `retries`, or when `expected` is not met; {@link UnknownEventTypeError}
   * `ERR_UNKNOWN_EVENT_TYPE`; what `handle` and `apply` throw; what `append` and `read` throw.
   *
   * @example
   * ```ts
   * import { AggregateType, transientEventStore } from 'leyden-jar/events';
   *
   * const account = new AggregateType<number, { withdraw: number } | { deposit: number }, { type: 'moved'; data: number }>({
   *   name: 'account',
   *   initial: 0,
   *   handle: (balance, command) => {
   *     const amount = 'deposit' in command ? command.deposit : -command.withdraw;
   *     if (balance + amount < 0) throw new RangeError(`only ${balance} left`);
   *     return { type: 'moved', data: amount };
   *   },
   *   apply: (balance, { data }) => balance + data,
   * });
   * const store = transientEventStore();
   * const { state, version } = await store.execute(account, '7', { deposit: 5 });
   * console.log(state, version); // => 5 1
   * await store.execute(account, '7', { withdraw: 9 }).catch((error) => console.log(error.message)); // => only 5 left
   * ```
   */
  async execute<State, Command, E extends EventInput, Services = undefined>(
    type: AggregateType<State, Command, E, Services>,
    id: string,
    command: Command,
    ...[options = {}]: ExecuteArguments<Services>
  ): Promise<Executed<State, RecordedEvent<E>>> {
    this.#requireOpen('execute a command in');
    const stream = this.#streamOf(type, id);
    const names = { expected: true, services: true, retries: true, ...writeOptions } as const;
    requireOptions<ExecuteOptions<Services>>('execute a command', options, names);
    const { metadata, services, signal } = options;
    const retries = requireRetries(options.retries);
    const { commandId, timeoutMs } = requireWrite(options);
    const expected = expectedIn(options);
    signal?.throwIfAborted();
    const open = this.#streams.of(stream);
    const work = new CommandWork(type, {
      ...this.#streams.waiting([stream], commandId ?? 'of this command', timeoutMs),
      ...{ stream, command, services, metadata, commandId, expected, retries, signal },
      ...{ state: open.facts.state, journal: () => open.journal },
      stateNow: async () => (await this.load(type, id)).state,
    });
    return (await this.#streams.push(open, work, signal)) as Executed<State, RecordedEvent<E>>;
  }

  /**
   * The state of an aggregate as of now, and its version; the `initial` one and 0 where there is none.
   *
   * @consistency Linearizable: what was acknowledged before the call is in it.
   * @cost 1 request, 1 read unit, when the state or all events are in the head; a state that is larger is in a snapshot: 1 request
   * more for each 400 KB, compressed; else also what `read` costs for the events after it.
   * @iam dynamodb:GetItem, BatchGetItem
   * @throws {StreamClosedError} `ERR_STREAM_CLOSED` for a deleted one, {@link StreamPrunedError} `ERR_STREAM_PRUNED`,
   * {@link UnknownEventTypeError} `ERR_UNKNOWN_EVENT_TYPE`; what `apply` and `read` throw.
   */
  async load<State, Command, E extends EventInput, Services>(
    type: AggregateType<State, Command, E, Services>,
    id: string,
    options: CallSignal = {},
  ): Promise<Loaded<State>> {
    this.#requireOpen('load from');
    const open = this.#streams.toRead(this.#streamOf(type, id));
    requireOptions('load an aggregate', options, { signal: true });
    const { state, seq } = await loadAggregate(open, type, options.signal);
    return { state: state as State, version: seq };
  }

  /**
   * Reads the events of a stream, and then those that come, for ever: until the loop is left, by `signal`, by `close()`, or because the
   * stream was deleted. Waits for a stream that there is not yet.
   *
   * **Guarantee.** Each event once, in order. Who begins again does so behind the last event, by `from`: `seq + 1`.
   *
   * @consistency Appends of this process are seen at once, those of others at the next look: 100 ms after something was seen, then at
   * intervals that double up to `pollMsMax`; at once where the table has a `watchSource`.
   * @cost Half a read unit for each look, of which those of all watches of the table share a request; then as `read`.
   * @iam dynamodb:BatchGetItem, GetItem
   * @throws {StreamClosedError} `ERR_STREAM_CLOSED` when it was deleted; what `read` throws; `signal.reason`.
   *
   * @example
   * ```ts
   * import { transientEventStore } from 'leyden-jar/events';
   *
   * const store = transientEventStore();
   * const appended = store.append('orders', [{ type: 'placed' }, { type: 'paid' }]);
   * for await (const { seq, type } of store.subscribe('orders')) {
   *   console.log(seq, type);
   *   if (type === 'paid') break;
   * }
   * // => 1 placed
   * // => 2 paid
   * await appended;
   * ```
   */
  async *subscribe<E extends EventInput = EventInput>(
    stream: string,
    options: SubscribeOptions = {},
  ): AsyncGenerator<RecordedEvent<E>, void, undefined> {
    this.#requireOpen('subscribe to a stream of');
    requireStreamName('subscribe to a stream', stream);
    requireSubscribeOptions(options);
    const commits = subscribeTo(this.#streams.toRead(stream), options, this.#closing.signal);
    for await (const records of commits) yield* records as RecordedEvent<E>[];
  }

  /**
   * Appends to several streams: all of it, or nothing.
   *
   * **Guarantee.** As for {@link EventStore.append}, of all streams as one. Each stream is at what is expected of it at the one instant
   * at which all of the events are appended. A stream that is given no events is only checked: its head is written with a commit that has
   * none, so that nothing slips in between. A call that is repeated under its command id gives the first outcome, of all streams.
   * What it can't do: more than 100 streams, of which each ordered category among them takes one; reading several streams at one
   * instant.
   *
   * **If the process dies**, all has happened or nothing. **A lost answer** is settled before you are answered.
   *
   * @cost 1 request when the streams are at hand, and twice the write units of each head; a conflict 1 request more. Streams that were
   * not used here lately: a read of each. With a command id: as for one stream.
   * @iam dynamodb:PutItem, GetItem, BatchGetItem
   * @throws {ConflictError} `ERR_CONFLICT`, of the first stream that is not as expected; {@link StreamClosedError} `ERR_STREAM_CLOSED`,
   * {@link CommandIdReusedError} `ERR_COMMAND_ID_REUSED`, {@link CategoryOrderError} `ERR_CATEGORY_ORDER`,
   * `EngineLacksTransactionsError` `ERR_ENGINE_LACKS_TRANSACTIONS` for several streams on such a store, `TransactionTooLargeError`
   * `ERR_TRANSACTION_TOO_LARGE`, `DeadlineError` `ERR_DEADLINE`, `UnknownOutcomeError` `ERR_UNKNOWN_OUTCOME`; RangeError for too many
   * streams, TypeError for one stream twice: nothing was sent.
   *
   * @example
   * ```ts
   * import { MemoryEngine } from 'leyden-jar/engine';
   * import { EventStore } from 'leyden-jar/events';
   * import { AtomTable } from 'leyden-jar';
   *
   * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
   * await table.create();
   * const store = new EventStore(table);
   * await store.appendAll([
   *   { stream: 'account-ann', events: [{ type: 'sent', data: { amount: 30 } }], expected: 'no-stream' },
   *   { stream: 'account-bob', events: [{ type: 'received', data: { amount: 30 } }] },
   *   { stream: 'limits', events: [], expected: 0 },
   * ]);
   * ```
   */
  async appendAll(entries: readonly StreamEntry[], options: WriteOptions = {}): Promise<readonly Appended[]> {
    this.#requireOpen('append to');
    requireOptions<WriteOptions>('append to several streams', options, writeOptions);
    const { timeoutMs } = requireWrite(options);
    return this.#all.append(entries, options, timeoutMs);
  }

  /**
   * Reads all events: of a category that is ordered, in its order, each with its `position`; else stream after stream, and only within
   * a stream in order.
   *
   * **Guarantee.** Of an ordered category: all events up to the newest as of the call, none twice, and if one event was appended after
   * another had been acknowledged, it comes after it. Events of deleted streams are passed over, their positions stay free.
   * Bounded memory: windows of at most 1,000 events, about 4 MB; or, where commits are larger, one of each of 16 streams.
   *
   * @cost Of an ordered category: what its journal has (a page for some 100 appends), and for each window and stream in it 1 request for
   * the head, and its pages. Else a scan of the table, and each stream.
   * @iam dynamodb:GetItem, BatchGetItem; dynamodb:Scan where there is no order
   * @throws {StreamPrunedError} `ERR_STREAM_PRUNED`, `JournalGapError` `ERR_JOURNAL_GAP`; TypeError for `from` without an ordered category
   */
  async *readAll<E extends EventInput = EventInput>(
    options: ReadAllOptions = {},
  ): AsyncGenerator<RecordedEvent<E>, void, undefined> {
    this.#requireOpen('read all of');
    requireOptions<ReadAllOptions>('read all', options, { category: true, from: true, signal: true });
    yield* this.#all.read(options) as AsyncGenerator<RecordedEvent<E>, void, undefined>;
  }

  /**
   * All events as {@link EventStore.readAll} gives them, and then those that come, until the loop is left.
   *
   * Of an ordered category: looks at it every 20 ms while events come, every second while none do, and at once when it is nudged
   * (`feed.nudge()`); `onCaughtUp` tells when all was given that there is. Begin again at `feed.position + 1`. Else something has to
   * tell which streams have changed: a `source` (names of changed items, as the table's stream gives them), or a scan every so often.
   * Then each stream is in order, and there is none among streams.
   *
   * @cost Of an ordered category: 1 read unit for each look. Of a source: 1 read unit for each change of a stream's head. Of scans: a scan
   * of the table each time.
   * @iam as `readAll`
   * @throws as `readAll`; TypeError when there is neither an ordered category, nor a source, nor `scanEveryMs`
   */
  subscribeAll<E extends EventInput = EventInput>(
    options: FeedOptions & { readonly category: string },
  ): CategoryFeed<E>;
  subscribeAll<E extends EventInput = EventInput>(options: SubscribeAllOptions): AsyncIterable<RecordedEvent<E>>;
  subscribeAll(options: SubscribeAllOptions): AsyncIterable<RecordedEvent> {
    this.#requireOpen('subscribe to all of');
    return this.#all.feed(options);
  }

  /**
   * Brings the streams of a category into its order that were begun without one, stream after stream; appends to them were refused so
   * far. Only for stores that were opened with this category `ordered`; stores without it are refused from then on.
   *
   * @returns the number of streams that were brought in. Call it again when stores without the order were still at work.
   * @cost A scan of the table, and a transaction for each stream.
   * @iam dynamodb:Scan, GetItem, PutItem
   */
  async order(category: string, options: CallSignal = {}): Promise<number> {
    this.#requireOpen('order a category of');
    requireOptions('order a category', options, { signal: true });
    return this.#all.order(category, options.signal);
  }

  /**
   * What is known of a stream without reading its events: version, times, whether it was closed, its `floor`; `undefined` where there is
   * none, and was none.
   *
   * @consistency Strong.
   * @cost 1 request, 1 read unit; 1 or 2 more for the floor of a stream that has left its head.
   * @iam dynamodb:GetItem
   *
   * @example
   * ```ts
   * import { transientEventStore } from 'leyden-jar/events';
   *
   * const store = transientEventStore();
   * await store.append('account-7', [{ type: 'opened' }]);
   * await store.archive('account-7');
   * const info = await store.info('account-7');
   * console.log(info?.version, info?.exists, info?.closed); // => 1 true archived
   * ```
   */
  async info(stream: string, options: CallSignal = {}): Promise<StreamInfo | undefined> {
    this.#requireOpen('look at a stream of');
    requireStreamName('look at a stream', stream);
    requireOptions('look at a stream', options, { signal: true });
    const { signal } = options;
    const { journal, facts } = this.#streams.toRead(stream);
    const image = await journal.readHead(signal);
    const info = infoOf(stream, image);
    return info && { ...info, floor: await floorNow({ journal, snapshots: facts.snapshots }, image as Head, signal) };
  }

  /**
   * Whether a stream has events that can be read.
   *
   * @consistency Strong.
   * @cost 1 request, 1 read unit.
   * @iam dynamodb:GetItem
   */
  async exists(stream: string, options: CallSignal = {}): Promise<boolean> {
    this.#requireOpen('look at a stream of');
    requireStreamName('look at a stream', stream);
    requireOptions('look at a stream', options, { signal: true });
    return infoOf(stream, await this.#streams.toRead(stream).journal.readHead(options.signal))?.exists === true;
  }

  /**
   * All streams of this store, in no order; some of them by `prefix`, `category`, `closed`.
   *
   * **Guarantee.** A stream that was there all the while is among them, once. What else lies in the table is passed over, whoever
   * it belongs to. A head that can't be read, a page that the store refuses, is thrown: the end of the loop is the end of the table.
   *
   * @cost A scan: 1 request per MB of the table, 1 read unit per 4 KB of all that is in it, half of it when `eventual`. What a prefix leaves
   * out is paid for too.
   * @iam dynamodb:Scan
   * @throws `DecodeError` `ERR_DECODE`, `JournalFormatError` `ERR_JOURNAL_FORMAT`, `DeadlineError` `ERR_DEADLINE`; `signal.reason`.
   *
   * @example
   * ```ts
   * import { transientEventStore } from 'leyden-jar/events';
   *
   * const store = transientEventStore();
   * for (const stream of ['account-1', 'order-1']) await store.append(stream, [{ type: 'opened' }]);
   * for await (const { stream, version } of store.streams({ category: 'order' })) console.log(stream, version); // => order-1 1
   * ```
   */
  async *streams(options: StreamsOptions = {}): AsyncGenerator<StreamInfo, void, undefined> {
    this.#requireOpen('list streams of');
    requireStreamsOptions(options);
    yield* this.#streams.list(options);
  }

  /**
   * Deletes a stream for good: its events, snapshots and command ids. Its name is used up. Says whether there was something to delete.
   *
   * **Guarantee.** From its first step on nobody reads or appends any more, in any process; when it resolves, all is removed but one small
   * item, the head, which refuses whoever wakes up late. Events of deleted streams stay in views, and in what you have made of them.
   * What it can't do: recall a request of another process that is on its way meanwhile. A page, two bodies or a snapshot that such a process
   * puts afterwards, and then dies, stay unreadable in the table; one that lives removes its own, a page perhaps when it comes by again.
   * So do two bodies of a process that died before its first events were pruned: nothing names it any more.
   *
   * **If the process dies**, or the call is left, the stream is closed and partly removed: call it again, and it is gone on with.
   * Deleting what is deleted changes nothing.
   *
   * @cost About 10 requests, and 1 read unit and the write units of all that is deleted, as a delete costs what it deletes; 1 write unit for
   * each command id. Again: 1 request.
   * @iam dynamodb:GetItem, PutItem, BatchGetItem, DeleteItem
   * @throws {ConflictError} `ERR_CONFLICT` when it is not at what is `expected`; `signal.reason`; what the store refuses.
   *
   * @example
   * ```ts
   * import { transientEventStore } from 'leyden-jar/events';
   *
   * const store = transientEventStore();
   * await store.append('account-7', [{ type: 'opened' }]);
   * console.log(await store.delete('account-7', { expected: 1 })); // => true
   * await store.append('account-7', [{ type: 'opened' }]).catch(({ code }) => console.log(code)); // => ERR_STREAM_CLOSED
   * ```
   */
  async delete(stream: string, options: EndOptions = {}): Promise<boolean> {
    return deleteStream(this.#endsOf('delete', stream, options), options);
  }

  /**
   * Closes a stream: it takes no more events from anybody, and can be read as before, until {@link EventStore.unarchive}. Says whether it was
   * open. Nothing is moved: an archived stream lies where it lay.
   *
   * **If the process dies**, it has happened or not.
   *
   * @cost 2 requests, 1 read unit, 1 write unit.
   * @iam dynamodb:GetItem, PutItem
   * @throws {ConflictError} `ERR_CONFLICT` when it is not at what is `expected`, {@link StreamClosedError} `ERR_STREAM_CLOSED` for a deleted
   * one.
   */
  async archive(stream: string, options: EndOptions = {}): Promise<boolean> {
    return archiveStream(this.#endsOf('archive', stream, options), options);
  }

  /**
   * Opens an archived stream again, where it ended. Says whether it was archived.
   *
   * @cost 2 requests, 1 read unit, 1 write unit.
   * @iam dynamodb:GetItem, PutItem
   * @throws {StreamClosedError} `ERR_STREAM_CLOSED` for a deleted one.
   */
  async unarchive(stream: string, options: CallSignal = {}): Promise<boolean> {
    requireOptions('unarchive a stream', options, { signal: true });
    return unarchiveStream(this.#endsOf('unarchive', stream, {}), options.signal);
  }

  /**
   * A view as it is read: `get`, `getMany`, `entries`, `lag`. Sends nothing.
   *
   * @throws TypeError for what is no view.
   *
   * @example
   * ```ts
   * import { transientEventStore, View } from 'leyden-jar/events';
   *
   * const store = transientEventStore();
   * const balances = new View<number, { type: 'deposited'; data: number }>({
   *   name: 'balances',
   *   initial: 0,
   *   apply: (balance, { data }) => balance + data,
   * });
   * const projection = store.project(balances);
   * await store.append('account-7', [{ type: 'deposited', data: 5 }]);
   * await projection.refresh();
   * console.log(await store.view(balances).get('account-7')); // => 5
   * await store.close();
   * ```
   */
  view<State, E extends EventInput>(view: View<State, E>): ViewReader<State> {
    this.#requireOpen('read a view of');
    return this.#views.reader<State>(view);
  }

  /**
   * Brings a view up to the log and keeps it there, in this process, until it is stopped: see {@link Projection}.
   *
   * **Guarantee.** Every event that is in the log gets into the view, in the order of its stream and once, however often this is begun
   * and by however many processes: what a process that died had not stored is done by the next one. The view is fed from the log alone.
   * An event that can't be applied ends the projection (`onError`), and is never skipped.
   *
   * By default all streams are looked at every ten seconds, which any engine can do, and which reads the whole table. With `source`, a reader
   * of the table's stream, events come within a second or so, and cost what they are. With `category` they come in one order.
   *
   * @cost For each document that events change, 1 request and its write units; cold, 1 read more. For each stream that is not its own
   * document 1 write more for its cursor. A scan: the whole table, 1 request per MB, 1 read unit per 4 KB. A look at a category: 1 read.
   * For each batch or 100 streams that have something new: 1 read.
   * @iam dynamodb:Scan, dynamodb:GetItem, dynamodb:BatchGetItem, dynamodb:PutItem
   * @throws TypeError, RangeError for wrong options; all else ends `done`.
   */
  project(view: AnyView, options: ProjectOptions = {}): Projection {
    this.#requireOpen('project a view of');
    return this.#views.project(view, options);
  }

  /**
   * A function that feeds views with batches of the table's stream, as {@link EventStore.parser} makes them: the handler of a
   * `ConsumerGroup`, or what is called in a loop over a `TableStream`. It resolves when what came is in the views; batches may come twice,
   * late, or with some missing before them: those are read from the log.
   *
   * A stream whose last events came before the first batch is only seen when it gets another one. `rebuild`, or a projection that runs
   * once, brings what was there before.
   *
   * @throws from the function: {@link ProjectionError} `ERR_PROJECTION`, {@link ViewVersionError} `ERR_VIEW_VERSION`,
   * {@link ViewSourceError} `ERR_VIEW_SOURCE`; what the store throws.
   */
  projector(...views: readonly AnyView[]): Projector {
    this.#requireOpen('feed views of');
    return this.#views.projector(views);
  }

  /**
   * Makes of each record of the table's stream the events that were appended by that write; `parser` of a reader or a group of
   * `leyden-jar/streams`. The stream needs new images.
   *
   * Items that are no streams of this store are passed over, and so is a stream that was deleted since. What is damaged is an error of
   * that record.
   *
   * @cost Nothing; for events that did not fit the head 1 request, and 1/2 read unit per 4 KB of them.
   * @iam dynamodb:BatchGetItem, for large appends
   */
  parser(): CommitParser {
    this.#requireOpen('read the stream of');
    return this.#views.parser();
  }

  /**
   * Makes a view anew from the beginning of the log, while the old documents are served; then the new ones are, by one swap, and the
   * old ones are deleted. With `ids`, some documents, where they stand.
   *
   * **If the process dies**, another call goes on where it stood. Two at a time would do no harm: the second one is told, for thirty
   * seconds after the first was last heard of.
   *
   * For a changed view raise its `version`: then code of the old version feeds the old documents until the turn, and is refused after it.
   *
   * @cost Reads the table two to four times, and every event once; 1 write for each document and window of events; deletes each old item.
   * @iam dynamodb:Scan, dynamodb:GetItem, dynamodb:BatchGetItem, dynamodb:PutItem
   * @throws {ViewRebuildingError} `ERR_VIEW_REBUILDING`, {@link ProjectionError} `ERR_PROJECTION`; `signal.reason`.
   */
  async rebuild(view: AnyView, options: RebuildViewOptions = {}): Promise<Rebuilt> {
    this.#requireOpen('rebuild a view of');
    return this.#views.rebuild(view, options);
  }

  /**
   * Removes the oldest events of an aggregate, below a snapshot of it that is known to be right.
   *
   * **Guarantee.** Nothing is removed before the state of all events was made (of a stream that was pruned: of the snapshot that was
   * verified then, and all events after it), compared with what the head and the snapshots say, stored, read back, and found equal.
   * That snapshot is kept until another one was verified. What is gone is told by `ERR_STREAM_PRUNED`; no state comes out otherwise.
   * What it can't do: bring anything back, for another `truth` or `stateVersion`; know a command again whose events are gone, which is
   * executed anew when it comes again, so keep so many snapshots that what may still be repeated is not pruned.
   *
   * **If the process dies**, the aggregate is what it was, and the next prune goes on.
   *
   * @cost A read of the events; about 10 requests; the write units of the state, compressed; 1 write unit for each page, and those of
   * bodies.
   * @iam dynamodb:GetItem, BatchGetItem, PutItem, DeleteItem
   * @throws {PruneRefusedError} `ERR_PRUNE_REFUSED`, {@link StreamPrunedError} `ERR_STREAM_PRUNED` when the stream was pruned below
   * a snapshot of another `stateVersion`, {@link StreamClosedError} `ERR_STREAM_CLOSED` for a deleted one; `SnapshotDamagedError`
   * `ERR_SNAPSHOT_DAMAGED`: then no event was removed. TypeError for an aggregate whose truth is 'events'; RangeError for wrong options;
   * what `apply` and `read` throw.
   *
   * @example
   * ```ts
   * import { AggregateType, transientEventStore } from 'leyden-jar/events';
   *
   * const meter = new AggregateType<number, number, { type: 'read'; data: number }>({
   *   name: 'meter',
   *   initial: 0,
   *   handle: (_total, data) => ({ type: 'read', data }),
   *   apply: (total, { data }) => total + data,
   * });
   * const store = transientEventStore();
   * for (let n = 0; n < 300; n += 1) await store.execute(meter, '1', n);
   * const { floor, version } = await store.prune(meter, '1');
   * console.log(version, floor === (await store.info('meter-1'))?.floor); // => 300 true
   * console.log((await store.load(meter, '1')).state); // => 44850
   * ```
   */
  async prune<State, Command, E extends EventInput, Services>(
    type: AggregateType<State, Command, E, Services>,
    id: string,
    options: PruneOptions = {},
  ): Promise<PruneReport> {
    this.#requireOpen('prune a stream of');
    const stream = this.#streamOf(type, id);
    requireOptions<PruneOptions>('prune', options, { keepSnapshots: true, signal: true });
    const keep = requirePrune(type, options);
    return pruneStream(this.#streams.endsOf(stream), type, keep, options.signal);
  }

  /** Waits for the snapshots that are being made in the background. */
  async settled(): Promise<void> {
    await this.#streams.settled();
  }

  /**
   * Waits for appends and commands that are under way; ends subscriptions and projections; refuses every later call. The table, and the
   * client behind it, are yours to close afterwards.
   */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#views.close();
    await this.#all.close();
    await this.#streams.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #requireOpen(action: string): void {
    if (this.#closing.signal.aborted) throw new EventStoreClosedError(action, this.name);
  }

  #endsOf(action: string, stream: string, options: EndOptions): StreamEnds {
    this.#requireOpen(`${action} a stream of`);
    requireStreamName(`${action} a stream`, stream);
    requireOptions<EndOptions>(`${action} a stream`, options, { expected: true, signal: true });
    expectedIn(options);
    return this.#streams.endsOf(stream);
  }

  #streamOf(type: AnyAggregateType, id: string): string {
    if (!isAggregateType(type)) throw new TypeError('Cannot use an aggregate: type must be an AggregateType');
    requireAggregateId(id);
    return streamOf(type.name, id);
  }
}
