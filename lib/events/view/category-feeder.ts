/**
 * Feeds one view from an ordered category: every event has a number there, so each document keeps one number, and the generation too.
 *
 *   events from the checkpoint on, in order ─► documents ─► checkpoint
 */
import type { ItemAtom } from '../../atom/index.js';
import type { PlacedEvent } from '../together/read-category.js';
import { applyEvents } from './apply-events.js';
import { BoundedMap } from './bounded-map.js';
import { Documents } from './documents.js';
import { categorySource, type Generation, generationName } from './generation.js';
import type { Log } from './log.js';
import type { AnyView } from './view.js';
import { ViewPointer } from './view-pointer.js';

interface Fed {
  readonly documents: Documents;
  readonly checkpoint: ItemAtom<number, number>;
}

const generationsMax = 4;

export class CategoryFeeder {
  readonly view: AnyView;
  readonly pointer: ViewPointer;
  readonly #log: Log;
  readonly #source: string;
  readonly #fed = new BoundedMap<number, Fed>(generationsMax);

  constructor(log: Log, view: AnyView, category: string) {
    this.view = view;
    this.#log = log;
    this.#source = categorySource(category);
    this.pointer = new ViewPointer(log.table, log.facts.store, view);
  }

  of({ id }: Generation): Fed {
    let fed = this.#fed.get(id);
    if (fed === undefined) {
      const { table } = this.#log;
      const name = generationName(this.pointer.name, id);
      const positionOf = ({ position }: { readonly position?: number }) => [this.#source, position as number] as const;
      const checkpoint = table.atomOf<number>(table.keyNamed(`${name}/position`), { initial: 0 });
      fed = { documents: new Documents({ table, view: this.view, name, positionOf }), checkpoint };
      this.#fed.set(id, fed);
    }
    return fed;
  }

  /** Position of the last event that is in all documents of the generation that is to be fed first: the one that is served, as a rule. */
  async position(signal?: AbortSignal): Promise<number> {
    const [first] = await this.pointer.toFeed(this.#source, signal);
    return this.positionIn(first as Generation, signal);
  }

  positionIn(generation: Generation, signal?: AbortSignal): Promise<number> {
    return this.of(generation).checkpoint.deref({ signal });
  }

  /**
   * Applies the events that come next after `after`, in order, to all generations of this version that have what is before. Of two
   * the one that has not is brought there by its rebuild.
   *
   * @returns whether the first one has.
   */
  async feed(events: readonly PlacedEvent[], after: number, signal?: AbortSignal): Promise<boolean> {
    const all = await this.pointer.toFeed(this.#source, signal);
    for (const [index, generation] of all.entries()) {
      if ((await this.positionIn(generation, signal)) >= after) await this.feedOne(generation, events, signal);
      else if (index === 0) return false;
    }
    return true;
  }

  async feedOne(generation: Generation, events: readonly PlacedEvent[], signal?: AbortSignal): Promise<void> {
    const { documents, checkpoint } = this.of(generation);
    const last = events.at(-1);
    if (last === undefined) return;
    await applyEvents(this.view, documents, events, signal);
    await checkpoint.swap((stands) => Math.max(stands, last.position), { signal });
  }
}
