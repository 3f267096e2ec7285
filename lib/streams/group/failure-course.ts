/**
 * What to hand to the handler next when it fails: the whole run again, then halves of it, until the smallest run is found that fails
 * by itself.
 *
 *     [ a b c d e X g h ]  fails `attempts` times
 *     [ a b c d ]          done, and committed
 *             [ e X ]      fails
 *             [ e ]        done
 *               [ X ]      fails: this is the one        log2(n) calls more, whatever `attempts` is
 *                 [ g h ]  a run by itself, with attempts of its own, once it is settled what becomes of X
 *
 * Records are handed out in order, none before all that stand before it are done or settled, and none twice once it is done. A handler
 * that gets forward (it says from where on it failed, or what it has done so far) is given fresh attempts for what it stopped at. No
 * I/O, no clock.
 */

/** A run of records, by index. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** What comes next. */
export type CourseStep =
  /** Hand this to the handler. `failures` of these very records came before; `isHalf`: it is to find out which one it is. */
  | (Range & { readonly kind: 'hand'; readonly failures: number; readonly isHalf: boolean })
  /** These fail, and no attempt is left: somebody has to say what becomes of them. */
  | (Range & { readonly kind: 'exhausted'; readonly failures: number })
  /** All are done or settled. */
  | { readonly kind: 'done' };

/** Options of {@link FailureCourse}. */
export interface CourseOptions {
  /** Calls of the handler with the same first record, before halving. */
  readonly attempts: number;
  /** Whether a run that fails is halved to find out which record it is. */
  readonly bisect: boolean;
}

export class FailureCourse {
  readonly #size: number;
  readonly #options: CourseOptions;
  /** The first record that is neither done nor settled. */
  #head = 0;
  /** Calls that failed with this first record. */
  #failures = 0;
  /** While halving: what fails lies before this. */
  #bound: number | undefined;
  /** A call with exactly this run has failed, and it can't be made smaller. */
  #culprit: Range | undefined;

  constructor(size: number, options: CourseOptions) {
    this.#size = size;
    this.#options = options;
  }

  next(): CourseStep {
    const from = this.#head;
    const failures = this.#failures;
    if (this.#culprit !== undefined) return { kind: 'exhausted', ...this.#culprit, failures };
    if (from >= this.#size) return { kind: 'done' };
    if (this.#bound === undefined) return { kind: 'hand', from, to: this.#size, failures, isHalf: false };
    const to = this.#bound - from === 1 ? this.#bound : from + Math.floor((this.#bound - from) / 2);
    return { kind: 'hand', from, to, failures, isHalf: true };
  }

  /** What was handed out last is done up to `to`, and has not failed. */
  succeeded(to: number): void {
    this.#head = to;
    // Not the end of the search: what fails is between here and the bound. Past the bound, it was nothing that lasts.
    if (this.#bound === undefined || to >= this.#bound) this.#begin();
  }

  /**
   * What was handed out last, up to `to`, has failed: `from` is the first record of it that is not done. `isNamed`: the handler says that
   * it is this one. `isLast`: it is not to be tried again, whatever attempts are left.
   */
  failed(to: number, from: number, isNamed: boolean, isLast = false): void {
    const { attempts, bisect } = this.#options;
    const isHalf = this.#bound !== undefined;
    if (from >= to) {
      this.succeeded(to);
      return;
    }
    this.#failures = from > this.#head && !isHalf ? 1 : this.#failures + 1;
    this.#head = from;
    if (!isHalf && this.#failures < attempts && !isLast) return;
    if (isNamed) this.#culprit = { from, to: from + 1 };
    else if (!bisect || to - from === 1) this.#culprit = { from, to };
    else this.#bound = to;
  }

  /** Calls that failed with the first record that is not done. */
  get failures(): number {
    return this.#failures;
  }

  /** It is settled what becomes of the run that was exhausted; the rest begins anew. */
  settled(): void {
    this.#head = (this.#culprit as Range).to;
    this.#begin();
  }

  /** What is left of the run that was exhausted, from here on, is tried anew, with fresh attempts. */
  again(from: number): void {
    this.#head = from;
    this.#begin();
  }

  #begin(): void {
    this.#failures = 0;
    this.#bound = undefined;
    this.#culprit = undefined;
  }
}
