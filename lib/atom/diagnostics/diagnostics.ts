/**
 * What the library tells of its work: the channels of `node:diagnostics_channel`, their names, and what is published on them.
 *
 *   tracing channels, one per kind of call        plain channels, one per kind of happening below the calls
 *     leyden-jar:deref      one atom read           leyden-jar:conflict   a write lost its race
 *     leyden-jar:swap       one atom changed        leyden-jar:retry      something is tried again after a pause
 *     leyden-jar:transact   several, all or none    leyden-jar:settle     an unclear write was settled, or given up
 *     leyden-jar:batch      many, each by itself    leyden-jar:commit     a write was applied
 *                                                   leyden-jar:unknown    a caller was told that nobody knows
 *                                                   leyden-jar:table      a table was looked at
 *                                                   leyden-jar:parts      parts of a large value were left to the sweep
 *
 * Invariants: no event holds a value, a part of one, or a key of encryption; errors below a call are given by name only, because
 * those of the SDK may carry items. A channel that nobody listens to costs one look at a flag. Subscribers run synchronously,
 * in the asynchronous context of the caller whose call it is; of several who share a write, in that of the first.
 */
import { type Channel, channel, type TracingChannel, tracingChannel } from 'node:diagnostics_channel';
import type { UnknownReason } from '../settlement.js';

/**
 * Names of all channels. Those under `operations` are tracing channels: `tracingChannel(name)` has `start`, `end`, `asyncStart`,
 * `asyncEnd` and `error`, all with one {@link OperationEvent} per call. The others are plain.
 *
 * @example
 * ```ts
 * import { subscribe, unsubscribe } from 'node:diagnostics_channel';
 * import { AtomTable, type CommitEvent, diagnosticsChannels } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 *
 * const tell = (message: unknown) => {
 *   const { key, version, callers } = message as CommitEvent;
 *   console.log(`${key} is at version ${version} by ${callers} calls`);
 *   // => hits is at version 1 by 2 calls
 * };
 * subscribe(diagnosticsChannels.commit, tell);
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * const hits = table.atom<number>('hits', { initial: 0 });
 * await Promise.all([hits.swap((n) => n + 1), hits.swap((n) => n + 1)]); // one write for both
 * unsubscribe(diagnosticsChannels.commit, tell);
 * ```
 */
export const diagnosticsChannels: {
  readonly operations: { readonly [Kind in OperationChannel]: `leyden-jar:${Kind}` };
  readonly conflict: 'leyden-jar:conflict';
  readonly retry: 'leyden-jar:retry';
  readonly settle: 'leyden-jar:settle';
  readonly commit: 'leyden-jar:commit';
  readonly unknown: 'leyden-jar:unknown';
  readonly table: 'leyden-jar:table';
  readonly parts: 'leyden-jar:parts';
} = {
  operations: {
    deref: 'leyden-jar:deref',
    swap: 'leyden-jar:swap',
    transact: 'leyden-jar:transact',
    batch: 'leyden-jar:batch',
  },
  conflict: 'leyden-jar:conflict',
  retry: 'leyden-jar:retry',
  settle: 'leyden-jar:settle',
  commit: 'leyden-jar:commit',
  unknown: 'leyden-jar:unknown',
  table: 'leyden-jar:table',
  parts: 'leyden-jar:parts',
};

/** `deref`: a read of one atom; `swap`: any change of one; `transact`: several, all or none; `batch`: many, each by itself. */
export type OperationChannel = 'deref' | 'swap' | 'transact' | 'batch';

/**
 * What became of a call. `read`: it was a read and has its answer; `applied`: something was written; `noop`: nothing was to be
 * written; `conflict`: `trySwap` lost; `not-done`: it failed, and nothing was written, or not all of a batch; `unknown`: nobody
 * knows yet.
 */
export type OperationOutcome = 'read' | 'applied' | 'noop' | 'conflict' | 'not-done' | 'unknown';

