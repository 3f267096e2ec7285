/** Loading an aggregate as of now, for whoever only wants to look at it. */
import { isLeydenError } from '../../errors.js';
import { StreamClosedError } from '../errors.js';
import type { OpenStream } from '../open-stream.js';
import { closingOf } from '../stream-closing.js';
import { readingError } from '../stream-reader.js';
import type { AnyAggregateType } from './aggregate-type.js';
import type { Folded } from './fold.js';

/** Times that a stream may be pruned beyond the head that was read. */
const racesMax = 10;

export async function loadAggregate(
  open: OpenStream,
  type: AnyAggregateType,
  signal: AbortSignal | undefined,
): Promise<Folded> {
  const { stream, state } = open.facts;
  let image = await open.journal.readHead(signal);
  for (let race = 1; ; race += 1) {
    if (closingOf(image) === 'deleted') throw new StreamClosedError('load from', stream, 'deleted');
    try {
      return await state.load(type, image, open.journal, signal);
    } catch (error) {
      const isPruned = isLeydenError(error, 'ERR_STREAM_PRUNED') && race < racesMax;
      const newer = isPruned ? await open.journal.readHead(signal) : undefined;
      // All snapshots that are there are of a head that has come since.
      if (newer === undefined || newer.place === image?.place) throw await readingError(open, 1, error);
      image = newer;
    }
  }
}
