/** The event store: what a user calls. Each call is documented here, and done by a file beside this one. */
import type { AtomTable } from '../atom/index.js';
import type { AggregateType } from './aggregate/aggregate-type.js';
import { CommandWork, type Executed } from './aggregate/command-work.js';
import { type Appended, AppendWork } from './append-work.js';
import { EventStoreClosedError } from './errors.js';
import type { EventInput, RecordedEvent } from './event.js';
import { encodeEvent } from './event-line.js';
import { requireExpected } from './expected-version.js';
import { OpenStreams } from './open-streams.js';
import { requireCommandId } from './receipts.js';
import {
  type AppendOptions,
  type EventStoreOptions,
  type ExecuteOptions,
  type Loaded,
  requireRetries,
  requireStoreOptions,
  requireWrite,
} from './store-options.js';
import { requireStreamName, streamOf } from './stream-name.js';
import { type ReadOptions, readStream, requireReadOptions } from './stream-reader.js';

/** A store of events. Making one sends nothing. */
export class EventStore {
  readonly name: string;
  readonly #streams: OpenStreams;
  #isClosed = false;

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
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Loaded<State>> {
    this.#requireOpen('load from');
    const { journal, facts } = this.#streams.toRead(this.#streamOf(type, id));
    const image = await journal.readHead(signal);
    const { state, seq } = await facts.state.load(type, image, journal);
    return { state: state as State, version: seq };
  }

  /** Waits for what is under way. Every later call is refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#streams.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #requireOpen(action: string): void {
    if (this.#isClosed) throw new EventStoreClosedError(action, this.name);
  }

  #streamOf(type: { readonly name: string }, id: string): string {
    if (typeof type?.name !== 'string') throw new TypeError('Cannot use an aggregate: type must be an AggregateType');
    requireStreamName('use an aggregate', id);
    return streamOf(type.name, id);
  }
}
