/** What consumers and readers are told, and what they write down. Plain data: it crosses process borders. */
import type { StreamRecord } from '../../../lib/streams/index.js';
import type { ReshardPlan } from '../../../lib/testing/index.js';

/** One record, as far as it matters here: the `n`-th write of the item `key`. */
export interface Written {
  readonly seq: string;
  readonly key: string;
  readonly n: number;
}

/** Where a process works. */
export interface Whereabouts {
  readonly endpoint: string;
  /** The table that is watched. */
  readonly watched: string;
  /** The table of the group, and of the view. */
  readonly groups: string;
  /** How the one shard is cut; absent: not at all. */
  readonly reshard?: ReshardPlan | undefined;
}

/** How a member of a group is told to take part. */
export interface ConsumerOrder extends Whereabouts {
  /** Names the process; never the same twice in a run. */
  readonly name: string;
  readonly group: string;
  readonly leaseMs: number;
  readonly beatMs: number;
  /** `plain`: the handler only takes note. `transact`: it counts each record in the view. */
  readonly mode: 'plain' | 'transact';
  readonly saveMs: number;
  /** How long the handler, or the function of its transaction, takes for each batch. */
  readonly handlerMs: number;
  readonly batchRecordsMax: number;
}

/** How a reader that is alone is told to read. */
export interface ReaderOrder extends Whereabouts {
  readonly name: string;
  /** Of its file of tokens. */
  readonly path: string;
  readonly saveMs: number;
  readonly batchRecordsMax: number;
}

/** What is written down. `epoch` of a reader that is alone: which life it is. */
export type Note = { readonly shardId: string; readonly epoch: number } & (
  | { readonly kind: 'started' }
  /** The handler has these records; `attempt` above 1: again, since it had failed. */
  | { readonly kind: 'delivered'; readonly attempt: number; readonly records: readonly Written[] }
  /** It is in the middle of a transaction. */
  | { readonly kind: 'inside' }
  /** A transaction of it was refused, or had to be given up. */
  | { readonly kind: 'refused'; readonly code: string }
  /** How far the shard is done is stored at least up to this record. */
  | { readonly kind: 'stored'; readonly seq: string }
  /** It has asked for records of the shard from then to then, by the machine's clock. */
  | { readonly kind: 'read'; readonly fromMs: number; readonly toMs: number }
  | { readonly kind: 'left'; readonly why: string }
  /** What must never happen. */
  | { readonly kind: 'failed'; readonly why: string }
);

/** With who said it, and when it was heard. */
export type Heard = Note & { readonly by: string; readonly atMs: number };

/** The view of one item: what a group has counted of its writes. */
export interface ItemView {
  /** The highest that was counted. */
  readonly n: number;
  readonly count: number;
  /** Counted when it, or a later one, was counted already. */
  readonly again: number;
}

export const emptyItemView: ItemView = { n: 0, count: 0, again: 0 };
export const viewPartition = 'view';

export function countWrite(view: ItemView, n: number): ItemView {
  return { n: Math.max(n, view.n), count: view.count + 1, again: view.again + (n > view.n ? 0 : 1) };
}

export function writtenOf({ dynamodb }: StreamRecord): Written {
  return { seq: dynamodb?.SequenceNumber ?? '', ...writeOf(dynamodb?.NewImage ?? {}) };
}

/** Which write of which item it is. */
export function writeOf({ id, n }: Readonly<Record<string, unknown>>): { readonly key: string; readonly n: number } {
  return { key: (id as { readonly S: string }).S, n: Number((n as { readonly N: string }).N) };
}
