/**
 * What sessions and locks do, as a parameter of the model: the library's own steps unless a spec plants a bug.
 *
 * The functions on states are the shipped ones. The rest is what is around them in so many words: from when time is counted, on what a
 * write is conditional, what is done before what.
 */
import { evict, type LockState, request, rivalsOf, standingOf, withdraw } from '../../lib/recipes/lock/lock-state.js';
import { closed, expired, isOver, renewed, type SessionState } from '../../lib/recipes/session/session-item.js';

export interface LockProtocol {
  request: typeof request<LockState>;
  withdraw: typeof withdraw<LockState>;
  evict: typeof evict<LockState>;
  readonly rivalsOf: typeof rivalsOf;
  readonly standingOf: typeof standingOf;
  readonly renewed: typeof renewed;
  readonly expired: typeof expired;
  readonly closed: typeof closed;
  readonly isOver: (state: SessionState) => boolean;
  /** Whether the expiry of a session is judged on the very write that was seen to be silent. */
  readonly expiresWhatWasSeen: boolean;
  /** From when a holder counts. */
  readonly holderCounts: 'from the send' | 'from the answer';
  /** From when an observer counts. */
  readonly observerCounts: 'from the answer' | 'from the request';
  /** Whether a session is marked before anything is taken from it. */
  readonly marksFirst: boolean;
  /** Whether who is granted something holds it under its lease alone. */
  readonly needsLease: boolean;
  /** Whether a session that is closed is believed in no longer before others can know. */
  readonly endsBeforeClosing: boolean;
  /** Whether claims of unknown fate are taken back. */
  readonly tidies: boolean;
  /** Whether the fenced resource takes a write under `token`, after one under `seen`. */
  accepts(token: number, seen: number): boolean;
}

export const shippedLock: LockProtocol = {
  request,
  withdraw,
  evict,
  rivalsOf,
  standingOf,
  renewed,
  expired,
  closed,
  isOver,
  expiresWhatWasSeen: true,
  holderCounts: 'from the send',
  observerCounts: 'from the answer',
  marksFirst: true,
  needsLease: true,
  endsBeforeClosing: true,
  tidies: true,
  accepts: (token, seen) => token >= seen,
};

/** What there is to explore; see `lock-model.ts`. */
export interface LockCase {
  /** Times that each process acquires it: one number for each. */
  readonly rounds: readonly number[];
  /** Renewals of each session. */
  readonly beatsMax: number;
  /** Processes that may die, and that may be stopped beyond the end of their lease while nobody observes that. */
  readonly deathsMax: number;
  readonly sleepsMax: number;
  /** Calls that give up with an unknown outcome. */
  readonly givesUpMax: number;
  /** Whether sessions may be closed. */
  readonly closes: boolean;
  /** Whether holders write to a fenced resource. */
  readonly writes: boolean;
  /** Whether all begin with a lock that the first process holds and for which the others wait, in order. */
  readonly begun?: boolean;
  readonly protocol?: LockProtocol;
}

const plain: LockCase = {
  ...{ rounds: [1, 1], beatsMax: 1, deathsMax: 0, sleepsMax: 0 },
  ...{ givesUpMax: 0, closes: false, writes: false },
};
const three: LockCase = { ...plain, rounds: [1, 1, 1], beatsMax: 0, begun: true };

type LockCaseName =
  | 'two'
  | 'twoBegun'
  | 'twoClosing'
  | 'twoWriting'
  | 'twoDying'
  | 'twoStopped'
  | 'twoRounds'
  | 'twoGivingUp'
  | 'begunGivingUp'
  | 'three'
  | 'threeWriting'
  | 'threeDying';

export const lockCases: Readonly<Record<LockCaseName, LockCase>> = {
  two: plain,
  twoBegun: { ...plain, begun: true },
  twoClosing: { ...plain, closes: true },
  twoWriting: { ...plain, writes: true },
  twoDying: { ...plain, deathsMax: 1 },
  twoStopped: { ...plain, sleepsMax: 1 },
  twoRounds: { ...plain, rounds: [2, 1] },
  twoGivingUp: { ...plain, givesUpMax: 1 },
  begunGivingUp: { ...plain, givesUpMax: 1, begun: true },
  three,
  threeWriting: { ...three, writes: true },
  threeDying: { ...three, deathsMax: 1 },
};

/** What can be broken. */
export const lockViolations = {
  twoHolders: 'two hold it by their own clocks',
  token: 'a token does not grow',
  resource: 'the resource takes an older token',
  idle: 'somebody waits while it is free',
  stuck: 'somebody waits, and nothing can happen any more',
} as const;

export interface PlantedLockBug {
  /** Completes the sentence "finds ...". */
  readonly name: string;
  readonly bug: Partial<LockProtocol>;
  readonly violation: string;
  /** The smallest case in which it shows. @defaultValue `twoBegun` */
  readonly lockCase?: LockCase;
}

