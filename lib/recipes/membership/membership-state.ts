/**
 * A directory of those who are there: one item for a group.
 *
 *   { kind: 'membership', members: { <id>: { session, host, pid, joinedAt, info }, … } }
 *
 *   join    the store sets one entry, if it is absent      none of these conflict, whoever else comes and goes;
 *   leave   the store removes it                           each is done once, as every commute is
 *   a session is over: whoever observes it removes what is in its name
 *
 * No entry carries a beat: an entry lives as long as the session that it names, and that has an item of its own.
 */
import type { CommuteChanges, CommuteCondition } from '../../atom/index.js';

/** An entry of the directory. */
interface Entry<I> {
  readonly session: string;
  readonly host: string;
  readonly pid: number;
  readonly joinedAt: number;
  readonly info?: I;
}

/** What is stored of a group. */
export interface MembershipState<I> {
  readonly kind: 'membership';
  readonly members: Readonly<Record<string, Entry<I>>>;
}

/** A member, as far as the item tells. */
export interface MemberEntry<I> {
  /** Names this stay, at random. */
  readonly id: string;
  /** What it joined with. */
  readonly info: I | undefined;
  readonly session: string;
  readonly host: string;
  readonly pid: number;
  /** Epoch milliseconds, by its own wall clock. */
  readonly joinedAt: number;
}

/** Stands where nothing is. */
export function noMembers<I>(): MembershipState<I> {
  return { kind: 'membership', members: {} };
}

type Changes<I> = CommuteChanges<MembershipState<I>>;

/** Puts an entry in. */
export function arrivalOf<I>(id: string, entry: Entry<I>): Changes<I> {
  return { setIfAbsent: { members: { [id]: entry } } } as Changes<I>;
}

/** Takes entries out, if all of them are there. */
export function removalOf<I>(ids: readonly string[]): [Changes<I>, CommuteCondition<MembershipState<I>>] {
  const present = { members: Object.fromEntries(ids.map((id) => [id, true])) };
  return [{ remove: ids.map((id) => ['members', id]) }, { present } as CommuteCondition<MembershipState<I>>];
}

/** All members but those whose session is `over`, in the order of their ids, which is the same for all who look. */
export function entriesOf<I>({ members }: MembershipState<I>, over?: ReadonlySet<string>): MemberEntry<I>[] {
  return Object.entries(members)
    .filter(([, { session }]) => over?.has(session) !== true)
    .map(([id, { info, session, host, pid, joinedAt }]) => ({ id, info, session, host, pid, joinedAt }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

export function sessionsOf<I>({ members }: MembershipState<I>): Set<string> {
  return new Set(Object.values(members).map(({ session }) => session));
}

/** The members whose session is one of `over`. */
export function idsUnder<I>({ members }: MembershipState<I>, over: ReadonlySet<string>): string[] {
  return Object.keys(members).filter((id) => over.has((members[id] as Entry<I>).session));
}

/**
 * Up to `countMax` of `sessions`: those that follow `place` in the ring of all. Each of many who look so has a few to look after, and each
 * session a few who do.
 */
export function following(sessions: ReadonlySet<string>, place: string, countMax: number): Set<string> {
  const ring = [...sessions].sort();
  const start = Math.max(
    0,
    ring.findIndex((id) => id > place),
  );
  return new Set([...ring.slice(start), ...ring.slice(0, start)].slice(0, countMax));
}
