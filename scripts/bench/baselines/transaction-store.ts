/**
 * One `TransactWriteItems` per command, in the layout of `dynamo-es` 0.4 (the DynamoDB store of `cqrs-es`): the table of events has an
 * item for each, under `AggregateTypeAndId` and `AggregateIdSequence`, put on condition that it is not there; the table of snapshots has
 * the state of each aggregate, put on condition that it has the number of the one before. Payloads are JSON as bytes.
 *
 * As that library's aggregate store: the state is written with each command, and loading reads it alone. As its event store: events
 * only, by a strongly consistent `Query`; here to the last page, where it stops after the first.
 */
import { type AttributeValue, type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { batchWriteItemsMax, SdkEngine } from '../../../lib/engine/index.js';
import { answered, type Place } from '../clients.js';
import { type Aircraft, type FlightLanded, flightLanded, fly, newAircraft } from '../fleet.js';
import type { Counts } from '../sample.js';
import { type AircraftStore, aircraftTable, putTogether, type Standing, wasFirst } from './aircraft-store.js';
import { Tally } from './event-items.js';
import { pagesOf } from './item-store.js';
import { meteredClient } from './metered-client.js';
import { putAll } from './put-all.js';

/** Where the state is taken from. */
export type Source = 'aggregate' | 'events';

const type = 'aircraft';
const partitionOf = (id: string) => ({ AggregateTypeAndId: { S: `${type}:${id}` } });

export class TransactionStore implements AircraftStore {
  readonly #tally = new Tally();
  readonly #client: DynamoDBClient;
  readonly #place: Place;
  readonly #source: Source;

  constructor(client: DynamoDBClient, place: Place, source: Source = 'aggregate') {
    this.#client = meteredClient(client, this.#tally);
    this.#place = place;
    this.#source = source;
  }

  counts(): Counts {
    return this.#tally.counts();
  }

  async append(id: string, before: Standing, events: readonly FlightLanded[]): Promise<boolean> {
    const after = events.reduce((aircraft, { data }) => fly(aircraft, data), before.aircraft);
    const puts = events.map((event, at) => this.#event(id, before.version + at + 1, event));
    if (this.#source === 'aggregate')
      puts.push(this.#snapshot(id, before.version, before.version + events.length, after));
    try {
      await putTogether(this.#client, puts);
      return true;
    } catch (error) {
      return !wasFirst(error);
    }
  }

  async load(id: string): Promise<Standing> {
    if (this.#source === 'aggregate') return this.#loadSnapshot(id);
    let standing: Standing = { aircraft: newAircraft, version: 0 };
    for await (const items of pagesOf(this.#client, aircraftTable(this.#place, 'events'), partitionOf(id))) {
      for (const { AggregateIdSequence, Payload } of items) {
        standing = { aircraft: fly(standing.aircraft, jsonOf(Payload)), version: Number(AggregateIdSequence?.N) };
      }
    }
    return standing;
  }

  async #loadSnapshot(id: string): Promise<Standing> {
    const input = { TableName: aircraftTable(this.#place, 'snapshots'), Key: partitionOf(id), ConsistentRead: true };
    const { Item } = await answered(() => this.#client.send(new GetItemCommand(input)));
    if (Item === undefined) return { aircraft: newAircraft, version: 0 };
    return { aircraft: jsonOf(Item.Payload), version: Number(Item.CurrentSequence?.N) };
  }

  /** Stores a state without events, whatever stands there; not measured. */
  async keep(id: string, { aircraft, version }: Standing): Promise<void> {
    const { TableName, Item } = this.#snapshot(id, 0, version, aircraft);
    await this.#client.send(new PutItemCommand({ TableName, Item }));
  }

  #event(id: string, sequence: number, event: FlightLanded) {
    return {
      TableName: aircraftTable(this.#place, 'events'),
      Item: eventItem(id, sequence, event),
      ConditionExpression: 'attribute_not_exists(AggregateIdSequence)',
    };
  }

  #snapshot(id: string, before: number, sequence: number, aircraft: Aircraft) {
    return {
      TableName: aircraftTable(this.#place, 'snapshots'),
      Item: {
        ...partitionOf(id),
        AggregateType: { S: type },
        AggregateId: { S: id },
        CurrentSequence: { N: String(sequence) },
        CurrentSnapshot: { N: String(sequence) },
        Payload: { B: bytesOf(aircraft) },
      },
      ConditionExpression: 'attribute_not_exists(CurrentSnapshot) OR CurrentSnapshot = :before',
      ExpressionAttributeValues: { ':before': { N: String(before) } },
    };
  }
}

function eventItem(
  id: string,
  sequence: number,
  { data, type: eventType }: FlightLanded,
): Record<string, AttributeValue> {
  return {
    ...partitionOf(id),
    AggregateIdSequence: { N: String(sequence) },
    AggregateType: { S: type },
    AggregateId: { S: id },
    EventVersion: { S: '1.0' },
    EventType: { S: eventType },
    Payload: { B: bytesOf(data) },
    Metadata: { B: bytesOf({}) },
  };
}

function bytesOf(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

function jsonOf<T>(value: AttributeValue | undefined): T {
  return JSON.parse(Buffer.from(value?.B ?? new Uint8Array()).toString()) as T;
}

/** Stores the events 0 to `count - 1`, without a snapshot, as fast as it goes; not measured. */
export async function fillTransactionStore(
  client: DynamoDBClient,
  place: Place,
  id: string,
  count: number,
): Promise<void> {
  const engine = new SdkEngine(client);
  for (let from = 0; from < count; from += batchWriteItemsMax) {
    const length = Math.min(batchWriteItemsMax, count - from);
    const items = Array.from({ length }, (_, at) => eventItem(id, from + at + 1, flightLanded(from + at)));
    await putAll(engine, aircraftTable(place, 'events'), items);
  }
}