const { twoHolders, token, resource, idle, stuck } = lockViolations;

function revived(state: SessionState): SessionState {
  return { ...state, state: 'live', beat: state.beat + 1 };
}

/** What was held by the dead is free, and whoever waits has to find out. */
function evictAndFree(state: LockState, over: (session: string) => boolean, atMs: number): LockState {
  const { owner } = state;
  return owner !== null && over(owner.session) ? { ...state, owner: null } : evict(state, over, atMs);
}

/** The owner hands it on, whoever it is. */
function withdrawAny(state: LockState, nonce: string, atMs: number): LockState {
  const { owner } = state;
  return standingOf(state, nonce) === 'none' && owner !== null
    ? withdraw(state, owner.nonce, atMs)
    : withdraw(state, nonce, atMs);
}

/** The next one is granted it under the token of the last. */
function withSameFence(step: (state: LockState) => LockState, state: LockState): LockState {
  const next = step(state);
  return next.fence === state.fence || state.fence === 0 ? next : { ...next, fence: state.fence };
}

/** It is free, and whoever waits has to find out. */
function withdrawAndFree(state: LockState, nonce: string, atMs: number): LockState {
  if (state.owner?.nonce !== nonce) return withdraw(state, nonce, atMs);
  return { ...state, owner: null };
}

/** Who wants it takes it, whoever has it. */
function pushedIn(state: LockState, claim: Parameters<typeof request>[1], queueMax: number, atMs: number): LockState {
  return state.owner === null
    ? request(state, claim, queueMax, atMs)
    : request({ ...state, owner: null }, claim, 0, atMs);
}

export const plantedLockBugs: readonly PlantedLockBug[] = [
  {
    name: 'the two holders when a session is expired whatever it has done since it was seen',
    bug: { expiresWhatWasSeen: false },
    violation: twoHolders,
  },
  {
    name: 'the two holders when the holder counts from the answer',
    bug: { holderCounts: 'from the answer' },
    violation: twoHolders,
  },
  {
    name: 'the two holders when the observer counts from its request',
    bug: { observerCounts: 'from the request' },
    violation: twoHolders,
  },
  {
    name: 'the two holders when something is taken from a session that is silent and not marked',
    bug: { marksFirst: false },
    violation: twoHolders,
  },
  {
    name: 'the two holders when a beat brings back what has expired',
    bug: { renewed: revived },
    violation: twoHolders,
  },
  {
    name: 'the two holders when a session that is live counts as over',
    bug: { isOver: () => true },
    violation: twoHolders,
  },
  {
    name: 'the two holders when a grant is believed without its lease',
    bug: { needsLease: false },
    violation: twoHolders,
  },
  {
    name: 'the two holders when a session is closed before its own process stops',
    bug: { endsBeforeClosing: false },
    lockCase: lockCases.twoClosing,
    violation: twoHolders,
  },
  {
    name: 'the two holders when a release frees whoever holds it',
    bug: { withdraw: withdrawAny },
    lockCase: lockCases.three,
    violation: twoHolders,
  },
  {
    name: 'the two holders when who comes takes it from who has it',
    bug: { request: pushedIn },
    lockCase: lockCases.two,
    violation: twoHolders,
  },
  {
    name: 'the token that does not grow at a hand-over',
    bug: { withdraw: (state, nonce, atMs) => withSameFence((now) => withdraw(now, nonce, atMs), state) },
    violation: token,
  },
  {
    name: 'the token that does not grow at an eviction',
    bug: { evict: (state, over, atMs) => withSameFence((now) => evict(now, over, atMs), state) },
    violation: token,
  },
  {
    name: 'the token that does not grow at a grant',
    bug: { request: (state, claim, max, atMs) => withSameFence((now) => request(now, claim, max, atMs), state) },
    lockCase: lockCases.two,
    violation: token,
  },
  {
    name: 'the older token when the resource does not look at it',
    bug: { accepts: () => true },
    lockCase: lockCases.twoWriting,
    violation: resource,
  },
  {
    name: 'the lock that is free while somebody waits when a release hands it to nobody',
    bug: { withdraw: withdrawAndFree },
    violation: idle,
  },
  {
    name: 'the lock that is free while somebody waits when an eviction hands it to nobody',
    bug: { evict: evictAndFree },
    violation: idle,
  },
  {
    name: 'the wait without end when nobody looks after whoever holds it',
    bug: { rivalsOf: () => [] },
    lockCase: lockCases.twoDying,
    violation: stuck,
  },
  {
    name: 'the wait without end when what was claimed by a lost call is left there',
    bug: { tidies: false },
    lockCase: lockCases.begunGivingUp,
    violation: stuck,
  },
];
