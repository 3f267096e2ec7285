/** What a caller of `appendAll` gives, and what is refused of it at once. */

import { transactionActionsMax } from '../../engine/index.js';
import { requireOptions } from '../call-options.js';
import type { EventInput, EventMetadata } from '../event.js';
import { bytesOf, encodeEvent } from '../event-line.js';
import { type ExpectedVersion, expectedIn } from '../expected-version.js';
import type { OpenStream } from '../open-stream.js';
import { requireCommandId } from '../receipts.js';
import { requireStreamName } from '../stream-name.js';
import type { StreamPart } from './append-all.js';
import type { Categories } from './categories.js';

/** What is appended to one of several streams. */
export interface StreamEntry<E extends EventInput = EventInput> {
  readonly stream: string;
  /** None: the stream is only checked to be at what is expected. */
  readonly events: readonly E[];
  /** What the stream must be at. @defaultValue 'any' */
  readonly expected?: ExpectedVersion;
}

/** What is the same for all entries. */
export interface SharedFacts {
  readonly metadata: EventMetadata | undefined;
  readonly commandId: string | undefined;
  readonly categories: Categories;
  readonly open: (stream: string) => OpenStream;
}

/** @throws TypeError, RangeError for what can't be appended together. */
export function requireEntries(entries: readonly StreamEntry[], shared: SharedFacts): StreamPart[] {
  const { metadata, commandId, categories, open } = shared;
  if (!Array.isArray(entries)) {
    throw new TypeError(`Cannot append to several streams: must be given an array: ${typeof entries}`);
  }
  const categoriesTouched = new Set<string>();
  const streams = new Set<string>();
  for (const entry of entries as readonly StreamEntry[]) {
    requireOptions<StreamEntry>('append to several streams', entry, { stream: true, events: true, expected: true });
    const { stream, events } = entry;
    requireStreamName('append', stream);
    if (!Array.isArray(events)) {
      throw new TypeError(`Cannot append to stream ${stream}: events must be an array: ${typeof events}`);
    }
    if (streams.has(stream)) throw new TypeError(`Cannot append to several streams: ${stream} is there twice`);
    streams.add(stream);
    const { category, isOrdered } = categories.orderOf(stream);
    if (isOrdered) categoriesTouched.add(category);
  }
  const most = transactionActionsMax - categoriesTouched.size;
  if (streams.size > most) {
    const beside = categoriesTouched.size === 0 ? '' : ` beside their ${categoriesTouched.size} ordered categories`;
    throw new RangeError(
      `Cannot append to several streams: there are ${streams.size}, the limit is ${most}${beside}; append in several calls`,
    );
  }
  return entries.map((entry: StreamEntry) => {
    const { stream, events } = entry;
    const lines = events.map((event) => encodeEvent(event, metadata));
    const id = lines.length === 0 ? undefined : (commandId ?? lines[0]?.content().i);
    if (id !== undefined) requireCommandId(id);
    const own = open(stream);
    own.journal.requireSize(bytesOf(lines));
    return { open: own, lines, expected: expectedIn(entry), commandId: id };
  });
}
