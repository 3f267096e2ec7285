/** The objects that were seen last, each with its ETag: what the next PUT is made conditional on, without a look before it. */
import type { Item } from '../codec/index.js';

export interface Seen {
  readonly item: Item;
  readonly etag: string;
}

/** A system has two that change, its head and its pointer; the rest are written once. */
const seenMax = 16;

export class SeenItems {
  readonly #seen = new Map<string, Seen>();

  get(key: string): Seen | undefined {
    return this.#seen.get(key);
  }

  /** An object without an ETag can't be named: it is forgotten. */
  note(key: string, item: Item, etag: string | undefined): Seen | undefined {
    this.#seen.delete(key);
    if (etag === undefined) return undefined;
    const seen = { item, etag };
    this.#seen.set(key, seen);
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= seenMax) break;
      this.#seen.delete(oldest);
    }
    return seen;
  }

  forget(key: string): void {
    this.#seen.delete(key);
  }
}
