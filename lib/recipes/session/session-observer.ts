/**
 * Watches the sessions of others, and finds out when they are over.
 *
 *   observer's clock:   |--- write 7 seen first ----------- a whole lease -----------|-- still 7? compare-and-swap to `expired`
 *
 * Counted from after the answer came, on this process's monotonic clock. So it is never early: the beat was sent before it was seen.
 * What is cached or read late only makes it later. The compare-and-swap is judged on the session's own item, where a beat that came in
 * meanwhile wins; two items could not be compared at one instant.
 *
 * A sign of life is any other write of the item, whatever can be seen of its value. An item that is gone, or past its time by this
 * machine's wall clock, is waited for like any other: somebody may still rely on the beat before.
 *
 * All sessions that are observed in one table by one process share one batch read per interval.
 */
import type { AtomSnapshot, AtomTable } from '../../atom/index.js';
import type { Clock, Random } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';
import type { CallLimits, RecipeItem } from '../recipe-item.js';
import { isDeadHere } from './local-death.js';
import { expired, isOver, leaseMsOf, type SessionState, sessionItem } from './session-item.js';
import { tellAll } from './told.js';

/** Longest and shortest pause between two looks, in milliseconds. */
const pollMsMax = 1_000;
const pollMsMin = 20;
/** Looks in one lease, unless that makes the pause longer than the longest. */
const looksPerLease = 8;
/** Looks in one lease, however long it is, while nobody waits for what the session holds. */
const unhurriedLooksPerLease = 2;
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
  readonly leaseMs: number;
  /** Who is to be told, and whether somebody waits for it. */
  readonly callbacks: Map<() => void, { readonly isWaiting: boolean }>;
  /** Whether somebody trusts what this host knows of its processes. */
  localDeath: boolean;
  /** What was seen last, and when it was seen first. */
  seen: { readonly snapshot: AtomSnapshot<SessionState>; readonly atMs: number } | undefined;
  /** When it is to be looked at if nobody waits. */
  dueAtMs: number;
}

/** How a session is observed. */
interface ObserveTerms {
  /** Whether what this host knows of its processes is to be trusted. */
  readonly localDeath?: boolean;
  /** Nobody waits: that it is over is told after its lease and no sooner, for two reads a lease. */
  readonly unhurried?: boolean;
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
  ids: Iterable<string>,
  options: CallLimits,
): Promise<ReadonlySet<string>> {
  const all = [...ids];
  const items = all.map((id) => sessionItem(table, id));
  const [only, ...others] = items;
  if (only === undefined) return new Set();
  const atoms = items.map(({ atom }) => atom);
  const states = others.length === 0 ? [await only.read(options)] : await table.getMany(atoms, options);
  return new Set(all.filter((_, index) => isOver(states[index] as SessionState)));
}

