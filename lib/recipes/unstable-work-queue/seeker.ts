/**
 * Hands jobs to those in this process who wait for one.
 *
 *   look:  `reach.ts`; one look serves all who wait here
 *   claim: a compare-and-swap on the job's own item; whoever loses it looks again
 *
 * What makes a claim safe is in the item alone. What was claimed and has nobody any more who waits for it is given back, as if it had never
 * been handed out.
 */
import { after, type Clock, onAbort } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';
import type { Lease } from '../session/lease.js';
import type { Session } from '../session/session.js';
import type { QueueItems } from './queue-items.js';
import { claimed, type GivenBack, givenBack, type JobState } from './queue-state.js';
import { Reach, type Seen } from './reach.js';

/** Pauses between looks: after something happened, and when nothing does. */
const pollMsMin = 100;
const pollMsMax = 1_000;
/** Jobs among which one is drawn, once others were found to go for the same. */
const spreadMax = 8;
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

export class Seeker<P> {
  readonly #session: Session;
  readonly #items: QueueItems<P>;
  readonly #reach: Reach<P>;
  readonly #clock: Clock;
  readonly #waiting: Seeking<P>[] = [];
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
    this.#clock = session.table.sources.clock;
    this.#reach = new Reach(session, items, { bury, stir: () => this.stir() });
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
        const { found, lost } = await this.#look(asked.length);
        if (found + lost > 0) this.#pauseMs = 0;
        // Who has lost a race has not seen that there is nothing.
        else for (const seeking of asked) if (seeking.isOnce) this.#leave(seeking)?.give(undefined);
      } catch (error) {
        for (const seeking of asked) if (seeking.isOnce || !passes(error)) this.#leave(seeking)?.fail(error);
      }
      if (this.#waiting.length === 0) break;
      await this.#clock.sleep(this.#nextPauseMs(), { signal: this.#wake.signal }).catch(() => {});
    }
    this.#isRunning = false;
    this.#lookOut();
  }

  /** Those who hold jobs are observed a while longer, so that who tries again finds what they leave. */
  #lookOut(): void {
    const { signal } = this.#session;
    const rest = () => {
      this.#callOff?.();
      this.#reach.rest();
    };
    if (signal.aborted) {
      rest();
      return;
    }
    const timer = after(this.#clock, this.#reach.patienceMs, rest, true);
    const leave = onAbort(signal, rest);
    this.#callOff = () => {
      timer();
      leave();
    };
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

  /** One look, and the claims that it leads to: how many jobs were handed out, and how many others had first. */
  async #look(count: number): Promise<{ found: number; lost: number }> {
    const lease = await this.#session.lease();
    const chosen = this.#draw(await this.#reach.ready(count + this.#spread, lease.id), count);
    const claims = await Promise.allSettled(chosen.map((seen) => this.#claim(seen, lease)));
    const found = claims.flatMap((claim) => (claim.status === 'fulfilled' && claim.value ? [claim.value] : []));
    const lost = chosen.length - found.length;
    this.#spread = lost > 0 ? spreadMax : this.#spread >> 1;
    for (const one of found) this.#handOut(one);
    for (const claim of claims) if (claim.status === 'rejected') throw claim.reason;
    return { found: found.length, lost };
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
