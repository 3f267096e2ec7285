/** The bare minimum for many keys: BatchGetItem by the hundred, four in flight, what is unprocessed asked for again. */
import { type AttributeValue, BatchGetItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Place } from '../clients.js';
import type { Counts } from '../sample.js';

type Key = Record<string, AttributeValue>;

const keysMax = 100;
const inFlight = 4;

export class RawBatch {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #counts = { requests: 0, readUnits: 0, writeUnits: 0, failedPuts: 0, commits: 0 };

  constructor(client: DynamoDBClient, { table }: Place) {
    this.#client = client;
    this.#table = table;
  }

  counts(): Counts {
    return { ...this.#counts };
  }

  /** The items by key, as the SDK gives them. */
  async get(keys: readonly string[]): Promise<Map<string, Key>> {
    const left: Key[] = keys.map((key) => ({ id: { S: key } }));
    const items = new Map<string, Key>();
    const work = async () => {
      while (left.length > 0) {
        const input = { Keys: left.splice(0, keysMax), ConsistentRead: true };
        const answer = await this.#client.send(
          new BatchGetItemCommand({ RequestItems: { [this.#table]: input }, ReturnConsumedCapacity: 'TOTAL' }),
        );
        this.#counts.requests += 1;
        for (const { CapacityUnits = 0 } of answer.ConsumedCapacity ?? []) this.#counts.readUnits += CapacityUnits;
        for (const item of answer.Responses?.[this.#table] ?? []) items.set(item.id?.S as string, item);
        left.push(...(answer.UnprocessedKeys?.[this.#table]?.Keys ?? []));
      }
    };
    await Promise.all(Array.from({ length: inFlight }, work));
    return items;
  }
}
