/**
 * Finds jobs for those in this process who wait for one.
 *
 *   look:  head and segments ──► entries, in order ──► their jobs, ten at a time, until there are enough that can be handed out
 *   claim: a compare-and-swap on the job's own item; whoever loses it looks again
 *
 * One look serves all who wait here. What makes a claim safe is in the item alone; a look may be old, and then the claim fails.
 *
 * A job of a group is handed out only when all before it in the group are done. Done is for ever, so that needs no lock: it is as true at
 * the claim as it was at the look.
 *
 * An entry whose item is not there is done if the item was there once (its tombstone says so). Where nothing is left to say so it is
 * believed after a while: of a transaction, the entry may be seen a moment before the job.
 */
import type { AnyAtom } from '../../atom/index.js';
import { after, type Clock } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';
import { Rivals } from '../claims/rivals.js';
import type { Lease } from '../session/lease.js';
import type { Session } from '../session/session.js';
import type { QueueItems } from './queue-items.js';
import {
  claimed,
  type Entry,
  type GivenBack,
  givenBack,
  isDoneWith,
  isFree,
  type JobState,
  prefixOf,
  type SegmentState,
} from './queue-state.js';

/** Segments that a look reaches over. */
const reachMax = 4;
/** Jobs that are read at once. */
const chunk = 10;
/** Pauses between looks: after something happened, and when nothing does. */
const pollMsMin = 100;
const pollMsMax = 1_000;
/** How long an entry without a trace of its job is not believed to be done. */
const traceMs = 10_000;
/** Jobs among which one is drawn, once others were found to go for the same. */
const spreadMax = 8;
/** Leases for which the holders of jobs are observed after somebody has looked. */
const lookoutLeases = 1.5;
/** Pause before something is tried again that only frees others from waiting. */
const againMs = 1_000;

/** Somebody who waits. */
export interface Seeking<P> {
  /** One look, and no waiting. */
  readonly isOnce: boolean;
  readonly give: (found: Found<P> | undefined) => void;
  readonly fail: (error: unknown) => void;
}

/** A job that was handed out. */
export interface Found<P> {
  readonly id: string;
  readonly nonce: string;
  readonly lease: Lease;
  readonly state: JobState<P>;
}

/** A job as it was seen. */
export interface Seen<P> {
  readonly entry: Entry;
  readonly state: JobState<P>;
}

export class Seeker<P> {
  readonly #session: Session;
  readonly #items: QueueItems<P>;
  readonly #bury: (seen: Seen<P>) => Promise<void>;
  readonly #clock: Clock;
  readonly #waiting: Seeking<P>[] = [];
  readonly #rivals: Rivals;
  readonly #over = new Set<string>();
  /** Entries in reach that are done, for ever. */
  readonly #done = new Set<string>();
  /** Since when an entry in reach has been without a trace; since when a job has had its pause. */
  readonly #missing = new Map<string, number>();
  readonly #pauses = new Map<string, { readonly deliveries: number; readonly atMs: number }>();
  readonly #clearing = new Set<string>();
  readonly #orphans = new Map<string, { readonly id: string; readonly facts: GivenBack }>();
  #isRunning = false;
  #isTidying = false;
  #spread = 0;
  #pauseMs = pollMsMin;
  #wake = new AbortController();
  #callOff: (() => void) | undefined;

