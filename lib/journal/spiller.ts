/**
 * The spiller: puts the committed tail of the head into the next page ahead of need, so that the next commit can trim it.
 *
 *   tail grows ─► page k = tail, put if absent ─► known: page k holds n commits ─► the next commit trims n
 *                     └ exists, or no answer: read it; what stands there counts, whoever put it
 *
 * Whose commit makes the tail long puts the page; the others read it once they need it, since a put that fails costs as much as
 * one that does not. One page is on its way at most. A page that was put here and trimmed by somebody else may have come after the pruner went by:
 * then nobody else would ever remove it, so it is looked back at once.
 */
import type { WriteOnceItems } from '../atom/index.js';
import { type Clock, systemClock } from '../engine/index.js';
import type { Commit } from './commit.js';
import { JournalGapError } from './errors.js';
import type { Head } from './head.js';
import type { JournalKeys } from './keys.js';
import { decodePage, encodePage } from './page.js';
import { isLeftover, knowsPage } from './protocol.js';

/** What was pruned so far, as the pointer says. */
export interface Floor {
  /** Pages below may be gone. */
  readonly prunedTo: number;
  /** Pages below are gone. */
  readonly sweptTo: number;
  /** All goes, and who removes it still reads the pages, for what they name. */
  readonly isErasing?: boolean;
}

export interface SpillerOptions {
  readonly name: string;
  readonly items: WriteOnceItems;
  readonly keys: JournalKeys;
  /** Reads the pointer, strongly consistent. */
  readonly readFloor: () => Promise<Floor>;
  /** Awaited before commits of a page may leave the head. */
  readonly beforeTrim?: ((commits: readonly Commit[]) => Promise<void>) | undefined;
  /** Awaited when a page was put too late, as these commits were pruned, or the journal was erased. */
  readonly onLeftover?: ((commits: readonly Commit[]) => Promise<void>) | undefined;
  /** @defaultValue the process's clocks */
  readonly clock?: Clock;
  /** Told of a failure that nobody waits for; the page is tried again at the next need. */
  readonly onFailure: (error: unknown) => void;
}

/** A page that was put here. */
interface Placed {
  readonly page: number;
  readonly commits: readonly Commit[];
}

/** What takes longer may have been overtaken by who erases the journal. */
const slowMs = 1_000;

export class Spiller {
  readonly #options: SpillerOptions;
  /** Of which page is known how many commits it holds. */
  #known: { readonly page: number; readonly count: number } | undefined;
  /** The last page that was put here, until it is known who trimmed it. */
  #placed: Placed | undefined;
  #work: Promise<void> | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: SpillerOptions) {
    this.#options = options;
  }

  get known(): { readonly page: number; readonly count: number } | undefined {
    return this.#known;
  }

  /**
   * Begins to put the tail of a committed head into the next page, unless that is under way or done. `looksFirst`: somebody
   * else has probably done it.
   */
  begin(image: Head, looksFirst: boolean): void {
    if (this.#known?.page === image.pages || image.tail.length === 0) return;
    this.#work ??= this.#spill(image, looksFirst)
      .catch((error) => this.#options.onFailure(error))
      .finally(() => {
        this.#work = undefined;
      });
  }

  /** Waits until the next page of `image` is known, or no page is on its way. */
  async wait(image: Head): Promise<void> {
    await this.#work;
    if (this.#known?.page === image.pages) return;
    // One try that may fail in the face of who waits.
    this.#work = this.#spill(image, true).finally(() => {
      this.#work = undefined;
    });
    await this.#work;
  }

  /** Told of each head that was seen: `trimmed` is the page that a commit from here has just trimmed. */
  saw(image: Head, trimmed: number | undefined): void {
    const placed = this.#placed;
    const isErased = image.closed !== undefined && image.tail.length === 0;
    if (placed === undefined || (image.pages <= placed.page && !isErased)) return;
    this.#placed = undefined;
    if (placed.page !== trimmed) this.#looking = this.#lookBack(placed);
  }

  /** Waits for what is on its way. */
  async close(): Promise<void> {
    await this.#work;
    await this.#looking;
  }

  async #spill(image: Head, looksFirst: boolean): Promise<void> {
    const { clock = systemClock } = this.#options;
    const since = clock.monotonicMs();
    if (!looksFirst || !(await this.#look(image))) await this.#put(image);
    // The head that it was made of may be of long ago.
    if (clock.monotonicMs() - since > slowMs) await this.#lookBack({ page: image.pages, commits: image.tail });
  }

  async #put(image: Head): Promise<void> {
    const { items, keys } = this.#options;
    const { journalId, pages, tail, chain } = image;
    const key = keys.page(pages);
    const place = { kind: 'page', journalId, key } as const;
    const answer = await items.putIfAbsent(key, encodePage(place, { commits: tail, chain }));
    if (answer !== 'exists') this.#placed = { page: pages, commits: tail };
    if (knowsPage(answer)) await this.#know(pages, tail);
    else await this.#look(image);
  }

  /** Reads the next page. Not there: a put may still arrive, or somebody's page was pruned away meanwhile. The head will tell. */
  async #look({ journalId, pages, seq }: Head): Promise<boolean> {
    const { items, keys, name } = this.#options;
    const key = keys.page(pages);
    const bytes = await items.get(key);
    if (bytes === undefined) return false;
    const page = decodePage({ kind: 'page', journalId, key }, bytes);
    if (typeof page === 'string') throw new JournalGapError(name, { key, reason: page, from: seq, to: seq });
    await this.#know(pages, page.commits);
    return true;
  }

  /** From now on a commit from here trims what the page holds. */
  async #know(page: number, commits: readonly Commit[]): Promise<void> {
    await this.#options.beforeTrim?.(commits);
    this.#known = { page, count: commits.length };
  }

  /** Removes a page that came after the pruner had gone by, or who erased the journal. */
  async #lookBack({ page, commits }: Placed): Promise<void> {
    const { items, keys, readFloor, onLeftover, onFailure } = this.#options;
    try {
      const floor = await readFloor();
      if (!isLeftover(floor, page)) return;
      await onLeftover?.(commits);
      if (floor.isErasing !== true) await items.delete(keys.page(page));
    } catch (error) {
      onFailure(error);
    }
  }
}
