/** The statistics as a table: distance bands on the left, hours of the day on the right, two columns of them. Pure. */
import { decimal, whole } from './figures.js';
import { bands, hours, summary } from './flights.js';
import type { Tally } from './ledger.js';

/** Statistics of one name. */
interface Line {
  readonly name: string;
  readonly flights: number;
  readonly meanDelay: number | null;
  readonly worstDelay: number | null;
}

/** All statistics of a run. */
export interface Statistics {
  readonly summary: Line;
  readonly bands: readonly Line[];
  readonly hours: readonly Line[];
}

export function statisticsOf(tallyOf: (name: string) => Tally | undefined): Statistics {
  const line = (name: string): Line => {
    const { flights = 0, delay = 0, worst = null } = tallyOf(name) ?? {};
    return { name, flights, meanDelay: flights === 0 ? null : delay / flights, worstDelay: worst };
  };
  return { summary: line(summary), bands: bands.map(line), hours: hours.map(line) };
}

export function statisticsText({ bands, hours, summary }: Statistics): readonly string[] {
  const half = hours.length / 2;
  const columns = [[...bands, summary], hours.slice(0, half), hours.slice(half)];
  const head = (title: string) => [title, 'flights', 'mean', 'worst'];
  const cells = columns.map((lines, at) => [head(at === 0 ? 'delay, minutes' : ''), ...lines.map(cellsOf)]);
  return Array.from({ length: half + 1 }, (_, row) =>
    cells
      .map((column, at) => rowText(column[row] ?? [], at === 0 ? 15 : 8))
      .join('   ')
      .trimEnd(),
  );
}

function cellsOf({ name, flights, meanDelay, worstDelay }: Line): readonly string[] {
  const title = name.startsWith('miles/')
    ? `${name.slice('miles/'.length)} mi`
    : name.startsWith('hour/')
      ? `${name.slice('hour/'.length)} h`
      : name;
  return [
    title,
    whole(flights),
    meanDelay === null ? '-' : decimal(meanDelay),
    worstDelay === null ? '-' : whole(worstDelay),
  ];
}

function rowText([title = '', flights = '', mean = '', worst = '']: readonly string[], titleWidth: number): string {
  return `${title.padEnd(titleWidth)}${flights.padStart(8)}${mean.padStart(7)}${worst.padStart(7)}`;
}
