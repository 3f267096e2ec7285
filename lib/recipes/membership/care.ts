import type { Clock } from '../../engine/index.js';
import { Rivals } from '../claims/rivals.js';
import type { RecipeItem } from '../recipe-item.js';
import type { Session } from '../session/session.js';
import { following, idsUnder, type MembershipState, removalOf, sessionsOf } from './membership-state.js';

/** Sessions that one who looks observes at most: more would not be found sooner, as long as some look. */
const observedMax = 25;
/** Pause before a removal is tried again. */
const againMs = 1_000;

/** Looks after the sessions of a group, and removes the entries of those that are over. */
export class Care<I> {
  /** The sessions of the directory that are over. */
  readonly over: Set<string> = new Set();
  readonly #item: RecipeItem<MembershipState<I>>;
  readonly #place: string;
  readonly #clock: Clock;
  readonly #rivals: Rivals;
  readonly #end = new AbortController();
  #isClearing = false;

  /** `place`: where in the ring of all sessions this one looks. */
  constructor(session: Session, item: RecipeItem<MembershipState<I>>, place: string) {
    this.#item = item;
    this.#place = place;
    this.#clock = session.table.sources.clock;
    this.#rivals = new Rivals(session, (id) => {
      this.over.add(id);
      this.#clear();
    });
  }

  /** Takes note of how the directory stands. */
  see(state: MembershipState<I>): void {
    const sessions = sessionsOf(state);
    for (const id of this.over) if (!sessions.has(id)) this.over.delete(id);
    this.#rivals.observe(following(sessions, this.#place, observedMax));
    this.#clear();
  }

  /** How long it takes at most to find out who of those whom it looks after is silent. */
  get patienceMs(): number {
    return this.#rivals.patienceMs;
  }

  close(): void {
    this.#end.abort();
    this.#rivals.close();
  }

  /** Also what came in late, under a session that was over by then. */
  #clear(): void {
    if (this.#isClearing || this.#dead().length === 0) return;
    this.#isClearing = true;
    void this.#clearAll().finally(() => {
      this.#isClearing = false;
    });
  }

  async #clearAll(): Promise<void> {
    const { signal } = this.#end;
    for (let ids = this.#dead(); ids.length > 0 && !signal.aborted; ids = this.#dead()) {
      try {
        // Where somebody else has removed some of them, the answer says which are left.
        await this.#item.commute(...removalOf<I>(ids));
      } catch {
        await this.#clock.sleep(againMs, { signal, background: true }).catch(() => {});
      }
    }
  }

  #dead(): string[] {
    const state = this.#item.peek();
    return state === undefined ? [] : idsUnder(state, this.over);
  }
}
