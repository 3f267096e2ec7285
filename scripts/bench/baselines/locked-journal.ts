/**
 * The ancestor's journal: one item per event, put unconditionally, one at a time under a lock, so that there is one order and one
 * process. The handler is applied when the event is stored.
 */
import { type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { answered, type Place } from '../clients.js';
import { type Board, emptyBoard, type Landing, land } from '../flights.js';
import { counted, eventItem, eventTable, Tally } from './event-items.js';

export class LockedJournal {
  readonly tally: Tally = new Tally();
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #name: string;
  #board = emptyBoard;
  #seq = 0;
  /** Settles when whoever came last has let the lock go. */
  #lock: Promise<unknown> = Promise.resolve();

  constructor(client: DynamoDBClient, place: Place, name: string) {
    this.#client = client;
    this.#table = eventTable(place);
    this.#name = name;
  }

  get board(): Board {
    return this.#board;
  }

  handle(event: Landing): Promise<Board> {
    const turn = this.#lock.then(() => this.#append(event));
    this.#lock = turn;
    return turn;
  }

  async #append(event: Landing): Promise<Board> {
    const input = { TableName: this.#table, Item: eventItem(this.#name, this.#seq + 1, event), ...counted };
    // Without a condition it may be sent again.
    const answer = await answered(() => this.#client.send(new PutItemCommand(input)));
    this.tally.wrote(answer.ConsumedCapacity?.CapacityUnits);
    this.#seq += 1;
    this.#board = land(this.#board, event);
    return this.#board;
  }
}
