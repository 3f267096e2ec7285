/** One look at up to a hundred items: one request, with a time-out that learns how long such answers take. */
import type { Item } from '../../codec/index.js';
import { after, onAbort } from '../../engine/index.js';
import type { Ground } from '../ground.js';

/** An answer to a hundred keys may take longer than one to a single one: time-outs double up to so many times. */
const timeoutFactorMax = 8;

export interface Looked {
  /** The item of a key; `undefined` where there is none. */
  readonly itemOf: (key: Item) => Item | undefined;
  /** Whether the store left the key out. */
  readonly isLeft: (key: Item) => boolean;
  readonly leftCount: number;
}

export class WatchLook {
  readonly #ground: Ground;
  readonly #timeoutMsMin: number;
  #timeoutMs: number;

  /** `timeoutMs`: how long an answer may take at first. */
  constructor(ground: Ground, timeoutMs: number) {
    this.#ground = ground;
    this.#timeoutMsMin = timeoutMs;
    this.#timeoutMs = timeoutMs;
  }

  /** Rejects with what stood in the way; never with a half answer. */
  async at(keys: readonly Item[], isStrong: boolean, stop: AbortSignal): Promise<Looked> {
    const { engine, tableName } = this.#ground;
    const request = { table: tableName(), keys, consistent: isStrong };
    const { items, unprocessed } = await this.#timed(stop, (signal) => engine.batchGet(request, { signal }));
    const found = new Map(items.map((item) => [this.#idOf(item), item]));
    const left = new Set(unprocessed.map((key) => this.#idOf(key)));
    return {
      itemOf: (key) => found.get(this.#idOf(key)),
      isLeft: (key) => left.has(this.#idOf(key)),
      leftCount: left.size,
    };
  }

  async #timed<T>(stop: AbortSignal, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock } = this.#ground;
    const timeout = new AbortController();
    const startedAt = clock.monotonicMs();
    const callOff = after(clock, this.#timeoutMs, () => timeout.abort(new NoAnswer()), true);
    const unlisten = onAbort(stop, () => timeout.abort(stop.reason));
    try {
      const answer = await send(timeout.signal);
      const needed = 4 * (clock.monotonicMs() - startedAt);
      this.#timeoutMs = Math.max(this.#timeoutMsMin, Math.min(this.#timeoutMs, needed));
      return answer;
    } catch (error) {
      if (!timeout.signal.aborted) throw error;
      this.#timeoutMs = Math.min(timeoutFactorMax * this.#timeoutMsMin, 2 * this.#timeoutMs);
      throw timeout.signal.reason;
    } finally {
      callOff();
      unlisten();
    }
  }

  #idOf(item: Item): string {
    return this.#ground.keyNames.map((name) => JSON.stringify(item[name])).join();
  }
}

/** Named as what `isPassing` knows. */
class NoAnswer extends Error {
  constructor() {
    super('no answer within the time-out of one request');
    this.name = 'TimeoutError';
  }
}
