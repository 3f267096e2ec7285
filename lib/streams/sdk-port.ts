/**
 * The streams port on the AWS SDK: the only file that imports `@aws-sdk/client-dynamodb-streams`.
 *
 * It works on any `DynamoDBStreamsClient`, which is never reconfigured and never closed. Retries of the SDK do no harm here, since all
 * are questions, but they hide throttling from the pace of a reader: `createStreamsClient` makes a client without them.
 */
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  type DynamoDBStreamsClientConfig,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ListStreamsCommand,
} from '@aws-sdk/client-dynamodb-streams';
import {
  isServiceItself,
  noteSignal,
  passesSignals,
  passSignals,
  type SendOptions,
  type TransportOptions,
  transportOf,
} from '../engine/index.js';
import { mendEmptyMaps } from './empty-maps.js';
import { describePageMax, recordsPageMax } from './limits.js';
import type * as port from './port.js';
import { refusalOf } from './refusals.js';

/** Any client of the AWS SDK version 3 that sends the commands of DynamoDB Streams. */
export interface DynamoDBStreamsClientLike {
  readonly config: object;
  send(command: never, options?: never): unknown;
}

/** Options of {@link createStreamsClient}: the SDK's own, and the three numbers that matter. */
export interface CreateStreamsClientOptions
  extends TransportOptions,
    Omit<DynamoDBStreamsClientConfig, 'requestHandler' | 'maxAttempts' | 'cacheMiddleware'> {}

/**
 * Makes a plain `DynamoDBStreamsClient` with the settings that were measured to help, as `createClient` does for the tables: undici's
 * connections, the middleware stack built once, time-outs that end the call, one attempt per send.
 *
 * @example
 * ```ts
 * import { createStreamsClient } from 'leyden-jar/streams';
 * const client = createStreamsClient({ region: 'eu-central-1' });
 * client.destroy();
 * ```
 */
export function createStreamsClient(options: CreateStreamsClientOptions = {}): DynamoDBStreamsClient {
  const { socketsMax = 16, connectTimeoutMs, answerTimeoutMs, ...config } = options;
  const client = new DynamoDBStreamsClient({ ...config, ...transportOf({ ...options, socketsMax }) });
  passSignals(client);
  return client;
}

/** How far a machine's clock may be off before the service refuses what it has signed: 5 minutes; what is refused for that is off by more. */
const skewMsMin = 60_000;
const skewNames = new Set([
  'AuthFailure',
  'InvalidSignatureException',
  'RequestExpired',
  'RequestInTheFuture',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
]);

/** The port on a client of the AWS SDK. */
export class SdkStreams implements port.StreamsPort {
  readonly name: string = 'sdk';
  readonly #client: DynamoDBStreamsClient;
  readonly #passesSignals: boolean;
  readonly #isServiceItself: boolean;
  #spent: port.StreamsSpent = { describes: 0, iterators: 0, reads: 0, records: 0, throttled: 0 };

  constructor(client: DynamoDBStreamsClientLike) {
    if (typeof client?.send !== 'function' || typeof client.config !== 'object') {
      throw new TypeError('Cannot read streams: client must be a DynamoDBStreamsClient');
    }
    if ((client.config as { readonly serviceId?: unknown }).serviceId === 'DynamoDB') {
      throw new TypeError(
        'Cannot read streams: client is one of tables; streams have their own, a DynamoDBStreamsClient, as createStreamsClient() makes it',
      );
    }
    this.#client = client as unknown as DynamoDBStreamsClient;
    this.#passesSignals = passesSignals(client);
    this.#isServiceItself = isServiceItself(client.config);
  }

  spent(): port.StreamsSpent {
    return this.#spent;
  }

  /** The SDK learns by how much its machine's clock is wrong when it is wrong by minutes. */
  clockOffsetMs(): number {
    return (this.#client.config as { readonly systemClockOffset?: number }).systemClockOffset ?? 0;
  }

  async streamsOf(tableName: string, options?: SendOptions): Promise<readonly port.StreamName[]> {
    const found: port.StreamName[] = [];
    let after: string | undefined;
    do {
      this.#count({ describes: 1 });
      const input = { TableName: tableName, ExclusiveStartStreamArn: after };
      const page = await this.#ask(() =>
        this.#client.send(new ListStreamsCommand(input), this.#sending(input, options)),
      );
      for (const { StreamArn: arn, StreamLabel: label, TableName: name } of page.Streams ?? []) {
        if (arn !== undefined && label !== undefined) found.push({ arn, label, tableName: name ?? tableName });
      }
      after = page.LastEvaluatedStreamArn;
    } while (after !== undefined);
    return found;
  }

