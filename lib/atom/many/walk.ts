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
import type { AttributeValue, Item } from '../../codec/index.js';
import { unlessAborted } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';

/** One item of a page. */
export interface Row<T> {
  /** The key to go on behind it; `undefined` where that can't be told, as not all of its attributes are known by name. */
  readonly at: Item | undefined;
  /** Its primary key. */
  readonly id: Item;
  /** What is yielded; `undefined` when it is nothing to yield. */
  make(): Promise<T | undefined>;
}

interface RowPage<T> {
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
  /** And there behind the item with this primary key. */
  behind: Item | undefined;
  ended: boolean;
  pending: Promise<RowPage<T>> | undefined;
}

interface Arrival<T> {
  readonly strand: Strand<T>;
  readonly page: RowPage<T>;
}

/** One loop over a walk. */
interface Loop<T> {
  readonly stop: AbortSignal;
  readonly arrivals: Arrivals<T>;
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
      const [at, behind] = place === 'end' || place === undefined ? [] : place;
      return { read, at: at ?? undefined, behind: behind ?? undefined, ended: place === 'end', pending: undefined };
    });
    this.#left = options.limit ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Where the walk stands: behind the last entry that was yielded. Given as `cursor` to the same call, in this process or another, the
   * walk goes on there.
   */
  get cursor(): string {
    return writeCursor(this.#strands.map(({ at, behind, ended }) => (ended ? 'end' : [at ?? null, behind ?? null])));
  }

  /** Items that were passed over under `onUndecodable: 'skip'`. */
  get skipped(): number {
    return this.#skipped;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    const { action, signal } = this.#options;
    if (this.#walking) throw new TypeError(`Cannot ${action} atoms: another loop over this very walk has not ended`);
    signal?.throwIfAborted();
    this.#walking = true;
    const stop = new AbortController();
    const loop: Loop<T> = { stop: stop.signal, arrivals: new Arrivals() };
    try {
      for (const strand of this.#strands) this.#readOn(strand, strand.at, loop, 0);
      while (this.#left > 0 && this.#strands.some(({ pending }) => pending !== undefined)) {
        yield* this.#take(await loop.arrivals.next(signal), loop);
      }
    } finally {
      stop.abort();
      for (const strand of this.#strands) strand.pending = undefined;
      this.#walking = false;
    }
  }

  /** Yields what is on a page that has come. */
  async *#take({ strand, page }: Arrival<T>, loop: Loop<T>): AsyncGenerator<T, void, void> {
    const { signal } = this.#options;
    const { nextKey } = page;
    const rows = behindOf(page.rows, strand.behind);
    strand.pending = undefined;
    for (const [index, row] of rows.entries()) {
      signal?.throwIfAborted();
      const entry = await this.#make(row, strand);
      pass(strand, row);
      if (entry === undefined) continue;
      this.#left -= 1;
      const rest = rows.length - (index + 1);
      if (nextKey !== undefined && 2 * rest <= rows.length) this.#readOn(strand, nextKey, loop, rest);
      yield entry;
      if (this.#left <= 0) return;
    }
    strand.behind = undefined;
    if (nextKey === undefined) strand.ended = true;
    else {
      strand.at = nextKey;
      this.#readOn(strand, nextKey, loop, 0);
    }
  }

  async #make(row: Row<T>, strand: Strand<T>): Promise<T | undefined> {
    try {
      return await unlessAborted(row.make(), this.#options.signal);
    } catch (error) {
      if (!isUndecodable(error)) throw error;
      // The next loop goes on behind it.
      pass(strand, row);
      if (this.#options.onUndecodable === 'throw') throw error;
      this.#skipped += 1;
      return undefined;
    }
  }

  /** Asks for the next page, unless those that `rest` of this one still brings are enough. */
  #readOn(strand: Strand<T>, startKey: Item | undefined, { stop, arrivals }: Loop<T>, rest: number): void {
    if (strand.ended || strand.pending !== undefined || this.#left <= rest) return;
    strand.pending = strand.read(startKey, stop, this.#left - rest);
    arrivals.expect(strand.pending, strand);
  }
}

/**
 * Pages, in the order in which they come. A race of promises would do, but each page that wins one is held on to by whatever has lost it
 * and is not settled yet: all pages of a table, in the end.
 */
class Arrivals<T> {
  readonly #come: (() => Arrival<T>)[] = [];
  #wake = (): void => {};

  expect(pending: Promise<RowPage<T>>, strand: Strand<T>): void {
    const come = (arrival: () => Arrival<T>) => {
      this.#come.push(arrival);
      this.#wake();
    };
    pending.then(
      (page) => come(() => ({ strand, page })),
      (error: unknown) =>
        come(() => {
          throw error;
        }),
    );
  }

  /** The next one; rejects with what stood in its way, or with `signal.reason`. */
  async next(signal: AbortSignal | undefined): Promise<Arrival<T>> {
    for (;;) {
      signal?.throwIfAborted();
      const arrival = this.#come.shift();
      if (arrival !== undefined) return arrival();
      const woken = new Promise<void>((wake) => {
        this.#wake = wake;
      });
      await unlessAborted(woken, signal);
    }
  }
}

/** The strand stands behind this row now. */
function pass<T>(strand: Strand<T>, { at, id }: Row<T>): void {
  if (at !== undefined) strand.at = at;
  strand.behind = at === undefined ? id : undefined;
}

/** The rows behind the one with this primary key; all of them when it is gone from here. */
function behindOf<T>(rows: readonly Row<T>[], id: Item | undefined): readonly Row<T>[] {
  if (id === undefined) return rows;
  const wanted = textOf(id);
  return rows.slice(rows.findIndex((row) => textOf(row.id) === wanted) + 1);
}

/** Whether it is the item's fault, and would be so again. */
function isUndecodable(error: unknown): boolean {
  return isLeydenError(error, 'ERR_DECODE') || isLeydenError(error, 'ERR_INVALID_VALUE');
}

/** `[at, behind]` of a strand. */
type Place = readonly [Item | null, Item | null] | 'end';

const cursorFormat = 1;

function writeCursor(places: readonly Place[]): string {
  return Buffer.from(textOf([cursorFormat, places])).toString('base64url');
}

function readCursor(action: string, cursor: string, strands: number): Place[] {
  const refused = (what: string) => new RangeError(`Cannot ${action} atoms: cursor ${what}`);
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    // Told below.
  }
  const [format, places] = Array.isArray(read) ? (read as unknown[]) : [];
  if (format !== cursorFormat || !Array.isArray(places) || !places.every(isPlace)) {
    throw refused('is none that a walk gave out');
  }
  if (places.length !== strands) throw refused(`is of a walk with ${places.length} segments, not ${strands}`);
  return places.map((place) => (place === 'end' ? place : [itemIn(place[0]), itemIn(place[1])]));
}

function isPlace(place: unknown): place is Place {
  return (
    place === 'end' || (Array.isArray(place) && place.length === 2 && place.every((one) => typeof one === 'object'))
  );
}

function itemIn(item: Item | null): Item | null {
  if (item === null) return null;
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, attributeIn(value as never)]));
}

function attributeIn(value: { readonly B?: string } & AttributeValue): AttributeValue {
  return typeof value.B === 'string' ? { B: new Uint8Array(Buffer.from(value.B, 'base64')) } : value;
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_name, one: unknown) =>
    one instanceof Uint8Array ? Buffer.from(one).toString('base64') : one,
  );
}
