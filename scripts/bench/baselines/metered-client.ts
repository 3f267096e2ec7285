/** The SDK's client, asked to tell what each request cost, and added up. Transactions are reckoned by the published rule. */
import {
  type AttributeValue,
  type DynamoDBClient,
  type TransactWriteItem,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { type Item, itemBytes } from '../../../lib/codec/index.js';
import type { Tally } from './event-items.js';

interface AnyCommand {
  readonly input: { ReturnConsumedCapacity?: string; TransactItems?: readonly TransactWriteItem[] };
}

interface AnyAnswer {
  readonly ConsumedCapacity?: { readonly CapacityUnits?: number };
}

/** Bytes of a write unit. */
const unitBytes = 1_024;

/**
 * A client with the connections of another one, which counts. The SDK's own in all but that, so that packages take it: they are
 * handed no other.
 */
export function meteredClient(client: DynamoDBClient, tally: Tally): DynamoDBClient {
  const metered = Object.create(client) as DynamoDBClient;
  metered.send = (async (command: AnyCommand) => {
    command.input.ReturnConsumedCapacity = 'TOTAL';
    const answer = (await (client.send as (command: AnyCommand) => Promise<AnyAnswer>)(command)) as AnyAnswer;
    const units = answer.ConsumedCapacity?.CapacityUnits;
    if (command instanceof TransactWriteItemsCommand) tally.wrote(transactionUnits(command.input.TransactItems ?? []));
    else if (/Query|Get/.test(command.constructor.name)) tally.read(units);
    else tally.wrote(units);
    return answer;
  }) as DynamoDBClient['send'];
  return metered;
}

/** DynamoDB Local reports 2 for the whole transaction; the service takes 2 for each KB of each item. */
function transactionUnits(items: readonly TransactWriteItem[]): number {
  let units = 0;
  for (const { Put } of items)
    units += 2 * Math.ceil(itemBytes(Put?.Item as Record<string, AttributeValue> as Item) / unitBytes);
  return units;
}
