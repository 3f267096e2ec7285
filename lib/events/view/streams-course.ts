/**
 * All streams of a store, as a projection follows them: by looking at all heads now and then, and by the table's stream where that is read.
 *
 *   heads, once or every so often ─► what is behind its cursor ─┐
 *   batches of the table's stream ──────────────────────────────┴─► documents
 *
 * The first look brings what was there before; both may bring the same, which documents know.
 */
import { unlessAborted } from '../../engine/index.js';
import { Feeder, headsAtOnce } from './feeder.js';
import type { Log } from './log.js';
import { Looks } from './looks.js';
import type { Course, Helm } from './projection.js';
import type { CommitBatch } from './projector.js';
import type { AnyView } from './view.js';
import type { ProjectionError } from './view-errors.js';
import { grouped } from './view-lag.js';

export interface StreamsCourseFacts {
  readonly log: Log;
  readonly view: AnyView;
  readonly source: AsyncIterable<CommitBatch> | undefined;
  /** `undefined`: once, and when it is asked for. */
  readonly scanEveryMs: number | undefined;
  readonly parks: boolean;
}

export class StreamsCourse implements Course {
  readonly #facts: StreamsCourseFacts;
  readonly #feeder: Feeder;
  readonly #parked = new Map<string, ProjectionError>();
  readonly #looks: Looks;
  #hasEnded = false;

  constructor(facts: StreamsCourseFacts) {
    const { log, view, parks } = facts;
    this.#facts = facts;
    this.#looks = new Looks(log.table.sources.clock);
    this.#feeder = new Feeder(log, view, (error) => parks && this.#park(error));
  }

  get parked(): ReadonlyMap<string, ProjectionError> {
    return this.#parked;
  }

  async run(helm: Helm): Promise<void> {
    const failing = new AbortController();
    const signal = AbortSignal.any([helm.signal, failing.signal]);
    const both: Helm = { ...helm, signal, steadily: (work, only = signal) => helm.steadily(work, only) };
    const watched = (work: Promise<void>) => work.catch((error) => failing.abort(error));
    // Nothing of either goes on behind the end of both.
    await Promise.all([watched(this.#scans(both)), watched(this.#pull(both))]);
    signal.throwIfAborted();
  }

  refresh(): Promise<void> {
    return this.#looks.ask();
  }

  async #scans(helm: Helm): Promise<void> {
    const { source, scanEveryMs } = this.#facts;
    for (;;) {
      await this.#looks.take(helm, () => this.#pass(helm.signal));
      if (source !== undefined && scanEveryMs === undefined && this.#hasEnded) return;
      await this.#looks.bell.pause(scanEveryMs, helm.signal);
    }
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const { log } = this.#facts;
    for await (const group of grouped(log.heads(signal), headsAtOnce)) {
      const heads = group.filter(({ stream }) => !this.#parked.has(stream));
      await this.#feeder.catchUp(heads, signal);
    }
  }

  /** Takes what the table's stream brings. Asking for the next batch says that the one before is done. */
  async #pull(helm: Helm): Promise<void> {
    const batches = this.#facts.source?.[Symbol.asyncIterator]();
    if (batches === undefined) return;
    try {
      for (;;) {
        const { done, value } = await unlessAborted(batches.next(), helm.signal);
        if (done) break;
        const commits = value.records.map((record) => record.value);
        const wanted = commits.filter(({ stream }) => !this.#parked.has(stream));
        await helm.steadily(() => this.#feeder.feed(wanted, helm.signal));
      }
      this.#hasEnded = true;
      this.#looks.bell.ring();
    } finally {
      // One that waits for records ends when its own signal says so, and is not waited for.
      batches.return?.().catch(() => {});
    }
  }

  #park(error: ProjectionError): boolean {
    this.#parked.set(error.event.stream, error);
    this.#facts.log.facts.onWarning(error);
    return true;
  }
}
