/** The categories of a store: which of them are in order, and how a stream's commits get there. */
import type { AtomTable } from '../../atom/index.js';
import type { Appended, TogetherEntry } from '../../journal/index.js';
import { categoryOf as categoryOfName, escapeName, escapeType } from '../stream-name.js';
import { Category, type CategoryFacts } from './category.js';
import { Member } from './member.js';
import { orderedLabel, requireOrder, type StreamOrder, streamLabel } from './stream-order.js';

/** Options of an event store that say what is in order. */
export interface CategoryOptions {
  /**
   * Categories whose events have one order: their names, or all of them (`true`). Each append to a stream of such a category is a
   * transaction with the category's journal. All stores that append to it have to say so.
   * @defaultValue none
   */
  readonly ordered?: true | readonly string[] | undefined;
  /**
   * The category of a stream; the same in all stores.
   * @defaultValue the part of its name before the first '-'
   */
  readonly categoryOf?: ((stream: string) => string) | undefined;
}

export interface CategoriesFacts extends CategoryOptions {
  readonly table: AtomTable;
  readonly store: string;
  readonly onWarning: (warning: unknown) => void;
}

function isNames(ordered: unknown): boolean {
  return Array.isArray(ordered) && ordered.every((name) => typeof name === 'string');
}

export class Categories {
  readonly #facts: CategoriesFacts;
  readonly #open = new Map<string, Category>();

  constructor(facts: CategoriesFacts) {
    const { ordered, categoryOf } = facts;
    if (ordered !== undefined && ordered !== true && !isNames(ordered)) {
      throw new TypeError(`Cannot open an event store: ordered must be true, or an array of names: ${typeof ordered}`);
    }
    for (const name of ordered === true || categoryOf !== undefined ? [] : (ordered ?? [])) {
      if (categoryOfName(name) === name) continue;
      const escaped = JSON.stringify(escapeType(name));
      throw new RangeError(
        `Cannot open an event store: no stream is in category ${JSON.stringify(name)}, as a category ends at the first '-'; ` +
          `aggregates of a type of this name are in ${escaped}`,
      );
    }
    if (categoryOf !== undefined && typeof categoryOf !== 'function') {
      throw new TypeError(`Cannot open an event store: categoryOf must be a function: ${typeof categoryOf}`);
    }
    this.#facts = facts;
  }

  isOrdered(category: string): boolean {
    const { ordered = [] } = this.#facts;
    return ordered === true || ordered.includes(category);
  }

  orderOf(stream: string): StreamOrder {
    const { categoryOf = categoryOfName } = this.#facts;
    const category = categoryOf(stream);
    if (typeof category !== 'string') {
      throw new TypeError(
        `Cannot tell the category of stream ${stream}: categoryOf must return a string: ${typeof category}`,
      );
    }
    return { stream, category, isOrdered: this.isOrdered(category) };
  }

  /** Labels of a stream's journal: of a new one, and those that are read. */
  labelsOf(stream: string): { readonly label: string; readonly otherLabels: readonly string[] } {
    const { isOrdered } = this.orderOf(stream);
    const label = isOrdered ? orderedLabel : streamLabel;
    return { label, otherLabels: [isOrdered ? streamLabel : orderedLabel] };
  }

  /** Commits to one stream: alone, or with its category. */
  commit(stream: string, entry: TogetherEntry): Promise<Appended> {
    const order = this.orderOf(stream);
    if (order.isOrdered) return this.of(order.category).commit(new Member(order, entry));
    const { journal, batch, body } = entry;
    const { bodyText, adopt } = batch;
    const decide: typeof batch.decide = (base) => {
      requireOrder(order, base.image);
      return batch.decide(base);
    };
    return journal.append({ bodyText, decide, ...(adopt !== undefined && { adopt }) }, body);
  }

  of(category: string): Category {
    let open = this.#open.get(category);
    if (open === undefined) {
      open = new Category(this.factsOf(category));
      this.#open.set(category, open);
    }
    return open;
  }

  factsOf(category: string): CategoryFacts {
    const { table, store, onWarning } = this.#facts;
    return { table, onWarning, journal: `${store}/@category/${escapeName(category)}` };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((category) => category.close()));
  }
}
