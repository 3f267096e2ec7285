/** One call of `handle`, from the moment it was made to its answer. */
import { type Settled, type SettleOptions, UnknownOutcomeError } from '../atom/index.js';
import { type Clock, onAbort } from '../engine/index.js';
import type { Outcome } from './decision.js';
import { HandleDeadlineError } from './errors.js';
import type { EventLine } from './event-text.js';

/** What `handle` answers. */
export interface HandleAnswer<S, R> {
  /** The state after this event. */
  readonly state: S;
  /** What the handler gave to `withResult`; of an id that was seen before, the first result. */
  readonly result: R;
  /** The event's number; if it was not journalled, the number of the last one before. */
  readonly seq: number;
  /** Epoch milliseconds of the commit; of an event that was not journalled, the time that it was decided at. */
  readonly time: number;
  /** `journalled`, or why not: the state is the `same`, or the id is `known`. */
  readonly status: 'journalled' | 'same' | 'known';
}

/** Options of a call of `handle`. */
export interface HandleOptions {
  /**
   * Makes the event idempotent: an event with an id that was journalled before gets the first result again, and nothing is
   * journalled; the two events are not compared. Up to 512 bytes. Remembered for the last `idsMax` such events, through crashes
   * too. A no-op or a refusal is not remembered.
   */
  readonly id?: string | undefined;
  /**
   * Leaves. An event that was not sent never will be; one that was may take effect still: `ERR_UNKNOWN_OUTCOME`, whose `settle()`
   * tells.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long to wait, in milliseconds. What happens then is as with `signal`; an event that was not sent is `ERR_HANDLE_DEADLINE`.
   * @defaultValue 30000
   */
  readonly timeoutMs?: number | undefined;
}

/**
 * Where a call is. `sent`: its event may be on its way into the journal.
 */
type Phase = 'waiting' | 'sent' | 'over';

const unsettled: Settled = { outcome: 'unknown', reason: 'in-flight' };

export class Call<S, E, R> {
  readonly line: EventLine<E>;
  readonly id: string | undefined;
  readonly timeoutMs: number;
  readonly deadlineAt: number;
  readonly promise: Promise<HandleAnswer<S, R>>;
  #resolve!: (answer: HandleAnswer<S, R>) => void;
  #reject!: (error: unknown) => void;
  #phase: Phase = 'waiting';
  #unlisten: (() => void) | undefined;
  /** For those who ask after the caller was told `unknown`. */
  #settled: Settled | undefined;
  #onSettled: Set<(settled: Settled) => void> | undefined;

  constructor(line: EventLine<E>, id: string | undefined, timeoutMs: number, deadlineAt: number) {
    this.line = line;
    this.id = id;
    this.timeoutMs = timeoutMs;
    this.deadlineAt = deadlineAt;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get isOver(): boolean {
    return this.#phase === 'over';
  }

  /** The event, for a handler. */
  hand(): E {
    return this.line.plain ?? (this.line.held.hand() as E);
  }

  listen(signal: AbortSignal, leave: () => void): void {
    this.#unlisten = onAbort(signal, leave);
  }

  /** Its event is being sent from here on; or, decided again, is not. */
  markSent(sent: boolean): void {
    if (this.#phase !== 'over') this.#phase = sent ? 'sent' : 'waiting';
  }

  /** The caller goes, at the deadline or by `reason`. */
  leave(system: string, reason: unknown, clock: Clock): void {
    if (this.#phase === 'over') return;
    if (this.#phase === 'waiting') {
      this.#settle({ outcome: 'not-done' });
      this.#end();
      this.#reject(reason ?? new HandleDeadlineError(system, this.timeoutMs));
      return;
    }
    this.#end();
    const facts = {
      key: system,
      subject: system,
      writeId: this.id ?? 'of this event',
      reason: 'in-flight',
      cause: reason,
    } as const;
    this.#reject(new UnknownOutcomeError('event', facts, (options) => this.#whenSettled(clock, options)));
  }

  /** The answer is certain, whether or not somebody still waits for it. */
  conclude(outcome: Outcome<S, R>, time: number): void {
    const { kind } = outcome;
    if (kind === 'refused') {
      this.fail(outcome.error, { outcome: 'not-done' });
      return;
    }
    // An event that is known by its id is in the journal, by whomever.
    this.#settle({ outcome: kind === 'accepted' || kind === 'known' ? 'done' : 'not-done' });
    if (this.#phase === 'over' || kind === 'gone' || kind === 'later') return;
    this.#end();
    const { state, seq } = outcome;
    const status = kind === 'accepted' ? 'journalled' : kind;
    this.#resolve({ state, result: outcome.result as R, seq, time, status });
  }

  fail(error: unknown, settled: Settled): void {
    this.#settle(settled);
    if (this.#phase === 'over') return;
    this.#end();
    this.#reject(error);
  }

  #end(): void {
    this.#phase = 'over';
    this.#unlisten?.();
  }

  #settle(settled: Settled): void {
    this.#settled ??= settled;
    if (this.#onSettled === undefined) return;
    for (const tell of this.#onSettled) tell(this.#settled);
    this.#onSettled = undefined;
  }

  /** The write goes on in any case; only the wait for it ends. */
  async #whenSettled(clock: Clock, { timeoutMs = 30_000, signal }: SettleOptions = {}): Promise<Settled> {
    if (this.#settled !== undefined) return this.#settled;
    const giveUp = new AbortController();
    const until = signal === undefined ? giveUp.signal : AbortSignal.any([giveUp.signal, signal]);
    this.#onSettled ??= new Set();
    const waiting = this.#onSettled;
    let told: (settled: Settled) => void = () => {};
    const truth = new Promise<Settled>((resolve) => {
      told = resolve;
    });
    waiting.add(told);
    const timeout = clock.sleep(timeoutMs, { signal: until }).catch(() => undefined);
    try {
      return await Promise.race([truth, timeout.then((): Settled => this.#settled ?? unsettled)]);
    } finally {
      waiting.delete(told);
      giveUp.abort();
    }
  }
}
