/**
 * The way of events into the journal: those that wait go together, one commit at a time.
 *
 *   handle ─► queue ─► batch ─┬─ small ──────────────► append: decide on exactly the newest state, swap ─► answers
 *                             └─ large ─► put a body ─┘      (the body of the next batch is put meanwhile)
 *
 * No timer: while a commit is on its way, callers queue, and what has queued is the next batch.
 *
 * Calls are decided in the order in which they were made, but for one that was refused before its body was written and is welcome
 * now: it goes with the next commit.
 *
 * An answer rests on a committed state: on the commit that carried the event, or, if it carried nothing, on a state that was the
 * newest at some instant after the call. A refusal that rests on an event of the same commit is told with that commit.
 */
import type { Clock } from '../engine/index.js';
import { type Appended, type PreparedBody, settledBy } from '../journal/index.js';
import { Batch, type BatchOptions } from './batch.js';
import type { Call } from './call.js';
import type { Log } from './storage.js';

export interface PipelineOptions<S, E, R> extends BatchOptions<S, E, R> {
  readonly log: Log;
  readonly clock: Clock;
  /** Told after each commit from here. */
  readonly onCommit: (appended: Committed) => void;
  /** The instance can't go on. */
  readonly onFatal: (error: unknown) => void;
  /** Told when fewer events may wait than before. */
  readonly onTurn: () => void;
}

export interface Committed {
  readonly events: number;
  readonly bytes: number;
  readonly conflicts: number;
}

/** Events of one commit, at most; bytes of their text, at most. The rest waits for the next. */
const batchEventsMax = 10_000;
const batchBytesMax: number = 1_024 * 1_024;
/** A body is put beside the commit before only if it is worth a request of its own. */
const aheadBytesMin = 4_096;

export class Pipeline<S, E, R> {
  readonly #options: PipelineOptions<S, E, R>;
  #queue: Call<S, E, R>[] = [];
  /** Those of the queue that were taken already stand before it. */
  #from = 0;
  #waitingBytes = 0;
  #preparing = false;
  #appending: Promise<void> | undefined;
  /** The batch that is on its way. */
  #inFlight: Batch<S, E, R> | undefined;
  /** Who has to wait, before all others, those of a batch that is prepared already among them. */
  #later: readonly Call<S, E, R>[] = [];
  /** Calls that left the queue and have no answer yet. */
  readonly #underWay = new Set<readonly Call<S, E, R>[]>();
  #scheduled = false;
  #idle: (() => void)[] = [];

  constructor(options: PipelineOptions<S, E, R>) {
    this.#options = options;
  }

