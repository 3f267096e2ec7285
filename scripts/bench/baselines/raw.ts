/**
 * The bare minimum: the SDK's own call that writes what a swap writes, by somebody who knows by himself what stands there.
 *
 * Same item, same condition, same wishes for the answer; the value is never encoded anew, the evidence only counted on.
 * A call without an answer (a connection that the engine was just closing) is given up and not counted.
 */
import { type AttributeValue, type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { answered, type Place, refuseAnswer } from '../clients.js';
import type { Counts } from '../sample.js';
import { itemOf, type Size } from '../values.js';

type SdkItem = Record<string, AttributeValue>;

const counted = { ReturnConsumedCapacity: 'TOTAL' } as const;

export class RawItem {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #key: SdkItem;
  readonly #writer: string;
  readonly #data: SdkItem;
  #item: SdkItem;
  #token: string;
  #seq: number;
  readonly #counts = { requests: 0, readUnits: 0, writeUnits: 0, failedPuts: 0, commits: 0 };

  private constructor(client: DynamoDBClient, { table }: Place, key: string, item: SdkItem) {
    this.#client = client;
    this.#table = table;
    this.#key = { id: { S: key } };
    this.#item = item;
    this.#data = item.d?.M ?? {};
    this.#token = item.l?.S ?? '';
    const [writer = '', seq] = this.#token.split(':');
    this.#writer = writer;
    this.#seq = Number(seq);
  }

  /** Writes the first state, unconditionally. */
  static async make(client: DynamoDBClient, place: Place, key: string, size: Size): Promise<RawItem> {
    const item = (await itemOf(key, size)) as SdkItem;
    const made = new RawItem(client, place, key, item);
    await made.#write();
    return made;
  }

  counts(): Counts {
    return { ...this.#counts };
  }

  /** Writes what is thought to stand there, unconditionally. */
  async #write(): Promise<void> {
    await answered(() => this.#client.send(new PutItemCommand({ TableName: this.#table, Item: this.#item })));
  }

  /** `false` when no answer came. */
  async put(): Promise<boolean> {
    try {
      await this.#put();
      return true;
    } catch (error) {
      refuseAnswer(error);
      await this.#write();
      return false;
    }
  }

  async #put(): Promise<void> {
    this.#seq += 1;
    const token = `${this.#writer}:${this.#seq}`;
    const item = {
      ...this.#item,
      d: { M: { ...this.#data, n: { N: String(this.#seq) } } },
      v: { N: String(this.#seq) },
      l: { S: token },
      w0: { M: { [this.#writer]: { N: String(this.#seq) } } },
      u: { N: String(Date.now()) },
    };
    const answer = await this.#client.send(
      new PutItemCommand({
        TableName: this.#table,
        Item: item,
        ConditionExpression: '#l = :l',
        ExpressionAttributeNames: { '#l': 'l' },
        ExpressionAttributeValues: { ':l': { S: this.#token } },
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        ...counted,
      }),
    );
    this.#item = item;
    this.#token = token;
    this.#counts.requests += 1;
    this.#counts.commits += 1;
    this.#counts.writeUnits += answer.ConsumedCapacity?.CapacityUnits ?? 0;
  }

  /** `false` when no answer came. */
  async get(): Promise<boolean> {
    try {
      const input = { TableName: this.#table, Key: this.#key, ConsistentRead: true, ...counted };
      const answer = await this.#client.send(new GetItemCommand(input));
      if (answer.Item === undefined) throw new Error('the item is gone');
      this.#counts.requests += 1;
      this.#counts.readUnits += answer.ConsumedCapacity?.CapacityUnits ?? 0;
      return true;
    } catch (error) {
      refuseAnswer(error);
      return false;
    }
  }
}
