/**
 * The ancestor's loop, as faraday-atom has it: a strong read, a put under the condition that the version is still the one
 * that was read, and a pause before the next try when it is not.
 *
 * Its fixed pause is 500 ms. The two other pauses are what its users could have chosen: none, and full jitter with a doubling
 * ceiling of 25 to 1,000 ms. Its cost is the least possible: attributes are changed as they come, nothing is decoded.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type AttributeValue, type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { answered, type Place, refuseAnswer } from '../clients.js';
import type { Counts } from '../sample.js';
import { itemOf, type Size } from '../values.js';

export type Pause = 'fixed' | 'jitter' | 'none';

const fixedMs = 500;
const jitterMsMin = 25;
const jitterMsMax = 1_000;

const pauseMs: Readonly<Record<Pause, (losses: number) => number>> = {
  fixed: () => fixedMs,
  jitter: (losses) => Math.random() * Math.min(jitterMsMax, jitterMsMin * 2 ** (losses - 1)),
  none: () => 0,
};

const counted = { ReturnConsumedCapacity: 'TOTAL' } as const;

export class Ancestor {
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

  /** Writes the first state, with `n` at 0. */
  async make(key: string, size: Size): Promise<void> {
    const { id, d } = (await itemOf(key, size)) as Record<string, AttributeValue>;
    const item = { id, d, v: { N: '0' } } as Record<string, AttributeValue>;
    await answered(() => this.#client.send(new PutItemCommand({ TableName: this.#table, Item: item })));
  }

  /** Adds 1 to `n`; `false` when it was given up because `over` said so. */
  async increment(key: string, pause: Pause, over: () => boolean): Promise<boolean> {
    for (let losses = 0; losses === 0 || !over(); ) {
      const item = await this.read(key);
      const data = item.d?.M ?? {};
      const next = {
        ...item,
        d: { M: { ...data, n: { N: String(Number(data.n?.N) + 1) } } },
        v: { N: String(Number(item.v?.N) + 1) },
      };
      if (await this.#put(next, item.v as AttributeValue)) return true;
      losses += 1;
      const ms = pauseMs[pause](losses);
      if (ms > 0 && !over()) await sleep(ms);
    }
    return false;
  }

  async read(key: string): Promise<Record<string, AttributeValue>> {
    const input = { TableName: this.#table, Key: { id: { S: key } }, ConsistentRead: true, ...counted };
    const answer = await answered(() => this.#client.send(new GetItemCommand(input)));
    this.#counts.requests += 1;
    this.#counts.readUnits += answer.ConsumedCapacity?.CapacityUnits ?? 0;
    if (answer.Item === undefined) throw new Error('the item is gone');
    return answer.Item;
  }

  async #put(item: Record<string, AttributeValue>, version: AttributeValue): Promise<boolean> {
    this.#counts.requests += 1;
    try {
      const answer = await this.#client.send(
        new PutItemCommand({
          TableName: this.#table,
          Item: item,
          ConditionExpression: '#v = :v',
          ExpressionAttributeNames: { '#v': 'v' },
          ExpressionAttributeValues: { ':v': version },
          ...counted,
        }),
      );
      this.#counts.commits += 1;
      this.#counts.writeUnits += answer.ConsumedCapacity?.CapacityUnits ?? 0;
      return true;
    } catch (error) {
      if ((error as Error).name !== 'ConditionalCheckFailedException') {
        refuseAnswer(error);
        return false;
      }
      // Not reported with the failure; by rule the size of the item that was met, one unit for these values.
      this.#counts.failedPuts += 1;
      this.#counts.writeUnits += 1;
      return false;
    }
  }
}
