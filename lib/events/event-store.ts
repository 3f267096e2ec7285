/** The event store: what a user calls. Each call is documented here, and done by a file beside this one. */
import type { AtomTable } from '../atom/index.js';
import type { AggregateType } from './aggregate/aggregate-type.js';
import { CommandWork, type Executed } from './aggregate/command-work.js';
import { type Appended, AppendWork } from './append-work.js';
import { EventStoreClosedError } from './errors.js';
import type { EventInput, EventMetadata, RecordedEvent } from './event.js';
import { encodeEvent, requireMetadata } from './event-line.js';
import { type ExpectedVersion, requireExpected } from './expected-version.js';
import { OpenStreams } from './open-streams.js';
import { requireCommandId } from './receipts.js';
import { escapeName, requireStreamName, streamOf } from './stream-name.js';
import { type ReadOptions, readStream, requireReadOptions } from './stream-reader.js';
import { type Upcaster, Upcasters } from './upcaster.js';

/** Options of {@link EventStore}. */
export interface EventStoreOptions {
  /**
   * Names the store's items. Several stores may share a table, with other atoms too.
   * @defaultValue 'events'
   */
  readonly name?: string;
  /** Bring events of the past to the shape of today. @defaultValue none */
  readonly upcasters?: readonly Upcaster[];
  /**
   * The head's item is kept within this many bytes. More makes appends dearer, and loads of short aggregates cheaper: with 4096 up to
   * 4 write units for each append.
   * @defaultValue 1024, one write unit
   */
  readonly headBytesMax?: number;
  /**
   * JSON text of the events of one append or command, at most; up to 32 MB.
   * @defaultValue 8 MB
   */
  readonly appendBytesMax?: number;
  /**
   * Streams that are kept open here, with their heads and states; those used least lately are let go of first.
   * @defaultValue 1000
   */
  readonly openStreamsMax?: number;
  /** Told of what went wrong and was made good: a snapshot that could not be read, a page that could not be put ahead of need. */
  readonly onWarning?: (warning: unknown) => void;
}

/** Options of calls that append. */
export interface WriteOptions {
  /** Kept with each event, under what the event says itself. */
  readonly metadata?: EventMetadata | undefined;
  /**
   * Names what is done: done again, it changes nothing, and gives the first outcome. Remembered as long as its events are there.
   * At most 256 bytes.
   */
  readonly commandId?: string | undefined;
  /**
   * Leaves. Before anything was sent: the reason itself; after that `UnknownOutcomeError`, whose `settle()` tells.
   */
  readonly signal?: AbortSignal | undefined;
  /** @defaultValue 30000 */
  readonly timeoutMs?: number;
}

/** Options of {@link EventStore.append}. */
export interface AppendOptions extends WriteOptions {
  /** What the stream must be at. @defaultValue 'any' */
  readonly expected?: ExpectedVersion;
}

/** Options of {@link EventStore.execute}. */
export interface ExecuteOptions<Services> extends WriteOptions {
  /** Handed to the aggregate type's `handle`. */
  readonly services?: Services;
  /** What the stream must be at for the command to be decided at all. @defaultValue 'any' */
  readonly expected?: ExpectedVersion;
  /**
   * Times that the command is decided again when others were faster.
   * @defaultValue 20
   */
  readonly retries?: number;
}

/** What `load` answers. */
export interface Loaded<State> {
  readonly state: State;
  /** Events in it; 0 for an aggregate that there is not. */
  readonly version: number;
}

const headBytesDefault = 1_024;
const appendBytesDefault: number = 8 * 1_024 * 1_024;
const openStreamsDefault = 1_000;
const retriesDefault = 20;
const timeoutMsDefault = 30_000;

/** A store of events. Making one sends nothing. */
export class EventStore {
  readonly name: string;
  readonly #streams: OpenStreams;
  #isClosed = false;

  /** @throws TypeError, RangeError for wrong options. */
  constructor(table: AtomTable, options: EventStoreOptions = {}) {
    const { name = 'events', upcasters = [], onWarning = () => {} } = options;
    const { headBytesMax = headBytesDefault, appendBytesMax = appendBytesDefault } = options;
    const { openStreamsMax = openStreamsDefault } = options;
    if (typeof table?.writeOnce !== 'function') {
      throw new TypeError(`Cannot open an event store: table must be an AtomTable, not ${typeof table}`);
    }
    if (table.encrypts) {
      throw new TypeError(
        `Cannot open event store ${name}: the table's codec encrypts, and events would lie beside it unencrypted; ` +
          'use another AtomTable object on the same table, without that codec',
      );
    }
    requireStreamName('open an event store', name);
    if (!Number.isSafeInteger(openStreamsMax) || openStreamsMax < 1) {
      throw new RangeError(
        `Cannot open event store ${name}: openStreamsMax must be a whole number from 1: ${openStreamsMax}`,
      );
    }
    this.name = name;
    this.#streams = new OpenStreams({
      ...{ table, store: escapeName(name), upcasters: new Upcasters(upcasters), headBytesMax, appendBytesMax },
      ...{ openMax: openStreamsMax, onWarning },
    });
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
    const { commandId, timeoutMs } = this.#requireWrite(options);
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
    const { metadata, services, signal, retries = retriesDefault } = options;
    const { commandId, timeoutMs } = this.#requireWrite(options);
    const expected = requireExpected(options.expected ?? 'any');
    if (!Number.isSafeInteger(retries) || retries < 0) {
      throw new RangeError(`Cannot execute a command: retries must be a whole number from 0: ${retries}`);
    }
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

  #requireWrite({ metadata, commandId, timeoutMs = timeoutMsDefault }: WriteOptions) {
    if (metadata !== undefined) requireMetadata(metadata);
    if (commandId !== undefined) requireCommandId(commandId);
    if (!(timeoutMs > 0)) throw new RangeError(`Cannot append: timeoutMs must be a positive number: ${timeoutMs}`);
    return { commandId, timeoutMs };
  }

  #streamOf(type: { readonly name: string }, id: string): string {
    if (typeof type?.name !== 'string') throw new TypeError('Cannot use an aggregate: type must be an AggregateType');
    requireStreamName('use an aggregate', id);
    return streamOf(type.name, id);
  }
}
