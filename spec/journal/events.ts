/**
 * Events as a system has them, 170 bytes of JSON each: flights that land. The rows are those of `vega-datasets`, in the order
 * of their dates, so that they compress as records do and not as a constant does.
 */
import { readFileSync } from 'node:fs';

interface Row {
  readonly date: string;
  readonly delay: number;
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

const file = new URL('../../node_modules/vega-datasets/data/flights-20k.json', import.meta.url);
let rows: readonly Row[] | undefined;

function landing(flight: number): string {
  rows ??= JSON.parse(readFileSync(file, 'utf8')) as Row[];
  const { date, delay, distance, origin, destination } = rows[flight % rows.length] as Row;
  return JSON.stringify({
    type: 'flight-landed',
    flight,
    scheduledAt: `${date.replaceAll('/', '-').replace(' ', 'T')}:00Z`,
    ...{ origin, destination, delayMinutes: delay, distanceMiles: distance },
    aircraft: `N${1_000 + ((Math.imul(flight + 1, 2_654_435_761) >>> 0) % 4_000)}U`,
  });
}

export function landings(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => landing(from + index));
}