  /** `bury` makes a dead letter of a job that nobody has. */
  constructor(session: Session, items: QueueItems<P>, bury: (seen: Seen<P>) => Promise<void>) {
    this.#session = session;
    this.#items = items;
    this.#bury = bury;
    this.#clock = session.table.sources.clock;
    this.#rivals = new Rivals(session, (id) => {
      this.#over.add(id);
      this.stir();
    });
  }

  /** Adds somebody who waits; gives what takes them out again. */
  seek(seeking: Seeking<P>): () => void {
    this.#waiting.push(seeking);
    this.stir();
    if (!this.#isRunning) {
      this.#isRunning = true;
      this.#callOff?.();
      void this.#run();
    }
    return () => {
      const place = this.#waiting.indexOf(seeking);
      if (place >= 0) this.#waiting.splice(place, 1);
      this.stir();
    };
  }

  /** Something has happened here: looks again soon. */
  stir(): void {
    this.#pauseMs = 0;
    this.#wake.abort();
  }

  /** Gives back what nobody here works on, in the background. */
  abandon(id: string, nonce: string, facts: GivenBack = {}): void {
    this.#orphans.set(nonce, { id, facts });
    if (this.#isTidying) return;
    this.#isTidying = true;
    void this.#tidy();
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      this.#wake = new AbortController();
      const asked = [...this.#waiting];
      try {
        const found = await this.#look(asked.length);
        if (found > 0) this.#pauseMs = 0;
        for (const seeking of asked) if (seeking.isOnce && found < asked.length) this.#leave(seeking)?.give(undefined);
      } catch (error) {
        for (const seeking of asked) if (seeking.isOnce || !passes(error)) this.#leave(seeking)?.fail(error);
      }
      if (this.#waiting.length === 0) break;
      await this.#clock.sleep(this.#nextPauseMs(), { signal: this.#wake.signal }).catch(() => {});
    }
    this.#isRunning = false;
    this.#callOff = after(this.#clock, lookoutLeases * this.#session.leaseMs, () => this.#rivals.close(), true);
  }

  #leave(seeking: Seeking<P>): Seeking<P> | undefined {
    const place = this.#waiting.indexOf(seeking);
    return place < 0 ? undefined : this.#waiting.splice(place, 1)[0];
  }

  #nextPauseMs(): number {
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(pollMsMax, Math.max(pollMsMin, 2 * pauseMs));
    return pauseMs * (1 - 0.1 * this.#session.table.sources.random.next());
  }

  /** One look, and the claims that it leads to; how many jobs were handed out. */
  async #look(count: number): Promise<number> {
    const lease = await this.#session.lease();
    const { names, segments } = await this.#segments();
    const entries = prefixOf(segments);
    this.#forget(new Set(entries.map(({ id }) => id)));
    const ready = await this.#ready(entries, count + this.#spread, lease.id);
    segments.forEach((segment, index) => {
      if (isDoneWith(segment, this.#done)) this.#clear(names[index] as string);
    });
    const chosen = this.#draw(ready, count);
    const claims = await Promise.allSettled(chosen.map((seen) => this.#claim(seen, lease)));
    const found = claims.flatMap((claim) => (claim.status === 'fulfilled' && claim.value ? [claim.value] : []));
    this.#spread = found.length < chosen.length ? spreadMax : this.#spread >> 1;
    for (const one of found) this.#handOut(one);
    for (const claim of claims) if (claim.status === 'rejected' && !passes(claim.reason)) throw claim.reason;
    return found.length;
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
        if (deliveries >= this.#items.deliveriesMax) await this.#bury(seen);
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

  /** The first ones; where others were found to go for the same, any of them. */
  #draw(ready: readonly Seen<P>[], count: number): readonly Seen<P>[] {
    const rest = [...ready];
    const { random } = this.#session.table.sources;
    return Array.from({ length: Math.min(count, rest.length) }, () => {
      const place = this.#spread === 0 ? 0 : random.int(rest.length);
      return rest.splice(place, 1)[0] as Seen<P>;
    });
  }

  async #claim({ entry: { id }, state: seen }: Seen<P>, lease: Lease): Promise<Found<P> | undefined> {
    const nonce = this.#items.newId();
    try {
      const state = await this.#items.job(id).swap((job) => claimed(job, seen, { nonce, session: lease.id }));
      if (state.claim?.nonce !== nonce) return undefined;
      if (lease.isLive()) return { id, nonce, lease, state };
    } catch (error) {
      if (!isLeydenError(error) || error.outcome === 'not-done') throw error;
    }
    this.abandon(id, nonce, { isUntouched: true });
    return undefined;
  }

  #handOut(found: Found<P>): void {
    const seeking = this.#waiting.shift();
    if (seeking === undefined) this.abandon(found.id, found.nonce, { isUntouched: true });
    else seeking.give(found);
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

  async #tidy(): Promise<void> {
    while (this.#orphans.size > 0 && !this.#session.isClosed) {
      try {
        for (const [nonce, { id, facts }] of this.#orphans) {
          await this.#items.job(id).swap((job) => givenBack(job, nonce, facts));
          this.#orphans.delete(nonce);
        }
        this.stir();
      } catch {
        await this.#clock.sleep(againMs, { background: true });
      }
    }
    this.#isTidying = false;
  }
}

/** Whether an error may be over at the next look. */
function passes(error: unknown): boolean {
  return isLeydenError(error) && (error.retryable || error.outcome === 'unknown');
}
