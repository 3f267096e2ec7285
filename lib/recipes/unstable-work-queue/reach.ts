/**
 * What of a queue can be handed out now: a look at its first segments, and at the jobs in them.
 *
 *   head and segments ──► entries, in order ──► their jobs, ten at a time, until there are enough that are ready
 *
 * A job of a group is ready only when all before it in the group are done. Done is for ever, so that needs no lock: it is as true at the
 * claim as it was at the look. Everything else that a look finds may be old by then, and then the claim fails.
 *
 * An entry whose item is not there is done if the item was there once (its tombstone says so). Where nothing is left to say so it is
 * believed after a while: of a transaction, the entry may be seen a moment before the job.
 */
import type { AnyAtom } from '../../atom/index.js';
import type { Clock } from '../../engine/index.js';
import { Rivals } from '../claims/rivals.js';
import type { Session } from '../session/session.js';
import type { QueueItems } from './queue-items.js';
import { type Entry, isDoneWith, isFree, type JobState, prefixOf, type SegmentState } from './queue-state.js';

/** Segments that a look reaches over. */
const reachMax = 4;
/** Jobs that are read at once. */
const chunk = 10;
/** How long an entry without a trace of its job is not believed to be done. */
const traceMs = 10_000;

/** A job as it was seen. */
export interface Seen<P> {
  readonly entry: Entry;
  readonly state: JobState<P>;
}

/** What becomes of what a look finds beside ready jobs. */
export interface ReachEvents<P> {
  /** A job that nobody has, and that came back too often. */
  bury(seen: Seen<P>): Promise<void>;
  /** Somebody who held jobs is gone. */
  stir(): void;
}

export class Reach<P> {
  readonly #items: QueueItems<P>;
  readonly #events: ReachEvents<P>;
  readonly #clock: Clock;
  readonly #rivals: Rivals;
  /** Sessions of holders that are over. */
  readonly #over = new Set<string>();
  /** Entries in reach that are done, for ever. */
  readonly #done = new Set<string>();
  /** Since when an entry in reach has been without a trace; since when a job has had its pause. */
  readonly #missing = new Map<string, number>();
  readonly #pauses = new Map<string, { readonly deliveries: number; readonly atMs: number }>();
  readonly #clearing = new Set<string>();

  constructor(session: Session, items: QueueItems<P>, events: ReachEvents<P>) {
    this.#items = items;
    this.#events = events;
    this.#clock = session.table.sources.clock;
    this.#rivals = new Rivals(session, (id) => {
      this.#over.add(id);
      events.stir();
    });
  }

  /** The first jobs that can be handed out, up to `count` and a few more; `own` is the session that looks. */
  async ready(count: number, own: string): Promise<Seen<P>[]> {
    const { names, segments } = await this.#segments();
    const entries = prefixOf(segments);
    this.#forget(new Set(entries.map(({ id }) => id)));
    const ready = await this.#ready(entries, count, own);
    segments.forEach((segment, index) => {
      if (isDoneWith(segment, this.#done)) this.#clear(names[index] as string);
    });
    return ready;
  }

  /** How long it takes at most to find out which holders are silent. */
  get patienceMs(): number {
    return this.#rivals.patienceMs;
  }

  /** Observes holders no longer. */
  rest(): void {
    this.#rivals.close();
  }

  /** The first segments of the queue, as they stand. */
  async #segments(): Promise<{ names: readonly string[]; segments: SegmentState[] }> {
    const { head } = this.#items;
    const names = this.#items.mine(await head.read()).segments.slice(0, reachMax);
    const items = names.map((name) => this.#items.segment(name));
    const states = await this.#read<SegmentState>(items.map(({ atom }) => atom));
    return { names, segments: states.map((state, index) => (items[index] as (typeof items)[number]).mine(state)) };
  }

  /** The first jobs that can be handed out, up to `count`; on the way it learns what is done, and who holds what. */
  async #ready(entries: readonly Entry[], count: number, own: string): Promise<Seen<P>[]> {
    const open = entries.filter(({ id }) => !this.#done.has(id));
    const ready: Seen<P>[] = [];
    const groups = new Set<string>();
    const holders = new Set<string>();
    for (let from = 0; from < open.length && ready.length < count; from += chunk) {
      for (const seen of await this.#jobs(open.slice(from, from + chunk))) {
        const { group } = seen.entry;
        const { claim, deliveries } = seen.state;
        const isBehind = group !== undefined && groups.has(group);
        if (group !== undefined) groups.add(group);
        if (claim !== undefined && claim.session !== own) holders.add(claim.session);
        if (isBehind || !isFree(seen.state, this.#over)) continue;
        // Nobody who waits for another job fails for it; the next look tries again.
        if (deliveries >= this.#items.deliveriesMax) await this.#events.bury(seen).catch(() => {});
        else if (!this.#isPaused(seen)) ready.push(seen);
      }
    }
    for (const id of this.#over) if (!holders.has(id)) this.#over.delete(id);
    this.#rivals.observe(holders);
    return ready;
  }

  /** Jobs as they stand, without those that are done. */
  async #jobs(entries: readonly Entry[]): Promise<Seen<P>[]> {
    const items = entries.map(({ id }) => this.#items.job(id));
    const states = await this.#read<JobState<P>>(items.map(({ atom }) => atom));
    const seen: Seen<P>[] = [];
    for (const [index, entry] of entries.entries()) {
      const item = items[index] as (typeof items)[number];
      const state = item.mine(states[index] as JobState<P>);
      if (state.state === 'none') {
        // The tombstone has a version, and is in the cache of the atom that was read.
        const { version } = await item.atom.snapshot({ consistency: 'cached' });
        if (version > 0 || this.#isMissing(entry.id)) {
          this.#done.add(entry.id);
          continue;
        }
      }
      seen.push({ entry, state });
    }
    return seen;
  }

  async #read<S>(atoms: readonly AnyAtom[]): Promise<S[]> {
    return atoms.length === 0 ? [] : ((await this.#items.table.getMany(atoms)) as S[]);
  }

  /** Whether nothing has been there for so long that nothing will be. */
  #isMissing(id: string): boolean {
    const now = this.#clock.monotonicMs();
    const since = this.#missing.get(id) ?? now;
    this.#missing.set(id, since);
    return now - since >= traceMs;
  }

  #isPaused({ entry, state: { delayMs, deliveries } }: Seen<P>): boolean {
    if (delayMs === undefined) return false;
    const now = this.#clock.monotonicMs();
    let pause = this.#pauses.get(entry.id);
    if (pause?.deliveries !== deliveries) {
      pause = { deliveries, atMs: now };
      this.#pauses.set(entry.id, pause);
    }
    return now - pause.atMs < delayMs;
  }

  /** Remembers nothing of what is out of reach. */
  #forget(inReach: ReadonlySet<string>): void {
    for (const known of [this.#done, this.#missing, this.#pauses]) {
      for (const id of known.keys()) if (!inReach.has(id)) known.delete(id);
    }
  }

  #clear(segment: string): void {
    if (this.#clearing.has(segment)) return;
    this.#clearing.add(segment);
    void this.#items
      .clear(segment)
      // The next look tries again.
      .catch(() => {})
      .finally(() => this.#clearing.delete(segment));
  }
}
