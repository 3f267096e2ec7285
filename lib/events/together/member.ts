/** One stream's part in a transaction with the journal of its category: notes what is decided, so that the category can name it. */
import type { Base, Batch, Draft, TogetherEntry } from '../../journal/index.js';
import type { CategoryRange } from './category-line.js';
import { orderedLabel, requireOrder, type StreamOrder } from './stream-order.js';

export class Member {
  readonly entry: TogetherEntry;
  /** What the last decision appends; absent when that is nothing. */
  range: CategoryRange | undefined;
  /** Whether the last decision was to commit nothing. */
  hasDeclined = false;
  /** What the last decision has thrown. */
  error: unknown;
  readonly #order: StreamOrder;
  readonly #batch: Batch;

  constructor(order: StreamOrder, { journal, batch, body }: TogetherEntry) {
    this.#order = order;
    this.#batch = batch;
    const adopt: Batch['adopt'] = (commit) => batch.adopt?.(commit);
    const decide: Batch['decide'] = (base) => this.#decide(base);
    this.entry = { journal, body, batch: { bodyText: batch.bodyText, decide, adopt } };
  }

  /** Whether it would decline again, on the head that is known by now. */
  wouldDecline(): boolean {
    const { image } = this.entry.journal;
    if (image === undefined) return false;
    try {
      return this.#batch.decide({ image, seq: image.seq, time: image.time }) === undefined;
    } catch {
      return false;
    }
  }

  #decide(base: Base): Draft | undefined {
    const { image, seq } = base;
    this.range = undefined;
    this.error = undefined;
    try {
      requireOrder(this.#order, image);
      const draft = this.#batch.decide(base);
      this.hasDeclined = draft === undefined;
      if (draft !== undefined && draft.count > 0) {
        const { stream } = this.#order;
        this.range = { stream, from: seq + 1, count: draft.count, place: image.place + 1, page: image.pages };
      }
      return draft && this.#order.isOrdered && image.label !== orderedLabel ? { ...draft, label: orderedLabel } : draft;
    } catch (error) {
      this.error = error;
      throw error;
    }
  }
}
