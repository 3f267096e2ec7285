/**
 * One call of the handler, with the records that it is given and what it asks for meanwhile.
 *
 * It counts how many of its records are done: those that the handler has said are, by `checkpoint` or `transact`, also when it fails
 * after that; all when it returns; those before `failedFrom`. What it has begun and not awaited is waited for as if it had: else
 * a transaction could be made behind its back, and once more by the next call. A call that is left (the shard was lost) is not waited
 * for, and nothing that it does is believed.
 */
import type { Transaction } from '../../atom/index.js';
import { after, onAbort, unlessAborted, watchfulSignal } from '../../engine/index.js';
import type { RecordMeta } from '../change.js';
import { Begun } from './begun.js';
import type { Entry } from './entry.js';
import type { GroupBatch, GroupTransactOptions, HandlerContext, PartialSuccess } from './handler.js';
import { Leaving } from './leaving.js';
import type { ShardWork } from './shard-work.js';

/** What came of a call. */
export interface CallOutcome {
  /** So many of its records are done, from the first one on. */
  readonly done: number;
  readonly failure: { readonly error: unknown; readonly isNamed: boolean } | undefined;
}

export class HandlerCall<T> {
  readonly #work: ShardWork<T>;
  readonly #entries: readonly Entry<T>[];
  readonly #attempt: number;
  readonly #controller = new AbortController();
  readonly #begun = new Begun();
  /** The transaction that was begun last. Who begins another one meanwhile stands behind it: else it could pass over its records. */
  #transacting: Promise<unknown> | undefined;
  #done = 0;
  #hasEnded = false;

  constructor(work: ShardWork<T>, entries: readonly Entry<T>[], attempt: number) {
    this.#work = work;
    this.#entries = entries;
    this.#attempt = attempt;
  }

