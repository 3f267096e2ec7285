/**
 * The prevalence job's protocol as a game: a parent with a desk, writers with calls under way, one journal that takes an
 * append only where its writer saw the end of it. A schedule says what happens next: rows leave, appends are prepared, arrive
 * and are answered, messages are heard, writers die between any two of these. What a dead one has sent arrives later or never.
 *
 * Desk and state are the job's own.
 */

import type { Flight } from '../../scripts/demo/flights.js';
import {
  emptyBook,
  eventsOf,
  type FlightBook,
  type FlightEvent,
  takeFlight,
} from '../../scripts/demo/prevalence/book.js';
import { Desk, type Order } from '../../scripts/demo/prevalence/desk.js';

/** What can be wrong on purpose. */
export type Mistake = 'counts what comes again' | 'says done before the answers';

export interface Game {
  readonly flights: readonly Flight[];
  readonly rowsPerChunk: number;
  readonly writers: number;
  /** Rows that a writer has under way at once, at most. */
  readonly window: number;
  /** Choices, consumed one by one; when they are used up, chance goes on, and nobody dies. */
  readonly schedule: readonly number[];
  readonly mistake?: Mistake;
}

/** How a game ended. */
export interface End {
  readonly journal: readonly FlightEvent[];
  readonly book: FlightBook;
}

interface Append {
  readonly base: number;
  /** What it would add to the journal. */
  readonly events: readonly FlightEvent[];
  /** What it decides: all events that were taken from the queue. */
  readonly decided: number;
  state: 'on its way' | 'applied' | 'refused';
}

const deathEvery = 9;

/** The one place where events are in order. */
class Journal {
  readonly events: FlightEvent[] = [];
  readonly #take: typeof takeFlight;
  #book: FlightBook = emptyBook;

  constructor(take: typeof takeFlight) {
    this.#take = take;
  }

  get book(): FlightBook {
    return this.#book;
  }

  /** Decides on some events as the state is now. */
  prepare(queue: readonly FlightEvent[]): Append {
    let book = this.#book;
    const events = queue.filter((event) => {
      const before = book;
      book = this.#take(book, event);
      return book !== before;
    });
    return { base: this.events.length, events, decided: queue.length, state: 'on its way' };
  }

  arrive(append: Append): void {
    append.state = append.base === this.events.length ? 'applied' : 'refused';
    if (append.state === 'refused') return;
    this.events.push(...append.events);
    this.#book = append.events.reduce(this.#take, this.#book);
  }
}

class Writer {
  readonly name: string;
  dead = false;
  /** Messages to the parent, in order; those of the dead may still be heard. */
  readonly sent: (() => void)[] = [];
  append: Append | undefined;
  readonly #game: Game;
  readonly #desk: Desk;
  readonly #journal: Journal;
  readonly #queue: FlightEvent[] = [];
  readonly #unsent: FlightEvent[] = [];
  #asking = false;
  #over = false;

  constructor(name: string, game: Game, desk: Desk, journal: Journal) {
    this.name = name;
    this.#game = game;
    this.#desk = desk;
    this.#journal = journal;
  }

  /** What this writer could do next. */
  moves(): (() => void)[] {
    if (this.dead || this.#over) return [];
    const moves: (() => void)[] = [];
    if (this.#unsent.length > 0 && this.#queue.length < this.#game.window) moves.push(() => this.#send());
    if (this.#unsent.length === 0 && !this.#asking) moves.push(() => this.#ask());
    if (this.append === undefined && this.#queue.length > 0) {
      moves.push(() => {
        this.append = this.#journal.prepare(this.#queue);
      });
    }
    if (this.append !== undefined && this.append.state !== 'on its way') moves.push(() => this.#answered());
    return moves;
  }

  #ask(): void {
    this.#asking = true;
    this.sent.push(() => this.#desk.ask(this.name, (order) => this.#told(order)));
  }

  #told(order: Order): void {
    this.#asking = false;
    if (order.kind === 'over') this.#over = true;
    else this.#unsent.push(...eventsOf(this.#game.flights, order.chunk, this.#game.rowsPerChunk));
  }

  #send(): void {
    const event = this.#unsent.shift() as FlightEvent;
    this.#queue.push(event);
    if (this.#game.mistake === 'says done before the answers') this.#reportLast(event);
  }

  #answered(): void {
    const { state, decided } = this.append as Append;
    this.append = undefined;
    if (state === 'refused') return;
    for (const event of this.#queue.splice(0, decided)) this.#reportLast(event);
  }

  #reportLast({ chunk, last }: FlightEvent): void {
    if (last) this.sent.push(() => this.#desk.done(this.name, chunk));
  }
}

/** Plays a game to its end. */
export function play(game: Game): End {
  const takesAgain: typeof takeFlight = (book, event) => {
    const open = { ...book.summary.open, [event.chunk]: event.position - 1 };
    return takeFlight({ ...book, summary: { ...book.summary, open }, closed: [] }, event);
  };
  const journal = new Journal(game.mistake === 'counts what comes again' ? takesAgain : takeFlight);
  const desk = new Desk(Math.ceil(game.flights.length / game.rowsPerChunk));
  const writers = Array.from({ length: game.writers }, (_, n) => new Writer(`writer-${n}`, game, desk, journal));
  const unnoticed: Writer[] = [];
  const inNetwork: Append[] = [];
  let at = 0;
  let chance = 1;
  const choose = (below: number): number => {
    const choice = game.schedule[at];
    at += 1;
    chance = (chance * 48_271) % 2_147_483_647;
    return (choice ?? chance) % below;
  };
  const die = (writer: Writer): void => {
    writer.dead = true;
    unnoticed.push(writer);
  };
  for (let steps = 0; !desk.isOver; steps += 1) {
    if (steps > 100_000) throw new Error('Cannot end the game: nothing leads to its end');
    const alive = writers.filter(({ dead }) => !dead);
    if (at < game.schedule.length && alive.length > 1 && choose(deathEvery) === 0) {
      die(alive[choose(alive.length)] as Writer);
      continue;
    }
    for (const { append } of writers) {
      if (append?.state === 'on its way' && !inNetwork.includes(append)) inNetwork.push(append);
    }
    const moves = [
      ...writers.flatMap((writer) => writer.moves()),
      ...writers.flatMap(({ sent }) => (sent.length > 0 ? [() => sent.shift()?.()] : [])),
      ...inNetwork.map((append, n) => () => journal.arrive(inNetwork.splice(n, 1)[0] ?? append)),
      ...unnoticed.map((writer, n) => () => {
        unnoticed.splice(n, 1);
        desk.giveBack(writer.name);
      }),
    ];
    moves[choose(moves.length)]?.();
  }
  return { journal: journal.events, book: journal.book };
}
