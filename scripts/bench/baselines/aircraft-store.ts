/**
 * What the other ways of storing the events of aircraft have in common: their tables, and what is asked of them.
 *
 * All are handed the client of `createClient`, as ours is. None checks an event, keeps an id of a command, or recovers from a lost answer.
 */
import { CreateTableCommand, type DynamoDBClient, type Put, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import type { Place } from '../clients.js';
import type { Aircraft, FlightLanded } from '../fleet.js';
import type { Counts } from '../sample.js';

/** An aircraft and the number of its events. */
export interface Standing {
  readonly aircraft: Aircraft;
  readonly version: number;
}

export interface AircraftStore {
  counts(): Counts;
  /** Appends events after `before`; `false` when somebody else was first. */
  append(id: string, before: Standing, events: readonly FlightLanded[]): Promise<boolean>;
  /** The aircraft as of now, strongly consistent. */
  load(id: string): Promise<Standing>;
}

/** Events of one transaction, at most; more go in several, and are not all or none any more. */
export const transactionMax = 100;

const tables = {
  items: [
    ['aggregateId', 'S'],
    ['version', 'N'],
  ],
  events: [
    ['AggregateTypeAndId', 'S'],
    ['AggregateIdSequence', 'N'],
  ],
  snapshots: [['AggregateTypeAndId', 'S']],
} as const;

export type TableKind = keyof typeof tables;

/** The name of a table of theirs beside a table of atoms. */
export const aircraftTable = ({ table }: Place, kind: TableKind): string => `${table}-aircraft-${kind}`;

export async function makeAircraftTables(client: DynamoDBClient, place: Place): Promise<void> {
  for (const kind of Object.keys(tables) as TableKind[]) {
    const command = new CreateTableCommand({
      TableName: aircraftTable(place, kind),
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: tables[kind].map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
      KeySchema: tables[kind].map(([AttributeName], at) => ({ AttributeName, KeyType: at === 0 ? 'HASH' : 'RANGE' })),
    });
    try {
      await client.send(command);
    } catch (error) {
      if ((error as Error).name !== 'ResourceInUseException') throw error;
    }
  }
}

/** Puts items in as few transactions as it takes. */
export async function putTogether(client: DynamoDBClient, puts: readonly Put[]): Promise<void> {
  for (let at = 0; at < puts.length; at += transactionMax) {
    const TransactItems = puts.slice(at, at + transactionMax).map((put) => ({ Put: put }));
    await client.send(new TransactWriteItemsCommand({ TransactItems }));
  }
}

const refusals = ['ConditionalCheckFailedException', 'TransactionConflictException', 'TransactionCanceledException'];

/** Whether a write was refused since somebody else was first; other errors are thrown. */
export function wasFirst(error: unknown): boolean {
  if (refusals.includes((error as Error).name)) return true;
  throw error;
}
