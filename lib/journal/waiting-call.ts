/**
 * A call that waits for its events to get into a journal, from the moment it was made to its answer.
 *
 *   waiting ──► sent ──► over          the caller may leave at any time, at its deadline or by its signal: not done if nothing was
 *      ▲──────────┘                    sent, else unknown, and the error's settle() waits for the truth
 */
import { type Settled, type SettleOptions, UnknownOutcomeError } from '../atom/index.js';
import { type Clock, onAbort } from '../engine/index.js';
import { isLeydenError } from '../errors.js';

/** What a {@link WaitingCall} is told of itself. */
export interface WaitingFacts {
  /** What is written to, in words: the name of a system, a stream. */
  readonly subject: string;
  /** Names what is written, for whoever looks into an unknown outcome. */
  readonly writeId: string;
  /** Monotonic milliseconds at which the caller leaves. */
  readonly deadlineAt: number;
  /** Told to a caller who leaves at the deadline before anything was sent. */
  readonly deadlineError: () => Error;
  readonly clock: Clock;
}

/** `sent`: its events may be on their way into the journal. */
type Phase = 'waiting' | 'sent' | 'over';

/** What an error says of what was to be committed. */
export function settledBy(error: unknown): Settled {
  if (!isLeydenError(error) || error.outcome !== 'unknown') return { outcome: 'not-done' };
  return { outcome: 'unknown', reason: error instanceof UnknownOutcomeError ? error.reason : 'evidence-evicted' };
}

const unsettled: Settled = { outcome: 'unknown', reason: 'in-flight' };

export class WaitingCall<A> {
  readonly promise: Promise<A>;
  readonly #facts: WaitingFacts;
  #resolve!: (answer: A) => void;
  #reject!: (error: unknown) => void;
  #phase: Phase = 'waiting';
  #unlisten: (() => void) | undefined;
  /** For those who ask after the caller was told `unknown`. */
  #settled: Settled | undefined;
  #onSettled: Set<(settled: Settled) => void> | undefined;

  constructor(facts: WaitingFacts) {
    this.#facts = facts;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get deadlineAt(): number {
    return this.#facts.deadlineAt;
  }

  get isOver(): boolean {
    return this.#phase === 'over';
  }

  /** Leaves when `signal` aborts. */
  listen(signal: AbortSignal): void {
    this.#unlisten = onAbort(signal, () => this.leave(signal.reason));
  }

  /** Its events are being sent from here on; or, decided again, are not. */
  markSent(sent: boolean): void {
    if (this.#phase !== 'over') this.#phase = sent ? 'sent' : 'waiting';
  }

  /** The caller goes, by `reason`, or, without one, at the deadline. */
  leave(reason?: unknown): void {
    if (this.#phase === 'over') return;
    const { subject, writeId, deadlineError } = this.#facts;
    if (this.#phase === 'waiting') {
      this.settle({ outcome: 'not-done' });
      this.#end();
      this.#reject(reason ?? deadlineError());
      return;
    }
    this.#end();
    const facts = { key: subject, subject, writeId, reason: 'in-flight', cause: reason } as const;
    this.#reject(new UnknownOutcomeError('event', facts, (options) => this.#whenSettled(options)));
  }

  /** The answer is certain, whether or not somebody still waits for it. */
  answer(answer: A): void {
    if (this.#phase === 'over') return;
    this.#end();
    this.#resolve(answer);
  }

  fail(error: unknown, settled: Settled): void {
    this.settle(settled);
    if (this.#phase === 'over') return;
    this.#end();
    this.#reject(error);
  }

  /** What became of it is certain. */
  settle(settled: Settled): void {
    this.#settled ??= settled;
    if (this.#onSettled === undefined) return;
    for (const tell of this.#onSettled) tell(this.#settled);
    this.#onSettled = undefined;
  }

  #end(): void {
    this.#phase = 'over';
    this.#unlisten?.();
  }

  /** The write goes on in any case; only the wait for it ends. */
  async #whenSettled({ timeoutMs = 30_000, signal }: SettleOptions = {}): Promise<Settled> {
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
    const timeout = this.#facts.clock.sleep(timeoutMs, { signal: until }).catch(() => undefined);
    try {
      return await Promise.race([truth, timeout.then((): Settled => this.#settled ?? unsettled)]);
    } finally {
      waiting.delete(told);
      giveUp.abort();
    }
  }
}
