/** The event store: what a user calls. Each call is documented here, and done by a file beside this one. */
import type { AtomTable } from '../atom/index.js';
import type { AggregateType } from './aggregate/aggregate-type.js';
import { CommandWork, type Executed } from './aggregate/command-work.js';
import { type Appended, AppendWork } from './append-work.js';
import { EventStoreClosedError, StreamClosedError } from './errors.js';
import type { EventInput, RecordedEvent } from './event.js';
import { encodeEvent } from './event-line.js';
import { requireExpected } from './expected-version.js';
import { OpenStreams } from './open-streams.js';
import { requireCommandId } from './receipts.js';
import {
  type AppendOptions,
  type CallSignal,
  type EventStoreOptions,
  type ExecuteOptions,
  type Loaded,
  requireRetries,
  requireStoreOptions,
  requireWrite,
} from './store-options.js';
import { closingOf } from './stream-closing.js';
import { infoOf, requireStreamsOptions, type StreamInfo, type StreamsOptions } from './stream-info.js';
import { archiveStream, deleteStream, type EndOptions, type StreamEnds, unarchiveStream } from './stream-life.js';
import { requireStreamName, streamOf } from './stream-name.js';
import { type ReadOptions, readingError, readStream, requireReadOptions } from './stream-reader.js';
import { requireSubscribeOptions, type SubscribeOptions, subscribeTo } from './stream-subscription.js';

/** A store of events. Making one sends nothing. */
export class EventStore {
  readonly name: string;
  readonly #streams: OpenStreams;
  readonly #closing = new AbortController();

  /** @throws TypeError, RangeError for wrong options. */
  constructor(table: AtomTable, options: EventStoreOptions = {}) {
    const { name, facts } = requireStoreOptions(table, options);
    this.name = name;
    this.#streams = new OpenStreams(facts);
  }

  /** Appends events to a stream, all or none. */
  async append<E extends EventInput>(
    stream: string,
    events: readonly E[],
    options: AppendOptions = {},
  ): Promise<Appended<RecordedEvent<E>>> {
    this.#requireOpen('append to');
    requireStreamName('append', stream);
    if (!Array.isArray(events))
      throw new TypeError(`Cannot append to stream ${stream}: events must be an array: ${typeof events}`);
    const { metadata, signal } = options;
    const { commandId, timeoutMs } = requireWrite(options);
    const expected = requireExpected(options.expected ?? 'any');
    const lines = events.map((event) => encodeEvent(event, metadata));
    const open = this.#streams.of(stream);
    const id = commandId ?? lines[0]?.content().i;
    if (id !== undefined) requireCommandId(id);
    signal?.throwIfAborted();
    const facts = {
      ...this.#streams.waiting(stream, id ?? 'of these events', timeoutMs),
      lines,
      expected,
      commandId: id,
    };
    const appended = await this.#streams.push(open, new AppendWork(stream, facts), signal);
    return appended as Appended<RecordedEvent<E>>;
  }

  /** Reads the events of a stream. */
  async *read<E extends EventInput = EventInput>(
    stream: string,
    options: ReadOptions = {},
  ): AsyncGenerator<RecordedEvent<E>, void, undefined> {
    this.#requireOpen('read');
    requireStreamName('read a stream', stream);
    requireReadOptions(options);
    for await (const records of readStream(this.#streams.toRead(stream), options)) yield* records as RecordedEvent<E>[];
  }

  /** Decides a command on the state of an aggregate, and appends the events that it leads to. */
  async execute<State, Command, E extends EventInput, Services = undefined>(
    type: AggregateType<State, Command, E, Services>,
    id: string,
    command: Command,
    options: ExecuteOptions<Services> = {},
  ): Promise<Executed<State, RecordedEvent<E>>> {
    this.#requireOpen('execute a command in');
    const stream = this.#streamOf(type, id);
    const { metadata, services, signal } = options;
    const retries = requireRetries(options.retries);
    const { commandId, timeoutMs } = requireWrite(options);
    const expected = requireExpected(options.expected ?? 'any');
    signal?.throwIfAborted();
    const open = this.#streams.of(stream);
    const work = new CommandWork(type, {
      ...this.#streams.waiting(stream, commandId ?? 'of this command', timeoutMs),
      ...{ stream, command, services, metadata, commandId, expected, retries, signal },
      ...{ state: open.facts.state, journal: () => open.journal },
      stateNow: async () => (await this.load(type, id)).state,
    });
    return (await this.#streams.push(open, work, signal)) as Executed<State, RecordedEvent<E>>;
  }

  /** The state of an aggregate as of now. */
  async load<State, Command, E extends EventInput, Services>(
    type: AggregateType<State, Command, E, Services>,
    id: string,
    { signal }: CallSignal = {},
  ): Promise<Loaded<State>> {
    this.#requireOpen('load from');
    const stream = this.#streamOf(type, id);
    const open = this.#streams.toRead(stream);
    const image = await open.journal.readHead(signal);
    if (closingOf(image) === 'deleted') throw new StreamClosedError('load from', stream, 'deleted');
    try {
      const { state, seq } = await open.facts.state.load(type, image, open.journal);
      return { state: state as State, version: seq };
    } catch (error) {
      throw await readingError(open, 1, error);
    }
  }

  /** Reads the events of a stream, and then those that come, until the loop is left. */
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

  /** What is known of a stream without reading its events. */
  async info(stream: string, { signal }: CallSignal = {}): Promise<StreamInfo | undefined> {
    this.#requireOpen('look at a stream of');
    requireStreamName('look at a stream', stream);
    return infoOf(stream, await this.#streams.toRead(stream).journal.readHead(signal));
  }

  /** Whether a stream has events that can be read. */
  async exists(stream: string, options: CallSignal = {}): Promise<boolean> {
    return (await this.info(stream, options))?.exists === true;
  }

  /** All streams, in no order. */
  async *streams(options: StreamsOptions = {}): AsyncGenerator<StreamInfo, void, undefined> {
    this.#requireOpen('list streams of');
    requireStreamsOptions(options);
    yield* this.#streams.list(options);
  }

  /** Deletes a stream for good. */
  async delete(stream: string, options: EndOptions = {}): Promise<boolean> {
    return deleteStream(this.#endsOf('delete', stream, options), options);
  }

  /** Closes a stream: it can be read, and takes no more events. */
  async archive(stream: string, options: EndOptions = {}): Promise<boolean> {
    return archiveStream(this.#endsOf('archive', stream, options), options);
  }

  /** Opens an archived stream again. */
  async unarchive(stream: string, { signal }: CallSignal = {}): Promise<boolean> {
    return unarchiveStream(this.#endsOf('unarchive', stream, {}), signal);
  }

  /** Waits for what is under way. Every later call is refused. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#streams.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #requireOpen(action: string): void {
    if (this.#closing.signal.aborted) throw new EventStoreClosedError(action, this.name);
  }

  #endsOf(action: string, stream: string, { expected }: EndOptions): StreamEnds {
    this.#requireOpen(`${action} a stream of`);
    requireStreamName(`${action} a stream`, stream);
    if (expected !== undefined) requireExpected(expected);
    return this.#streams.endsOf(stream);
  }

  #streamOf(type: { readonly name: string }, id: string): string {
    if (typeof type?.name !== 'string') throw new TypeError('Cannot use an aggregate: type must be an AggregateType');
    requireStreamName('use an aggregate', id);
    return streamOf(type.name, id);
  }
}
