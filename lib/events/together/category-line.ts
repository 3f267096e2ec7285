/**
 * What the journal of an ordered category says: which events of which streams come next.
 *
 *   ["account-7",5,12,3]     events 5, 6 and 7 of stream account-7; they are in its commit 12, in page 3 or later
 *   (empty)                  one empty line for each further event of the range
 *   (empty)
 *   ["account-9",1,1,0]
 *
 * So each line stands for one event, and the sequence number of a line in the journal is the position of its event: dense, and
 * found without an index. What repeats takes next to no room once it is packed.
 */
import type { Draft } from '../../journal/index.js';

/** Events of one stream that were appended together. */
export interface CategoryRange {
  readonly stream: string;
  /** Sequence number, in its stream, of the first of them. */
  readonly from: number;
  readonly count: number;
  /** Where they are in the stream's journal: the place of the commit, and a page that is not behind it. */
  readonly place: number;
  readonly page: number;
}

/** A range whose place in the order is known. */
export interface PlacedRange extends CategoryRange {
  /** Position of the first of them. */
  readonly position: number;
  /** Sequence number of the first event of the commit. */
  readonly first: number;
}

/** The lines of some ranges. */
function textOfRanges(ranges: readonly CategoryRange[]): string {
  const texts = ranges.map(({ stream, from, count, place, page }) => {
    return JSON.stringify([stream, from, place, page]) + '\n'.repeat(count - 1);
  });
  return texts.join('\n');
}

/** What is committed to the category for some ranges: a line for each event. */
export function draftOf(ranges: readonly CategoryRange[]): Draft {
  return { text: textOfRanges(ranges), count: ranges.reduce((sum, { count }) => sum + count, 0) };
}

/** The ranges of a commit whose first line is at `first`. */
export function rangesOf(text: string, first: number): PlacedRange[] {
  if (text === '') return [];
  const ranges: (PlacedRange & { count: number })[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const last = ranges.at(-1);
    if (line !== '') {
      const [stream, from, place, page] = JSON.parse(line) as [string, number, number, number];
      ranges.push({ stream, from, first: from, count: 1, place, page, position: first + index });
    } else if (last !== undefined) last.count += 1;
  }
  return ranges;
}

/** What is left of a range from `position` on; `undefined` when nothing is. */
export function rangeFrom(range: PlacedRange, position: number): PlacedRange | undefined {
  const skipped = Math.max(0, position - range.position);
  if (skipped >= range.count) return undefined;
  return {
    ...range,
    from: range.from + skipped,
    position: range.position + skipped,
    count: range.count - skipped,
  };
}
