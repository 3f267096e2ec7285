/** What the workers of one member share. */
import type { AtomTable } from '../../atom/index.js';
import type { Clock, Random } from '../../engine/index.js';
import type { Gap } from '../errors.js';
import type { FeedListener, ShardFeed } from '../feed.js';
import type { StreamRecord } from '../port.js';
import type { ShardStart } from '../shard-reader.js';
import type { Backlog } from './backlog.js';
import type { DeadLetterBox } from './dead-letter-box.js';
import type { Reading } from './entry.js';
import type { ErrorPolicy } from './error-policy.js';
import type { GroupHandler } from './handler.js';
import type { OwnedLease } from './owned-lease.js';
import type { WorkEvent } from './work-events.js';

/** Decides about records that may be missing. */
export type OnGroupGap = 'stop' | 'continue' | ((gap: Gap) => 'stop' | 'continue' | Promise<'stop' | 'continue'>);

export interface WorkGround<T> {
  /** The coordination table. */
  readonly table: AtomTable;
  readonly clock: Clock;
  readonly random: Random;
  readonly reading: Reading<T>;
  readonly handler: GroupHandler<T>;
  readonly policy: ErrorPolicy;
  readonly letters: DeadLetterBox;
  readonly onGap: OnGroupGap;
  readonly backlog: Backlog;
  /** Lanes per shard. */
  readonly concurrency: number;
  readonly batchRecordsMax: number;
  /** How long a batch waits for more records. */
  readonly windowMs: number;
  readonly handlerMsMax: number;
  readonly saveIntervalMs: () => number;
  /** Names the stream in idempotency keys. */
  readonly streamLabel: () => string;
  /** Whether the record is of an item of the group itself: of no interest to anybody, and nothing to remember. */
  readonly isOwnRecord: ((record: StreamRecord) => boolean) | undefined;
  open(shardId: string, start: ShardStart, listener: FeedListener): ShardFeed;
  childrenOf(shardId: string, signal: AbortSignal): Promise<readonly string[] | 'unknown'>;
  /** Whether what is missing of the shard's beginning was promised to be delivered. */
  isContinuation(lease: OwnedLease): boolean;
  tell(event: WorkEvent): void;
  /** The group can't go on. */
  onFatal(error: unknown): void;
}
