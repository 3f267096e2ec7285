/**
 * The binder: puts the commits of 32 pages that were trimmed into one volume, in the background, for those who read later.
 *
 *   a commit trims the 32nd page ─► read the pages ─► put the volume ─► a later commit names it in the head
 *                                     └ pruned meanwhile: nothing is put, and it is passed over
 *
 * A volume says what its pages say, so it does not matter who puts it, how often, or whether the one who did dies before the
 * head names it: somebody binds it again. One is on its way at most.
 */
import type { WriteOnceItems } from '../atom/index.js';
import type { Clock } from '../engine/index.js';
import { chainAfter } from './chain.js';
import type { Commit } from './commit.js';
import { type GapReason, JournalGapError } from './errors.js';
import type { Head } from './head.js';
import type { JournalKeys } from './keys.js';
import { decodePage, type Page } from './page.js';
import { type BoundVolumes, isLeftover, join, positionAfter } from './protocol.js';
import type { Floor } from './spiller.js';
import { encodeVolume, volumePages } from './volume.js';

export interface BinderOptions {
  readonly name: string;
  readonly items: WriteOnceItems;
  readonly keys: JournalKeys;
  /** Told of the work of another thread. */
  readonly clock: Clock;
  /** Reads the pointer, strongly consistent. */
  readonly readFloor: () => Promise<Floor>;
  /** Told of a failure, which nobody waits for; the volume is tried again at the next trim. */
  readonly onFailure: (error: unknown) => void;
}

export class Binder {
  readonly #options: BinderOptions;
  #bound: BoundVolumes | undefined;
  /** A volume did not fit in an item: later ones would not be read, as volumes are named in order. */
  #isFull = false;
  #work: Promise<void> | undefined;

  constructor(options: BinderOptions) {
    this.#options = options;
  }

  /** What a head may name. */
  get bound(): BoundVolumes | undefined {
    return this.#bound;
  }

  /** Begins to bind the next volume of a committed head, if its pages are full, unless that is under way or done. */
  begin(image: Head): void {
    const { pages, volumes = 0 } = image;
    if (this.#isFull || this.#bound?.from === volumes || pages < (volumes + 1) * volumePages) return;
    this.#work ??= this.#bind(image, volumes)
      .catch((error) => this.#options.onFailure(error))
      .finally(() => {
        this.#work = undefined;
      });
  }

  /** Waits for what is on its way. */
  async close(): Promise<void> {
    await this.#work;
  }

  async #bind(image: Head, volume: number): Promise<void> {
    const { items, keys, clock, readFloor } = this.#options;
    const { journalId } = image;
    const first = volume * volumePages;
    const found = await this.#read(first);
    if (found.size < volumePages) {
      const { prunedTo } = await readFloor();
      if (prunedTo > first) {
        // Of those that were pruned nobody reads anything, and of the one in the middle the pages that are left.
        this.#bound = { from: volume, to: Math.max(volume + 1, Math.floor(prunedTo / volumePages)) };
        return;
      }
    }
    const content = this.#contentOf(image, first, found);
    const key = keys.volume(volume);
    const encoding = encodeVolume({ kind: 'volume', journalId, key }, content);
    const bytes = await (clock.elsewhere?.(encoding) ?? encoding);
    if (bytes === undefined || bytes.byteLength > items.bytesMax(key)) {
      this.#isFull = true;
      return;
    }
    await items.put(key, bytes);
    // It may have come after the pruner went by: then nobody else would remove it.
    if (isLeftover(await readFloor(), first + volumePages - 1)) await items.delete(key);
    this.#bound = { from: volume, to: volume + 1 };
  }

  /** The pages, at half the price; those that are missing there may be new. */
  async #read(first: number): Promise<Map<string, Uint8Array>> {
    const { items, keys } = this.#options;
    const wanted = Array.from({ length: volumePages }, (_, index) => keys.page(first + index));
    const found = await items.getMany(wanted, { consistency: 'eventual' });
    if (found.size === volumePages) return found;
    const late = await items.getMany(wanted.filter((key) => !found.has(key)));
    return new Map([...found, ...late]);
  }

  /** The commits of these pages. @throws {JournalGapError} when they are not what a reader would take. */
  #contentOf({ journalId, seq }: Head, first: number, found: ReadonlyMap<string, Uint8Array>): Page {
    const { keys, name } = this.#options;
    const commits: Commit[] = [];
    let chain: string | undefined;
    for (let page = first; page < first + volumePages; page += 1) {
      const key = keys.page(page);
      const fail = (reason: GapReason): never => {
        throw new JournalGapError(name, { key, reason, from: commits.at(-1)?.first ?? 0, to: seq });
      };
      const bytes = found.get(key) ?? fail('missing');
      const decoded = decodePage({ kind: 'page', journalId, key }, bytes);
      if (typeof decoded === 'string') return fail(decoded);
      const last = commits.at(-1);
      const joined = last === undefined ? decoded.commits : join(positionAfter(last), decoded.commits);
      if (joined === 'gap') return fail('gap');
      if (chain !== undefined) for (const commit of joined) chain = chainAfter(chain, commit);
      if (chain !== undefined && chain !== decoded.chain) return fail('diverged');
      chain = decoded.chain;
      commits.push(...joined);
    }
    return { commits, chain: chain as string };
  }
}
