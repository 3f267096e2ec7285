/** A stream that costs nothing: its pages were made before, and are handed out again and again. What is left is the reader's own work. */
import type { Item } from '../../lib/codec/index.js';
import type {
  DescribeStreamRequest,
  RecordsPage,
  StreamDescription,
  StreamRecord,
  StreamsPort,
  StreamsSpent,
} from '../../lib/streams/index.js';

export const freeArn: string = 'arn:aws:dynamodb:local:000000000000:table/free/stream/2026-01-01T00:00:00.000';

const idBase = 1_767_225_600_000;
const pages = 16;
const pageRecords = 1_000;

export interface FreeStreamsOptions {
  readonly shards?: number;
  /** Of a record's item, about. Without it all pages are empty. */
  readonly bytes?: number;
}

export class FreeStreams implements StreamsPort {
  readonly name: string = 'free';
  readonly #shards: StreamDescription['shards'];
  readonly #pages: readonly (readonly StreamRecord[])[];
  #reads = 0;
  #iterators = 0;
  #describes = 0;

  constructor({ shards = 1, bytes }: FreeStreamsOptions) {
    this.#shards = Array.from({ length: shards }, (_, at) => ({
      shardId: `shardId-${String(idBase + at).padStart(20, '0')}-${at.toString(16).padStart(8, '0')}`,
      firstSequence: '1'.padEnd(21, '0'),
    }));
    this.#pages = bytes === undefined ? [[]] : Array.from({ length: pages }, (_, page) => pageOf(page, bytes));
  }

  async streamsOf(): Promise<[]> {
    return [];
  }

  async describe({ startAfter, limit = 100 }: DescribeStreamRequest): Promise<StreamDescription> {
    this.#describes += 1;
    const from = startAfter === undefined ? 0 : this.#shards.findIndex(({ shardId }) => shardId === startAfter) + 1;
    const shards = this.#shards.slice(from, from + limit);
    const isLast = from + limit >= this.#shards.length;
    return {
      arn: freeArn,
      label: '2026-01-01T00:00:00.000',
      tableName: 'free',
      status: 'ENABLED',
      viewType: 'NEW_AND_OLD_IMAGES',
      keyNames: ['id'],
      shards,
      lastShardId: isLast ? undefined : shards.at(-1)?.shardId,
    };
  }

  async iterator(): Promise<string> {
    this.#iterators += 1;
    return '0';
  }

  async records({ iterator }: { iterator: string }): Promise<RecordsPage> {
    this.#reads += 1;
    const at = Number(iterator);
    return { records: this.#pages[at] as readonly StreamRecord[], nextIterator: String((at + 1) % this.#pages.length) };
  }

  spent(): StreamsSpent {
    return { describes: this.#describes, iterators: this.#iterators, reads: this.#reads, records: 0, throttled: 0 };
  }
}

function pageOf(page: number, bytes: number): StreamRecord[] {
  const createdAt = new Date(idBase);
  return Array.from({ length: pageRecords }, (_, at) => {
    const n = page * pageRecords + at;
    const item: Item = { id: { S: `key-${n}` }, n: { N: String(n) }, text: { S: 'x'.repeat(Math.max(0, bytes - 20)) } };
    return {
      eventID: `e${n}`,
      eventName: 'INSERT',
      eventVersion: '1.1',
      eventSource: 'aws:dynamodb',
      awsRegion: 'local',
      dynamodb: {
        ApproximateCreationDateTime: createdAt,
        Keys: { id: item.id as Item[string] },
        NewImage: item,
        SequenceNumber: String(n).padStart(21, '1'),
        SizeBytes: bytes,
        StreamViewType: 'NEW_AND_OLD_IMAGES',
      },
    };
  });
}
