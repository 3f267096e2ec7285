/**
 * Barriers as values, and the steps from one to the next. Pure: the whole protocol is here; all else is waiting.
 *
 *   barrier          gathering --the last one enters--> gathering, generation + 1
 *   double barrier   gathering --the last one enters--> inside --the last one leaves--> gathering, generation + 1
 *   both             gathering, inside --somebody died or gave up--> broken --reset--> gathering, generation + 1
 *
 * Invariants: `generation` only grows; it grows with the entry (the leaving) that makes it complete, in the same write, so nobody passes
 * before all were there, and nobody enters a generation that is complete. A generation that was broken stays so: it is remembered
 * beyond its reset, because those who waited in it may look late.
 */

export interface BarrierState {
  readonly kind: string;
  /** How many have to enter; 0 while nobody has said. */
  readonly parties: number;
  readonly generation: number;
  readonly phase: 'gathering' | 'inside' | 'broken';
  /** Who has entered, and not left: names of calls, at random, and the sessions under which they were made. */
  readonly members: Readonly<Record<string, string>>;
  /** Why it is broken, if it is. */
  readonly reason: BrokenReason | null;
  /** The last generations that were reset, oldest first. */
  readonly resets: readonly number[];
}

/** Why a generation was broken: the session of somebody in it was over; somebody gave up waiting; it was reset. */
export type BrokenReason = 'session-over' | 'gave-up' | 'reset';

/** Generations that were reset and are remembered. Of older ones it is not known, so they count as broken: nobody passes by mistake. */
const resetsMax = 32;

export function untouched(kind: string): BarrierState {
  return { kind, parties: 0, generation: 0, phase: 'gathering', members: {}, reason: null, resets: [] };
}

export function sizeOf({ members }: BarrierState): number {
  return Object.keys(members).length;
}

/** Enters, if the generation is gathering; `isDouble`: the last one opens the inside instead of the next generation. */
export function enter(
  state: BarrierState,
  { nonce, session }: { readonly nonce: string; readonly session: string },
  parties: number,
  isDouble: boolean,
): BarrierState {
  if (state.phase !== 'gathering' || Object.hasOwn(state.members, nonce)) return state;
  const entered = { ...state, parties, members: { ...state.members, [nonce]: session } };
  if (sizeOf(entered) < parties) return entered;
  return isDouble ? { ...entered, phase: 'inside' } : next(entered);
}

/** Leaves the inside; the last one opens the next generation. */
export function leave(state: BarrierState, nonce: string): BarrierState {
  if (state.phase !== 'inside' || !Object.hasOwn(state.members, nonce)) return state;
  const { [nonce]: _, ...members } = state.members;
  return Object.keys(members).length === 0 ? next(state) : { ...state, members };
}

/** Breaks the generation in which `nonce` waits for others to enter. */
export function giveUp(state: BarrierState, nonce: string): BarrierState {
  return state.phase === 'gathering' && Object.hasOwn(state.members, nonce) ? broken(state, 'gave-up') : state;
}

/** Breaks the generation if somebody is in it whose session is over. */
export function evict(state: BarrierState, session: string): BarrierState {
  return Object.values(state.members).includes(session) ? broken(state, 'session-over') : state;
}

/** Begins the generation after `generation`, whether that is broken or not; what is past already, or empty, stays. */
export function reset(state: BarrierState, generation: number): BarrierState {
  if (state.generation !== generation || (state.phase === 'gathering' && sizeOf(state) === 0)) return state;
  return { ...next(state), resets: [...state.resets, generation].slice(-resetsMax) };
}

/** What became of a generation for `nonce`, which has entered it (`gathering`), or has left it (`inside`). */
export function outcomeOf(
  state: BarrierState,
  { nonce, generation }: { readonly nonce: string; readonly generation: number },
  phase: 'gathering' | 'inside',
): Outcome {
  const { resets, members } = state;
  if (state.generation === generation) {
    if (state.phase === phase) return phase === 'inside' || Object.hasOwn(members, nonce) ? 'waiting' : 'broken';
    return state.phase === 'inside' ? 'passed' : 'broken';
  }
  const isForgotten = resets.length === resetsMax && generation < (resets[0] as number);
  return state.generation < generation || isForgotten || resets.includes(generation) ? 'broken' : 'passed';
}

/** `broken` is also what can't be told: the item was removed by hand, or too many generations were reset since. */
export type Outcome = 'waiting' | 'passed' | 'broken';

/**
 * The session that one of them looks after: that of the next member, in a ring. Each member that dies so has somebody who notices, as
 * long as anybody is left, at the price of one observed session for each.
 */
export function neighbourOf({ members }: BarrierState, nonce: string, session: string): string | undefined {
  const others = Object.keys(members)
    .filter((name) => members[name] !== session)
    .sort();
  const neighbour = others.find((name) => name > nonce) ?? others[0];
  return neighbour === undefined ? undefined : members[neighbour];
}

function next(state: BarrierState): BarrierState {
  return { ...state, generation: state.generation + 1, phase: 'gathering', members: {}, reason: null };
}

function broken(state: BarrierState, reason: BrokenReason): BarrierState {
  return { ...state, phase: 'broken', members: {}, reason };
}
