/** Streams that take no more events: archived ones, which can be read, and deleted ones, of which nothing is left but the name. */
import type { Head } from '../journal/index.js';

/** What the head of a stream says of its being closed. */
export function closingOf(image: Head | undefined): 'archived' | 'deleted' | undefined {
  const closed = image?.closed;
  if (closed === undefined) return undefined;
  return closed === 'archived' ? 'archived' : 'deleted';
}
