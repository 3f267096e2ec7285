/** The bare minimum of a counter: the SDK's own unconditional UpdateItem, which counts twice when an answer is lost and resent. */
import { type DynamoDBClient, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { answered, type Place, refuseAnswer } from '../clients.js';
import type { Counts } from '../sample.js';
import { itemOf, type Size } from '../values.js';

export class RawUpdate {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #key: string;
  readonly #counts = { requests: 0, readUnits: 0, writeUnits: 0, failedPuts: 0, commits: 0 };

  constructor(client: DynamoDBClient, { table }: Place, key: string) {
    this.#client = client;
    this.#table = table;
    this.#key = key;
  }

  async make(size: Size): Promise<void> {
    const Item = (await itemOf(this.#key, size)) as PutItemCommand['input']['Item'];
    await answered(() => this.#client.send(new PutItemCommand({ TableName: this.#table, Item })));
  }

  counts(): Counts {
    return { ...this.#counts };
  }

  /** `false` when no answer came. */
  async add(): Promise<boolean> {
    try {
      const answer = await this.#client.send(
        new UpdateItemCommand({
          TableName: this.#table,
          Key: { id: { S: this.#key } },
          UpdateExpression: 'SET d.n = d.n + :one, v = v + :one',
          ExpressionAttributeValues: { ':one': { N: '1' } },
          ReturnConsumedCapacity: 'TOTAL',
          ReturnValues: 'ALL_NEW',
        }),
      );
      this.#counts.requests += 1;
      this.#counts.commits += 1;
      this.#counts.writeUnits += answer.ConsumedCapacity?.CapacityUnits ?? 0;
      return true;
    } catch (error) {
      refuseAnswer(error);
      return false;
    }
  }
}