/** One call, as all five channels of its kind see it. What is known at the end only is `undefined` or 0 before. */
export interface OperationEvent {
  readonly kind: OperationChannel;
  /** The verb that was called: `swap`, `reset`, `snapshot`, … */
  readonly action: string;
  readonly table: string;
  /** Canonical key of the atom; `undefined` when it is about several. May be personal data, as far as your keys are. */
  readonly key: string | undefined;
  /** How many atoms it is about. */
  readonly atoms: number;
  readonly outcome: OperationOutcome | undefined;
  /** Writes that were sent with this call in them. */
  readonly attempts: number;
  /** How many of them lost against another writer. */
  readonly conflicts: number;
  /** Calls that shared its last write, this one included. */
  readonly callers: number;
  /**
   * Requests that were sent to read and write its atoms, those that it shared with other calls included. Parts of values that do
   * not fit their item, and receipts of an `opId`, come on top.
   */
  readonly requests: number;
  /** Its share of the units that these requests cost, by the service's rule for item sizes: shares add up to the whole. */
  readonly readUnits: number;
  readonly writeUnits: number;
  /** What the call rejects with. That of your own function is whatever that threw. */
  readonly error?: unknown;
}

/** A write was judged, and another writer had been first. */
export interface ConflictEvent {
  readonly table: string;
  readonly key: string;
  /** How many writes those who were in it have been in, at most. */
  readonly attempt: number;
  /** Calls that it carried. */
  readonly callers: number;
}

/** A request is sent again after a pause. */
export interface RetryEvent {
  readonly table: string;
  /** Of a request about several items, the first. */
  readonly key: string;
  /** `throttled`: refused for the time being, or not to be reached; `brief`: an answer that was lost, something passing. */
  readonly obstacle: 'throttled' | 'brief';
  readonly pauseMs: number;
  /** Name of the error that was met, if there was one. */
  readonly errorName: string | undefined;
}

/** A write whose answer had been lost, or was not to be believed. */
export interface SettleEvent {
  readonly table: string;
  readonly key: string;
  /** Token of the write. */
  readonly writeId: string;
  /** `unknown`: given up, with the reason. */
  readonly verdict: 'applied' | 'not-applied' | 'unknown';
  readonly reason: UnknownReason | undefined;
  /** Copies of it that were sent, those of a cancelling write included. */
  readonly copies: number;
}

/** A write was applied. */
export interface CommitEvent {
  readonly table: string;
  readonly key: string;
  readonly version: number;
  /** Calls that it carried. */
  readonly callers: number;
  /** Size of the item. */
  readonly bytes: number;
}

/** A caller was told that the outcome is unknown. */
export interface UnknownEvent {
  readonly table: string;
  readonly key: string;
  readonly action: string;
  readonly writeId: string;
  readonly reason: UnknownReason;
}

/** `create`, `ensure` or `verify` looked at the table. */
export interface TableEvent {
  readonly table: string;
  readonly created: boolean;
  /** Unless `enabled`, expired items and tombstones stay until `sweep()`. */
  readonly timeToLive: 'enabled' | 'disabled' | 'other' | 'unsupported';
}

/** Parts of a large value that no item names could be neither marked nor removed: `sweepParts()` will. */
export interface PartsEvent {
  readonly table: string;
  readonly key: string;
  /** `mark`: of a value that was replaced; `remove`: of one that was never committed. */
  readonly action: 'mark' | 'remove';
  /** How many. */
  readonly parts: number;
  /** Name of the last error that was met. */
  readonly errorName: string;
}

/** What is published on each plain channel. */
export interface PlainEvents {
  conflict: ConflictEvent;
  retry: RetryEvent;
  settle: SettleEvent;
  commit: CommitEvent;
  unknown: UnknownEvent;
  table: TableEvent;
  parts: PartsEvent;
}

const { operations, ...plain } = diagnosticsChannels;

/** Held here: a channel that nobody holds is collected, together with its subscribers. */
export const operationChannels: { readonly [Kind in OperationChannel]: TracingChannel<unknown, OperationEvent> } = {
  deref: tracingChannel(operations.deref),
  swap: tracingChannel(operations.swap),
  transact: tracingChannel(operations.transact),
  batch: tracingChannel(operations.batch),
};

export const plainChannels: { readonly [Name in keyof PlainEvents]: Channel<unknown, PlainEvents[Name]> } = {
  conflict: channel(plain.conflict) as Channel<unknown, ConflictEvent>,
  retry: channel(plain.retry) as Channel<unknown, RetryEvent>,
  settle: channel(plain.settle) as Channel<unknown, SettleEvent>,
  commit: channel(plain.commit) as Channel<unknown, CommitEvent>,
  unknown: channel(plain.unknown) as Channel<unknown, UnknownEvent>,
  table: channel(plain.table) as Channel<unknown, TableEvent>,
  parts: channel(plain.parts) as Channel<unknown, PartsEvent>,
};