  /** Calls that wait, and the bytes of their events. */
  get waiting(): { readonly events: number; readonly bytes: number } {
    return { events: this.#queue.length - this.#from + this.#later.length, bytes: this.#waitingBytes };
  }

  /** Whether a call waits, or is on its way. */
  get isBusy(): boolean {
    return this.waiting.events > 0 || this.#underWay.size > 0;
  }

  push(call: Call<S, E, R>): void {
    this.#queue.push(call);
    this.#waitingBytes += call.line.bytes;
    this.#wake();
  }

  /** All calls without an answer. */
  *calls(): Generator<Call<S, E, R>> {
    for (const calls of this.#underWay) yield* calls;
    yield* this.#later;
    for (let at = this.#from; at < this.#queue.length; at += 1) yield this.#queue[at] as Call<S, E, R>;
  }

  /** Resolves when nothing waits and nothing is on its way. */
  async drained(): Promise<void> {
    while (this.waiting.events > 0 || this.#preparing || this.#appending !== undefined) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
  }

  /** Fails all that wait. */
  failAll(error: unknown): void {
    for (const call of this.#takeAll()) call.fail(error, { outcome: 'not-done' });
  }

  #takeAll(): Call<S, E, R>[] {
    const all = [...this.#later, ...this.#queue.slice(this.#from)];
    this.#later = [];
    this.#queue = [];
    this.#from = 0;
    this.#waitingBytes = 0;
    return all;
  }

  /** One microtask later, so that all calls of this turn of the event loop go together. */
  #wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pump();
      this.#options.onTurn();
    });
  }

  #pump(): void {
    if (this.#preparing) return;
    this.#requeue([]);
    if (this.waiting.events === 0) {
      this.#tellIdle();
      return;
    }
    const isFree = this.#appending === undefined;
    if (!isFree && this.#waitingBytes < aheadBytesMin) return;
    const calls = this.#take();
    if (calls.length === 0) {
      // All their callers have gone.
      this.#tellIdle();
      return;
    }
    const batch = new Batch(calls, this.#options);
    if (!this.#options.log.fitsHead(batch.text)) void this.#prepare(batch);
    else if (isFree) this.#begin(batch, undefined);
    else this.#putBack(calls);
  }

  /** As many as one commit may have, beside `bytes` that it has already. */
  #take(taken = 0): Call<S, E, R>[] {
    const calls: Call<S, E, R>[] = [];
    const bytesMax = Math.min(batchBytesMax, this.#options.log.appendBytesMax);
    let bytes = taken;
    while (this.#from < this.#queue.length && calls.length < batchEventsMax) {
      const call = this.#queue[this.#from] as Call<S, E, R>;
      const own = call.line.bytes;
      if (bytes > 0 && bytes + own > bytesMax) break;
      this.#from += 1;
      this.#waitingBytes -= own;
      if (call.isOver) continue;
      bytes += own + 1;
      calls.push(call);
    }
    if (this.#from * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#from);
      this.#from = 0;
    }
    return calls;
  }

  #putBack(calls: readonly Call<S, E, R>[]): void {
    this.#queue = [...calls, ...this.#queue.slice(this.#from)];
    this.#from = 0;
    for (const { line } of calls) this.#waitingBytes += line.bytes;
  }

  /** Those who have come while a batch waited for its turn go along, as far as the head has room for them. */
  #join({ calls, text }: Batch<S, E, R>): void {
    const { log } = this.#options;
    let more = this.#take(Buffer.byteLength(text) + 1);
    // Few sizes are tried: each takes a compression.
    while (more.length > 0 && !log.fitsHead([text, ...more.map(({ line }) => line.text)].join('\n'))) {
      this.#putBack(more.splice(more.length >> 1));
      if (more.length === 1) {
        this.#putBack(more);
        more = [];
      }
    }
    calls.push(...more);
  }

  /** Puts the body of a large batch, and then appends it in its turn. */
  async #prepare(batch: Batch<S, E, R>): Promise<void> {
    const { log, clock } = this.#options;
    this.#preparing = true;
    this.#underWay.add(batch.calls);
    try {
      const text = batch.preview(Math.floor(clock.now()), this.#inFlight);
      let body: PreparedBody | undefined;
      if (text !== '' && !log.fitsHead(text)) {
        batch.useBody(text);
        body = await log.prepare(text);
      }
      await this.#appending;
      if (this.#later.length > 0) {
        this.#underWay.delete(batch.calls);
        this.#requeue(batch.calls);
      } else this.#begin(batch, body);
    } catch (error) {
      this.#underWay.delete(batch.calls);
      this.#fail(batch.calls, error);
    } finally {
      // Those that are being appended by now stay under way: their deadlines hold until the end.
      this.#preparing = false;
      this.#wake();
    }
  }

  /** Puts those who have to wait to the front of the queue, and `calls`, which came later, behind them. */
  #requeue(calls: readonly Call<S, E, R>[]): void {
    if (this.#later.length + calls.length > 0) this.#putBack([...this.#later, ...calls]);
    this.#later = [];
  }

  #begin(batch: Batch<S, E, R>, body: PreparedBody | undefined): void {
    this.#inFlight = batch;
    this.#underWay.add(batch.calls);
    this.#appending = this.#append(batch, body).finally(() => {
      this.#underWay.delete(batch.calls);
      this.#appending = undefined;
      this.#inFlight = undefined;
      this.#wake();
    });
  }

  async #append(batch: Batch<S, E, R>, body: PreparedBody | undefined): Promise<void> {
    const { log, onFatal } = this.#options;
    let appended: Appended;
    try {
      appended = await log.append(
        {
          bodyText: batch.bodyText,
          decide: (base) => {
            // Not past those whose body is being put: who called first comes first.
            if (batch.isOpen && !this.#preparing) this.#join(batch);
            return batch.draft(base);
          },
          adopt: (commit) => batch.adopt(commit),
        },
        body,
      );
    } catch (error) {
      this.#fail(batch.calls, error);
      return;
    }
    try {
      this.#conclude(batch, appended);
    } catch (error) {
      onFatal(error);
    }
  }

  /** The fate of the batch is certain. Who has to wait goes to the front of the queue, before a batch that is prepared. */
  #conclude(batch: Batch<S, E, R>, appended: Appended): void {
    const { later, events, bytes } = batch.conclude(appended);
    this.#later = later;
    if (appended.status !== 'applied') return;
    this.#options.onCommit({ events, bytes, conflicts: appended.conflicts });
  }

  #fail(calls: readonly Call<S, E, R>[], error: unknown): void {
    const settled = settledBy(error);
    for (const call of calls) call.fail(error, settled);
    this.#options.onFatal(error);
  }

  #tellIdle(): void {
    if (this.waiting.events > 0 || this.#preparing || this.#appending !== undefined) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const tell of idle) tell();
  }
}
