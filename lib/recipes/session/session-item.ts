/**
 * The item of a session: one register for the liveness of everything that a process holds.
 *
 *   live, beat 0 -> live, beat 1 -> ...        by its owner, once per heartbeat
 *        |               |
 *        +-------------> closed                by its owner: good-bye
 *        +-------------> expired               by whoever saw the item unchanged for a whole lease, if it still is
 *
 * From `closed` and `expired` no way leads back, so whoever has seen either may take what the session held, however late. And a
 * beat that finds either tells its owner that all is lost. The item holds a duration and a number, never a time of day.
 */
import type { AtomTable } from '../../atom/index.js';
import { RecipeItem } from '../recipe-item.js';
import type { LocalProcess } from './local-death.js';

/** What is stored of a session. `none`: nothing is. */
export interface SessionState {
  readonly kind: 'session';
  readonly state: 'none' | 'live' | 'closed' | 'expired';
  /** Number of the last renewal. */
  readonly beat: number;
  /** How long one renewal lasts, in milliseconds; for people. What counts stands in the name. */
  readonly leaseMs: number;
  /** Who it is, for people: host, process, and what the user says. */
  readonly info?: SessionInfo;
}

/** Who holds a session, for people who look at the table. */
export interface SessionInfo {
  readonly host: string;
  readonly pid: number;
  /** The user's own words. */
  readonly purpose?: string;
  /** What tells others on this host that it is dead; absent unless the session asks for it. */
  readonly local?: LocalProcess;
}

const none: SessionState = { kind: 'session', state: 'none', beat: 0, leaseMs: 0 };

/** Items of sessions that nobody ended or expired vanish after this time without a beat. No lease is nearly as long. */
const forgottenMs = 7 * 24 * 60 * 60 * 1_000;

/** Longest lease in milliseconds: an hour. So long may others have to wait for what a process held that died. */
export const leaseMsMax: number = 60 * 60 * 1_000;

/**
 * A name for one life of a session. The lease stands in it, so that whoever meets the name knows how long to wait, also when the item
 * can't be seen: removed, or past its time by a wall clock that is wrong.
 */
export function sessionId(randomBytes: Uint8Array, leaseMs: number): string {
  return `${Buffer.from(randomBytes).toString('base64url')}.${leaseMs}`;
}

/** How long a session of this name has to be silent, in milliseconds; the longest there is for a name that does not say it. */
export function leaseMsOf(id: string): number {
  const leaseMs = Number(id.slice(id.indexOf('.') + 1));
  return leaseMs > 0 && leaseMs <= leaseMsMax ? leaseMs : leaseMsMax;
}

export function sessionItem(table: AtomTable, id: string): RecipeItem<SessionState> {
  return new RecipeItem(table, id, none, { ttlMs: forgottenMs });
}

/** Whether a session that stands so can never again be live. */
export function isOver({ state }: SessionState): boolean {
  return state === 'closed' || state === 'expired';
}

/** The next renewal; what is over stays over. */
export function renewed(state: SessionState): SessionState {
  return state.state === 'live' ? { ...state, beat: state.beat + 1 } : state;
}

/** Expired. Written only over the very item that was silent. */
export function expired(state: SessionState): SessionState {
  return { ...state, state: 'expired' };
}

/** Closed by its owner. */
export function closed(state: SessionState): SessionState {
  return state.state === 'live' ? { ...state, state: 'closed' } : state;
}
