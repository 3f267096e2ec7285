/**
 * The engine port on the AWS SDK: the only file that imports the SDK's commands.
 *
 * It works on any `DynamoDBClient` or `DynamoDBDocumentClient` that the user brings (raw commands pass through a document
 * client unchanged), with whatever retry settings: an answer is believed as definite only when the SDK says that it sent
 * exactly one copy of the request (`$metadata.attempts === 1`). The client is never reconfigured and never closed.
 */
import {
  BatchGetItemCommand,
  BatchWriteItemCommand,
  type ConsumedCapacity,
  CreateTableCommand,
  DeleteItemCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  type AttributeValue as SdkAttributeValue,
  TransactGetItemsCommand,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { type Item, itemBytes, writeUnits } from '../codec/index.js';
import { Meter } from './meter.js';
import { attemptsOf, refusalKind } from './outcome.js';
import type * as port from './port.js';
import { isServiceItself, knowsTransactions } from './sdk-capabilities.js';
import { createTableInput, tableDescription } from './sdk-table.js';
import { noteSignal, passesSignals } from './signal-channel.js';

/** Any client of the AWS SDK version 3 that sends DynamoDB's commands: `DynamoDBClient` or `DynamoDBDocumentClient`. */
export interface DynamoDBClientLike {
  readonly config: object;
  send(command: never, options?: never): unknown;
}

type SdkItem = Record<string, SdkAttributeValue>;

interface Metadata {
  readonly $metadata: { readonly attempts?: number };
}

/** The engine on a client of the AWS SDK. */
export class SdkEngine implements port.Engine {
  readonly name: string = 'sdk';
  readonly #send: DynamoDBClient['send'];
  readonly #config: object;
  readonly #meter = new Meter();
  /** Whether there are transactions; `undefined` before anybody asked. */
  #transactions: boolean | undefined;

  constructor(client: DynamoDBClientLike) {
    if (typeof client?.send !== 'function' || typeof client.config !== 'object') {
      throw new TypeError('Cannot make an engine: client must be a DynamoDBClient or DynamoDBDocumentClient');
    }
    this.#config = client.config;
    this.#send = senderOn(client as unknown as DynamoDBClient);
  }

  spent(): port.Spent {
    return this.#meter.read();
  }

  async supportsTransactions(options?: port.SendOptions): Promise<boolean> {
    if (this.#transactions !== undefined) return this.#transactions;
    if (isServiceItself(this.#config)) this.#transactions = true;
    else {
      const probe = new TransactWriteItemsCommand({ TransactItems: [] });
      try {
        await this.#read(this.#send(probe, sending(options)), options);
        this.#transactions = true;
      } catch (error) {
        this.#transactions = knowsTransactions(error);
      }
    }
    return this.#transactions;
  }

  async get({ table, key, consistent }: port.GetRequest, options?: port.SendOptions): Promise<Item | undefined> {
    const input = { TableName: table, Key: key as SdkItem, ConsistentRead: consistent, ...counted };
    const answer = await this.#read(this.#send(new GetItemCommand(input), sending(options)), options);
    this.#meter.capacity(answer.ConsumedCapacity, 'read');
    return answer.Item as Item | undefined;
  }

  async batchGet(request: port.BatchGetRequest, options?: port.SendOptions): Promise<port.BatchGetAnswer> {
    const { table, keys, consistent } = request;
    const command = new BatchGetItemCommand({
      RequestItems: { [table]: { Keys: keys as SdkItem[], ConsistentRead: consistent } },
      ...counted,
    });
    const answer = await this.#read(this.#send(command, sending(options)), options);
    this.#meter.capacity(answer.ConsumedCapacity, 'read');
    return {
      items: (answer.Responses?.[table] ?? []) as Item[],
      unprocessed: (answer.UnprocessedKeys?.[table]?.Keys ?? []) as Item[],
    };
  }

  put({ table, item, condition }: port.PutRequest, options?: port.SendOptions): Promise<port.WriteAnswer> {
    const command = new PutItemCommand({
      TableName: table,
      Item: item as SdkItem,
      ...conditional(condition),
      ...counted,
    });
    return this.#write(this.#send(command, sending(options)), options, () => undefined);
  }

  update(request: port.UpdateRequest, options?: port.SendOptions): Promise<port.WriteAnswer> {
    const { table, key, update, condition } = request;
    const command = new UpdateItemCommand({
      TableName: table,
      Key: key as SdkItem,
      UpdateExpression: update.expression,
      ...conditional(condition, update),
      ReturnValues: 'ALL_NEW',
      ...counted,
    });
    return this.#write(this.#send(command, sending(options)), options, (a) => a.Attributes as Item | undefined);
  }

  delete({ table, key, condition }: port.DeleteRequest, options?: port.SendOptions): Promise<port.WriteAnswer> {
    const input = { TableName: table, Key: key as SdkItem, ...conditional(condition), ...counted };
    return this.#write(this.#send(new DeleteItemCommand(input), sending(options)), options, () => undefined);
  }

  async batchWrite(request: port.BatchWriteRequest, options?: port.SendOptions): Promise<port.BatchWriteAnswer> {
    const { table, puts = [], deletes = [] } = request;
    const command = new BatchWriteItemCommand({
      RequestItems: {
        [table]: [
          ...puts.map((item) => ({ PutRequest: { Item: item as SdkItem } })),
          ...deletes.map((key) => ({ DeleteRequest: { Key: key as SdkItem } })),
        ],
      },
      ...counted,
    });
    try {
      const answer = await this.#send(command, sending(options));
      this.#meter.sent(answer.$metadata.attempts);
      this.#meter.capacity(answer.ConsumedCapacity, 'write');
      const left = answer.UnprocessedItems?.[table] ?? [];
      return {
        status: 'applied',
        unprocessedPuts: left.flatMap((one) => (one.PutRequest?.Item ? [one.PutRequest.Item as Item] : [])),
        unprocessedDeletes: left.flatMap((one) => (one.DeleteRequest?.Key ? [one.DeleteRequest.Key as Item] : [])),
      };
    } catch (error) {
      return this.#failed(error, options);
    }
  }

  async query(request: port.QueryRequest, options?: port.SendOptions): Promise<port.PageAnswer> {
    const { table, index, keyCondition, filter, consistent, forward = true, limit, startKey, projection } = request;
    const command = new QueryCommand({
      TableName: table,
      IndexName: index,
      KeyConditionExpression: keyCondition.expression,
      FilterExpression: filter?.expression,
      ...projected(projection, keyCondition, filter),
      ConsistentRead: consistent,
      ScanIndexForward: forward,
      Limit: limit,
      ExclusiveStartKey: startKey as SdkItem | undefined,
      ...counted,
    });
    const answer = await this.#read(this.#send(command, sending(options)), options);
    this.#meter.capacity(answer.ConsumedCapacity, 'read');
    return { items: (answer.Items ?? []) as Item[], nextKey: answer.LastEvaluatedKey as Item | undefined };
  }

  async scan(request: port.ScanRequest, options?: port.SendOptions): Promise<port.PageAnswer> {
    const { table, filter, consistent, limit, startKey, segment, segments, projection } = request;
    const command = new ScanCommand({
      TableName: table,
      FilterExpression: filter?.expression,
      ...projected(projection, filter),
      ConsistentRead: consistent,
      Limit: limit,
      ExclusiveStartKey: startKey as SdkItem | undefined,
      Segment: segment,
      TotalSegments: segments,
      ...counted,
    });
    const answer = await this.#read(this.#send(command, sending(options)), options);
    this.#meter.capacity(answer.ConsumedCapacity, 'read');
    return { items: (answer.Items ?? []) as Item[], nextKey: answer.LastEvaluatedKey as Item | undefined };
  }

  async transactWrite(
    request: port.TransactWriteRequest,
    options?: port.SendOptions,
  ): Promise<port.TransactWriteAnswer> {
    const command = new TransactWriteItemsCommand({
      TransactItems: request.actions.map(transactItem),
      ClientRequestToken: request.token,
      ...counted,
    });
    try {
      const answer = await this.#send(command, sending(options));
      this.#meter.sent(answer.$metadata.attempts);
      this.#meter.capacity(answer.ConsumedCapacity, 'write');
      return { status: 'applied' };
    } catch (error) {
      if ((error as Error).name !== 'TransactionCanceledException') return this.#failed(error, options);
      const attempts = attemptsOf(error);
      this.#meter.sent(attempts);
      const reasons = (error as { CancellationReasons?: { Code?: string; Message?: string; Item?: SdkItem }[] })
        .CancellationReasons;
      return {
        status: 'cancelled',
        reasons: (reasons ?? []).map(({ Code = 'None', Message, Item: image }) => ({
          code: Code,
          message: Message,
          image: image as Item | undefined,
        })),
        resent: attempts !== 1,
      };
    }
  }

  async transactGet(request: port.TransactGetRequest, options?: port.SendOptions): Promise<(Item | undefined)[]> {
    const command = new TransactGetItemsCommand({
      TransactItems: request.gets.map(({ table, key }) => ({ Get: { TableName: table, Key: key as SdkItem } })),
      ...counted,
    });
    const answer = await this.#read(this.#send(command, sending(options)), options);
    this.#meter.capacity(answer.ConsumedCapacity, 'read');
    return request.gets.map((_, index) => answer.Responses?.[index]?.Item as Item | undefined);
  }

  async describeTable(table: string, options?: port.SendOptions): Promise<port.TableDescription | undefined> {
    const command = new DescribeTableCommand({ TableName: table });
    try {
      const answer = await this.#read(this.#send(command, sending(options)), options);
      return answer.Table === undefined ? undefined : tableDescription(answer.Table);
    } catch (error) {
      if ((error as Error)?.name === 'ResourceNotFoundException') return undefined;
      throw error;
    }
  }

  async createTable(request: port.CreateTableRequest, options?: port.SendOptions): Promise<void> {
    await this.#read(this.#send(new CreateTableCommand(createTableInput(request)), sending(options)), options);
  }

  async deleteTable(table: string, options?: port.SendOptions): Promise<void> {
    await this.#read(this.#send(new DeleteTableCommand({ TableName: table }), sending(options)), options);
  }

  async describeTimeToLive(table: string, options?: port.SendOptions): Promise<port.TimeToLiveDescription> {
    const command = new DescribeTimeToLiveCommand({ TableName: table });
    const answer = await this.#read(this.#send(command, sending(options)), options);
    const { TimeToLiveStatus: status, AttributeName: attribute } = answer.TimeToLiveDescription ?? {};
    return { enabled: status === 'ENABLED' || status === 'ENABLING', attribute };
  }

  async updateTimeToLive(table: string, attribute: string, options?: port.SendOptions): Promise<void> {
    const command = new UpdateTimeToLiveCommand({
      TableName: table,
      TimeToLiveSpecification: { Enabled: true, AttributeName: attribute },
    });
    await this.#read(this.#send(command, sending(options)), options);
  }

  /** Waits for a request that changes no item; an abort rethrows the signal's own reason. */
  async #read<Answer extends Metadata>(sent: Promise<Answer>, options: port.SendOptions | undefined): Promise<Answer> {
    try {
      const answer = await sent;
      this.#meter.sent(answer.$metadata.attempts);
      return answer;
    } catch (error) {
      this.#meter.sent(attemptsOf(error));
      if (refusalKind(error) === 'throttled') this.#meter.throttled();
      options?.signal?.throwIfAborted();
      throw error;
    }
  }

  async #write<Answer extends Metadata & { ConsumedCapacity?: ConsumedCapacity | undefined }>(
    sent: Promise<Answer>,
    options: port.SendOptions | undefined,
    imageOf: (answer: Answer) => Item | undefined,
  ): Promise<port.WriteAnswer> {
    try {
      const answer = await sent;
      this.#meter.sent(answer.$metadata.attempts);
      this.#meter.capacity(answer.ConsumedCapacity, 'write');
      return { status: 'applied', image: imageOf(answer) };
    } catch (error) {
      if ((error as Error)?.name !== 'ConditionalCheckFailedException') return this.#failed(error, options);
      const attempts = attemptsOf(error);
      const image = (error as { Item?: Item }).Item;
      this.#meter.sent(attempts);
      // Not reported with the failure: by rule the size of the item that was met, at least one unit.
      this.#meter.conditionFailed(image === undefined ? 1 : writeUnits(itemBytes(image)));
      return { status: 'condition-failed', image, resent: attempts !== 1 };
    }
  }

  #failed(failure: unknown, options: port.SendOptions | undefined) {
    const error = failure instanceof Error ? failure : new Error(String(failure));
    const attempts = attemptsOf(failure);
    this.#meter.sent(attempts);
    const kind = refusalKind(failure);
    if (kind === 'throttled') this.#meter.throttled();
    // A failure with another copy of the request under way, or after we stopped listening, proves nothing.
    if (kind !== undefined && attempts === 1 && options?.signal?.aborted !== true) {
      return { status: 'not-applied', kind, error } as const;
    }
    this.#meter.unclear();
    return { status: 'unclear', error } as const;
  }
}

/** The client's own `send`, called without options wherever that is possible: with any, the SDK builds its middleware anew. */
function senderOn(client: DynamoDBClient): DynamoDBClient['send'] {
  const passes = passesSignals(client);
  const send = (command: { readonly input: object }, { abortSignal }: { abortSignal?: AbortSignal }) => {
    if (abortSignal !== undefined && !passes) return client.send(command as never, { abortSignal });
    if (abortSignal !== undefined) noteSignal(command.input, abortSignal);
    return client.send(command as never);
  };
  return send as unknown as DynamoDBClient['send'];
}

const counted = { ReturnConsumedCapacity: 'TOTAL' } as const;

function sending(options: port.SendOptions | undefined): { abortSignal?: AbortSignal } {
  return options?.signal === undefined ? {} : { abortSignal: options.signal };
}

function placeholders(...expressions: readonly (port.Expression | undefined)[]) {
  const names = Object.assign({}, ...expressions.map((one) => one?.names)) as Record<string, string>;
  const values = Object.assign({}, ...expressions.map((one) => one?.values)) as SdkItem;
  return {
    ...(Object.keys(names).length > 0 && { ExpressionAttributeNames: names }),
    ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
  };
}

function projected(
  attributes: readonly string[] | undefined,
  ...expressions: readonly (port.Expression | undefined)[]
) {
  if (attributes === undefined) return placeholders(...expressions);
  const names = Object.fromEntries(attributes.map((name, at) => [`#projected${at}`, name]));
  return {
    ProjectionExpression: Object.keys(names).join(', '),
    ...placeholders(...expressions, { expression: '', names }),
  };
}

function conditional(condition: port.Expression | undefined, update?: port.Expression) {
  return {
    ...placeholders(condition, update),
    ...(condition !== undefined && {
      ConditionExpression: condition.expression,
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const,
    }),
  };
}

function transactItem(action: port.TransactAction): TransactWriteItem {
  const { table, condition } = action;
  switch (action.kind) {
    case 'put':
      return { Put: { TableName: table, Item: action.item as SdkItem, ...conditional(condition) } };
    case 'update':
      return {
        Update: {
          TableName: table,
          Key: action.key as SdkItem,
          UpdateExpression: action.update.expression,
          ...conditional(condition, action.update),
        },
      };
    case 'delete':
      return { Delete: { TableName: table, Key: action.key as SdkItem, ...conditional(condition) } };
    case 'check':
      return {
        ConditionCheck: {
          TableName: table,
          Key: action.key as SdkItem,
          ConditionExpression: action.condition.expression,
          ...conditional(condition),
        },
      };
  }
}
