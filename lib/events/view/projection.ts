/**
 * A projection that runs in this process: brings a view up to the log, and keeps it there, until it is stopped.
 *
 *   course: what comes ─► view        a failure that may pass: told, a pause, the same again
 *                                     an event that can't be applied: the end, loudly; or its stream is parked, and the others go on
 */
import { fullJitterMs, unlessAborted } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';
import type { Log } from './log.js';
import type { AnyView } from './view.js';
import type { ProjectionError } from './view-errors.js';
import type { ViewLag } from './view-lag.js';
import { ViewReader } from './view-reader.js';

/** What a course can do to its projection. */
export interface Helm {
  /** Aborts when the projection is stopped. */
  readonly signal: AbortSignal;
  /** The view has everything that was in the log when this was looked at. */
  caughtUp(): void;
  /** Tries until it succeeds, as long as what fails may pass, and until `signal`, which is the helm's unless given, aborts. */
  steadily<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

/** Where events come from, and how they get into the view. */
export interface Course {
  /** Streams that were left where they have an event that can't be applied. */
  readonly parked: ReadonlyMap<string, ProjectionError>;
  run(helm: Helm): Promise<void>;
  /** Looks now. Resolves when everything that was appended before the call is in the view. */
  refresh(): Promise<void>;
}

const pauses = { leastMs: 50, mostMs: 10_000 } as const;

/**
 * A projection that runs. Made by `EventStore.project`.
 *
 * **If the process dies**, another one goes on where its documents stand; several at a time do no harm, and share nothing of the work.
 */
export class Projection implements AsyncDisposable {
  /**
   * Resolves when the projection was stopped; rejects with what has ended it: {@link ProjectionError} `ERR_PROJECTION`,
   * {@link ViewVersionError} `ERR_VIEW_VERSION`, {@link ViewSourceError} `ERR_VIEW_SOURCE`, what the store refuses for good. That is told to
   * `onWarning` of the event store as well, so that nobody has to wait for it.
   */
  readonly done: Promise<void>;
  /** Resolves when the view has caught up with the log for the first time; rejects as `done`. */
  readonly caughtUp: Promise<void>;
  readonly #log: Log;
  readonly #view: AnyView;
  readonly #course: Course;
  readonly #stopping = new AbortController();
  /** Those who wait for a look. */
  readonly #refreshing = new Set<(reason: unknown) => void>();
  #error: { readonly error: unknown } | undefined;
  #hasEnded = false;

  /** @internal Made by `EventStore.project`. */
  constructor(log: Log, view: AnyView, course: Course, signal: AbortSignal) {
    this.#log = log;
    this.#view = view;
    this.#course = course;
    let caughtUp = (): void => {};
    const isCaughtUp = new Promise<void>((done) => {
      caughtUp = done;
    });
    const helm: Helm = {
      signal: AbortSignal.any([signal, this.#stopping.signal]),
      caughtUp,
      steadily: (work, only = helm.signal) => this.#steadily(work, only),
    };
    this.done = this.#run(helm).finally(() => this.#ended());
    this.caughtUp = Promise.race([isCaughtUp, this.done]);
    for (const promise of [this.done, this.caughtUp]) promise.catch(() => {});
  }

  /**
   * Streams that were parked (`onError: 'park'`), each with the event that it waits at. They are tried again by the next projection:
   * mend the view, and start another one.
   */
  get parked(): ReadonlyMap<string, ProjectionError> {
    return this.#course.parked;
  }

  /**
   * Looks now, and resolves when everything that was appended before the call, by whomever, is in the view; but for parked streams.
   *
   * @throws what has ended the projection; an error when it was stopped.
   */
  async refresh(): Promise<void> {
    if (this.#hasEnded) throw this.#reason;
    await new Promise<void>((done, fail) => {
      this.#refreshing.add(fail);
      this.#course.refresh().then(() => {
        this.#refreshing.delete(fail);
        done();
      }, fail);
    });
  }

  /** How far the view is behind the log. Costs as `lag` of the view. */
  lag({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<ViewLag> {
    return new ViewReader(this.#log, this.#view).lag({ signal });
  }

  /** Stops, and waits until nothing more is sent; what was sent may still arrive, which does no harm. Never rejects: `done` does. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.done.catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Why nothing comes any more. */
  get #reason(): unknown {
    return this.#error === undefined
      ? new Error('Cannot refresh a view: its projection was stopped')
      : this.#error.error;
  }

  #ended(): void {
    this.#hasEnded = true;
    for (const fail of this.#refreshing) fail(this.#reason);
    this.#refreshing.clear();
  }

  async #run(helm: Helm): Promise<void> {
    try {
      await this.#course.run(helm);
    } catch (error) {
      if (helm.signal.aborted) return;
      this.#error = { error };
      this.#log.facts.onWarning(error);
      throw error;
    }
  }

  async #steadily<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { clock, random } = this.#log.table.sources;
    for (let failures = 0; ; failures += 1) {
      signal.throwIfAborted();
      try {
        return await work();
      } catch (error) {
        const mayPass = isLeydenError(error) && (error.retryable || error.outcome === 'unknown');
        if (!mayPass || signal.aborted) throw error;
        this.#log.facts.onWarning(error);
        await unlessAborted(clock.sleep(fullJitterMs(random, pauses, failures), { signal }), signal);
      }
    }
  }
}
