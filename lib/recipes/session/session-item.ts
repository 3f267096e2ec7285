/**
 * The item of a session: one register for the liveness of everything that a process holds.
 *
 *   live, beat 0 -> live, beat 1 -> ...        by its owner, once per heartbeat
 *        |               |
 *        +-------------> closed                by its owner: good-bye
 *        +-------------> expired               by whoever saw one beat unchanged for a whole lease, if it is still that beat
 *
 * From `closed` and `expired` no way leads back, so whoever has seen either may take what the session held, however late. And a
 * beat that finds either tells its owner that all is lost. The item holds a duration and a number, never a time of day.
 */
import type { AtomTable } from '../../atom/index.js';
import { RecipeItem } from '../recipe-item.js';

/** What is stored of a session. `none`: nothing is. */
export interface SessionState {
  readonly kind: 'session';
  readonly state: 'none' | 'live' | 'closed' | 'expired';
  /** Number of the last renewal. */
  readonly beat: number;
  /** How long one renewal lasts, in milliseconds. */
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
}

const none: SessionState = { kind: 'session', state: 'none', beat: 0, leaseMs: 0 };

/**
 * Items of sessions that nobody ended or expired vanish after this time without a beat. No lease is nearly as long, and no two wall
 * clocks should be so far apart.
 */
const forgottenMs = 7 * 24 * 60 * 60 * 1_000;

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

/** Expired, if the session has not beaten since `beat` was seen. A session of which nothing is left has no beat to come. */
export function expiredAt(state: SessionState, beat: number): SessionState {
  if (state.state === 'none') return { ...state, state: 'expired' };
  return state.state === 'live' && state.beat === beat ? { ...state, state: 'expired' } : state;
}

/** Closed by its owner. */
export function closed(state: SessionState): SessionState {
  return state.state === 'live' ? { ...state, state: 'closed' } : state;
}
