/**
 * The loop that one writes who needs one shard read and no more: GetShardIterator once, GetRecords with what came with the last page, the
 * number of the last record noted each second. No retries, no children, no gaps, no shutdown.
 */
import {
  type _Record,
  DescribeStreamCommand,
  type DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from '@aws-sdk/client-dynamodb-streams';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import superjson, { type SuperJSONResult } from 'superjson';

/** What is made of each record, by hand. */
export type ByHand = (record: _Record) => unknown;

type Image = NonNullable<NonNullable<_Record['dynamodb']>['NewImage']>;

/** Images as plain values. */
export const unmarshalledByHand: ByHand = ({ dynamodb = {} }) => ({
  keys: unmarshall(dynamodb.Keys as Image),
  newImage: dynamodb.NewImage && unmarshall(dynamodb.NewImage),
  oldImage: dynamodb.OldImage && unmarshall(dynamodb.OldImage),
});

/** The values of atoms, before and after, by superjson. */
export const atomsByHand: ByHand = ({ dynamodb = {} }) => ({
  keys: unmarshall(dynamodb.Keys as Image),
  value: dynamodb.NewImage && decoded(dynamodb.NewImage),
  previous: dynamodb.OldImage && decoded(dynamodb.OldImage),
});

function decoded({ d, t, l }: Image): unknown {
  const { json, ...rest } = unmarshall({ json: d, lineage: l } as Image);
  const meta = t?.S === undefined ? undefined : (JSON.parse(t.S) as SuperJSONResult['meta']);
  return { lineage: rest.lineage, value: superjson.deserialize({ json, meta } as SuperJSONResult) };
}

export interface RawStreamRun {
  readonly client: DynamoDBStreamsClient;
  readonly arn: string;
  readonly records: number;
  readonly parse?: ByHand | undefined;
}

/** Reads so many records of the only shard from its beginning; tells in how many requests. */
export async function readRaw({ client, arn, records, parse }: RawStreamRun): Promise<number> {
  const { StreamDescription } = await client.send(new DescribeStreamCommand({ StreamArn: arn }));
  const shardId = StreamDescription?.Shards?.[0]?.ShardId;
  const start = { StreamArn: arn, ShardId: shardId, ShardIteratorType: 'TRIM_HORIZON' as const };
  let iterator = (await client.send(new GetShardIteratorCommand(start))).ShardIterator;
  let seen = 0;
  let requests = 2;
  let noted: { readonly sequence: string | undefined; readonly atMs: number } = { sequence: undefined, atMs: 0 };
  while (seen < records) {
    const page = await client.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: 1_000 }));
    requests += 1;
    const found = page.Records ?? [];
    // Kept, as a loop that does something with them would have to.
    const made = parse === undefined ? found : found.map(parse);
    seen += made.length;
    iterator = page.NextShardIterator;
    if (performance.now() - noted.atMs >= 1_000) {
      noted = { sequence: found.at(-1)?.dynamodb?.SequenceNumber, atMs: performance.now() };
    }
  }
  return requests;
}
