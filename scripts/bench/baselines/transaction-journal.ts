/**
 * A journal by transactions: the events and the head in one `TransactWriteItems`, on condition that the head is still the one that
 * is known. All callers that wait go together, as many as a transaction takes; the next one leaves when the last is answered.
 */
import { randomUUID } from 'node:crypto';
import { type DynamoDBClient, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import { answered, type Place } from '../clients.js';
import { type Board, emptyBoard, type Landing, land } from '../flights.js';
import { eventItem, eventTable, Tally } from './event-items.js';

const eventsMax = 99;
/** By the published rule, for items up to 1 KB. DynamoDB Local reports 2 for the whole transaction. */
const unitsPerItem = 2;

interface Waiting {
  readonly event: Landing;
  readonly tell: (board: Board) => void;
  readonly fail: (error: unknown) => void;
}

export class TransactionJournal {
  readonly tally: Tally = new Tally();
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #name: string;
  readonly #waiting: Waiting[] = [];
  #board = emptyBoard;
  #seq = 0;
  #isBusy = false;

  constructor(client: DynamoDBClient, place: Place, name: string) {
    this.#client = client;
    this.#table = eventTable(place);
    this.#name = name;
  }

  get board(): Board {
    return this.#board;
  }

  handle(event: Landing): Promise<Board> {
    return new Promise((tell, fail) => {
      this.#waiting.push({ event, tell, fail });
      if (!this.#isBusy) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#isBusy = true;
    // Those who call in this turn go along.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, eventsMax);
      try {
        await this.#append(batch.map(({ event }) => event));
      } catch (error) {
        for (const { fail } of batch) fail(error);
        continue;
      }
      for (const { event, tell } of batch) {
        this.#board = land(this.#board, event);
        tell(this.#board);
      }
      // Whoever was answered may call again before the next one leaves.
      await Promise.resolve();
    }
    this.#isBusy = false;
  }

  async #append(events: readonly Landing[]): Promise<void> {
    const last = this.#seq + events.length;
    const head = {
      Update: {
        TableName: this.#table,
        Key: { journal: { S: this.#name }, seq: { N: '0' } },
        UpdateExpression: 'SET #last = :last',
        ConditionExpression: this.#seq === 0 ? 'attribute_not_exists(#last)' : '#last = :known',
        ExpressionAttributeNames: { '#last': 'last' },
        ExpressionAttributeValues: {
          ':last': { N: String(last) },
          ...(this.#seq > 0 && { ':known': { N: String(this.#seq) } }),
        },
      },
    };
    const puts = events.map((event, at) => ({
      Put: {
        TableName: this.#table,
        Item: eventItem(this.#name, this.#seq + 1 + at, event),
        ConditionExpression: 'attribute_not_exists(seq)',
      },
    }));
    const items = [head, ...puts];
    // By its token it may be sent again.
    const input = { TransactItems: items, ClientRequestToken: randomUUID() };
    await answered(() => this.#client.send(new TransactWriteItemsCommand(input)));
    this.tally.wrote(unitsPerItem * items.length);
    this.#seq = last;
  }
}
