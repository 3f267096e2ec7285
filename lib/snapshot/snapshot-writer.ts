/**
 * A stream of chunks into numbered parts of a store.
 *
 *   chunks --compress--> blocks --cut--> parts of one size --frame--> store, `window` at a time
 *
 * The parts are full but for the last. Before the first part that is beyond the room there is, `onRoom` makes more: the pointer
 * must know how many parts may exist before they do, so that a pruner finds them after a crash.
 *
 * Memory: `window` parts on their way, one that is being filled, and a few chunks under compression.
 */
import { compress } from './compression.js';
import { frameBytesMax, framePart, partsMax, requireId } from './part-frame.js';
import type { SnapshotStore } from './store.js';

/** Options of {@link writeSnapshot}. */
export interface WriteSnapshotOptions<Result> {
  readonly store: SnapshotStore;
  /** Of this attempt and no other. */
  readonly id: string;
  /** What to store. Ended early if writing fails. */
  readonly content: AsyncGenerator<Uint8Array, Result>;
  /**
   * Parts that may exist already.
   * @defaultValue 0
   */
  readonly room?: number | undefined;
  /** Called before a part is put that is beyond the room: from then on `parts` may exist. What it throws ends the writing. */
  readonly onRoom?: ((parts: number) => Promise<void>) | undefined;
  /**
   * Parts that are put at once, from 1 to 64.
   * @defaultValue 4
   */
  readonly window?: number | undefined;
  /**
   * Bytes of one part, if they are to be fewer than the store allows.
   * @defaultValue 2,097,152
   */
  readonly partBytesMax?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What was stored, beside what the content returned. */
export interface WrittenSnapshot {
  readonly parts: number;
  /** Of all parts, as they are stored. */
  readonly bytes: number;
}

const roomStep = 64;
const windowDefault = 4;
const windowMax = 64;
const partBytesDefault = 2 * 1024 * 1024;
const partBytesMin = 1_024;

/**
 * Stores `content` under `id`. Nothing names it yet.
 *
 * Resolves when every part stands there for certain. If anything fails, it stops, waits for the parts on their way, and rejects
 * with the first error; what was stored by then stays, within the room, and is removed by whoever made the room.
 *
 * @returns the numbers, and what `content` returned
 * @throws what the store, `content` or `onRoom` throws; RangeError for wrong options; the reason of `signal`
 */
export async function writeSnapshot<Result extends object>(
  options: WriteSnapshotOptions<Result>,
): Promise<Result & WrittenSnapshot> {
  const { store, id, content, window = windowDefault, partBytesMax = partBytesDefault } = options;
  const blocks = compress(content);
  const stop = new AbortController();
  try {
    requireId(id);
    if (!(Number.isSafeInteger(window) && window >= 1 && window <= windowMax)) {
      throw new RangeError(`Cannot put ${window} parts at once: window is from 1 to ${windowMax}`);
    }
    const limit = Math.min(store.partBytesMax, partBytesMax);
    if (!(limit >= partBytesMin)) {
      throw new RangeError(`Cannot write parts of ${limit} bytes: they have at least ${partBytesMin}`);
    }
    const parts = new Parts(options, Math.floor(limit) - frameBytesMax, window, stop);
    const result = await parts.fill(blocks);
    return { ...result, parts: parts.count, bytes: parts.bytes };
  } finally {
    stop.abort();
    // The content first: it may be compressed no further.
    await content.return(undefined as never);
    await blocks.return(undefined as never);
  }
}

/** Cuts a stream into parts and puts them. */
class Parts {
  /** Parts that were begun. */
  count = 0;
  /** Of what is stored. */
  bytes = 0;
  readonly #options: Omit<WriteSnapshotOptions<unknown>, 'content'>;
  readonly #contentBytes: number;
  readonly #window: number;
  readonly #stop: AbortController;
  readonly #signal: AbortSignal;
  readonly #underWay = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;
  #room: number;
  #filling: Uint8Array;
  #filled = 0;

  constructor(
    options: Omit<WriteSnapshotOptions<unknown>, 'content'>,
    contentBytes: number,
    window: number,
    stop: AbortController,
  ) {
    this.#options = options;
    this.#contentBytes = contentBytes;
    this.#window = window;
    this.#stop = stop;
    this.#signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
    this.#room = options.room ?? 0;
    this.#filling = new Uint8Array(contentBytes);
  }

  async fill<Result>(blocks: AsyncGenerator<Uint8Array, Result>): Promise<Result> {
    try {
      for (;;) {
        this.#options.signal?.throwIfAborted();
        const { done, value } = await blocks.next();
        if (done === true) {
          if (this.#filled > 0) await this.#put();
          await this.#settle(0);
          return value;
        }
        await this.#add(value);
      }
    } catch (error) {
      this.#stop.abort();
      await Promise.all(this.#underWay);
      // A put that was stopped because another failed says nothing about why.
      throw this.#failure?.error ?? error;
    }
  }

  async #add(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length; ) {
      const piece = bytes.subarray(from, from + this.#contentBytes - this.#filled);
      this.#filling.set(piece, this.#filled);
      this.#filled += piece.length;
      from += piece.length;
      if (this.#filled === this.#contentBytes) await this.#put();
    }
  }

  async #put(): Promise<void> {
    const { id, store, onRoom } = this.#options;
    const part = this.count;
    if (part > partsMax) throw new RangeError(`Cannot write more than ${partsMax + 1} parts; use larger ones`);
    if (part >= this.#room) {
      const room = this.#room + roomStep;
      await onRoom?.(room);
      this.#room = room;
    }
    await this.#settle(this.#window - 1);
    const framed = framePart(id, part, this.#filling.subarray(0, this.#filled));
    this.#filled = 0;
    this.count += 1;
    this.bytes += framed.length;
    const putting = store.put(id, part, framed, { signal: this.#signal }).then(
      () => void this.#underWay.delete(putting),
      (error: unknown) => {
        this.#underWay.delete(putting);
        this.#failure ??= { error };
      },
    );
    this.#underWay.add(putting);
  }

  /** Waits until at most `count` parts are on their way. */
  async #settle(count: number): Promise<void> {
    while (this.#underWay.size > count && this.#failure === undefined) await Promise.race(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
