/** Events applied to the documents that they are for: each document's in one write, some documents at a time. */

import { abreast } from '../abreast.js';
import type { RecordedEvent } from '../event.js';
import type { Documents } from './documents.js';
import { type AnyView, idsOf } from './view.js';
import { ProjectionError } from './view-errors.js';

/** Writes of documents under way. */
const writesAtOnce = 16;

/** @throws {ProjectionError} `ERR_PROJECTION`: some documents may have been written, which does no harm to the next call. */
export async function applyEvents(
  view: AnyView,
  documents: Documents,
  events: readonly RecordedEvent[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const perDocument = new Map<string, RecordedEvent[]>();
  for (const event of events) {
    for (const id of idsIn(view, event)) {
      const list = perDocument.get(id);
      if (list === undefined) perDocument.set(id, [event]);
      else list.push(event);
    }
  }
  await abreast(perDocument, writesAtOnce, ([id, list]) => documents.apply(id, list, signal));
}

function idsIn(view: AnyView, event: RecordedEvent): readonly string[] {
  try {
    return idsOf(view, event);
  } catch (error) {
    throw new ProjectionError(view.name, { event, why: `id threw: ${(error as Error)?.message}` }, error);
  }
}
