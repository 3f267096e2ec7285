/**
 * A run of records on its way through the handler, until each of them is done or it is settled what becomes of it.
 *
 *   call -- fails -- pause, call again, ... -- halve until it is known which one -- park | dead letter | skip -- the rest
 *
 * The course of it is that of `failure-course.ts`; the loop is p-retry's, its pauses are slept on the injected clock with full jitter. A run
 * that is left, since the shard is lost or due to another, throws; what is not done is delivered by the next owner.
 */
import pRetry from 'p-retry';
import { fullJitterMs, unlessAborted } from '../../engine/index.js';
import { RecordParseError } from '../errors.js';
import { type Entry, parseAgain } from './entry.js';
import { FailureCourse, type Range } from './failure-course.js';
import { type CallOutcome, HandlerCall } from './handler-call.js';
import { Leaving } from './leaving.js';
import { settleFailure } from './settle-failure.js';
import type { ShardWork } from './shard-work.js';

/** Thrown inside the loop to go round once more. */
class CallFailed extends Error {
  readonly pauseMs: number;

  constructor(pauseMs: number) {
    super('the handler has failed');
    this.pauseMs = pauseMs;
  }
}

export class LaneRun<T> {
  readonly #work: ShardWork<T>;
  readonly #entries: readonly Entry<T>[];
  readonly #course: FailureCourse;
  #lastError: unknown;

  constructor(work: ShardWork<T>, entries: readonly Entry<T>[]) {
    this.#work = work;
    this.#entries = entries;
    this.#course = new FailureCourse(entries.length, work.ground.policy);
  }

  /**
   * How many of its records are settled: all, or those up to one whose item was parked, since later ones of that item must not go on.
   *
   * @throws {Leaving}, or the reason of the loss.
   */
  async go(): Promise<number> {
    return pRetry(() => this.#untilFailure(), {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 0,
      shouldRetry: ({ error }) => error instanceof CallFailed,
      onFailedAttempt: async ({ error }) => {
        if (error instanceof CallFailed && error.pauseMs > 0) await this.#pause(error.pauseMs);
      },
    });
  }

  async #untilFailure(): Promise<number> {
    for (;;) {
      const step = this.#course.next();
      if (step.kind === 'done') return this.#entries.length;
      if (this.#work.isLeaving) throw new Leaving();
      if (step.kind === 'exhausted') {
        const settled = await settleFailure(this.#work, this.#slice(step), this.#lastError, step.failures);
        if (settled === 'settled' && this.#work.parkedKeys.size > 0) return step.to;
        if (settled === 'again') this.#course.again(this.#entries.findIndex(({ isDone }) => !isDone));
        else this.#course.settled();
        continue;
      }
      const { done, failure } = await this.#call(step, step.failures + 1);
      if (failure === undefined) this.#course.succeeded(step.to);
      else this.#failed(step, step.from + done, failure);
    }
  }

  #failed(step: Range, from: number, { error, isNamed }: NonNullable<CallOutcome['failure']>): void {
    const { policy, random } = this.#work.ground;
    this.#lastError = error;
    const head = this.#entries[from];
    const isTooOld = head !== undefined && this.#work.ageOf(head) > policy.recordAgeMsMax;
    this.#course.failed(step.to, from, isNamed, isTooOld);
    const next = this.#course.next();
    const isRetry = next.kind === 'hand' && !next.isHalf && next.failures > 0;
    const pauseMs = isRetry
      ? fullJitterMs(random, { leastMs: policy.backoffMs, mostMs: policy.backoffMsMax }, next.failures - 1)
      : undefined;
    this.#work.tell({
      type: 'failure',
      error,
      attempt: this.#course.failures,
      records: step.to - from,
      sequenceNumber: head?.meta.sequenceNumber ?? '',
      pauseMs,
    });
    if (next.kind === 'hand' && next.isHalf) this.#work.tell({ type: 'bisect', records: next.to - next.from });
    if (pauseMs !== undefined) throw new CallFailed(pauseMs);
  }

  async #call(range: Range, attempt: number): Promise<CallOutcome> {
    const entries = this.#slice(range);
    const [first] = entries as [Entry<T>];
    // What could not be parsed is a run by itself.
    if (first.failure !== undefined) {
      await unlessAborted(parseAgain(this.#work.ground.reading, first), this.#work.leaving);
      if (first.failure !== undefined) {
        const error = new RecordParseError(first.meta, (first.failure as { readonly error: unknown }).error);
        return { done: 0, failure: { error, isNamed: true } };
      }
      if (first.isDone) {
        this.#work.complete(entries);
        return { done: 1, failure: undefined };
      }
    }
    return new HandlerCall(this.#work, entries, attempt).run();
  }

  async #pause(ms: number): Promise<void> {
    const { clock } = this.#work.ground;
    const untilMs = clock.monotonicMs() + ms;
    while (clock.monotonicMs() < untilMs) {
      if (this.#work.isLeaving) throw new Leaving();
      await this.#work.sleepUntilLeaving(untilMs - clock.monotonicMs());
    }
  }

  #slice({ from, to }: Range): readonly Entry<T>[] {
    return from === 0 && to === this.#entries.length ? this.#entries : this.#entries.slice(from, to);
  }
}
