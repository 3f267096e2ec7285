/**
 * Claims, and what a recipe says of them: the steps from one value of its item to the next. The steps are pure; `claims.ts` does the
 * rest, the same way for locks, elections, semaphores and read-write locks.
 */
import type { CommuteChanges, CommuteCondition } from '../../atom/index.js';

/** Somebody who holds something or waits for it: one call of `acquire`. */
export interface Claim {
  /** Names this call, at random. */
  readonly nonce: string;
  /** The session under which it is made. */
  readonly session: string;
  /** Who it is, for people. */
  readonly host: string;
  readonly pid: number;
  readonly purpose?: string;
}

/** Where a call stands. */
export type Standing = 'owner' | 'waiting' | 'none';

/** A step that the store can make by itself, and the condition on which it is the same as here. */
export interface BlindStep<S> {
  readonly changes: CommuteChanges<S>;
  readonly when: CommuteCondition<S>;
}

/** The steps of a recipe whose claims wait for one another. */
export interface ClaimSteps<S, C extends Claim> {
  standingOf(state: S, nonce: string): Standing;
  /**
   * Grants it if that is possible, else adds a ticket if there is room; what is there already stays. Throws what a caller is to be told
   * who asks for what can't be.
   */
  request(state: S, claim: C, queueMax: number, atMs: number): S;
  /** Takes a call out of it: what it held is handed on, a ticket is torn up. */
  withdraw(state: S, nonce: string, atMs: number): S;
  /** Takes out all that was claimed under sessions that are over. */
  evict(state: S, isOver: (session: string) => boolean, atMs: number): S;
  /** The sessions whose end would let a call go on. Each ticket must have somebody who looks after it. */
  rivalsOf(state: S, nonce: string): Iterable<string>;
  /** Whether a ticket is the next one to be granted: it looks more often. */
  isNext?(state: S, nonce: string): boolean;
  /** What a caller is told whose time is over. */
  timeoutError(subject: string, waitMs: number, state: S, nonce: string, cause: unknown): Error;
  /** `request` of a claim that is granted at once; `undefined` where, by what is known, it is not. */
  blindRequest?(known: S | undefined, claim: C): BlindStep<S> | undefined;
  /** `withdraw` of a claim that holds something which nobody waits for. */
  blindWithdraw?(known: S | undefined, nonce: string): BlindStep<S> | undefined;
}
