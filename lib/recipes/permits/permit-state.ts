/**
 * Permits as a value, and the steps from one to the next. Pure; the whole protocol of semaphores and of read-write locks.
 *
 *   max 5    holders  a: 1  b: 3    used 4          c asked for 2, so it waits, and d behind it, though d would fit
 *            queue    c: 2  d: 1    waiting 2
 *
 * A read-write lock is a semaphore of 1,000 permits, of which a reader takes one and a writer all.
 *
 * Invariants: `used` is the sum over the holders, and at most `max`, unless `max` was made smaller while they held; the first of the
 * queue does not fit, so nobody waits for what is free; `fence` only grows; a nonce is holder or ticket at most once. Whoever comes
 * while others wait waits behind them. So a large request is not passed over by small ones, nor a writer by readers, nor readers by
 * writers: each waits for those before it, and for nobody else.
 *
 * `count` and `waiting` say what could be counted: the store, which makes the steps of `permit-blind.ts` alone, can't count.
 */
import type { Claim, Standing } from '../claims/claim-steps.js';
import { RecipeDiffersError } from '../errors.js';
import type { RecipeState } from '../recipe-item.js';
import { SemaphoreFullError } from './permit-errors.js';

/** Holders in one item at most: about 60 bytes each, so 60 KB of the 400 KB that an item may have. */
export const holdersMax = 1_000;

/** Permits that one call has, or waits for. */
interface Holding {
  readonly n: number;
  readonly session: string;
}

/** A call that waits. */
interface Ticket extends Holding {
  readonly nonce: string;
}

/** What is stored. */
export interface PermitState extends RecipeState {
  readonly kind: 'semaphore' | 'rw-lock';
  /** The fencing token of the last grant. */
  readonly fence: number;
  /** The capacity; 0: nobody has said it yet. */
  readonly max: number;
  readonly used: number;
  /** How many holders there are. */
  readonly count: number;
  readonly holders: Readonly<Record<string, Holding>>;
  /** How many tickets there are. */
  readonly waiting: number;
  readonly queue: readonly Ticket[];
}

/** One call. */
export interface PermitClaim extends Claim {
  readonly n: number;
  /** The capacity on which it counts. */
  readonly max: number;
}

/** What stands there before the first write. Readers that come before any writer have a token too, and tokens begin with 1. */
export function noPermits(kind: PermitState['kind'], max: number): PermitState {
  return { kind, fence: kind === 'rw-lock' ? 1 : 0, max, used: 0, count: 0, holders: {}, waiting: 0, queue: [] };
}

/**
 * By how much the fence grows with a grant of `n` permits, and with their end. Readers share the token of what they read: it grows
 * with each writer, and once more when that writer is gone, so that its late writes are told from what its readers may rely on.
 */
export const growth: Readonly<Record<PermitState['kind'], (event: 'grant' | 'end', n: number) => number>> = {
  semaphore: (event) => (event === 'grant' ? 1 : 0),
  'rw-lock': (_event, n) => (n > 1 ? 1 : 0),
};

export function standingOf({ holders, queue }: PermitState, nonce: string): Standing {
  if (Object.hasOwn(holders, nonce)) return 'owner';
  return queue.some((ticket) => ticket.nonce === nonce) ? 'waiting' : 'none';
}

/** Whether `n` permits are free, and nobody waits for them. */
export function isFree(state: PermitState, n: number): boolean {
  return state.waiting === 0 && fits(state, n);
}

/**
 * Grants them if they are free, else adds a ticket if there is room; what is there already stays.
 *
 * @throws {RecipeDiffersError} when the capacity is another one than the caller counts on; {@link SemaphoreFullError} when permits are
 * free, but nobody else's name can be written down. `key` says of which item.
 */
export function request(state: PermitState, claim: PermitClaim, queueMax: number, key: string): PermitState {
  const { nonce, session, n, max } = claim;
  if (standingOf(state, nonce) !== 'none') return state;
  if (state.max !== max && state.max !== 0) {
    const facts = { fact: 'permits', given: max, stored: state.max };
    throw new RecipeDiffersError(key, facts, 'open it with that everywhere, or call resize() once');
  }
  const agreed = state.max === max ? state : { ...state, max };
  const ticket = { nonce, n, session };
  if (isFree(agreed, n)) return granted(agreed, ticket);
  if (agreed.waiting === 0 && agreed.used + n <= max) throw new SemaphoreFullError(key, agreed.count);
  if (agreed.waiting >= queueMax) return state;
  return { ...agreed, waiting: agreed.waiting + 1, queue: [...agreed.queue, ticket] };
}

/** Takes a call out of it: its permits go to those who wait, its ticket is torn up. */
export function withdraw(state: PermitState, nonce: string): PermitState {
  return without(state, (one) => one === nonce);
}

/** Takes out all that was claimed under sessions that are over. */
export function evict(state: PermitState, isOver: (session: string) => boolean): PermitState {
  return without(state, (_nonce, { session }) => isOver(session));
}

/** With another capacity. Those who hold permits keep them; tickets for more than there are now are torn up. */
export function resize(state: PermitState, max: number): PermitState {
  if (state.max === max) return state;
  const queue = state.queue.filter(({ n }) => n <= max);
  return handedOn({ ...state, max, queue, waiting: queue.length });
}

/** Holders that all tickets look after; of more than these only the first ticket does. */
const lookedAfterByAllMax = 20;

/**
 * The sessions whose end would let a call go on. Each ticket looks after the one before it, and after the holders, so that a holder that
 * dies together with tickets costs one lease and not several. Where there are many holders that is left to the first ticket, as each
 * look has its price. Who has no ticket looks after all.
 */
export function rivalsOf({ holders, count, queue }: PermitState, nonce: string): string[] {
  const place = queue.findIndex((ticket) => ticket.nonce === nonce);
  const held = place > 0 && count > lookedAfterByAllMax ? [] : Object.values(holders);
  const before = place < 0 ? queue : queue.slice(Math.max(0, place - 1), place);
  return [...held, ...before].map(({ session }) => session);
}

/** Whether it is the ticket that is granted next. */
export function isNext({ queue }: PermitState, nonce: string): boolean {
  return queue[0]?.nonce === nonce;
}

function fits({ max, used, count }: PermitState, n: number): boolean {
  return used + n <= max && count < holdersMax;
}

function granted(state: PermitState, { nonce, n, session }: Ticket): PermitState {
  return {
    ...state,
    fence: state.fence + growth[state.kind]('grant', n),
    used: state.used + n,
    count: state.count + 1,
    holders: { ...state.holders, [nonce]: { n, session } },
  };
}

function without(state: PermitState, isOut: (nonce: string, holding: Holding) => boolean): PermitState {
  const queue = state.queue.filter((ticket) => !isOut(ticket.nonce, ticket));
  const ended = Object.entries(state.holders).filter(([nonce, holding]) => isOut(nonce, holding));
  if (ended.length === 0 && queue.length === state.queue.length) return state;
  let { fence, used, count } = state;
  const holders = { ...state.holders };
  for (const [nonce, { n }] of ended) {
    delete holders[nonce];
    fence += growth[state.kind]('end', n);
    used -= n;
    count -= 1;
  }
  return handedOn({ ...state, fence, used, count, holders, queue, waiting: queue.length });
}

/** What is free goes to those who wait, in their order. */
function handedOn(state: PermitState): PermitState {
  let next = state;
  let [first, ...queue] = next.queue;
  while (first !== undefined && fits(next, first.n)) {
    next = granted({ ...next, queue, waiting: queue.length }, first);
    [first, ...queue] = next.queue;
  }
  return next;
}
