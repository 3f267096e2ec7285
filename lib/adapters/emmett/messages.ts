/**
 * Events as Emmett has them, and as the store has them.
 *
 *   Emmett                                              store
 *   { type, data, metadata: { by }, kind: 'Event' }  ─► { type, data, metadata: { by } }
 *   the same, and in its metadata                    ◄─ { …, stream, seq, id, position? }
 *     streamName, streamPosition, messageId, globalPosition?
 */
import type { Event, ReadEvent, ReadEventMetadataWithoutGlobalPosition } from '@event-driven-io/emmett';
import type { EventInput, EventMetadata, RecordedEvent } from '../../events/index.js';

/** What is said of each message beside what its writer said. There is a `globalPosition` only for events of an ordered category. */
export type LeydenReadEventMetadata = ReadEventMetadataWithoutGlobalPosition;

/** An event as a reader finds it. */
export type LeydenReadEvent<E extends Event = Event> = ReadEvent<E, LeydenReadEventMetadata>;

/** Names in the metadata that are the store's to give. What came from another store must not be taken for this one's. */
const given: readonly string[] = ['messageId', 'streamName', 'streamPosition', 'globalPosition'];

/** @throws TypeError for a message that is no event: it would come back as one. */
export function toInput(message: Event): EventInput {
  if (typeof message !== 'object' || message === null) {
    throw new TypeError(
      `Cannot append: an event must be an object with a type: ${message === null ? 'null' : typeof message}`,
    );
  }
  const { type, data, kind = 'Event' } = message;
  if (kind !== 'Event') {
    throw new TypeError(`Cannot append: kind of a message must be 'Event': ${JSON.stringify(kind)}`);
  }
  return { type, data, metadata: ownMetadataOf(message) };
}

function ownMetadataOf(message: Event): EventMetadata | undefined {
  const { metadata } = message as { readonly metadata?: EventMetadata };
  // What is no object is refused by the store, which says why.
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) return metadata ?? undefined;
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => !given.includes(name)));
}

/** An event that was read. */
export function toReadEvent<E extends Event>(event: RecordedEvent): LeydenReadEvent<E> {
  const { type, data, metadata } = event;
  return { type, data, kind: 'Event', metadata: { ...metadata, ...placeOf(event) } } as unknown as LeydenReadEvent<E>;
}

/** An event that was appended, as its writer gave it. */
export function toAppended<E extends Event>(message: E, event: RecordedEvent): LeydenReadEvent<E> {
  const { metadata } = message as { readonly metadata?: object };
  return { ...message, kind: 'Event', metadata: { ...metadata, ...placeOf(event) } } as unknown as LeydenReadEvent<E>;
}

function placeOf({ stream, seq, id, position }: RecordedEvent) {
  return {
    streamName: stream,
    messageId: id,
    streamPosition: BigInt(seq),
    ...(position !== undefined && { globalPosition: BigInt(position) }),
  };
}