/** How long it takes at most to find out that the session `id` is silent, by the observer's clock, while the store answers. */
export function patienceMs(id: string): number {
  return leaseMsOf(id) + 2 * (pollMsMax + attemptMs);
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

  observe(id: string, callback: () => void, { localDeath = false, unhurried = false }: ObserveTerms = {}): Observation {
    const observed: Observed = this.#observed.get(id) ?? {
      item: sessionItem(this.#table, id),
      leaseMs: leaseMsOf(id),
      callbacks: new Map(),
      ...{ localDeath: false, seen: undefined, dueAtMs: 0 },
    };
    // Each has a callback of its own, also when the same function is given twice.
    const call = () => callback();
    const isSooner = !(unhurried || isAwaited(observed));
    observed.callbacks.set(call, { isWaiting: !unhurried });
    observed.localDeath ||= localDeath;
    if (isSooner || !this.#observed.has(id)) {
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
        if (observed.callbacks.size > 0 || this.#observed.get(id) !== observed) return;
        this.#observed.delete(id);
        // A pause may be as long as half a lease.
        if (this.#observed.size === 0) this.#wake.abort();
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
      this.#obstacle = await this.#look().catch((error: unknown) => error);
      // Of a table that was closed nothing is ever learnt again.
      if (isLeydenError(this.#obstacle, 'ERR_CLOSED')) this.#observed.clear();
      if (this.#observed.size === 0) break;
      await this.#clock.sleep(this.#pauseMs(), { signal: this.#wake.signal, background: true }).catch(() => {});
    }
    this.#isRunning = false;
  }

  /** Looks at all whose turn it is; resolves with what stood in the way, if anything did. */
  async #look(): Promise<unknown> {
    const startedAtMs = this.#clock.monotonicMs();
    const all = [...this.#observed.values()].filter((one) => isAwaited(one) || one.dueAtMs <= startedAtMs);
    const atoms = all.map(({ item }) => item.atom);
    let obstacle: unknown;
    // What could not be read is told in the error; what could be is remembered by the atoms.
    await this.#table.getMany(atoms, { timeoutMs: attemptMs }).catch((error: unknown) => {
      obstacle = error;
    });
    const atMs = this.#clock.monotonicMs();
    const note = (error: unknown) => {
      obstacle = error;
    };
    await Promise.all(all.map((observed) => this.#see(observed, atMs).catch(note)));
    await Promise.all(all.filter((observed) => this.#isSilent(observed)).map((one) => this.#expire(one).catch(note)));
    if (obstacle !== undefined) return obstacle;
    for (const one of all) {
      const halfway = atMs + one.leaseMs / unhurriedLooksPerLease;
      one.dueAtMs = one.seen === undefined ? halfway : Math.min(halfway, one.seen.atMs + one.leaseMs);
    }
    return undefined;
  }

  async #see(observed: Observed, atMs: number): Promise<void> {
    const { item, seen } = observed;
    // Nothing was ever read of it; a snapshot would ask again.
    if (item.peek() === undefined) return;
    const snapshot = await item.atom.snapshot({ consistency: 'cached' });
    if (isOver(item.mine(snapshot.value))) this.#tell(observed);
    else if (seen === undefined || seen.snapshot.token !== snapshot.token) observed.seen = { snapshot, atMs };
  }

  /** Whether a whole lease has passed since the last sign of life was seen, or none can come any more. */
  #isSilent({ callbacks, seen, leaseMs, localDeath }: Observed): boolean {
    if (callbacks.size === 0 || seen === undefined) return false;
    if (this.#clock.monotonicMs() - seen.atMs >= leaseMs) return true;
    const { state, info } = seen.snapshot.value;
    return localDeath && state === 'live' && info?.local !== undefined && isDeadHere(info.local);
  }

  async #expire(observed: Observed): Promise<void> {
    const { snapshot } = observed.seen as NonNullable<Observed['seen']>;
    const limits = { timeoutMs: attemptMs };
    if (await observed.item.atom.compareAndSet(snapshot, expired(snapshot.value), limits)) this.#tell(observed);
  }

  #tell(observed: Observed): void {
    for (const [id, other] of this.#observed) if (other === observed) this.#observed.delete(id);
    const callbacks = [...observed.callbacks.keys()];
    observed.callbacks.clear();
    tellAll(callbacks);
  }

  #pauseMs(): number {
    const now = this.#clock.monotonicMs();
    const mostMs = pollMsMax * (1 - 0.1 * this.#random.next());
    // What could not be read, or not be expired, is not asked for more often than that.
    if (this.#obstacle !== undefined) return mostMs;
    let pauseMs = Number.POSITIVE_INFINITY;
    for (const observed of this.#observed.values()) {
      const { seen, leaseMs, dueAtMs } = observed;
      const nextMs = isAwaited(observed)
        ? Math.min(mostMs, Math.max(leaseMs / looksPerLease, pollMsMin))
        : dueAtMs - now;
      pauseMs = Math.min(pauseMs, nextMs);
      if (seen !== undefined) pauseMs = Math.min(pauseMs, seen.atMs + leaseMs - now);
    }
    return Math.max(pollMsMin, pauseMs);
  }
}

function isAwaited({ callbacks }: Observed): boolean {
  for (const { isWaiting } of callbacks.values()) if (isWaiting) return true;
  return false;
}
