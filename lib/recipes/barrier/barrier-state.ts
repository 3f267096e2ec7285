/**
 * Barriers as values, and the steps from one to the next. Pure: the whole protocol is here; all else is waiting.
 *
 *   barrier          gathering --complete: all have entered--> gathering, generation + 1
 *   double barrier   gathering --complete: all have entered--> inside --all have left--> gathering, generation + 1
 *   both             gathering, inside --somebody died or gave up--> broken --reset--> gathering, generation + 1
 *
 * Entering and leaving can be left to the store (`blindEnter`, `blindLeave`), so that all may come at once and nobody loses a race. The
 * store counts and cannot go on to the next generation; so a value that is complete *is* the next one to all who look at it, and each
 * step begins by making it so (`settled`). It does not matter who does.
 *
 * Invariants: `count` is the number of `members`; `generation` only grows; nothing takes a member out of a generation that is complete, so
 * whoever has seen that may pass; nobody enters one that is complete. A generation that was broken stays so: it is remembered beyond
 * its reset, because those who waited in it may look late.
 */
import type { CommuteChanges, CommuteCondition } from '../../atom/index.js';

export interface BarrierState {
  readonly kind: 'barrier' | 'double-barrier';
  /** How many have to enter; 0 while nobody has said. */
  readonly parties: number;
  readonly generation: number;
  readonly phase: 'gathering' | 'inside' | 'broken';
  /** Who has entered, and not left: names of calls, at random, and the sessions under which they were made. */
  readonly members: Readonly<Record<string, string>>;
  readonly count: number;
  /** Why it is broken, if it is. */
  readonly reason: BrokenReason | null;
  /** The last generations that were reset, oldest first. */
  readonly resets: readonly number[];
}

/** Why a generation was broken: the session of somebody in it was over; somebody gave up waiting; it was reset. */
export type BrokenReason = 'session-over' | 'gave-up' | 'reset';

/** A call that has entered. */
export interface Member {
  readonly nonce: string;
  readonly generation: number;
}

/** Generations that were reset and are remembered. Of older ones it is not known, so they count as broken: nobody passes by mistake. */
const resetsMax = 32;

export function untouched(kind: BarrierState['kind']): BarrierState {
  return { kind, parties: 0, generation: 0, phase: 'gathering', members: {}, count: 0, reason: null, resets: [] };
}

/** What a complete value is to all who look at it. */
export function settled(state: BarrierState): BarrierState {
  const { kind, parties, phase, count } = state;
  if (phase === 'inside') return count === 0 ? next(state) : state;
  if (phase !== 'gathering' || parties === 0 || count < parties) return state;
  return kind === 'double-barrier' ? { ...state, phase: 'inside' } : next(state);
}

/** Enters, if the generation is gathering. */
export function enter(state: BarrierState, nonce: string, session: string, parties: number): BarrierState {
  const now = settled(state);
  if (now.phase !== 'gathering' || Object.hasOwn(now.members, nonce)) return now;
  return settled({ ...now, parties, members: { ...now.members, [nonce]: session }, count: now.count + 1 });
}

/** Leaves the inside; the last one opens the next generation. */
export function leave(state: BarrierState, { nonce, generation }: Member): BarrierState {
  const now = settled(state);
  if (now.generation !== generation || now.phase !== 'inside' || !Object.hasOwn(now.members, nonce)) return now;
  const { [nonce]: _, ...members } = now.members;
  return settled({ ...now, members, count: now.count - 1 });
}

/** A step that the store can make by itself, and the condition on which it is the same. */
export interface BlindStep {
  readonly changes: CommuteChanges<BarrierState>;
  readonly when: CommuteCondition<BarrierState>;
}

/** `enter` by one who, for all that is known, is not the last. */
export function blindEnter(
  known: BarrierState,
  nonce: string,
  session: string,
  parties: number,
): BlindStep | undefined {
  const { generation, phase, count, parties: agreed } = settled(known);
  if (phase !== 'gathering' || agreed !== parties || count + 1 >= parties) return undefined;
  return {
    changes: { add: { count: 1 }, setIfAbsent: { members: { [nonce]: session } } },
    when: {
      is: { generation, phase, parties },
      atMost: { count: parties - 1 },
      absent: { members: { [nonce]: true } },
    },
  };
}

/** `leave` by one who, for all that is known, is not the last. */
export function blindLeave(known: BarrierState, { nonce, generation }: Member): BlindStep | undefined {
  const { phase, count } = known;
  if (known.generation !== generation || phase !== 'inside' || count <= 1) return undefined;
  return {
    changes: { add: { count: -1 }, remove: { members: { [nonce]: true } } },
    when: { is: { generation, phase }, present: { members: { [nonce]: true } } },
  };
}

/** Breaks the generation in which `nonce` waits for others to enter. */
export function giveUp(state: BarrierState, nonce: string): BarrierState {
  const now = settled(state);
  return now.phase === 'gathering' && Object.hasOwn(now.members, nonce) ? broken(now, 'gave-up') : now;
}

/** Breaks the generation if somebody is in it whose session is over. */
export function evict(state: BarrierState, session: string): BarrierState {
  const now = settled(state);
  return Object.values(now.members).includes(session) ? broken(now, 'session-over') : now;
}

/** Begins the generation after `generation`, whether that is broken or not; what is past already, or empty, stays. */
export function reset(state: BarrierState, generation: number): BarrierState {
  const now = settled(state);
  if (now.generation !== generation || (now.phase === 'gathering' && now.count === 0)) return now;
  return { ...next(now), resets: [...now.resets, generation].slice(-resetsMax) };
}

/** `broken` is also what can't be told: the item was removed by hand, or too many generations were reset since. */
export type Outcome = 'waiting' | 'passed' | 'broken';

/** What became of a generation for a member that has entered it (`gathering`), or that has left it (`inside`). */
export function outcomeOf(
  state: BarrierState,
  { nonce, generation }: Member,
  awaited: 'gathering' | 'inside',
): Outcome {
  const now = settled(state);
  const { resets, members, phase } = now;
  if (now.generation === generation) {
    if (phase === awaited) return phase === 'inside' || Object.hasOwn(members, nonce) ? 'waiting' : 'broken';
    return phase === 'inside' ? 'passed' : 'broken';
  }
  const isForgotten = resets.length === resetsMax && generation < (resets[0] as number);
  return now.generation < generation || isForgotten || resets.includes(generation) ? 'broken' : 'passed';
}

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
  return { ...state, generation: state.generation + 1, phase: 'gathering', members: {}, count: 0, reason: null };
}

function broken(state: BarrierState, reason: BrokenReason): BarrierState {
  return { ...state, phase: 'broken', members: {}, count: 0, reason };
}
