/** The plain sequential computation of a book, and what differs between two. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { bands, computeExpected, type Flight, hours, summary } from '../flights.js';
import { emptyTally } from '../ledger.js';
import { compareTally } from '../verify.js';
import { compareDelays, type FlightBook, type FlightEvent, worstMax } from './book.js';

/** The book of some rows of the file: one loop and one sort, and nothing of what the system does. */
export function computeBook(flights: readonly Flight[], rows: readonly number[], rowsPerChunk: number): FlightBook {
  const events: FlightEvent[] = [];
  const open: Record<string, number> = {};
  const closed: number[] = [];
  for (const row of rows) {
    const { delay, distance, time } = flights[row] as Flight;
    const [chunk, position] = [Math.floor(row / rowsPerChunk), (row % rowsPerChunk) + 1];
    events.push({
      chunk,
      position,
      last: position === rowsPerChunk || row + 1 === flights.length,
      delay,
      distance,
      time,
    });
    open[chunk] = (open[chunk] ?? 0) + 1;
  }
  for (const [chunk, count] of Object.entries(open)) {
    if (count < Math.min(rowsPerChunk, flights.length - Number(chunk) * rowsPerChunk)) continue;
    closed.push(Number(chunk));
    delete open[chunk];
  }
  const { [summary]: all = emptyTally, ...others } = Object.fromEntries(computeExpected(events));
  const statistics = Object.fromEntries(Object.entries(others).filter(([, tally]) => tally.flights > 0));
  return { summary: { ...all, open }, statistics, closed, worst: events.sort(compareDelays).slice(0, worstMax) };
}

/** What differs, in words; empty = equal. `where` says whose book it is. */
export function compareBooks(where: string, found: FlightBook, expected: FlightBook): readonly string[] {
  const differences = [...compareTally(summary, where, found.summary, expected.summary)];
  const differ = (what: string, one: unknown, other: unknown): void => {
    if (isDeepStrictEqual(one, other)) return;
    differences.push(`${what}: ${JSON.stringify(one)} ${where}, ${JSON.stringify(other)} by the computation`);
  };
  for (const name of [...bands, ...hours]) {
    const [one = emptyTally, other = emptyTally] = [found.statistics[name], expected.statistics[name]];
    differences.push(...compareTally(name, where, one, other));
  }
  for (let n = 0; n < Math.max(found.worst.length, expected.worst.length); n += 1) {
    differ(`delay ${n + 1}`, found.worst[n], expected.worst[n]);
  }
  differ('open chunks', found.summary.open, expected.summary.open);
  differ('closed chunks', found.closed, expected.closed);
  return differences;
}

/** What is wrong with a journal's order: each of `count` rows must be in it, once. */
export function compareOrder(order: readonly number[], count: number): readonly string[] {
  const differences = order.length === count ? [] : [`journal: ${order.length} events, expected ${count}`];
  const times = new Uint32Array(count);
  for (const row of order) times[row] = (times[row] ?? 0) + 1;
  for (const [row, found] of times.entries()) {
    if (found !== 1) differences.push(`journal: row ${row} is in it ${found} times`);
  }
  return differences;
}
