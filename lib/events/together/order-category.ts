/**
 * Brings a category into order: each of its streams that was begun without one is entered, with all of its events, in one transaction
 * with the category's journal; from then on its appends have to go through that.
 */
import type { AtomTable } from '../../atom/index.js';
import { appendTogether, type Batch, type Journal } from '../../journal/index.js';
import { type CategoryFacts, openCategory } from './category.js';
import { type CategoryRange, draftOf } from './category-line.js';
import { orderedLabel } from './stream-order.js';

/** A stream, and a journal object that nothing else uses. */
export interface OrderedStream {
  readonly stream: string;
  readonly journal: Journal;
}

/** @returns the number of streams that were brought in. */
export async function orderStreams(
  table: AtomTable,
  facts: CategoryFacts,
  streams: AsyncIterable<OrderedStream>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const category = openCategory(facts);
  let count = 0;
  for await (const { stream, journal } of streams) {
    signal?.throwIfAborted();
    let ranges: CategoryRange[] = [];
    const entering: Batch = {
      // An archived stream has its place in the order as well.
      claims: true,
      decide: ({ image, seq }) => {
        if (image.label === orderedLabel || seq === 0) return undefined;
        ranges = [{ stream, from: 1, count: seq, place: 1, page: 0 }];
        return { text: '', count: 0, label: orderedLabel };
      },
    };
    const naming: Batch = { decide: () => draftOf(ranges) };
    const entries = [
      { journal, batch: entering },
      { journal: category, batch: naming },
    ];
    const [appended] = await appendTogether(table, entries, { signal });
    if (appended?.status === 'applied') count += 1;
    await journal.close();
  }
  await category.close();
  return count;
}
