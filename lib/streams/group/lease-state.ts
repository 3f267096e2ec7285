/**
 * The items of a group, as atoms of its coordination table, and the steps from one state of a lease to the next. Pure.
 *
 *   group#<name>   meta              what all members must agree on, who audits, `rev`: raised whenever an owner changed
 *                  member#<id>       one for each member, written once a beat
 *                  lease#<shardId>   one for each shard: who owns it, how far it is done
 *
 *   lease   (no owner) --taken--> owner, epoch + 1 --saved--> position moves on --ended--> ended, with its children
 *                                      |
 *                                      +--requested--> pending --handed--> the next owner, epoch + 1
 *
 * Each step that changes the owner raises the epoch, and each step of an owner is made only if epoch and owner are the ones that it holds.
 * So in any epoch there is one owner at most, and no step of an earlier one is applied after it.
 */
import type { ShardPosition } from '../position.js';

/** One life of a member: a name, and a number that is never used again. Whoever has fenced itself goes on under a new life. */
export interface Owner {
  readonly id: string;
  readonly life: string;
}

/** Somebody asks for a lease that is owned. */
export interface Pending {
  readonly to: Owner;
  /** How long the owner may take, counted by its own clock from when it saw this. */
  readonly withinMs: number;
}

/** What the worker keeps in a lease beside the position. The protocol carries it on, and looks at nothing of it. */
export interface LeaseWork {
  /** Why the shard is not read on; in the worker's words. */
  readonly parked?: { readonly reason: string; readonly sinceMs: number; readonly at?: string };
  /** More that the worker keeps; JSON. */
  readonly [more: string]: unknown;
}

/** The lease of one shard. */
export interface LeaseState {
  readonly kind: 'stream-lease';
  readonly v: 1;
  readonly shardId: string;
  /** Absent: nobody's. Of an ended lease: who ended it. */
  readonly owner?: Owner;
  /** Raised with each owner; the fencing number of handlers. 0: never owned. */
  readonly epoch: number;
  /** Everything up to here is done. */
  readonly position: ShardPosition;
  readonly parent?: string;
  /** It was read to its end: its children, or that they are not known yet. */
  readonly children?: readonly string[] | 'unknown';
  readonly pending?: Pending;
  readonly work?: LeaseWork;
}

/** A member, as it writes itself once a beat. */
export interface MemberState {
  readonly kind: 'stream-member';
  readonly v: 1;
  readonly id: string;
  readonly life: string;
  /** Rises with each beat. */
  readonly beat: number;
  /** How long others wait after the last sign of life. */
  readonly leaseMs: number;
  readonly capacity: number;
  /** Absent: no limit. */
  readonly shardsMax?: number;
  /** It is about to stop: it keeps what it has until it has handed it over, and is given nothing. */
  readonly leaving?: true;
  /** For people. */
  readonly host?: string;
  readonly pid?: number;
}

/** What members must agree on, and what they tell one another. */
export interface MetaState {
  readonly kind: 'stream-group';
  readonly v: 1;
  /** ARN of the stream. */
  readonly stream: string;
  /** Settings that all running members must share. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** Raised after a lease changed hands, was asked for, or came to be: then lease rows are read again. */
  readonly rev: number;
  /** Who looks for shards. */
  readonly auditor?: Owner;
  /** When the first leases were complete, by the clock of who made them: from then on every shard that turns up is wanted whole. */
  readonly placedAtMs?: number;
}

/** How the items of a group are named. `meta` and the members share a beginning, so that one query reads both. */
export const groupKeys = {
  partition: (group: string): string => `group#${group}`,
  meta: 'meta',
  memberPrefix: 'member#',
  leasePrefix: 'lease#',
  livePrefix: 'me',
} as const;
