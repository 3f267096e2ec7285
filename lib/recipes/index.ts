/**
 * Coordination on atoms: locks with fencing tokens, leases, election and the rest.
 *
 * @module
 */

export { Barrier, type BarrierOptions, type BarrierPass, type BarrierView } from './barrier/barrier.js';
export { BarrierTimeoutError, BrokenBarrierError } from './barrier/barrier-errors.js';
export type { BrokenReason } from './barrier/barrier-state.js';
export { DoubleBarrier } from './barrier/double-barrier.js';
export { Config, type ConfigListener, type ConfigOptions } from './config.js';
export {
  CountDownLatch,
  type CountDownLatchOptions,
  type GenerationOptions,
  type LatchStanding,
} from './count-down-latch.js';
export { Counter, type CountOptions } from './counter.js';
export { CronJob, type CronJobOptions, type CronWork } from './cron/cron-job.js';
export { type ClaimOptions, CronSlot } from './cron/cron-slot.js';
export type { RunEveryOptions, RunOnce, SlotOptions } from './cron/slots.js';
export { Election, type ElectionOptions, type LeadOptions, type ObserveOptions } from './election/election.js';
export { NotLeaderError } from './election/election-errors.js';
export type { Leader, Observed } from './election/election-state.js';
export { Leadership } from './election/leadership.js';
export { type DifferingFact, RecipeDiffersError, RecipeKindError } from './errors.js';
export type { Fence, SeenToken } from './fence/fence.js';
export {
  type FenceAttribute,
  type FenceCondition,
  type FenceConditionOptions,
  fenceCondition,
} from './fence/fence-condition.js';
export { FenceMismatchError, StaleTokenError } from './fence/fence-errors.js';
export { FencedAtom, type FencedOptions, type FencedSwapOptions, fenced } from './fence/fenced-atom.js';
export { Lock } from './lock/lock.js';
export { type Holder, LockTimeoutError, ReentrantLockError } from './lock/lock-errors.js';
export { LockGrant } from './lock/lock-grant.js';
export type { LockOptions } from './lock/lock-options.js';
export { type HeldLocks, withLocks } from './lock/with-locks.js';
export { Member } from './membership/member.js';
export { Membership, type WatchMembersOptions } from './membership/membership.js';
export type { MemberEntry } from './membership/membership-state.js';
export {
  Once,
  type OnceCallOptions,
  type OnceOptions,
  type OnceRecord,
  type OnceRunOptions,
  type OnceTransactOptions,
  once,
} from './once/once.js';
export type { OnceContext } from './once/once-call.js';
export { InProgressError, PayloadMismatchError, ResultNotStoredError } from './once/once-errors.js';
export { PermitTimeoutError, SemaphoreFullError } from './permits/permit-errors.js';
export {
  ReadWriteGrant,
  type ReadWriteHolders,
  ReadWriteLock,
  type ReadWriteLockOptions,
} from './permits/read-write-lock.js';
export { type PermitHolder, Semaphore, SemaphoreGrant, type SemaphoreOptions } from './permits/semaphore.js';
export { RateLimitedError, type RateRefusal } from './rate-limit/rate-errors.js';
export { type RateAnswer, RateLimit } from './rate-limit/rate-limit.js';
export type { RateLimitOptions } from './rate-limit/rate-options.js';
export type { WaitOptions } from './recipe-item.js';
export { type NextOptions, type NumberRange, Sequence, type SequenceOptions } from './sequence.js';
export { Lease, type Renewal } from './session/lease.js';
export { openSession, Session, type SessionOptions } from './session/session.js';
export { LeaseLostError, type LostReason, SessionClosedError } from './session/session-errors.js';
export type { SessionInfo } from './session/session-item.js';
export type { Observation } from './session/session-observer.js';
export { ShardedCounter, type ShardedCounterOptions } from './sharded-counter.js';
export { Snowflake, type SnowflakeOptions } from './snowflake/snowflake.js';
export { WorkersBusyError } from './snowflake/snowflake-state.js';
