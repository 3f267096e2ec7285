/**
 * Bodies that other writers will probably name next, fetched before they do.
 *
 *   writer A   commit n ── puts body n + 1 ────────────────── its turn: commit n + 1
 *   writer B        └ sees commit n ── fetches body n + 1 ──┘         └ has it already, and is next
 *
 * Numbers are dense and a number names one content, so what to fetch is known, and an eventually consistent read, at half the
 * price, will do: what it finds is right, and what it does not find is fetched later as before. Only a writer that waits for
 * its turn does so: it would otherwise read the body between the other's commit and its own.
 */
import type { WriteOnceItems } from '../atom/index.js';
import type { JournalKeys } from './keys.js';
import type { BodyName } from './protocol.js';

/** Writers that are watched, and bytes that are kept. */
const writersMax = 8;
const bytesMax: number = 4 * 1_024 * 1_024;

export class BodiesAhead {
  readonly #items: WriteOnceItems;
  readonly #keys: JournalKeys;
  /** The oldest first. */
  readonly #kept = new Map<string, Uint8Array>();
  #bytes = 0;
  #fetching = false;

  constructor(items: WriteOnceItems, keys: JournalKeys) {
    this.#items = items;
    this.#keys = keys;
  }

  /** Fetches what is named here, if it is there, unless that is under way. */
  expect(names: readonly BodyName[]): void {
    if (this.#fetching) return;
    const keys = names.slice(0, writersMax).map(({ writer, n }) => this.#keys.body(writer, n, 0));
    const wanted = keys.filter((key) => !this.#kept.has(key));
    if (wanted.length === 0) return;
    this.#fetching = true;
    this.#items
      .getMany(wanted, { consistency: 'eventual' })
      .then(
        (found) => {
          for (const [key, bytes] of found) this.#keep(key, bytes);
        },
        // It was worth a try. Who needs it will read it, and be told what is wrong.
        () => {},
      )
      .finally(() => {
        this.#fetching = false;
      });
  }

  /** Takes out those of `keys` that are here. */
  take(keys: readonly string[]): Map<string, Uint8Array> {
    const taken = new Map<string, Uint8Array>();
    for (const key of keys) {
      const bytes = this.#kept.get(key);
      if (bytes === undefined) continue;
      taken.set(key, bytes);
      this.#drop(key, bytes);
    }
    return taken;
  }

  #keep(key: string, bytes: Uint8Array): void {
    this.#kept.set(key, bytes);
    this.#bytes += bytes.byteLength;
    for (const [oldest, content] of this.#kept) {
      if (this.#bytes <= bytesMax) return;
      this.#drop(oldest, content);
    }
  }

  #drop(key: string, bytes: Uint8Array): void {
    this.#kept.delete(key);
    this.#bytes -= bytes.byteLength;
  }
}
