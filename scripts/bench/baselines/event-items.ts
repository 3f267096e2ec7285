/**
 * What the journals with an item per event have in common: a table with the journal's name as partition key and the event's number
 * as numeric sort key.
 *
 * An event is kept as attributes, which is the usual way, or as JSON in one string, for which the SDK and both engines take less time.
 */
import { type AttributeValue, CreateTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import type { Place } from '../clients.js';
import type { Landing } from '../flights.js';
import type { Counts } from '../sample.js';

export type EventItem = Record<string, AttributeValue>;

export type EventForm = 'attributes' | 'json';

export function eventItem(journal: string, seq: number, event: Landing, form: EventForm = 'json'): EventItem {
  return {
    journal: { S: journal },
    seq: { N: String(seq) },
    time: { N: String(Date.now()) },
    event: form === 'json' ? { S: JSON.stringify(event) } : { M: marshall(event) },
  };
}

export function eventOf(item: EventItem): Landing {
  const { event } = unmarshall(item);
  return typeof event === 'string' ? JSON.parse(event) : event;
}

export const counted = { ReturnConsumedCapacity: 'TOTAL' } as const;

/** The name of the events' table beside a table of atoms. */
export const eventTable = ({ table }: Place): string => `${table}-events`;

export async function makeEventTable(client: DynamoDBClient, place: Place): Promise<void> {
  const command = new CreateTableCommand({
    TableName: eventTable(place),
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [
      { AttributeName: 'journal', AttributeType: 'S' },
      { AttributeName: 'seq', AttributeType: 'N' },
    ],
    KeySchema: [
      { AttributeName: 'journal', KeyType: 'HASH' },
      { AttributeName: 'seq', KeyType: 'RANGE' },
    ],
  });
  try {
    await client.send(command);
  } catch (error) {
    if ((error as Error).name !== 'ResourceInUseException') throw error;
  }
}

/** Counts what requests came to. */
export class Tally {
  readonly #counts = { requests: 0, readUnits: 0, writeUnits: 0, failedPuts: 0, commits: 0 };

  counts(): Counts {
    return { ...this.#counts };
  }

  wrote(units: number | undefined): void {
    this.#counts.requests += 1;
    this.#counts.commits += 1;
    this.#counts.writeUnits += units ?? 0;
  }

  read(units: number | undefined): void {
    this.#counts.requests += 1;
    this.#counts.readUnits += units ?? 0;
  }
}
