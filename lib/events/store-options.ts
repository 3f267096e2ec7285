/** Options of event stores and of their calls, and what is refused of them at once. */
import type { AtomTable } from '../atom/index.js';
import type { SnapshotStore } from '../snapshot/index.js';
import { type OptionNames, requireOptions } from './call-options.js';
import type { EventMetadata } from './event.js';
import { requireMetadata } from './event-line.js';
import type { ExpectedVersion } from './expected-version.js';
import type { OpenStreamsFacts } from './open-streams.js';
import { requireCommandId } from './receipts.js';
import { escapeName, requireName } from './stream-name.js';
import { Categories, type CategoryOptions } from './together/categories.js';
import { type Upcaster, Upcasters } from './upcaster.js';

/** Options of `EventStore`. */
export interface EventStoreOptions extends CategoryOptions {
  /**
   * Names the store's items. Several stores may share a table, with other atoms too.
   * @defaultValue 'events'
   */
  readonly name?: string;
  /** Bring events of the past to the shape of today. @defaultValue none */
  readonly upcasters?: readonly Upcaster[];
  /**
   * The head's item is kept within this many bytes. More makes appends dearer, and loads of short aggregates cheaper: with 4096 up to
   * 4 write units for each append. From 512 up to 256 KB.
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
  /**
   * Where snapshots of states are stored that are too large for the heads of their streams.
   * @defaultValue as items of the same table, beside their streams
   */
  readonly snapshots?: SnapshotStore;
  /**
   * Told of what no call fails with: what was made good (a snapshot that could not be read, a page that could not be put ahead of need), and
   * what has ended a projection.
   * @defaultValue nobody is told
   */
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

/** Their names. */
export const writeOptions: OptionNames<WriteOptions> = {
  metadata: true,
  commandId: true,
  signal: true,
  timeoutMs: true,
};

/** Options of `EventStore.append`. */
export interface AppendOptions extends WriteOptions {
  /** What the stream must be at. @defaultValue 'any' */
  readonly expected?: ExpectedVersion;
}

/** Options of `EventStore.execute`. */
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

/** The options of `execute`, which have to be there where the aggregate type needs services. */
export type ExecuteArguments<Services> = undefined extends Services
  ? [options?: ExecuteOptions<Services>]
  : [options: ExecuteOptions<Services> & { readonly services: Services }];

/** Options of calls that only need to be left. */
export interface CallSignal {
  /** Leaves with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

/** What `load` answers. */
export interface Loaded<State> {
  readonly state: State;
  /** Events in it; 0 for an aggregate that there is not. */
  readonly version: number;
}

const storeOptions: OptionNames<EventStoreOptions> = {
  ...{ name: true, upcasters: true, headBytesMax: true, appendBytesMax: true, openStreamsMax: true, snapshots: true },
  ...{ onWarning: true, ordered: true, categoryOf: true },
};
const headBytesDefault = 1_024;
const appendBytesDefault: number = 8 * 1_024 * 1_024;
const openStreamsDefault = 1_000;
/** Those of the journal's own options. */
const [headBytesLeast, appendBytesLeast, appendBytesMost] = [512, 1_024, 32 * 1_024 * 1_024] as const;
/** An item has 400 KB at most, and beside its commits a head has a state, and what else there is to know. */
const headBytesMost = 256 * 1_024;
const retriesDefault = 20;
const timeoutMsDefault = 30_000;

/** A store's options with the defaults in place of what was left out. @throws TypeError, RangeError for wrong ones. */
export function requireStoreOptions(
  table: AtomTable,
  options: EventStoreOptions,
): { readonly name: string; readonly facts: OpenStreamsFacts } {
  requireOptions<EventStoreOptions>('open an event store', options, storeOptions);
  const { name = 'events', upcasters = [], snapshots, onWarning = () => {} } = options;
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
  requireName('open an event store', 'its name', name);
  requireWithin(name, 'openStreamsMax', openStreamsMax, 1, Number.MAX_SAFE_INTEGER);
  requireWithin(name, 'headBytesMax', headBytesMax, headBytesLeast, headBytesMost);
  requireWithin(name, 'appendBytesMax', appendBytesMax, appendBytesLeast, appendBytesMost);
  for (const method of ['put', 'get', 'delete'] as const) {
    if (snapshots === undefined || typeof snapshots[method] === 'function') continue;
    throw new TypeError(`Cannot open event store ${name}: snapshots must be a SnapshotStore; it has no ${method}()`);
  }
  if (typeof onWarning !== 'function') {
    throw new TypeError(`Cannot open event store ${name}: onWarning must be a function: ${typeof onWarning}`);
  }
  const { ordered, categoryOf } = options;
  const store = escapeName(name);
  const facts = {
    categories: new Categories({ table, store, onWarning, ordered, categoryOf }),
    ...{ table, store, upcasters: new Upcasters(upcasters), headBytesMax, appendBytesMax },
    ...{ openMax: openStreamsMax, snapshots, onWarning },
  };
  return { name, facts };
}

function requireWithin(store: string, name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
  throw new RangeError(`Cannot open event store ${store}: ${name} must be a whole number ${range}: ${value}`);
}

/** What is the same of all calls that append. @throws TypeError, RangeError for wrong options. */
export function requireWrite({ metadata, commandId, timeoutMs = timeoutMsDefault }: WriteOptions): {
  readonly commandId: string | undefined;
  readonly timeoutMs: number;
} {
  if (metadata !== undefined) requireMetadata(metadata);
  if (commandId !== undefined) requireCommandId(commandId);
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0))
    throw new RangeError(`Cannot append: timeoutMs must be a positive number: ${timeoutMs}`);
  return { commandId, timeoutMs };
}

/** Times that a command is decided again. @throws RangeError for what is none. */
export function requireRetries(retries: number = retriesDefault): number {
  if (Number.isSafeInteger(retries) && retries >= 0) return retries;
  throw new RangeError(`Cannot execute a command: retries must be a whole number from 0: ${retries}`);
}
