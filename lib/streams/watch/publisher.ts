/** Tells others of every change that is read here, for whatever carries it to them. */
import type { Batch } from '../change.js';
import type { StreamFacts } from '../stream-lookup.js';
import { tell } from '../tell.js';
import { type Fed, hasImages, imageOf, type Tap } from './tap.js';
import type { WatchHint } from './watch-hint.js';

export class Publisher implements Tap {
  readonly wantsAll = false;
  readonly #publish: (hint: WatchHint) => unknown;
  readonly #onError: (error: unknown) => void;
  #facts: StreamFacts | undefined;

  constructor(publish: (hint: WatchHint) => unknown, onError: (error: unknown) => void) {
    this.#publish = publish;
    this.#onError = onError;
  }

  wants(): boolean {
    return true;
  }

  /** Of many changes of an item the newest. */
  take({ records }: Batch<Fed>): void {
    const facts = this.#facts;
    if (facts === undefined) return;
    const newest = new Map(records.map(({ value }) => [value.keyText, value]));
    const { tableName } = facts;
    for (const fed of newest.values()) {
      const key = fed.record.dynamodb?.Keys ?? {};
      this.#tell({ tableName, key, ...(hasImages(facts) && { change: { item: imageOf(fed) } }) });
    }
  }

  onHealth(_isHealthy: boolean, facts: StreamFacts | undefined): void {
    this.#facts = facts;
  }

  /** Others poll: what was missed is found by that. */
  onDoubt(): void {}

  onRefused(): void {}

  onEnd(): void {}

  #tell(hint: WatchHint): void {
    tell(this.#publish, hint, this.#onError);
  }
}
