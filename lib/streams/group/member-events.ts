/** What a member tells of its place in the group. */
import type { Gap } from '../errors.js';
import type { LeaseEnd } from './group-errors.js';

/** One thing that happened to a member in its group. */
export type MemberEvent =
  | { readonly type: 'joined'; readonly member: string }
  | { readonly type: 'members'; readonly members: number }
  /** A member was silent for its whole lease. */
  | { readonly type: 'member-dead'; readonly member: string }
  | {
      readonly type: 'lease-taken';
      readonly shardId: string;
      readonly epoch: number;
      readonly from: 'free' | 'dead' | 'handed';
    }
  | { readonly type: 'lease-asked'; readonly shardId: string; readonly of: string }
  | { readonly type: 'lease-lost'; readonly shardId: string; readonly epoch: number; readonly reason: LeaseEnd }
  /** Handed over; `to` is absent when there was nobody. */
  | {
      readonly type: 'lease-given';
      readonly shardId: string;
      readonly epoch: number;
      readonly to: string | undefined;
      /** From when it was asked for. */
      readonly handoffMs: number;
    }
  | { readonly type: 'shard-done'; readonly shardId: string; readonly children: readonly string[] | 'unknown' }
  | { readonly type: 'beat'; readonly beatMs: number }
  /** No beat was acknowledged in time: everything was let go of. */
  | { readonly type: 'self-fenced'; readonly leases: number; readonly cause: unknown }
  | {
      readonly type: 'audited';
      readonly shards: number;
      readonly created: number;
      readonly removed: number;
      readonly pages: number;
    }
  /** An unfinished shard is listed no more: records may be missing. Whoever owns it decides what becomes of that. */
  | { readonly type: 'shard-vanished'; readonly gap: Gap }
  /** Something failed that is tried again. */
  | {
      readonly type: 'trouble';
      readonly action: 'beat' | 'look' | 'take' | 'ask' | 'give' | 'raise' | 'audit';
      readonly error: unknown;
    };
