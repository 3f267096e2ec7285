/**
 * A lock as a value, and the steps from one to the next. Pure: the whole protocol of a lock is here; all else is waiting.
 *
 *   free --request--> owned, fence + 1
 *   owned --request--> owned, one ticket more
 *   owned --release--> free; or, with tickets, owned by the first of them, fence + 1
 *   owned --evict(sessions that are over)--> as a release of what they held, without their tickets
 *
 * Invariants: `fence` only grows, by one with each owner; nobody waits while the lock is free; a nonce is owner or ticket at most
 * once. A lock that is handed on in the release needs no write of the one who waited, and nobody can push in.
 */

import type { Claim, Standing } from '../claims/claim-steps.js';

/** Who holds it. */
export interface Owner extends Claim {
  /** When it was granted, by the wall clock of whoever granted it; for people. */
  readonly grantedAt: number;
}

/** What is stored of a lock. */
export interface LockState {
  readonly kind: string;
  /** The fencing token of the last grant. */
  readonly fence: number;
  readonly owner: Owner | null;
  /** Those who wait, in order. */
  readonly queue: readonly Claim[];
}

export function standingOf({ owner, queue }: LockState, nonce: string): Standing {
  if (owner?.nonce === nonce) return 'owner';
  return queue.some((claim) => claim.nonce === nonce) ? 'waiting' : 'none';
}

/** Whether it is the first ticket. */
export function isNext({ queue }: LockState, nonce: string): boolean {
  return queue[0]?.nonce === nonce;
}

/** Grants it if it is free, else adds a ticket if there is room; what is there already stays. */
export function request<S extends LockState>(state: S, claim: Claim, queueMax: number, atMs: number): S {
  if (standingOf(state, claim.nonce) !== 'none') return state;
  if (state.owner === null) return granted(state, [claim], atMs);
  return state.queue.length < queueMax ? { ...state, queue: [...state.queue, claim] } : state;
}

/** Takes a call out of it: the owner hands it on, a ticket is torn up. */
export function withdraw<S extends LockState>(state: S, nonce: string, atMs: number): S {
  return without(state, (claim) => claim.nonce === nonce, atMs);
}

/** Takes out all that was claimed under sessions that are over. */
export function evict<S extends LockState>(state: S, isOver: (session: string) => boolean, atMs: number): S {
  return without(state, (claim) => isOver(claim.session), atMs);
}

/** Takes it from whoever holds it under `token`. */
export function force<S extends LockState>(state: S, token: bigint, atMs: number): S {
  const { owner } = state;
  return owner !== null && BigInt(state.fence) === token ? withdraw(state, owner.nonce, atMs) : state;
}

function without<S extends LockState>(state: S, isOut: (claim: Claim) => boolean, atMs: number): S {
  const queue = state.queue.filter((claim) => !isOut(claim));
  if (state.owner !== null && isOut(state.owner)) return granted(state, queue, atMs);
  return queue.length === state.queue.length ? state : { ...state, queue };
}

function granted<S extends LockState>(state: S, [first, ...queue]: readonly Claim[], atMs: number): S {
  if (first === undefined) return { ...state, owner: null, queue: [] };
  return { ...state, fence: state.fence + 1, owner: { ...first, grantedAt: atMs }, queue };
}

/** The owner's session, and that of the ticket before: of the last one for who has no ticket yet. */
export function rivalsOf({ owner, queue }: LockState, nonce: string): string[] {
  const place = queue.findIndex((claim) => claim.nonce === nonce);
  const before = queue[place < 0 ? queue.length - 1 : place - 1];
  return [owner, before].flatMap((rival) => (rival === null || rival === undefined ? [] : [rival.session]));
}
