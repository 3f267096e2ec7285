/**
 * The way of events into the journal: those that wait go together, one commit at a time.
 *
 *   handle ─► queue ─► batch ─┬─ small ──────────────► append: decide on exactly the newest state, swap ─► answers
 *                             └─ large ─► put a body ─┘      (the body of the next batch is put meanwhile)
 *
 * No timer: while a commit is on its way, callers queue, and what has queued is the next batch.
 *
 * An answer rests on a committed state: on the commit that carried the event, or, if it carried nothing, on a state that was the
 * newest at some instant after the call. A refusal that rests on an event of the same commit is told with that commit.
 */
import { type Settled, UnknownOutcomeError } from '../atom/index.js';
import type { Clock } from '../engine/index.js';
import { isLeydenError } from '../errors.js';
import type { Appended, Base, Draft, PreparedBody } from '../journal/index.js';
import { digestStateNow } from '../snapshot/index.js';
import type { Call } from './call.js';
import { type Decision, decideAll } from './decision.js';
import type { Handler } from './handler.js';
import type { Replica } from './replica.js';
import type { Log } from './storage.js';

export interface PipelineOptions<S, E, R> {
  readonly log: Log;
  readonly replica: Replica<S, E, R>;
  readonly handler: Handler<S, E, R>;
  readonly handlerVersion: string | undefined;
  /** Digest of the state with about every so many events; 0 = never. */
  readonly stateDigestEvery: number;
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

/** Events of one commit, at most; text, at most. The rest waits for the next. */
const batchEventsMax = 10_000;
const batchBytesMax: number = 1_024 * 1_024;
/** A body is put beside the commit before only if it is worth a request of its own. */
const aheadBytesMin = 4_096;

/** Calls that go together. */
class Batch<S, E, R> {
  readonly calls: readonly Call<S, E, R>[];
  /**
   * Places of the calls that may be accepted, in order: their events are in the body, or fit the head together. The others have to
   * wait if it turns out that they would be. Absent: all.
   */
  readonly room: readonly number[] | undefined;
  readonly bodyText: string | undefined;
  /** Decided before the body was written; still right if the state is the same. */
  readonly hint: Decision<S, R> | undefined;
  decision: Decision<S, R> | undefined;

  constructor(calls: readonly Call<S, E, R>[], hint?: Decision<S, R>, room?: readonly number[], bodyText?: string) {
    this.calls = calls;
    this.hint = hint;
    this.room = room;
    this.bodyText = bodyText;
  }
}

export class Pipeline<S, E, R> {
  readonly #options: PipelineOptions<S, E, R>;
  #queue: Call<S, E, R>[] = [];
  /** Those of the queue that were taken already stand before it. */
  #from = 0;
  #waitingBytes = 0;
  #preparing = false;
  #appending: Promise<void> | undefined;
  /** Calls that left the queue and have no answer yet. */
  readonly #underWay = new Set<readonly Call<S, E, R>[]>();
  #scheduled = false;
  #idle: (() => void)[] = [];

  constructor(options: PipelineOptions<S, E, R>) {
    this.#options = options;
  }

  /** Calls that wait, and the bytes of their events. */
  get waiting(): { readonly events: number; readonly bytes: number } {
    return { events: this.#queue.length - this.#from, bytes: this.#waitingBytes };
  }

  push(call: Call<S, E, R>): void {
    this.#queue.push(call);
    this.#waitingBytes += call.line.text.length;
    this.#wake();
  }

  /** All calls without an answer. */
  *calls(): Generator<Call<S, E, R>> {
    for (const calls of this.#underWay) yield* calls;
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
    const all = this.#queue.slice(this.#from);
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
    const text = calls.map(({ line }) => line.text).join('\n');
    if (!this.#options.log.fitsHead(text)) void this.#prepare(calls);
    else if (isFree) this.#begin(new Batch(calls), undefined);
    else this.#putBack(calls);
  }

  #take(): Call<S, E, R>[] {
    const calls: Call<S, E, R>[] = [];
    let bytes = 0;
    while (this.#from < this.#queue.length && calls.length < batchEventsMax) {
      const call = this.#queue[this.#from] as Call<S, E, R>;
      const { length } = call.line.text;
      if (calls.length > 0 && bytes + length > batchBytesMax) break;
      this.#from += 1;
      this.#waitingBytes -= length;
      if (call.isOver) continue;
      bytes += length + 1;
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
    for (const { line } of calls) this.#waitingBytes += line.text.length;
  }

  /** Puts the body of a large batch, and then appends it in its turn. */
  async #prepare(calls: readonly Call<S, E, R>[]): Promise<void> {
    const { log } = this.#options;
    this.#preparing = true;
    this.#underWay.add(calls);
    try {
      const { replica, clock } = this.#options;
      const on = { state: replica.state, seq: replica.seq, time: Math.max(Math.floor(clock.now()), replica.time) };
      const hint = this.#decide(calls, on);
      // What would be refused as things are is not worth its bytes; it is decided again on the state that counts.
      const room = [...calls.keys()].filter((index) => hint.outcomes[index]?.kind === 'accepted');
      const text = room.map((index) => calls[index]?.line.text).join('\n');
      if (room.length === 0 || log.fitsHead(text)) {
        await this.#appending;
        this.#begin(new Batch(calls, hint, room), undefined);
        return;
      }
      const body = await log.prepare(text);
      await this.#appending;
      this.#begin(new Batch(calls, hint, room, text), body);
    } catch (error) {
      this.#fail(calls, error);
    } finally {
      this.#underWay.delete(calls);
      this.#preparing = false;
      this.#wake();
    }
  }

  #begin(batch: Batch<S, E, R>, body: PreparedBody | undefined): void {
    this.#underWay.add(batch.calls);
    this.#appending = this.#append(batch, body).finally(() => {
      this.#underWay.delete(batch.calls);
      this.#appending = undefined;
      this.#wake();
    });
  }

