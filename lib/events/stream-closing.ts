/**
 * Streams that take no more events: archived ones, which can be read, and deleted ones, of which nothing is left but the name.
 *
 *   open ◄──► archived            a commit without events says so
 *     └──► deleting ──► deleted   'deleting' while what it has is removed; whoever reads or appends is told that it was deleted
 */
import type { Head } from '../journal/index.js';

/** How a stream is closed. */
export type Closing = 'archived' | 'deleted';

/** What the head of a journal says of its being closed. */
export const closedAs = { archived: 'archived', deleting: 'deleting', deleted: 'deleted' } as const;

/** What the head of a stream says of its being closed. */
export function closingOf(image: Pick<Head, 'closed'> | undefined): Closing | undefined {
  const closed = image?.closed;
  if (closed === undefined) return undefined;
  return closed === closedAs.archived ? 'archived' : 'deleted';
}
