/**
 * A write that is on its way and goes no further until somebody says so.
 *
 * ```
 *   caller ──── put ───► [ held ] ─ deliver() ─► engine judges a copy; again and again if asked
 *   caller ◄── answer() ── or lose(): unclear, and the message may still be delivered afterwards
 * ```
 *
 * Delivering and answering are apart, so any order of the two, of several messages and of other writers' requests can be
 * played by hand: an answer lost, a copy that comes late, a resend that overtakes.
 */
import type { OperationKind } from './fault-plan.js';
import { signatureLifetimeMs } from './limits.js';
import { serviceError } from './memory-error.js';

/** What all answers to writes have in common. */
export interface HeldAnswer {
  readonly status: string;
}

/** How a message reaches the engine and its caller. */
export interface HeldLine {
  /** Has the engine judge one copy. */
  send(): Promise<HeldAnswer>;
  answer(answer: HeldAnswer): void;
  /** The answer for a caller that hears nothing. */
  unclear(reason?: Error): HeldAnswer;
  nowMs(): number;
}

/** One held write. */
export class HeldMessage {
  readonly kind: OperationKind;
  /** The request as it was sent. */
  readonly request: object;
  readonly #line: HeldLine;
  readonly #sentAtMs: number;
  #copies = 0;
  #verdict: HeldAnswer | undefined;
  #answered = false;
  #dropped = false;

  constructor(kind: OperationKind, request: object, line: HeldLine) {
    this.kind = kind;
    this.request = request;
    this.#line = line;
    this.#sentAtMs = line.nowMs();
  }

  /** How many copies the engine has judged. */
  get copies(): number {
    return this.#copies;
  }

  /** Whether the caller has an answer. */
  get answered(): boolean {
    return this.#answered;
  }

  /**
   * Lets one copy arrive and be judged, and tells the verdict; the caller hears nothing yet. A copy older than a
   * signature may be is refused by the service, so it is here.
   */
  async deliver(): Promise<HeldAnswer> {
    if (this.#dropped) throw new Error('Cannot deliver a message: it was dropped');
    this.#copies += 1;
    if (this.#line.nowMs() - this.#sentAtMs > signatureLifetimeMs) {
      const error = serviceError('InvalidSignatureException', 'Signature expired');
      this.#verdict = { status: 'not-applied', kind: 'refused', error } as HeldAnswer;
    } else this.#verdict = await this.#line.send();
    return this.#verdict;
  }

  /**
   * Answers the caller: with the last verdict, or with `answer`. Once more than one copy was delivered, a failed condition
   * says `resent`, and a refusal becomes `unclear`, as the port demands.
   */
  answer(answer: HeldAnswer | undefined = this.#verdict): void {
    if (answer === undefined) throw new Error('Cannot answer a message: it was not delivered and no answer is given');
    this.#finish(afterCopies(answer, this.#copies, this.#line));
  }

  /** The caller gets no answer: unclear. The message stays on its way. */
  lose(reason?: Error): void {
    this.#finish(this.#line.unclear(reason));
  }

  /** The message never arrives, and the caller gets no answer. */
  drop(reason?: Error): void {
    this.#dropped = true;
    if (!this.#answered) this.lose(reason);
  }

  /** Delivers, then answers. */
  async pass(): Promise<HeldAnswer> {
    const verdict = await this.deliver();
    this.answer();
    return verdict;
  }

  #finish(answer: HeldAnswer): void {
    if (this.#answered) throw new Error('Cannot answer a message: it has its answer');
    this.#answered = true;
    this.#line.answer(answer);
  }
}

/** An answer as it may be believed when `copies` of the request were sent. */
export function afterCopies(answer: HeldAnswer, copies: number, line: Pick<HeldLine, 'unclear'>): HeldAnswer {
  if (copies <= 1) return answer;
  const { status, error } = answer as HeldAnswer & { readonly error?: Error };
  if (status === 'not-applied') return line.unclear(error);
  return status === 'condition-failed' || status === 'cancelled' ? Object.assign({}, answer, { resent: true }) : answer;
}