  async #append(batch: Batch<S, E, R>, body: PreparedBody | undefined): Promise<void> {
    const { log, replica, onFatal } = this.#options;
    let appended: Appended;
    try {
      appended = await log.append(
        {
          bodyText: batch.bodyText,
          decide: (base) => this.#draft(batch, base),
          adopt: (commit) => {
            const decision = batch.decision as Decision<S, R>;
            replica.adopt(commit, decision, () =>
              batch.calls.flatMap((call, index) => {
                const outcome = decision.outcomes[index];
                if (outcome?.kind !== 'accepted') return [];
                return [{ seq: outcome.seq, time: commit.time, event: call.hand(), id: call.id }];
              }),
            );
          },
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

  /** Decides the batch on the state after `base`, which is what the replica holds. */
  #draft(batch: Batch<S, E, R>, { seq, time, image }: Base): Draft | undefined {
    const { replica, handlerVersion } = this.#options;
    const { calls, hint, room, bodyText } = batch;
    const isHintRight =
      hint !== undefined &&
      batch.decision === undefined &&
      hint.on.state === replica.state &&
      hint.on.seq === seq &&
      hint.on.time >= image.time &&
      !calls.some(({ isOver }, index) => isOver && hint.outcomes[index]?.kind === 'accepted');
    const allowed = room && new Set(room);
    const decision = isHintRight
      ? hint
      : this.#decide(calls, { state: replica.state, seq, time }, allowed && ((index) => allowed.has(index)));
    batch.decision = decision;
    const { outcomes, accepted, on } = decision;
    calls.forEach((call, index) => {
      call.markSent(outcomes[index]?.kind === 'accepted');
    });
    if (accepted === 0) return undefined;
    const text =
      bodyText === undefined
        ? calls
            .filter((_, index) => outcomes[index]?.kind === 'accepted')
            .map(({ line }) => line.text)
            .join('\n')
        : '';
    const skip =
      bodyText === undefined
        ? undefined
        : room?.flatMap((index, at) => (outcomes[index]?.kind === 'accepted' ? [] : [at]));
    return { text, count: accepted, time: on.time, skip, handlerVersion, stateDigest: this.#stateDigest(decision) };
  }

  #decide(
    calls: readonly Call<S, E, R>[],
    on: { readonly state: S; readonly seq: number; readonly time: number },
    mayAccept?: (index: number) => boolean,
  ): Decision<S, R> {
    const { handler, replica } = this.#options;
    return decideAll({ handler, known: replica.ids, bytes: replica.bytes }, calls, on, mayAccept);
  }

  /** Of the state after the decision, when it is the first one beyond a multiple of so many events. */
  #stateDigest({ state, accepted, on }: Decision<S, R>): string | undefined {
    const { stateDigestEvery: every } = this.#options;
    if (every === 0 || Math.floor((on.seq + accepted) / every) === Math.floor(on.seq / every)) return undefined;
    return digestStateNow(state);
  }

  /** The fate of the batch is certain: everyone gets his answer. Who was decided to wait goes to the front of the queue. */
  #conclude(batch: Batch<S, E, R>, appended: Appended): void {
    const { outcomes, on, accepted } = batch.decision as Decision<S, R>;
    const later = batch.calls.filter((call, index) => outcomes[index]?.kind === 'later' && !call.isOver);
    if (later.length > 0) this.#putBack(later);
    batch.calls.forEach((call, index) => {
      const outcome = outcomes[index];
      if (outcome !== undefined && (outcome.kind !== 'later' || call.isOver)) call.conclude(outcome, on.time);
    });
    if (appended.status !== 'applied') return;
    const bytes = batch.calls.reduce(
      (sum, { line }, index) => (outcomes[index]?.kind === 'accepted' ? sum + line.text.length + 1 : sum),
      0,
    );
    this.#options.onCommit({ events: accepted, bytes, conflicts: appended.conflicts });
  }

  #fail(calls: readonly Call<S, E, R>[], error: unknown): void {
    const isUnknown = isLeydenError(error) && error.outcome === 'unknown';
    const reason = error instanceof UnknownOutcomeError ? error.reason : 'evidence-evicted';
    const settled: Settled = isUnknown ? { outcome: 'unknown', reason } : { outcome: 'not-done' };
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
