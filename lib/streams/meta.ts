/**
 * What is known of a record beside what a parser makes of it.
 *
 * Engines differ in their words: DynamoDB Local calls a deletion by time to live `UNKNOWN_TO_SDK_VERSION` and does not say who did it.
 * So where a stream has both images they tell what happened, and the name is asked only where they cannot.
 */
import type { RecordMeta } from './change.js';
import type { StreamRecord } from './port.js';

/** Who deletes by time to live. */
const ttlPrincipal = 'dynamodb.amazonaws.com';

export function metaOf(shardId: string, record: StreamRecord): RecordMeta {
  const { dynamodb = {}, eventID = '', userIdentity } = record;
  const event = eventOf(record);
  return {
    shardId,
    sequenceNumber: dynamodb.SequenceNumber ?? '',
    eventId: eventID,
    event,
    approximateCreationTime: dynamodb.ApproximateCreationDateTime ?? new Date(0),
    sizeBytes: dynamodb.SizeBytes ?? 0,
    ttl:
      event === 'REMOVE' &&
      (userIdentity === undefined
        ? knownName(record) === undefined
        : userIdentity.Type === 'Service' && userIdentity.PrincipalId === ttlPrincipal),
  };
}

function eventOf(record: StreamRecord): RecordMeta['event'] {
  const { NewImage, OldImage, StreamViewType } = record.dynamodb ?? {};
  const name = knownName(record);
  if (NewImage !== undefined && OldImage !== undefined) return 'MODIFY';
  if (StreamViewType !== 'NEW_AND_OLD_IMAGES' && name !== undefined) return name;
  if (NewImage !== undefined) return StreamViewType === 'NEW_IMAGE' ? 'MODIFY' : 'INSERT';
  if (OldImage !== undefined) return 'REMOVE';
  // No image at all: the name is all there is, and the one that no engine knows how to say is that of a deletion.
  return name ?? 'REMOVE';
}

function knownName({ eventName }: StreamRecord): RecordMeta['event'] | undefined {
  return eventName === 'INSERT' || eventName === 'MODIFY' || eventName === 'REMOVE' ? eventName : undefined;
}
