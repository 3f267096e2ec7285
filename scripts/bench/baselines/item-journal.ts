/**
 * A journal with one conditional item per event: `attribute_not_exists` on the number. A process that knows the last number goes on
 * from there with as many puts in flight as it has callers, and applies the handler in the order of the numbers.
 *
 * With one process the condition never fails. A second one would have to stop at each failure and read on; that is left out.
 * Whoever calls is answered when his own item is stored, whether or not the ones before it are: more than is safe, and faster.
 *
 * Replay reads the events by a paginated, strongly consistent `Query`; the next page is asked for before the last one is replayed.
 */
import { type DynamoDBClient, PutItemCommand, QueryCommand, type QueryCommandOutput } from '@aws-sdk/client-dynamodb';
import { SdkEngine } from '../../../lib/engine/index.js';
import { answered, type Place } from '../clients.js';
import { type Board, emptyBoard, type Landing, land, landing } from '../flights.js';
import { counted, type EventForm, type EventItem, eventItem, eventOf, eventTable, Tally } from './event-items.js';

export class ItemJournal {
  readonly tally: Tally = new Tally();
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #name: string;
  readonly #stored = new Map<number, Landing>();
  #board = emptyBoard;
  #next = 1;
  #applied = 0;

  constructor(client: DynamoDBClient, place: Place, name: string) {
    this.#client = client;
    this.#table = eventTable(place);
    this.#name = name;
  }

  get board(): Board {
    return this.#board;
  }

  async handle(event: Landing): Promise<void> {
    const seq = this.#next;
    this.#next += 1;
    const input = {
      TableName: this.#table,
      Item: eventItem(this.#name, seq, event),
      ConditionExpression: 'attribute_not_exists(seq)',
      ...counted,
    };
    let units: number | undefined = 1;
    try {
      const answer = await answered(() => this.#client.send(new PutItemCommand(input)));
      units = answer.ConsumedCapacity?.CapacityUnits;
    } catch (error) {
      // Nobody else writes here: it met its own first copy.
      if ((error as Error).name !== 'ConditionalCheckFailedException') throw error;
    }
    this.tally.wrote(units);
    this.#stored.set(seq, event);
    this.#apply();
  }

  #apply(): void {
    for (;;) {
      const event = this.#stored.get(this.#applied + 1);
      if (event === undefined) return;
      this.#applied += 1;
      this.#stored.delete(this.#applied);
      this.#board = land(this.#board, event);
    }
  }
}

const batchItems = 25;
const batchesInFlight = 8;

/** Writes the landings 0 to `count - 1` as fast as it goes; not measured. */
export async function fillItemJournal(
  client: DynamoDBClient,
  place: Place,
  name: string,
  { count, form }: { readonly count: number; readonly form: EventForm },
): Promise<void> {
  const engine = new SdkEngine(client);
  let next = 0;
  const fill = async () => {
    while (next < count) {
      const from = next;
      next = Math.min(from + batchItems, count);
      let puts: readonly EventItem[] = Array.from({ length: next - from }, (_, at) =>
        eventItem(name, from + at + 1, landing(from + at), form),
      );
      while (puts.length > 0) {
        const answer = await engine.batchWrite({ table: eventTable(place), puts: puts as never });
        if (answer.status === 'applied') puts = answer.unprocessedPuts as unknown as EventItem[];
      }
    }
  };
  await Promise.all(Array.from({ length: batchesInFlight }, fill));
}

/** The state by replay of all events, and what it took. */
export async function replayItemJournal(
  client: DynamoDBClient,
  place: Place,
  name: string,
): Promise<{ readonly board: Board; readonly tally: Tally }> {
  const tally = new Tally();
  const ask = async (startKey?: EventItem): Promise<QueryCommandOutput> => {
    const input = {
      TableName: eventTable(place),
      KeyConditionExpression: 'journal = :journal',
      ExpressionAttributeValues: { ':journal': { S: name } },
      ConsistentRead: true,
      ...(startKey !== undefined && { ExclusiveStartKey: startKey }),
      ...counted,
    };
    const answer = await answered(() => client.send(new QueryCommand(input)));
    tally.read(answer.ConsumedCapacity?.CapacityUnits);
    return answer;
  };
  let board = emptyBoard;
  let asked: Promise<QueryCommandOutput> | undefined = ask();
  while (asked !== undefined) {
    const { Items = [], LastEvaluatedKey }: QueryCommandOutput = await asked;
    asked = LastEvaluatedKey === undefined ? undefined : ask(LastEvaluatedKey);
    for (const item of Items) board = land(board, eventOf(item));
  }
  return { board, tally };
}
