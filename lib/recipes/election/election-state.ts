/**
 * An election as a value: a lock whose owner has something to say.
 *
 *   lock:      fence 7, owner { nonce, session, … }            queue [ticket, ticket]
 *   election:  term 7,  leader { …, value: 'eu-1:8080', edition: 2 }   queue [candidate with its value, …]
 *
 * The steps are those of `lock-state.ts`, and one more: the leader changes its value. All are swaps of one item, so a value stands
 * there together with the term that it belongs to, and nobody can speak in a term that is not theirs. The value waits in the ticket, so
 * that a leader has it from the first moment, although somebody else writes it in.
 */
import type { LockState, Owner } from '../lock/lock-state.js';

/** What is stored of a leader. */
interface Leading<V> extends Owner {
  readonly value?: V;
  /** How often it was changed since the term began. */
  readonly edition?: number;
}

/** What is stored of an election. */
export interface ElectionState<V> extends LockState {
  readonly owner: Leading<V> | null;
}

/** Who leads, as far as the item tells. */
export interface Leader<V> {
  /** Larger than that of every leader before. */
  readonly term: bigint;
  /** What it last proclaimed, or stood with. */
  readonly value: V | undefined;
  readonly session: string;
  readonly host: string;
  readonly pid: number;
  readonly purpose: string | undefined;
  /** Epoch milliseconds, by the wall clock of whoever wrote it in. */
  readonly electedAt: number;
}

/** What an observer sees: a leader, or that there is none since the term `term`. */
export type Observed<V> =
  | { readonly term: bigint; readonly leader: Leader<V>; readonly value: V | undefined }
  | { readonly term: bigint; readonly leader: undefined; readonly value: undefined };

/** Stands where nothing is. */
export function noElection<V>(): ElectionState<V> {
  return { kind: 'election', fence: 0, owner: null, queue: [] };
}

/** What a candidate stands with. */
export function standingWith<V>(value: V | undefined): { readonly value?: V } {
  return value === undefined ? {} : { value };
}

/** The leader's new value; what is not the call's to change stays. */
export function proclaimed<V>(state: ElectionState<V>, nonce: string, value: V | undefined): ElectionState<V> {
  const { owner } = state;
  if (owner?.nonce !== nonce) return state;
  const { value: _old, edition = 0, ...rest } = owner;
  return { ...state, owner: { ...rest, ...standingWith(value), edition: edition + 1 } };
}

export function leaderOf<V>({ fence, owner }: ElectionState<V>): Leader<V> | undefined {
  if (owner === null) return undefined;
  const { value, session, host, pid, purpose, grantedAt } = owner;
  return { term: BigInt(fence), value, session, host, pid, purpose, electedAt: grantedAt };
}

export function observedOf<V>(state: ElectionState<V>): Observed<V> {
  const term = BigInt(state.fence);
  const leader = leaderOf(state);
  return leader === undefined ? { term, leader, value: undefined } : { term, leader, value: leader.value };
}

/** Whether `next` tells an observer anything that `last` did not; what is older never does. */
export function isNews<V>(last: ElectionState<V> | undefined, next: ElectionState<V>): boolean {
  if (last === undefined || next.fence > last.fence) return true;
  if (next.fence < last.fence) return false;
  return next.owner?.nonce !== last.owner?.nonce || next.owner?.edition !== last.owner?.edition;
}
