/**
 * A walk over pages of items as an async iterable, at the pace of whoever takes what it yields.
 *
 *   strand 0   page ── page ┄┄ (read ahead)            one strand, or several that read side by side
 *   strand 1   page ┄┄                                  └─► yielded as their pages come
 *
 * The page behind the one that is being taken is asked for when half of that one is taken, so at most one page a strand is read in
 * advance, and none by a loop that soon ends. Where the walk stands is known behind each entry, so it can be gone on with later,
 * elsewhere, from `cursor`. A loop that was left is taken up by the next loop.
 */
import type { AttributeValue, Item } from '../codec/index.js';
import { onAbort } from '../engine/index.js';
import { isLeydenError } from '../errors.js';

/** One item of a page: where it stands, and how to make of it what is yielded; `undefined` when it is nothing to yield. */
export interface Row<T> {
  readonly at: Item;
  make(): Promise<T | undefined>;
}

export interface RowPage<T> {
  readonly rows: readonly Row<T>[];
  readonly nextKey?: Item | undefined;
}

/** Reads the page behind `startKey`; `wantedMax` is how many entries somebody still wants. */
export type PageReader<T> = (startKey: Item | undefined, signal: AbortSignal, wantedMax: number) => Promise<RowPage<T>>;

export interface WalkOptions<T> {
  /** A verb for messages: `scan`, `query`. */
  readonly action: string;
  readonly strands: readonly PageReader<T>[];
  readonly cursor: string | undefined;
  readonly limit: number | undefined;
  readonly onUndecodable: 'throw' | 'skip';
  readonly signal: AbortSignal | undefined;
}

interface Strand<T> {
  readonly read: PageReader<T>;
  /** Behind which it goes on; `undefined` = from the beginning. */
  at: Item | undefined;
  ended: boolean;
  pending: Promise<Arrival<T>> | undefined;
}

interface Arrival<T> {
  readonly strand: Strand<T>;
  readonly page: RowPage<T>;
}

/**
 * What `keys`, `scan` and `query` of an `AtomTable` return. Nothing is read before the first entry is asked for.
 *
 * Leaving the loop stops reading. Another loop over the same walk goes on behind the last entry; two at a time are refused.
 */
export class Walk<T> implements AsyncIterable<T> {
  readonly #options: WalkOptions<T>;
  readonly #strands: readonly Strand<T>[];
  #left: number;
  #skipped = 0;
  #walking = false;

  /** @internal Made by `AtomTable`. */
  constructor(options: WalkOptions<T>) {
    this.#options = options;
    const { action, strands, cursor } = options;
    const places = cursor === undefined ? undefined : readCursor(action, cursor, strands.length);
    this.#strands = strands.map((read, index) => {
      const place = places?.[index];
      return {
        read,
        at: place === 'end' ? undefined : (place ?? undefined),
        ended: place === 'end',
        pending: undefined,
      };
    });
    this.#left = options.limit ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Where the walk stands: behind the last entry that was yielded. Given as `cursor` to the same call, in this process or another, the
   * walk goes on there.
   */
  get cursor(): string {
    return writeCursor(this.#strands.map(({ at, ended }) => (ended ? 'end' : (at ?? null))));
  }

  /** Items that were passed over under `onUndecodable: 'skip'`. */
  get skipped(): number {
    return this.#skipped;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    const { action, signal } = this.#options;
    if (this.#walking) throw new TypeError(`Cannot ${action}: another loop over this very walk has not ended`);
    signal?.throwIfAborted();
    this.#walking = true;
    const stop = new AbortController();
    let unlisten = () => {};
    const left = new Promise<never>((_, reject) => {
      if (signal !== undefined) unlisten = onAbort(signal, () => reject(signal.reason));
    });
    left.catch(() => undefined);
    try {
      for (const strand of this.#strands) this.#readOn(strand, strand.at, stop.signal);
      for (;;) {
        const pending = this.#strands.flatMap((strand) => strand.pending ?? []);
        if (pending.length === 0 || this.#left <= 0) return;
        yield* this.#take(await Promise.race([...pending, left]), stop.signal);
      }
    } finally {
      unlisten();
      stop.abort();
      for (const strand of this.#strands) strand.pending = undefined;
      this.#walking = false;
    }
  }

  /** Yields what is on a page that has come. */
  async *#take({ strand, page }: Arrival<T>, stop: AbortSignal): AsyncGenerator<T, void, void> {
    const { signal } = this.#options;
    const { rows, nextKey } = page;
    strand.pending = undefined;
    for (const [index, row] of rows.entries()) {
      signal?.throwIfAborted();
      const entry = await this.#make(row, strand);
      strand.at = row.at;
      if (entry === undefined) continue;
      this.#left -= 1;
      if (nextKey !== undefined && 2 * (index + 1) >= rows.length) this.#readOn(strand, nextKey, stop);
      yield entry;
      if (this.#left <= 0) return;
    }
    if (nextKey === undefined) strand.ended = true;
    else {
      strand.at = nextKey;
      this.#readOn(strand, nextKey, stop);
    }
  }

  async #make(row: Row<T>, strand: Strand<T>): Promise<T | undefined> {
    try {
      return await row.make();
    } catch (error) {
      if (!isUndecodable(error)) throw error;
      // The next loop goes on behind it.
      strand.at = row.at;
      if (this.#options.onUndecodable === 'throw') throw error;
      this.#skipped += 1;
      return undefined;
    }
  }

  #readOn(strand: Strand<T>, startKey: Item | undefined, stop: AbortSignal): void {
    if (strand.ended || strand.pending !== undefined || this.#left <= 0) return;
    strand.pending = strand.read(startKey, stop, this.#left).then((page) => ({ strand, page }));
    // Whoever has left does not hear of it.
    strand.pending.catch(() => undefined);
  }
}

/** Whether it is the item's fault, and would be so again. */
function isUndecodable(error: unknown): boolean {
  return isLeydenError(error, 'ERR_DECODE') || isLeydenError(error, 'ERR_INVALID_VALUE');
}

type Place = Item | null | 'end';

const cursorFormat = 1;

function writeCursor(places: readonly Place[]): string {
  const text = JSON.stringify([cursorFormat, places], (_name, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value,
  );
  return Buffer.from(text).toString('base64url');
}

function readCursor(action: string, cursor: string, strands: number): Place[] {
  const refused = (what: string) => new RangeError(`Cannot ${action}: cursor ${what}`);
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    throw refused('is none that a walk gave out');
  }
  const [format, places] = Array.isArray(read) ? (read as unknown[]) : [];
  if (format !== cursorFormat || !Array.isArray(places)) throw refused('is none that a walk gave out');
  if (places.length !== strands) throw refused(`is of a walk with ${places.length} segments, not ${strands}`);
  return places.map((place: unknown) => {
    if (place === null || place === 'end') return place;
    if (typeof place !== 'object') throw refused('is none that a walk gave out');
    return Object.fromEntries(Object.entries(place as object).map(([name, value]) => [name, attributeIn(value)]));
  });
}

function attributeIn(value: { readonly B?: string } & AttributeValue): AttributeValue {
  return typeof value.B === 'string' ? { B: new Uint8Array(Buffer.from(value.B, 'base64')) } : value;
}
