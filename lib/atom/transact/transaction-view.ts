/**
 * One atom as one run of a transaction sees it: the state that was read, what the run has made of it, and the calls on it in
 * their order.
 */
import type { Held } from '../../codec/index.js';
import type { Known } from '../cache.js';
import type { Cell } from '../cell.js';
import { Inside } from '../inside.js';
import type { Step, Work } from '../operation.js';
import { isThenable } from '../value-rules.js';

export class View {
  readonly cell: Cell;
  /** The watch against calling this atom from inside a function that runs on it in this transaction. */
  readonly inside: Inside;
  /** What it was read as; `undefined` before. */
  base: Known | undefined;
  /** The value that was there. */
  #found: Held | undefined;
  #held: Held | undefined;
  /** Whether it is to be written even where nothing differs. */
  #isForced = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(cell: Cell) {
    this.cell = cell;
    this.inside = new Inside(cell.keyText);
  }

  /** The value by now; `undefined` where there is none. */
  get held(): Held | undefined {
    return this.#held;
  }

  /** Whether there is something to write. */
  get isChanged(): boolean {
    if (this.#isForced) return true;
    if (this.#found === undefined || this.#held === undefined) return this.#found !== this.#held;
    return !this.#found.equals(this.#held);
  }

  /** The value by now, for a caller; that of `initial` where there is none. */
  hand(): unknown {
    return (this.#held ?? this.cell.initial)?.hand();
  }

  /** Runs `call` after the calls before it have ended, on the state that they left; reads the atom first if nobody has. */
  inOrder<R>(read: () => Promise<Known>, call: () => R | Promise<R>): Promise<R> {
    const made = this.#last.then(async () => {
      if (this.base === undefined) {
        const base = await read();
        this.base = base;
        this.#found = this.cell.liveHeld(base);
        this.#held = this.#found;
      }
      return call();
    });
    this.#last = made.catch(() => undefined);
    return made;
  }

  /** Takes a value of ours as the next one, if the rules admit it. */
  async put(held: Held): Promise<void> {
    const admitted = this.cell.rules.admit(held);
    this.#held = isThenable(admitted) ? await admitted : admitted;
  }

  remove(): void {
    this.#held = undefined;
  }

  /** Runs what an atom's verb would run in its lane. */
  async step<R>(work: Work<R>, attempt: number): Promise<Step<R>> {
    const state = { held: this.#held, token: this.base?.image?.lineage.token };
    const made = this.inside.run(() => work.run(state, attempt), work.isAsync === true);
    const step = isThenable(made) ? await made : made;
    if (step.next !== undefined) {
      this.#held = step.next ?? undefined;
      this.#isForced = true;
    }
    return step;
  }
}