  /** @throws the reason of the loss, when the shard is lost meanwhile. */
  async run(): Promise<CallOutcome> {
    const { clock } = this.#work.ground;
    const { signal: lost } = this.#work.lease;
    lost.throwIfAborted();
    const startedAt = clock.monotonicMs();
    const unwatch = this.#watch(startedAt, lost);
    const call = this.#call();
    this.#work.calls.set(call, startedAt);
    const forget = () => void this.#work.calls.delete(call);
    call.then(forget, forget);
    try {
      const whole = this.#begun.whole(call, () => {
        this.#hasEnded = true;
      });
      const answer = await unlessAborted(whole, lost);
      lost.throwIfAborted();
      const outcome = this.#outcomeOf(answer);
      if (outcome.failure === undefined) this.#tellDone(clock.monotonicMs() - startedAt);
      return outcome;
    } catch (error) {
      lost.throwIfAborted();
      if (error instanceof Leaving) throw error;
      return { done: this.#done, failure: { error, isNamed: false } };
    } finally {
      this.#hasEnded = true;
      unwatch();
    }
  }

  async #call(): Promise<unknown> {
    return this.#work.ground.handler(this.#batch(), this.#context());
  }

  #outcomeOf(answer: unknown): CallOutcome {
    if (typeof answer !== 'object' || answer === null || !('failedFrom' in answer)) {
      this.#settle(this.#entries.length);
      return { done: this.#done, failure: undefined };
    }
    const { failedFrom } = answer as PartialSuccess;
    const at = this.#entries.findIndex(({ meta }) => meta.sequenceNumber === failedFrom);
    if (at < this.#done) {
      const error = new RangeError(
        `The handler's failedFrom is no record of its batch that is still to be done: ${String(failedFrom)}`,
      );
      return { done: this.#done, failure: { error, isNamed: false } };
    }
    this.#settle(at);
    const error = new Error(`The handler has failed from record ${failedFrom} on`);
    return { done: at, failure: { error, isNamed: true } };
  }

  /** Records up to this index are done. */
  #settle(to: number): void {
    if (to <= this.#done) return;
    this.#work.complete(this.#entries.slice(this.#done, to));
    this.#done = to;
  }

  /** Aborts the handler's signal when the shard is lost, and when it takes too long; then it is waited for all the same. */
  #watch(startedAt: number, lost: AbortSignal): () => void {
    const { clock, handlerMsMax } = this.#work.ground;
    const leave = onAbort(lost, () => this.#controller.abort(lost.reason));
    if (handlerMsMax === Number.POSITIVE_INFINITY) return leave;
    const late = () => {
      const sequenceNumber = (this.#entries[this.#done] ?? this.#entries[0])?.meta.sequenceNumber ?? '';
      this.#controller.abort(new DOMException(`The handler has taken longer than ${handlerMsMax} ms`, 'TimeoutError'));
      this.#work.tell({ type: 'handler-slow', handlerMs: clock.monotonicMs() - startedAt, sequenceNumber });
    };
    const callOff = after(clock, handlerMsMax, late, true);
    return () => {
      leave();
      callOff();
    };
  }

  #tellDone(handlerMs: number): void {
    let bytes = 0;
    for (const { meta } of this.#entries) bytes += meta.sizeBytes;
    const ageMs = this.#work.ageOf(this.#entries[0] as Entry<T>);
    this.#work.tell({ type: 'batch', records: this.#entries.length, bytes, handlerMs, attempt: this.#attempt, ageMs });
  }

  #batch(): GroupBatch<T> {
    const work = this.#work;
    const records = this.#entries.map(({ change }) => change as NonNullable<typeof change>);
    const ageMs = work.ageOf(this.#entries[0] as Entry<T>);
    return { shardId: work.lease.shardId, records, caughtUp: work.isCaughtUp(this.#entries), ageMs };
  }

  #context(): HandlerContext {
    const { lease } = this.#work;
    // Looks at the clocks before it answers: whoever comes back from a stop must not find it quiet.
    const signal = watchfulSignal(this.#controller, () => void lease.signal.aborted);
    return {
      shardId: lease.shardId,
      epoch: lease.epoch,
      signal,
      attempt: this.#attempt,
      lagMs: () => this.#work.ageMs(),
      checkpoint: (sequenceNumber) => this.#begun.note(this.#checkpoint(sequenceNumber)),
      transact: (f, options) => this.#begun.note(this.#transact(f, options)),
      idempotencyKey: ({ meta }) => this.#keyOf(meta),
    };
  }

  #keyOf({ shardId, sequenceNumber }: RecordMeta): string {
    return `${this.#work.ground.streamLabel()}/${shardId}/${sequenceNumber}`;
  }

  async #checkpoint(sequenceNumber: string | undefined): Promise<void> {
    this.#assertOpen('checkpoint');
    this.#settle(this.#indexOf('checkpoint', sequenceNumber));
    await this.#work.saver.flush();
  }

  async #transact<R>(f: (tx: Transaction) => R | Promise<R>, { through }: GroupTransactOptions = {}): Promise<R> {
    this.#assertOpen('transact');
    if (typeof f !== 'function') throw new TypeError(`Cannot transact: must be given a function: ${typeof f}`);
    if (this.#work.ground.concurrency > 1) {
      throw new TypeError(
        `Cannot transact with concurrency ${this.#work.ground.concurrency}: records before these may not be done, and one transaction can't tell of both; use concurrency 1`,
      );
    }
    const to = this.#indexOf('transact', through);
    const last = this.#entries[to - 1] as Entry<T>;
    const run = (tx: Transaction) => {
      if (!last.isDone) return f(tx);
      throw new RangeError(
        'Cannot transact: these records are done already; make one transaction for each part of a batch',
      );
    };
    const before = this.#transacting;
    const transacting = (async () => {
      await before?.catch((cause: unknown) => {
        throw new Error('Cannot transact: a transaction that was begun before this one has failed', { cause });
      });
      return this.#work.transact(
        run,
        () => last.position,
        () => this.#settle(to),
      );
    })();
    this.#transacting = transacting;
    try {
      return await transacting;
    } finally {
      if (this.#transacting === transacting) this.#transacting = undefined;
    }
  }

  /** So many records stand up to the one that is named. */
  #indexOf(action: string, sequenceNumber: string | undefined): number {
    if (sequenceNumber === undefined) return this.#entries.length;
    const at = this.#entries.findIndex(({ meta }) => meta.sequenceNumber === sequenceNumber);
    if (at === -1) throw new RangeError(`Cannot ${action}: the batch has no record ${String(sequenceNumber)}`);
    return at + 1;
  }

  #assertOpen(action: string): void {
    this.#work.lease.signal.throwIfAborted();
    if (this.#hasEnded) throw new TypeError(`Cannot ${action}: the handler has returned already; await what it begins`);
  }
}
