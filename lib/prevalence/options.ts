/** The options of a prevalent system, with their defaults, checked before anything is sent. */
import { types } from 'node:util';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Clock } from '../engine/index.js';
import { requireJournalRetention, requireSnapshotRetention } from '../snapshot/index.js';
import type { FollowOptions } from './follow.js';
import type { Handler } from './handler.js';
import type { Upcast } from './replica.js';
import type { AutomaticSnapshots } from './snapshot-keeper.js';
import type { Retention, Storage } from './storage.js';

/** What an instance may do. */
export type Mode =
  /** Reads and writes, as any number of other instances may. */
  | 'read-write'
  /** Follows, and never writes anything. */
  | 'read-only'
  /** Reads, and writes alone: appends of all other instances fail from its opening on. */
  | 'single-writer';

/** How far a recovery has come. */
export interface Progress {
  /** Events in the state by now, and those that will be. */
  readonly seq: number;
  readonly seqTotal: number;
}

/** Options of `openPrevayler`. */
export interface PrevaylerOptions<S, E, R> {
  /** Where the system lives. */
  readonly storage: Storage;
  /** The state before the first event. Copied. The same in all instances. */
  readonly initialState: S;
  /** The next state, from the state and an event: pure, and the same in all instances. */
  readonly handler: Handler<S, E, R>;
  /**
   * Names what events and state mean. Kept in the journal; an instance with another one is refused.
   * @defaultValue ''
   */
  readonly format?: string | undefined;
  /** Kept with each commit; told to `upcast`, and by errors of replays. */
  readonly handlerVersion?: string | undefined;
  /** Turns old events into what the handler takes now, at each replay. Pure. */
  readonly upcast?: Upcast<E> | undefined;
  /** Any Standard Schema; what it refuses is not handled. Its output is the event. May be asynchronous. */
  readonly schema?: StandardSchemaV1<unknown, E> | undefined;
  /** @defaultValue 'read-write' */
  readonly mode?: Mode | undefined;
  /** With mode `single-writer`: takes over from an instance that holds the system, dead or alive. Does nothing in others. @defaultValue false */
  readonly takeOver?: boolean | undefined;
  /** @defaultValue the storage's */
  readonly clock?: Clock | undefined;
  /**
   * Looks for commits of other instances in the background, so that `state` is not old. `false`: only `handle` and `sync` do.
   * @defaultValue true
   */
  readonly follow?: boolean | FollowOptions | undefined;
  /** When snapshots are made in the background; `false` = only by `snapshot()`. @defaultValue true */
  readonly snapshots?: boolean | AutomaticSnapshots | undefined;
  /** What `prune()` leaves. @defaultValue the newest two snapshots, and the journal from the older one on */
  readonly retention?: Retention | undefined;
  /**
   * With a commit about every so many events, a digest of the state is journalled, which all others compare at their replay:
   * impure handlers are found at once. Costs a walk over the whole state each time, in all instances.
   * @defaultValue 0: never; snapshots have one
   */
  readonly stateDigestEvery?: number | undefined;
  /** Idempotency ids that are remembered, the newest; the same in all instances. Part of each snapshot. @defaultValue 10000 */
  readonly idsMax?: number | undefined;
  /** Events that may wait; one more is refused with `OverloadedError`. @defaultValue 100000 */
  readonly waitingEventsMax?: number | undefined;
  /** Bytes of events that may wait. @defaultValue 64 MB */
  readonly waitingBytesMax?: number | undefined;
  /** How long `close` waits for what is under way, in milliseconds. @defaultValue 30000 */
  readonly closeTimeoutMs?: number | undefined;
  /** Told how far the recovery has come, ten times a second at most. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Told of events whose handler took `slowEventMs` or more at a replay. */
  readonly onSlowEvent?: ((slow: { readonly seq: number; readonly event: E; readonly ms: number }) => void) | undefined;
  /** From how many milliseconds on an event is slow, for `onSlowEvent`. @defaultValue 100 */
  readonly slowEventMs?: number | undefined;
  /**
   * Told of failures that nobody waits for: a snapshot that could not be made in the background, or not read; a store out of reach so
   * that the state grows old.
   * @defaultValue `process.emitWarning`
   */
  readonly onWarning?: ((error: unknown) => void) | undefined;
  /** Gives up opening. */
  readonly signal?: AbortSignal | undefined;
}

