/**
 * The bare minimum of a transaction: TransactWriteItems with the very items and conditions that the library sends, by somebody
 * who knows by himself what stands there. A call without an answer is given up and not counted.
 */
import { randomUUID } from 'node:crypto';
import { type AttributeValue, type DynamoDBClient, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import { answered, type Place, refuseAnswer } from '../clients.js';
import type { Counts } from '../sample.js';
import { itemOf, type Size } from '../values.js';

type SdkItem = Record<string, AttributeValue>;

export class RawTransaction {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #writer: string;
  #items: readonly SdkItem[];
  #seq = 1;
  readonly #counts = { requests: 0, readUnits: 0, writeUnits: 0, failedPuts: 0, commits: 0 };

  private constructor(client: DynamoDBClient, { table }: Place, items: readonly SdkItem[]) {
    this.#client = client;
    this.#table = table;
    this.#items = items;
    this.#writer = (items[0]?.l?.S ?? '').split(':')[0] as string;
  }

  /** Writes the first state of all, unconditionally. */
  static async make(
    client: DynamoDBClient,
    place: Place,
    keys: readonly string[],
    size: Size,
  ): Promise<RawTransaction> {
    const items = await Promise.all(keys.map((key) => itemOf(key, size)));
    const made = new RawTransaction(client, place, items as SdkItem[]);
    await made.#reset();
    return made;
  }

  counts(): Counts {
    return { ...this.#counts };
  }

  async #reset(): Promise<void> {
    const TransactItems = this.#items.map((Item) => ({ Put: { TableName: this.#table, Item } }));
    await answered(() => this.#client.send(new TransactWriteItemsCommand({ TransactItems })));
  }

  /** `false` when no answer came. */
  async put(): Promise<boolean> {
    try {
      await this.#put();
      return true;
    } catch (error) {
      refuseAnswer(error);
      await this.#reset();
      return false;
    }
  }

  async #put(): Promise<void> {
    this.#seq += 1;
    const seq = String(this.#seq);
    const items = this.#items.map((item) => ({
      ...item,
      d: { M: { ...item.d?.M, n: { N: seq } } },
      v: { N: seq },
      l: { S: `${this.#writer}:${seq}` },
      w0: { M: { [this.#writer]: { N: seq } } },
      u: { N: String(Date.now()) },
    }));
    const TransactItems = items.map((Item, at) => ({
      Put: {
        TableName: this.#table,
        Item,
        ConditionExpression: '#l = :l',
        ExpressionAttributeNames: { '#l': 'l' },
        ExpressionAttributeValues: { ':l': this.#items[at]?.l as AttributeValue },
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const,
      },
    }));
    const answer = await this.#client.send(
      new TransactWriteItemsCommand({
        TransactItems,
        ClientRequestToken: randomUUID(),
        ReturnConsumedCapacity: 'TOTAL',
      }),
    );
    this.#items = items;
    this.#counts.requests += 1;
    this.#counts.commits += 1;
    for (const { CapacityUnits = 0 } of answer.ConsumedCapacity ?? []) this.#counts.writeUnits += CapacityUnits;
  }
}
