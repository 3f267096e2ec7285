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
  return new Meta(shardId, record);
}

/**
 * A class for V8's sake, and so is that of a change. Of literals that live until the next page is there, as all of a loop's batch do, it
 * learns to put them among the old at once, where they hold their records, a page at a time, until the whole heap is collected.
 */
class Meta implements RecordMeta {
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly eventId: string;
  readonly event: RecordMeta['event'];
  readonly approximateCreationTime: Date;
  readonly sizeBytes: number;
  readonly ttl: boolean;

  constructor(shardId: string, record: StreamRecord) {
    const { dynamodb = {}, eventID = '', userIdentity } = record;
    this.shardId = shardId;
    this.sequenceNumber = dynamodb.SequenceNumber ?? '';
    this.eventId = eventID;
    this.event = eventOf(record);
    this.approximateCreationTime = dynamodb.ApproximateCreationDateTime ?? new Date(0);
    this.sizeBytes = dynamodb.SizeBytes ?? 0;
    this.ttl =
      this.event === 'REMOVE' &&
      (userIdentity === undefined
        ? knownName(record) === undefined
        : userIdentity.Type === 'Service' && userIdentity.PrincipalId === ttlPrincipal);
  }
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