const defaults = {
  ...{ format: '', mode: 'read-write', takeOver: false, follow: true, snapshots: true, retention: {} },
  ...{ stateDigestEvery: 0, idsMax: 10_000, waitingEventsMax: 100_000, waitingBytesMax: 64 * 1_024 * 1_024 },
  ...{ closeTimeoutMs: 30_000, slowEventMs: 100 },
} as const;

type Defaulted =
  | 'clock'
  | 'closeTimeoutMs'
  | 'follow'
  | 'format'
  | 'idsMax'
  | 'mode'
  | 'onWarning'
  | 'retention'
  | 'slowEventMs'
  | 'snapshots'
  | 'stateDigestEvery'
  | 'takeOver'
  | 'waitingBytesMax'
  | 'waitingEventsMax';

/** Options with their defaults. */
export type Settings<S, E, R> = Omit<PrevaylerOptions<S, E, R>, Defaulted> & {
  readonly [Name in Defaulted]-?: Exclude<PrevaylerOptions<S, E, R>[Name], undefined>;
};

/** @throws TypeError, RangeError */
export function resolveOptions<S, E, R>(options: PrevaylerOptions<S, E, R>): Settings<S, E, R> {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const settings = { ...defaults, onWarning: warn, clock: options.storage?.clock, ...given } as Settings<S, E, R>;
  const { storage, initialState, handler, format, mode } = settings;
  const refuse = refuserOf(storage?.name);
  if (typeof storage?.open !== 'function') {
    refuse(TypeError, 'storage must be one, such as fileStorage(directory) or atomStorage(table, name)');
  }
  if (typeof handler !== 'function') refuse(TypeError, `handler must be a function: ${typeof handler}`);
  if (initialState === undefined) refuse(TypeError, 'initialState must be given; null is one');
  if (typeof format !== 'string' || Buffer.byteLength(format) > 100) {
    refuse(RangeError, `format must be a string of at most 100 bytes: ${String(format)}`);
  }
  const { handlerVersion } = settings;
  if (handlerVersion !== undefined && (typeof handlerVersion !== 'string' || handlerVersion.length > 100)) {
    refuse(RangeError, `handlerVersion must be a string of at most 100 characters: ${String(handlerVersion)}`);
  }
  if (!['read-write', 'read-only', 'single-writer'].includes(mode)) {
    refuse(RangeError, `mode must be read-write, read-only or single-writer: ${String(mode)}`);
  }
  const least = { stateDigestEvery: 0, idsMax: 0, waitingEventsMax: 1, waitingBytesMax: 1 } as const;
  for (const [name, min] of Object.entries(least) as [keyof typeof least, number][]) {
    if (!Number.isSafeInteger(settings[name]) || settings[name] < min) {
      refuse(RangeError, `${name} must be a whole number of at least ${min}: ${settings[name]}`);
    }
  }
  const { follow } = settings;
  const { busyMs = 0, idleMs = 0 } = typeof follow === 'object' ? follow : {};
  const { closeTimeoutMs, slowEventMs } = settings;
  for (const [name, ms] of Object.entries({
    'follow.busyMs': busyMs,
    'follow.idleMs': idleMs,
    closeTimeoutMs,
    slowEventMs,
  })) {
    if (!(ms >= 0)) refuse(RangeError, `${name} must be milliseconds of at least 0: ${ms}`);
  }
  const { journal, ...snapshots } = settings.retention;
  requireSnapshotRetention(snapshots);
  if (journal !== undefined) requireJournalRetention(journal);
  return { ...settings, onWarning: unstopped(settings.onWarning) };
}

/** Warnings come out of work that has to go on, whatever becomes of them. */
function unstopped(tell: (error: unknown) => void): (error: unknown) => void {
  return (warning) => {
    try {
      tell(warning);
    } catch (error) {
      warn(error);
    }
  };
}

function refuserOf(system: unknown): (Kind: new (message: string) => Error, what: string) => never {
  const which = typeof system === 'string' ? `prevalent system ${system}` : 'a prevalent system';
  return (Kind, what) => {
    throw new Kind(`Cannot open ${which}: ${what}`);
  };
}

function warn(error: unknown): void {
  if (!types.isNativeError(error)) {
    process.emitWarning(String(error));
    return;
  }
  // Not the error itself: to the process one of another realm, as test runners have them, is none.
  const { name, message, stack = '' } = error;
  process.emitWarning(message, { type: name, detail: stack });
}
