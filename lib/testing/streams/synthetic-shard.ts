/** Records that are made when they are read and kept by nobody, so that a reader can be measured over any number of them. */

import type { Item } from '../../codec/index.js';
import { itemBytes } from '../../codec/index.js';
import type { LoggedRecord, RecordLog } from './record-log.js';

/** Options of `StreamSimulator.addSource`. */
export interface SourceOptions {
  /** @defaultValue 1 */
  readonly shards?: number;
  /** Of each shard, which is closed behind them. @defaultValue without end, in shards that stay open */
  readonly records?: number;
  /** The new image of the record with this index; its `pk` is the key. @defaultValue about 110 bytes, 1,000 keys */
  readonly item?: (index: number) => Item;
}

const keysDefault = 1_000;
const filler = 'x'.repeat(90);
const sequenceBase = '1'.padEnd(26, '0');
const sequenceDigits = 12;

/** Such a shard. */
export interface SyntheticShard {
  readonly log: RecordLog;
  readonly firstSequence: string;
  /** Absent: without end. */
  readonly lastSequence: string | undefined;
}

/** One such shard. */
export function syntheticShard(
  { records = Number.POSITIVE_INFINITY, item }: SourceOptions,
  shard: number,
  nowMs: number,
): SyntheticShard {
  const made = item ?? defaultItem();
  const createdAt = new Date(Math.floor(nowMs / 1_000) * 1_000);
  const sequenceOf = (index: number) => sequenceBase + String(index).padStart(sequenceDigits, '0');
  const at = (index: number): LoggedRecord => {
    const image = made(index);
    const sequence = sequenceOf(index);
    const keys = { pk: image.pk as Item[string] };
    const bytes = itemBytes(keys) + itemBytes(image);
    const record = {
      eventID: `${shard}-${index}`,
      eventName: 'INSERT',
      eventVersion: '1.1',
      eventSource: 'aws:dynamodb',
      awsRegion: 'simulator',
      dynamodb: {
        ApproximateCreationDateTime: createdAt,
        Keys: keys,
        NewImage: image,
        SequenceNumber: sequence,
        SizeBytes: bytes,
        StreamViewType: 'NEW_AND_OLD_IMAGES',
      },
    };
    return { record, sequence, bytes, writtenAtMs: nowMs, visibleAtMs: nowMs };
  };
  const endIndex = Math.min(records, 10 ** sequenceDigits);
  const log: RecordLog = {
    firstIndex: 0,
    endIndex,
    lastDropped: undefined,
    at,
    find(isBehind) {
      let [low, high] = [0, endIndex];
      while (low < high) {
        const middle = Math.floor((low + high) / 2);
        if (isBehind(at(middle))) high = middle;
        else low = middle + 1;
      }
      return low;
    },
    trim() {},
    drop() {},
  };
  const lastSequence = records === Number.POSITIVE_INFINITY ? undefined : sequenceOf(endIndex - 1);
  return { log, firstSequence: sequenceOf(0), lastSequence };
}

function defaultItem(): (index: number) => Item {
  const keys = Array.from({ length: keysDefault }, (_, at) => ({ S: `key-${at}` }));
  const text = { S: filler };
  return (index) => ({ pk: keys[index % keysDefault] as Item[string], n: { N: String(index) }, text });
}
