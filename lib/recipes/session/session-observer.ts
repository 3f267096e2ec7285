/**
 * Watches the sessions of others, and finds out when they are over.
 *
 *   observer's clock:   |--- beat 7 seen first ------------ a whole lease ------------|-- still 7? compare-and-swap to `expired`
 *
 * Counted from after the answer came, on this process's monotonic clock. So it is never early: the beat was sent before it was seen.
 * What is cached or read late only makes it later. The compare-and-swap is judged on the session's own item, where a beat that came in
 * meanwhile wins; two items could not be compared at one instant.
 *
 * All sessions that are observed in one table by one process share one batch read per interval.
 */
import type { AtomTable } from '../../atom/index.js';
import type { Clock, Random } from '../../engine/index.js';
import type { CallLimits, RecipeItem } from '../recipe-item.js';
import { expiredAt, isOver, type SessionState, sessionItem } from './session-item.js';

/** Longest and shortest pause between two looks, in milliseconds. */
const pollMsMax = 1_000;
const pollMsMin = 20;
/** Looks in one lease, unless that makes the pause longer than the longest. */
const looksPerLease = 8;
/** How long one look or one expiry is tried. */
const attemptMs = 2_000;

/** An observed session. */
export interface Observation {
  /** Why nothing can be learnt of it at present, for messages. */
  readonly obstacle: unknown;
  /** Observes no longer. */
  close(): void;
}

interface Observed {
  readonly item: RecipeItem<SessionState>;
  readonly callbacks: Set<() => void>;
  /** What was seen last, and when it was seen first. */
  seen: { readonly beat: number; readonly leaseMs: number; readonly atMs: number } | undefined;
}

const observers = new WeakMap<AtomTable, SessionObserver>();

/** The observer of a table. */
export function observersOf(table: AtomTable): SessionObserver {
  const known = observers.get(table);
  if (known !== undefined) return known;
  const made = new SessionObserver(table);
  observers.set(table, made);
  return made;
}

/** Which of these sessions are known to be over: one strong read of each, no waiting. */
export async function sessionsOver(
  table: AtomTable,
  ids: ReadonlySet<string>,
  options: CallLimits,
): Promise<ReadonlySet<string>> {
  const all = [...ids];
  const items = all.map((id) => sessionItem(table, id));
  const [only, ...others] = items;
  if (only === undefined) return new Set();
  const states =
    others.length === 0
      ? [await only.read(options)]
      : await table.getMany(
          items.map(({ atom }) => atom),
          options,
        );
  return new Set(all.filter((_, index) => isOver(states[index] as SessionState)));
}

class SessionObserver {
  readonly #table: AtomTable;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #observed = new Map<string, Observed>();
  #isRunning = false;
  #obstacle: unknown;
  /** Cuts the pause short: somebody else is to be observed. */
  #wake = new AbortController();

  constructor(table: AtomTable) {
    this.#table = table;
    const { clock, random } = table.sources;
    this.#clock = clock;
    this.#random = random;
  }

  observe(id: string, callback: () => void): Observation {
    const observed = this.#observed.get(id) ?? {
      item: sessionItem(this.#table, id),
      callbacks: new Set(),
      seen: undefined,
    };
    // Each has a callback of its own, also when the same function is given twice.
    const call = () => callback();
    observed.callbacks.add(call);
    if (!this.#observed.has(id)) {
      this.#observed.set(id, observed);
      this.#start();
    }
    const obstacle = () => this.#obstacle;
    return {
      get obstacle() {
        return obstacle();
      },
      close: () => {
        observed.callbacks.delete(call);
        if (observed.callbacks.size === 0 && this.#observed.get(id) === observed) this.#observed.delete(id);
      },
    };
  }

  #start(): void {
    this.#wake.abort();
    if (this.#isRunning) return;
    this.#isRunning = true;
    // In a turn of its own: an answer is never given before `observe` has returned.
    queueMicrotask(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#observed.size > 0) {
      this.#wake = new AbortController();
      await this.#look();
      if (this.#observed.size === 0) break;
      await this.#clock.sleep(this.#pauseMs(), { signal: this.#wake.signal, background: true }).catch(() => {});
    }
    this.#isRunning = false;
  }

  async #look(): Promise<void> {
    const all = [...this.#observed.values()];
    const atoms = all.map(({ item }) => item.atom);
    let obstacle: unknown;
    // What could not be read is told in the error; what could be is remembered by the atoms.
    await this.#table.getMany(atoms, { timeoutMs: attemptMs }).catch((error: unknown) => {
      obstacle = error;
    });
    const atMs = this.#clock.monotonicMs();
    for (const observed of all) {
      try {
        this.#see(observed, observed.item.peek(), atMs);
      } catch (error) {
        obstacle = error;
      }
    }
    this.#obstacle = obstacle;
    await Promise.all(all.filter((observed) => this.#isSilent(observed)).map((observed) => this.#expire(observed)));
  }

  #see(observed: Observed, state: SessionState | undefined, atMs: number): void {
    if (state === undefined) return;
    if (isOver(state)) this.#tell(observed);
    // Nothing is left of it, so nothing can come of it; it is marked all the same before anybody is told.
    else if (state.state === 'none') observed.seen = { beat: -1, leaseMs: 0, atMs };
    else if (observed.seen?.beat !== state.beat) observed.seen = { beat: state.beat, leaseMs: state.leaseMs, atMs };
  }

  /** Whether a whole lease has passed since the last sign of life was seen. */
  #isSilent({ callbacks, seen }: Observed): boolean {
    return callbacks.size > 0 && seen !== undefined && this.#clock.monotonicMs() - seen.atMs >= seen.leaseMs;
  }

  async #expire(observed: Observed): Promise<void> {
    const beat = observed.seen?.beat as number;
    try {
      const state = await observed.item.swap((now) => expiredAt(now, beat), { timeoutMs: attemptMs });
      this.#see(observed, state, this.#clock.monotonicMs());
    } catch (error) {
      this.#obstacle = error;
    }
  }

  #tell(observed: Observed): void {
    for (const [id, other] of this.#observed) if (other === observed) this.#observed.delete(id);
    const callbacks = [...observed.callbacks];
    observed.callbacks.clear();
    for (const callback of callbacks) callback();
  }

  #pauseMs(): number {
    const now = this.#clock.monotonicMs();
    let pauseMs = pollMsMax * (1 - 0.1 * this.#random.next());
    for (const { seen } of this.#observed.values()) {
      if (seen === undefined) continue;
      pauseMs = Math.min(pauseMs, Math.max(seen.leaseMs / looksPerLease, pollMsMin));
      pauseMs = Math.min(pauseMs, seen.atMs + seen.leaseMs - now);
    }
    return Math.max(pollMsMin, pauseMs);
  }
}
