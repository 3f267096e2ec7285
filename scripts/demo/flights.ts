/**
 * The flights: 200,000 domestic flights in the United States in 2001, as they come with the package `vega-datasets`
 * (BSD-3), and the plain sequential computation that statistics made in any other way must equal.
 *
 * The same rows in the same order for every process, so that a chunk is named by a number alone. All sums are of whole
 * minutes: integers, hence equal in whatever order they are added.
 */
import { readFile } from 'node:fs/promises';
import { addFlight, emptyTally, type Tally } from './ledger.js';

/** One flight as the file has it. */
export interface Flight {
  /** Minutes; negative = early. */
  readonly delay: number;
  /** Miles. */
  readonly distance: number;
  /** Hour of departure with its fraction: 13.5 is half past one. */
  readonly time: number;
}

const bandMiles = 500;
const lastBand = 3_000;
/** Name of the statistics that every flight goes to. */
export const summary = 'summary';

const twoDigits = (n: number): string => String(n).padStart(2, '0');
/** Names of the statistics, one per distance band, in order. */
export const bands: readonly string[] = Array.from({ length: lastBand / bandMiles + 1 }, (_, n) => bandName(n));
/** Names of the statistics, one per hour, in order. */
export const hours: readonly string[] = Array.from({ length: 24 }, (_, hour) => `hour/${twoDigits(hour)}`);

function bandName(band: number): string {
  const from = band * bandMiles;
  return from === lastBand ? `miles/${from}+` : `miles/${from}-${from + bandMiles - 1}`;
}

/** The three statistics that a flight is counted in. */
export function placesOf({ distance, time }: Flight): readonly [band: string, hour: string, summary: string] {
  const band = Math.min(Math.floor(distance / bandMiles), lastBand / bandMiles);
  return [bands[band] as string, hours[Math.floor(time)] as string, summary];
}

/** Reads the flights; with `count`, that many, spread evenly over the file. */
export async function readFlights(count?: number): Promise<readonly Flight[]> {
  // The package exports its code only; the data lies beside it.
  const file = new URL('../data/flights-200k.json', import.meta.resolve('vega-datasets'));
  const all: readonly Flight[] = JSON.parse(await readFile(file, 'utf8'));
  if (count === undefined || count >= all.length) return all;
  return Array.from({ length: count }, (_, n) => all[Math.floor((n * all.length) / count)] as Flight);
}

/** One row of a chunk for one atom. */
export interface Delivery {
  readonly atom: string;
  /** 1 for the first row of the chunk that belongs to the atom. */
  readonly position: number;
  readonly delay: number;
}

/** What a chunk sends, row by row, and how many rows each atom gets of it. */
export interface ChunkPlan {
  readonly rows: readonly (readonly Delivery[])[];
  readonly rowsOf: ReadonlyMap<string, number>;
}

/** Plans the rows `from` to `to`. */
export function planChunk(flights: readonly Flight[], from: number, to: number): ChunkPlan {
  const rowsOf = new Map<string, number>();
  const rows = flights.slice(from, to).map((flight) =>
    placesOf(flight).map((atom) => {
      const position = (rowsOf.get(atom) ?? 0) + 1;
      rowsOf.set(atom, position);
      return { atom, position, delay: flight.delay };
    }),
  );
  return { rows, rowsOf };
}

/** What must have been counted at the end. */
export function computeExpected(flights: readonly Flight[]): ReadonlyMap<string, Tally> {
  const tallies = new Map<string, Tally>([summary, ...bands, ...hours].map((name) => [name, emptyTally]));
  for (const flight of flights) {
    for (const name of placesOf(flight)) tallies.set(name, addFlight(tallies.get(name) ?? emptyTally, flight.delay));
  }
  return tallies;
}

/** The flights with one of them a minute later. */
export function altered(flights: readonly Flight[]): readonly Flight[] {
  const at = Math.floor(flights.length / 2);
  return flights.map((flight, n) => (n === at ? { ...flight, delay: flight.delay + 1 } : flight));
}
