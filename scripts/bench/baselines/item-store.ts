/**
 * One conditional item per event, in the layout of `DynamoDBSingleTableEventStorageAdapter` of `@castore/event-storage-adapter-dynamodb`
 * 2.4: partition key `aggregateId`, numeric sort key `version`, attributes `type`, `timestamp`, `payload`, put on condition that the
 * version is not taken; several events as one `TransactWriteItems`. Loading is a strongly consistent `Query`, to the last page, folded.
 *
 * Leaner than the package: the next page is asked for before the last one is folded, and nothing is sorted. The index that lists
 * aggregates, which the package asks for, is left out: it would cost the first event of each one unit more.
 */
import {
  type AttributeValue,
  type DynamoDBClient,
  PutItemCommand,
  QueryCommand,
  type QueryCommandOutput,
} from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { batchWriteItemsMax, SdkEngine } from '../../../lib/engine/index.js';
import { answered, type Place } from '../clients.js';
import { type Aircraft, type FlightData, type FlightLanded, flightLanded, fly, newAircraft } from '../fleet.js';
import type { Counts } from '../sample.js';
import { type AircraftStore, aircraftTable, putTogether, type Standing, wasFirst } from './aircraft-store.js';
import { Tally } from './event-items.js';
import { meteredClient } from './metered-client.js';
import { putAll } from './put-all.js';

export class ItemStore implements AircraftStore {
  readonly #tally = new Tally();
  readonly #client: DynamoDBClient;
  readonly #table: string;

  constructor(client: DynamoDBClient, place: Place) {
    this.#client = meteredClient(client, this.#tally);
    this.#table = aircraftTable(place, 'items');
  }

  counts(): Counts {
    return this.#tally.counts();
  }

  async append(id: string, { version }: Standing, events: readonly FlightLanded[]): Promise<boolean> {
    const puts = events.map((event, at) => ({
      TableName: this.#table,
      Item: itemOf(id, version + at + 1, event),
      ConditionExpression: 'attribute_not_exists(version)',
    }));
    try {
      const [first] = puts;
      if (puts.length === 1 && first !== undefined) await this.#client.send(new PutItemCommand(first));
      else await putTogether(this.#client, puts);
      return true;
    } catch (error) {
      return !wasFirst(error);
    }
  }

  async load(id: string): Promise<Standing> {
    let standing: Standing = { aircraft: newAircraft, version: 0 };
    for await (const items of pagesOf(this.#client, this.#table, { aggregateId: { S: id } })) {
      for (const item of items) standing = foldItem(standing, item);
    }
    return standing;
  }
}

function itemOf(id: string, version: number, { type, data }: FlightLanded): Record<string, AttributeValue> {
  return marshall({ aggregateId: id, version, type, timestamp: new Date().toISOString(), payload: data });
}

function foldItem({ aircraft }: Standing, item: Record<string, AttributeValue>): Standing {
  const { version, payload } = unmarshall(item) as { readonly version: number; readonly payload: FlightData };
  return { aircraft: fly(aircraft, payload), version };
}

/** Pages of one partition, strongly consistent; one is asked for ahead. */
export async function* pagesOf(
  client: DynamoDBClient,
  table: string,
  key: Record<string, AttributeValue>,
): AsyncGenerator<Record<string, AttributeValue>[]> {
  const [[name, value]] = Object.entries(key) as [[string, AttributeValue]];
  const ask = (startKey?: Record<string, AttributeValue>) =>
    answered(() =>
      client.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: '#k = :k',
          ExpressionAttributeNames: { '#k': name },
          ExpressionAttributeValues: { ':k': value },
          ConsistentRead: true,
          ...(startKey !== undefined && { ExclusiveStartKey: startKey }),
        }),
      ),
    );
  let asked: Promise<QueryCommandOutput> | undefined = ask();
  while (asked !== undefined) {
    const { Items = [], LastEvaluatedKey }: QueryCommandOutput = await asked;
    asked = LastEvaluatedKey === undefined ? undefined : ask(LastEvaluatedKey);
    yield Items;
  }
}

/** Stores the events 0 to `count - 1` as fast as it goes; not measured. */
export async function fillItemStore(
  client: DynamoDBClient,
  place: Place,
  id: string,
  count: number,
): Promise<Aircraft> {
  const engine = new SdkEngine(client);
  let aircraft = newAircraft;
  for (let from = 0; from < count; from += batchWriteItemsMax) {
    const events = Array.from({ length: Math.min(batchWriteItemsMax, count - from) }, (_, at) =>
      flightLanded(from + at),
    );
    const items = events.map((event, at) => itemOf(id, from + at + 1, event));
    await putAll(engine, aircraftTable(place, 'items'), items);
    for (const { data } of events) aircraft = fly(aircraft, data);
  }
  return aircraft;
}