  async describe(request: port.DescribeStreamRequest, options?: SendOptions): Promise<port.StreamDescription> {
    const { arn, startAfter, childrenOf, limit = describePageMax } = request;
    this.#count({ describes: 1 });
    const input = {
      StreamArn: arn,
      Limit: limit,
      ...(startAfter !== undefined && { ExclusiveStartShardId: startAfter }),
      ...(childrenOf !== undefined && { ShardFilter: { Type: 'CHILD_SHARDS' as const, ShardId: childrenOf } }),
    };
    const answer = await this.#ask(() =>
      this.#client.send(new DescribeStreamCommand(input), this.#sending(input, options)),
    );
    const { StreamDescription: found = {} } = answer;
    return {
      arn: found.StreamArn ?? arn,
      label: found.StreamLabel ?? '',
      tableName: found.TableName ?? '',
      status: (found.StreamStatus ?? 'ENABLED') as port.StreamDescription['status'],
      viewType: (found.StreamViewType ?? 'NEW_AND_OLD_IMAGES') as port.StreamDescription['viewType'],
      keyNames: [...(found.KeySchema ?? [])]
        .sort((a, b) => Number(b.KeyType === 'HASH') - Number(a.KeyType === 'HASH'))
        .map((key) => key.AttributeName ?? ''),
      shards: (found.Shards ?? []).map((shard) => ({
        shardId: shard.ShardId ?? '',
        parentId: shard.ParentShardId,
        firstSequence: shard.SequenceNumberRange?.StartingSequenceNumber,
        lastSequence: shard.SequenceNumberRange?.EndingSequenceNumber,
      })),
      lastShardId: found.LastEvaluatedShardId,
    };
  }

  async iterator({ arn, shardId, start }: port.ShardIteratorRequest, options?: SendOptions): Promise<string> {
    this.#count({ iterators: 1 });
    const input = {
      StreamArn: arn,
      ShardId: shardId,
      ShardIteratorType: start.type,
      ...('sequence' in start && { SequenceNumber: start.sequence }),
    };
    const { ShardIterator: iterator } = await this.#ask(() =>
      this.#client.send(new GetShardIteratorCommand(input), this.#sending(input, options)),
    );
    if (iterator === undefined) throw new Error(`Cannot read shard ${shardId}: the service gave no iterator`);
    return iterator;
  }

  async records(request: port.RecordsRequest, options?: SendOptions): Promise<port.RecordsPage> {
    const { iterator, limit = recordsPageMax } = request;
    this.#count({ reads: 1 });
    const input = { ShardIterator: iterator, Limit: limit };
    const answer = await this.#ask(() =>
      this.#client.send(new GetRecordsCommand(input), this.#sending(input, options)),
    );
    const records = (answer.Records ?? []) as unknown as readonly port.StreamRecord[];
    this.#count({ records: records.length });
    if (!this.#isServiceItself) for (const record of records) mendEmptyMaps(record);
    return { records, nextIterator: answer.NextShardIterator };
  }

  /** Options of a call. A client of ours is told of the signal beside them: options would cost it its cached middleware. */
  #sending(input: object, options: SendOptions | undefined): { abortSignal?: AbortSignal } | undefined {
    const signal = options?.signal;
    if (signal === undefined) return undefined;
    if (!this.#passesSignals) return { abortSignal: signal };
    signal.throwIfAborted();
    noteSignal(input, signal);
    return undefined;
  }

  /** Sends; once more, if it was refused for the time of this machine, and the SDK has learned the right one from the refusal. */
  async #ask<Answer>(send: () => Promise<Answer>): Promise<Answer> {
    const offsetMs = this.clockOffsetMs();
    try {
      return await send();
    } catch (error) {
      if (refusalOf(error) === 'throttled') this.#count({ throttled: 1 });
      const isSkewed = skewNames.has((error as Error | undefined)?.name ?? '');
      if (isSkewed && Math.abs(this.clockOffsetMs() - offsetMs) > skewMsMin) return await send();
      throw error;
    }
  }

  #count(added: Partial<port.StreamsSpent>): void {
    const sum = { ...this.#spent };
    for (const [name, count] of Object.entries(added)) sum[name as keyof port.StreamsSpent] += count;
    this.#spent = sum;
  }
}
