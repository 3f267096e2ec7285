/**
 * One real shard shown as many: real requests and real answers, with as many shards as a case needs. DynamoDB Local has one in each
 * stream, and never another.
 */
import type {
  DescribeStreamRequest,
  RecordsPage,
  RecordsRequest,
  ShardIteratorRequest,
  StreamDescription,
  StreamName,
  StreamsPort,
  StreamsSpent,
} from '../../lib/streams/index.js';

export interface CopiedShardsOptions {
  readonly shards: number;
  /** Begins anew where the real shard has nothing more, so that it is always full. */
  readonly endless?: boolean;
}

const suffixDigits = 8;

export class CopiedShards implements StreamsPort {
  readonly name: string = 'copied';
  readonly #port: StreamsPort;
  readonly #options: CopiedShardsOptions;

  constructor(port: StreamsPort, options: CopiedShardsOptions) {
    this.#port = port;
    this.#options = options;
  }

  streamsOf(tableName: string): Promise<readonly StreamName[]> {
    return this.#port.streamsOf(tableName);
  }

  async describe({ arn, startAfter, limit = 100 }: DescribeStreamRequest): Promise<StreamDescription> {
    const real = await this.#port.describe({ arn });
    const [shard] = real.shards;
    if (shard === undefined) return real;
    const { shards: count } = this.#options;
    const from = startAfter === undefined ? 0 : Number.parseInt(startAfter.slice(-suffixDigits), 16) + 1;
    const to = Math.min(count, from + limit);
    const shards = Array.from({ length: to - from }, (_, at) => ({
      ...shard,
      shardId: shard.shardId.slice(0, -suffixDigits) + (from + at).toString(16).padStart(suffixDigits, '0'),
    }));
    return { ...real, shards, lastShardId: to < count ? shards.at(-1)?.shardId : undefined };
  }

  async iterator({ arn, start }: ShardIteratorRequest): Promise<string> {
    const { shards } = await this.#real(arn);
    return this.#port.iterator({ arn, shardId: shards[0]?.shardId ?? '', start });
  }

  async records(request: RecordsRequest): Promise<RecordsPage> {
    const page = await this.#port.records(request);
    if (!this.#options.endless || page.records.length === request.limit) return page;
    return { ...page, nextIterator: await this.iterator({ ...request, start: { type: 'TRIM_HORIZON' } }) };
  }

  spent(): StreamsSpent {
    return this.#port.spent();
  }

  #found: Promise<StreamDescription> | undefined;

  #real(arn: string): Promise<StreamDescription> {
    this.#found ??= this.#port.describe({ arn });
    return this.#found;
  }
}
