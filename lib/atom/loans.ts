/**
 * Who asks for a lane to himself, to write his atom together with others: transactions.
 *
 * A lane is lent when no write of it is under way, and nothing of it is written until it is given back. Those who ask for the lane
 * and those who queue in it take turns.
 */
import { onAbort } from '../engine/index.js';

interface Holder {
  readonly grant: (release: () => void) => void;
  /** Told whenever somebody else comes while he has it. */
  readonly onWanted: (() => void) | undefined;
}

export class Loans {
  readonly #onLeft: () => void;
  #waiting: Holder[] = [];
  #lentTo: Holder | undefined;
  #isTheirTurn = false;

  /** `onLeft` is called when somebody no longer waits. */
  constructor(onLeft: () => void) {
    this.#onLeft = onLeft;
  }

  /** Whether anybody waits for the lane. */
  get isWanted(): boolean {
    return this.#waiting.length > 0;
  }

  /** Resolves, once the lane is lent, with the function that gives it back. */
  ask(signal: AbortSignal | undefined, onWanted: (() => void) | undefined): Promise<() => void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      let unlisten = () => {};
      const holder: Holder = {
        grant: (release) => {
          unlisten();
          resolve(release);
        },
        onWanted,
      };
      if (signal !== undefined) {
        unlisten = onAbort(signal, () => {
          this.#waiting = this.#waiting.filter((one) => one !== holder);
          this.#onLeft();
          reject(signal.reason);
        });
      }
      this.#waiting.push(holder);
    });
  }

  /** Lends the lane to whoever asked first, and resolves when it is given back; `undefined` when it is the turn of those who queue. */
  next(isQueued: boolean): Promise<void> | undefined {
    const holder = this.#isTheirTurn || !isQueued ? this.#waiting.shift() : undefined;
    this.#isTheirTurn = holder === undefined;
    if (holder === undefined) return undefined;
    this.#lentTo = holder;
    return new Promise((resolve) => {
      holder.grant(() => {
        if (this.#lentTo === holder) this.#lentTo = undefined;
        resolve();
      });
    });
  }

  /** Somebody else has come: whoever has the lane is told. */
  tellHolder(): void {
    this.#lentTo?.onWanted?.();
  }
}
