/**
 * Where readers leave their tokens: `load` at the start, `save` as they go.
 *
 *   reader A   load ── T0 ─────── save(T1, T0) ok ── save(T2, T1) ok
 *   reader B   load ── T0 ─────────────────────────────────────────── save(T1', T0) refused: T2 stands there
 *
 * A save is a compare-and-set: it takes effect only where the token that the reader wrote or read last still stands. So two readers that
 * share a checkpointer by mistake never undo each other's progress; the second one is told.
 *
 * A save whose fate is unknown may have taken effect, or may still. What it would have written is remembered, and counts as ours when
 * it is found at the next save.
 */
import { CheckpointConflictError } from './errors.js';
import type { StreamToken } from './position.js';
import { decodeToken, encodeToken } from './token.js';

/** Where one reader's token is kept. Any object with these two methods will do. */
export interface Checkpointer {
  /**
   * The token that was saved last; `undefined`: none was.
   *
   * @throws {TokenError} `ERR_STREAM_TOKEN` for what is there and is none.
   */
  load(signal?: AbortSignal): Promise<StreamToken | undefined>;
  /**
   * Keeps `token`, if what is kept is still `previous`, what this reader loaded or saved last (`undefined`: nothing).
   *
   * @throws {CheckpointConflictError} `ERR_STREAM_CHECKPOINT`, when somebody else has saved meanwhile.
   */
  save(token: StreamToken, previous?: StreamToken): Promise<void>;
}

/** A text as a store keeps it. */
export interface KeptText {
  /** `undefined`: nothing is kept. */
  readonly text: string | undefined;
}

/** A place for one text, with a compare-and-set. */
export interface TextStore<Kept extends KeptText> {
  /** For messages. */
  readonly name: string;
  read(signal?: AbortSignal): Promise<Kept>;
  /** Puts `text` in the place of `kept`; `undefined`: something else stood there. Rejects when that is not known. */
  replace(kept: Kept, text: string): Promise<Kept | undefined>;
}

/** Looks at the place again before a save is refused; each time somebody must have written in between. */
const looksMax = 4;

/** The compare-and-set over any place for a text. */
export class TextCheckpointer<Kept extends KeptText> implements Checkpointer {
  readonly #store: TextStore<Kept>;
  #kept: Kept | undefined;
  #saving: Promise<void> = Promise.resolve();
  /** Of saves whose fate is unknown: what may stand there now, and what they were to replace. */
  readonly #unsettled = new Map<StreamToken | undefined, Set<string>>();

  constructor(store: TextStore<Kept>) {
    this.#store = store;
  }

  async load(signal?: AbortSignal): Promise<StreamToken | undefined> {
    signal?.throwIfAborted();
    const kept = await this.#store.read(signal);
    this.#kept = kept;
    this.#unsettled.clear();
    return kept.text === undefined ? undefined : decodeToken(kept.text);
  }

  save(token: StreamToken, previous?: StreamToken): Promise<void> {
    // One at a time, in the order of the calls.
    const saved = this.#saving.then(() => this.#save(token, previous));
    this.#saving = saved.catch(() => {});
    return saved;
  }

  async #save(token: StreamToken, previous: StreamToken | undefined): Promise<void> {
    const text = encodeToken(token);
    const expected = previous === undefined ? undefined : encodeToken(previous);
    const isOurs = (kept: Kept) =>
      kept.text === expected || (kept.text !== undefined && this.#unsettled.get(previous)?.has(kept.text) === true);
    for (let look = 1; look <= looksMax; look += 1) {
      const remembered = this.#kept;
      let kept = remembered !== undefined && isOurs(remembered) ? remembered : await this.#store.read();
      this.#kept = kept;
      if (!isOurs(kept)) break;
      if (kept.text === text) return;
      const replaced = await this.#replace(kept, text, previous);
      if (replaced === undefined) continue;
      kept = replaced;
      this.#kept = kept;
      this.#unsettled.delete(previous);
      return;
    }
    throw new CheckpointConflictError(this.#store.name);
  }

  async #replace(kept: Kept, text: string, previous: StreamToken | undefined): Promise<Kept | undefined> {
    // Forgotten first: whatever becomes of it, it is looked at again unless it is certain.
    this.#kept = undefined;
    try {
      return await this.#store.replace(kept, text);
    } catch (error) {
      const unsettled = this.#unsettled.get(previous) ?? new Set();
      this.#unsettled.set(previous, unsettled.add(text));
      throw error;
    }
  }
}

/**
 * Keeps the token in this process: for tests, and for readers that begin anew with each process.
 *
 * **It cannot** outlive the process.
 *
 * @cost Nothing.
 * @throws {CheckpointConflictError} `ERR_STREAM_CHECKPOINT` from `save`, when two readers share it.
 *
 * @example
 * ```ts
 * import { memoryCheckpointer } from 'leyden-jar/streams';
 * const checkpointer = memoryCheckpointer();
 * console.log(await checkpointer.load()); // => undefined
 * ```
 */
export function memoryCheckpointer(): Checkpointer {
  let stored: KeptText = { text: undefined };
  return new TextCheckpointer<KeptText>({
    name: 'a checkpointer in memory',
    read: async () => stored,
    async replace(kept, text) {
      if (kept !== stored) return undefined;
      stored = { text };
      return stored;
    },
  });
}
