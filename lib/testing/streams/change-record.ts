/** What a stream tells of a change, by its view type. */
import { type Item, itemBytes } from '../../codec/index.js';
import type { Commit, StreamViewType } from '../../engine/index.js';
import type { StreamRecord } from '../../streams/index.js';

/** What a record carries beside the change. */
export interface RecordFacts {
  readonly eventId: string;
  readonly sequence: string;
  readonly createdAtMs: number;
  readonly viewType: StreamViewType;
}

const service = { PrincipalId: 'dynamodb.amazonaws.com', Type: 'Service' } as const;

/** The record of a change, and its size. */
export function changeRecord(commit: Commit, facts: RecordFacts): { record: StreamRecord; bytes: number } {
  const { key, before, after, expired } = commit;
  const { eventId, sequence, createdAtMs, viewType } = facts;
  const newImage = viewType === 'NEW_IMAGE' || viewType === 'NEW_AND_OLD_IMAGES' ? after : undefined;
  const oldImage = viewType === 'OLD_IMAGE' || viewType === 'NEW_AND_OLD_IMAGES' ? before : undefined;
  const bytes = itemBytes(key) + sizeOf(newImage) + sizeOf(oldImage);
  const record: StreamRecord = {
    eventID: eventId,
    eventName: before === undefined ? 'INSERT' : after === undefined ? 'REMOVE' : 'MODIFY',
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: 'simulator',
    dynamodb: {
      ApproximateCreationDateTime: new Date(createdAtMs),
      Keys: key,
      ...(newImage !== undefined && { NewImage: newImage }),
      ...(oldImage !== undefined && { OldImage: oldImage }),
      SequenceNumber: sequence,
      SizeBytes: bytes,
      StreamViewType: viewType,
    },
    ...(expired && { userIdentity: service }),
  };
  return { record, bytes };
}

function sizeOf(image: Item | undefined): number {
  return image === undefined ? 0 : itemBytes(image);
}
