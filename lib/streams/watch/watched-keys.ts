/** The watched atoms, by key: hands each its own changes, of many the newest. */
import type { WatchChange, WatchListener, WatchTarget } from '../../atom/index.js';
import type { Batch } from '../change.js';
import type { StreamFacts } from '../stream-lookup.js';
import { bareTableName, type Fed, hasImages, imageOf, type Tap } from './tap.js';

interface Subscribed {
  readonly target: WatchTarget;
  readonly listener: WatchListener;
}

export class WatchedKeys implements Tap {
  readonly wantsAll = false;
  readonly #byKey = new Map<string, Set<Subscribed>>();
  #isHealthy = false;
  #facts: StreamFacts | undefined;

  /** How many atoms are watched. */
  get size(): number {
    return this.#byKey.size;
  }

  /** Gives what ends it. */
  add(target: WatchTarget, listener: WatchListener): () => void {
    const subscribed = { target, listener };
    const { keyText } = target;
    const here = this.#byKey.get(keyText) ?? new Set();
    this.#byKey.set(keyText, here);
    here.add(subscribed);
    // In a turn of its own: nobody expects an answer before the subscription is there.
    queueMicrotask(() => {
      if (this.#isHealthy && here.has(subscribed) && this.#isOurs(subscribed)) listener.onHealth(true);
    });
    return () => {
      here.delete(subscribed);
      if (here.size === 0 && this.#byKey.get(keyText) === here) this.#byKey.delete(keyText);
    };
  }

  wants(keyText: string): boolean {
    return this.#byKey.has(keyText);
  }

  take({ records }: Batch<Fed>): void {
    const newest = new Map<string, Fed>();
    for (const { value } of records) if (this.#byKey.has(value.keyText)) newest.set(value.keyText, value);
    const withImages = this.#facts !== undefined && hasImages(this.#facts);
    for (const fed of newest.values()) this.tell(fed.keyText, withImages ? { item: imageOf(fed) } : undefined);
  }

  /** Tells those who watch `keyText`, in this table if one is named. */
  tell(keyText: string, change: WatchChange | undefined, tableName?: string): void {
    for (const subscribed of [...(this.#byKey.get(keyText) ?? [])]) {
      const isMeant =
        tableName === undefined ? this.#isOurs(subscribed) : bareTableName(subscribed.target.tableName) === tableName;
      if (isMeant) subscribed.listener.onHint(change);
    }
  }

  onHealth(isHealthy: boolean, facts: StreamFacts | undefined): void {
    this.#isHealthy = isHealthy;
    this.#facts = facts;
    for (const subscribed of this.#all()) if (this.#isOurs(subscribed)) subscribed.listener.onHealth(isHealthy);
  }

  onDoubt(): void {
    for (const { listener } of this.#all()) listener.onHint();
  }

  /** It listens no more: whoever comes later is told anew. */
  left(): void {
    this.#isHealthy = false;
  }

  /** They poll. */
  onRefused(): void {}

  onEnd(): void {
    this.onHealth(false, this.#facts);
  }

  /** Names of the tables that are watched here, but are not that of the stream. */
  strangers(facts: StreamFacts): string[] {
    const names = new Set([...this.#all()].map(({ target }) => target.tableName));
    return [...names].filter((name) => bareTableName(name) !== facts.tableName);
  }

  /** The names of the key attributes, partition key first, as the watched atoms have them. */
  get keyNames(): readonly string[] {
    for (const { target } of this.#all()) return Object.keys(target.key);
    return [];
  }

  /** A stream tells nothing of another table's atoms. */
  #isOurs({ target }: Subscribed): boolean {
    return this.#facts !== undefined && bareTableName(target.tableName) === this.#facts.tableName;
  }

  *#all(): Iterable<Subscribed> {
    for (const here of [...this.#byKey.values()]) yield* [...here];
  }
}
