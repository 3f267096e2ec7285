/**
 * Barriers as values, and the steps from one to the next. Pure: the whole protocol is here; all else is waiting.
 *
 *   barrier          stage 0 --all have entered--> stage 1 --all have entered--> ...
 *   double barrier   stage 0 --all have entered--> stage 1 --all have left--> stage 2 --all have entered--> ...
 *   both             broken, when somebody died or gave up, until it is reset: that is the first stage of the next generation
 *
 * Entering, leaving and going on to the next stage can be left to the store (`blind...`), so that all may come at once and nobody loses a
 * race. The store counts, and can't compare with what it has just counted, so going on is a step of its own. Whoever dies before it does no harm: a
 * stage that is complete *is* the next one to all who look at it, and each other step begins by making it so (`settled`).
 *
 * Invariants: `stage` only grows; `count` says how many have entered (or left) in this stage, each once; nothing is taken back from a
 * stage that is complete, so whoever has seen that may pass; nobody enters one that is complete. A generation that was broken stays so: it is
 * remembered beyond its reset, because those who waited in it may look late.
 */
import type { CommuteChanges, CommuteCondition } from '../../atom/index.js';

export interface BarrierState {
  readonly kind: 'barrier' | 'double-barrier';
  /** How many have to come; 0 while nobody has said. */
  readonly parties: number;
  readonly stage: number;
  /** How many have come in this stage. */
  readonly count: number;
  /** Who has entered, and not left: names of calls, at random, and the sessions under which they were made. */
  readonly members: Readonly<Record<string, string>>;
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

/** Members that one update of the store can name. */
const namedMax = 50;

export function untouched(kind: BarrierState['kind']): BarrierState {
  return { kind, parties: 0, stage: 0, count: 0, members: {}, reason: null, resets: [] };
}

export function generationOf({ kind, stage }: BarrierState): number {
  return kind === 'double-barrier' ? Math.floor(stage / 2) : stage;
}

/** Whether one can enter; if not, all are inside, or it is broken. */
export function isGathering({ kind, stage, reason }: BarrierState): boolean {
  return reason === null && (kind === 'barrier' || stage % 2 === 0);
}

function isComplete({ parties, count, reason }: BarrierState): boolean {
  return reason === null && parties > 0 && count >= parties;
}

/** What a complete stage is to all who look at it. */
export function settled(state: BarrierState): BarrierState {
  if (!isComplete(state)) return state;
  const next = { ...state, stage: state.stage + 1, count: 0 };
  return generationOf(next) === generationOf(state) ? next : { ...next, members: {} };
}

/** Enters, if one can. */
export function enter(state: BarrierState, nonce: string, session: string, parties: number): BarrierState {
  const now = settled(state);
  if (!isGathering(now) || Object.hasOwn(now.members, nonce)) return now;
  return settled({ ...now, parties, members: { ...now.members, [nonce]: session }, count: now.count + 1 });
}

/** Leaves, if it is inside. */
export function leave(state: BarrierState, { nonce, generation }: Member): BarrierState {
  const now = settled(state);
  if (generationOf(now) !== generation || isGathering(now) || !Object.hasOwn(now.members, nonce)) return now;
  const { [nonce]: _, ...members } = now.members;
  return settled({ ...now, members, count: now.count + 1 });
}

/** A step that the store can make by itself, and the condition on which it is the same. */
export interface BlindStep {
  readonly changes: CommuteChanges<BarrierState>;
  readonly when: CommuteCondition<BarrierState>;
}

/** `enter`, into the stage that is known, or that follows from it. */
export function blindEnter(
  known: BarrierState,
  nonce: string,
  session: string,
  parties: number,
): BlindStep | undefined {
  const now = settled(known);
  if (!isGathering(now) || now.parties !== parties) return undefined;
  return {
    changes: { add: { count: 1 }, setIfAbsent: { members: { [nonce]: session } } },
    when: {
      is: { stage: now.stage, parties, reason: null },
      atMost: { count: parties - 1 },
      absent: { members: { [nonce]: true } },
    },
  };
}

/** `leave`. */
export function blindLeave(known: BarrierState, { nonce, generation }: Member): BlindStep | undefined {
  const { stage, reason } = settled(known);
  if (stage !== 2 * generation + 1 || reason !== null) return undefined;
  const place = { members: { [nonce]: true } } as const;
  return { changes: { add: { count: 1 }, remove: place }, when: { is: { stage, reason }, present: place } };
}

/** `settled`; `undefined` when it is, or when there are too many members to name. */
export function blindSettle(state: BarrierState): BlindStep | undefined {
  if (!isComplete(state)) return undefined;
  const { stage, parties, members } = state;
  const gone = generationOf(settled(state)) === generationOf(state) ? [] : Object.keys(members);
  if (gone.length > namedMax) return undefined;
  return {
    changes: {
      add: { stage: 1, count: -parties },
      ...(gone.length > 0 && { remove: gone.map((nonce) => ['members', nonce]) }),
    },
    when: { is: { stage, parties, reason: null }, atLeast: { count: parties } },
  };
}

/** Breaks the generation in which `nonce` waits for others to enter. */
export function giveUp(state: BarrierState, nonce: string): BarrierState {
  const now = settled(state);
  return isGathering(now) && Object.hasOwn(now.members, nonce) ? broken(now, 'gave-up') : now;
}

/** Breaks the generation if somebody is in it whose session is over. */
export function evict(state: BarrierState, session: string): BarrierState {
  const now = settled(state);
  return Object.values(now.members).includes(session) ? broken(now, 'session-over') : now;
}

/** Begins the generation after `generation`, whether that is broken or not; what is past already, or empty, stays. */
export function reset(state: BarrierState, generation: number): BarrierState {
  const now = settled(state);
  if (generationOf(now) !== generation || (isGathering(now) && now.count === 0)) return now;
  const stage = now.kind === 'double-barrier' ? 2 * (generation + 1) : generation + 1;
  const resets = [...now.resets, generation].slice(-resetsMax);
  return { ...now, stage, count: 0, members: {}, reason: null, resets };
}

/** `broken` is also what can't be told: the item was removed by hand, or too many generations were reset since. */
export type Outcome = 'waiting' | 'passed' | 'broken';

/** What became of a generation for a member that has entered it (`enter`), or that has left it (`leave`). */
export function outcomeOf(state: BarrierState, { nonce, generation }: Member, step: 'enter' | 'leave'): Outcome {
  const now = settled(state);
  const { resets, reason } = now;
  const current = generationOf(now);
  if (current === generation) {
    if (reason !== null) return 'broken';
    if (step === 'leave') return isGathering(now) ? 'broken' : 'waiting';
    if (!isGathering(now)) return 'passed';
    return Object.hasOwn(now.members, nonce) ? 'waiting' : 'broken';
  }
  const isForgotten = resets.length === resetsMax && generation < (resets[0] as number);
  return current < generation || isForgotten || resets.includes(generation) ? 'broken' : 'passed';
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

function broken(state: BarrierState, reason: BrokenReason): BarrierState {
  return { ...state, count: 0, members: {}, reason };
}
