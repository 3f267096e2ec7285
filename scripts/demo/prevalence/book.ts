/**
 * The state of the prevalent system, and the one way in which it changes. Pure.
 *
 *   summary.open = { '41': 300 }     the book contains the first 300 flights of chunk 41
 *   closed = [0, 1, 2, 5]            and all flights of these
 *
 * Statistics and the knowledge of what is in them are one state. A flight is named by its chunk and its position there,
 * and is taken only as the next one: a flight that comes again finds itself taken, and leaves the very same state, which no
 * journal has to remember.
 *
 * Invariant: the book depends on which flights are in it, and not on the order in which chunks came.
 */
import { type Flight, placesOf } from '../flights.js';
import { addFlight, closeChunk, emptyLedger, emptyTally, type Ledger, type Tally, takeRow } from '../ledger.js';

/** One flight. */
export interface FlightEvent extends Flight {
  readonly chunk: number;
  /** 1 for the first of the chunk. */
  readonly position: number;
  /** The chunk has no more. */
  readonly last: boolean;
}

/** The state. */
export interface FlightBook {
  /** Of all flights, and how many are in of each chunk that is not complete. */
  readonly summary: Ledger;
  /** Per distance band and per hour. */
  readonly statistics: Readonly<Record<string, Tally>>;
  /** Chunks that are complete, in order of their numbers. They are kept apart so that most events copy little. */
  readonly closed: readonly number[];
  /** The flights with the longest delays, longest first; of equal ones the earlier row. */
  readonly worst: readonly FlightEvent[];
}

export const emptyBook: FlightBook = { summary: emptyLedger, statistics: {}, closed: [], worst: [] };

/** How many flights with long delays are kept. */
export const worstMax = 100;

/**
 * Takes one flight; the very same book if it was taken before.
 *
 * @throws Error when a flight before it is missing: those of a chunk must come in order.
 */
export function takeFlight(book: FlightBook, event: FlightEvent): FlightBook {
  const { chunk, position, delay, last } = event;
  if (book.closed.includes(chunk)) return book;
  const summary = takeRow(book.summary, chunk, position, delay);
  if (summary === book.summary) return book;
  const [band, hour] = placesOf(event);
  const statistics = { ...book.statistics };
  for (const name of [band, hour]) statistics[name] = addFlight(statistics[name] ?? emptyTally, delay);
  const worst = withDelay(book.worst, event);
  if (!last) return { summary, statistics, closed: book.closed, worst };
  const closed = [...book.closed, chunk].sort((a, b) => a - b);
  return { summary: closeChunk(summary, chunk, position), statistics, closed, worst };
}

function withDelay(worst: readonly FlightEvent[], event: FlightEvent): readonly FlightEvent[] {
  const last = worst[worstMax - 1];
  if (last !== undefined && compareDelays(last, event) < 0) return worst;
  const at = worst.findIndex((other) => compareDelays(event, other) < 0);
  return worst.toSpliced(at === -1 ? worst.length : at, 0, event).slice(0, worstMax);
}

/** Sorts the longest delays to the front. Never 0 for two flights, so the order is the same whoever came first. */
export function compareDelays(a: FlightEvent, b: FlightEvent): number {
  return b.delay - a.delay || a.chunk - b.chunk || a.position - b.position;
}

/** The flights of one chunk, as events. */
export function eventsOf(flights: readonly Flight[], chunk: number, rowsPerChunk: number): readonly FlightEvent[] {
  const rows = flights.slice(chunk * rowsPerChunk, (chunk + 1) * rowsPerChunk);
  return rows.map(({ delay, distance, time }, n) => {
    return { chunk, position: n + 1, last: n + 1 === rows.length, delay, distance, time };
  });
}

/** The row of a flight in the file, from 0. */
export function rowOf({ chunk, position }: FlightEvent, rowsPerChunk: number): number {
  return chunk * rowsPerChunk + position - 1;
}
