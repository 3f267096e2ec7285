/** What a run has found, as a table for people and as a document for programs. Pure. */
import { bands, hours, summary } from './flights.js';
import type { DemoOptions } from './options.js';
import type { RunResult } from './run.js';

const differencesShown = 10;

/** Figures of one atom. */
interface Line {
  readonly name: string;
  readonly flights: number;
  readonly meanDelay: number | null;
  readonly worstDelay: number | null;
}

/** All figures of a run; the document of `--json`. */
export interface Figures {
  readonly engine: string;
  readonly processes: number;
  readonly rows: number;
  readonly chunks: number;
  readonly rowsPerChunk: number;
  readonly window: number;
  readonly killed: NonNullable<RunResult['killed']> | null;
  readonly returned: RunResult['returned'];
  readonly resumed: RunResult['resumptions'];
  readonly chunksFinished: RunResult['chunksFinished'];
  readonly summary: Line;
  readonly bands: readonly Line[];
  readonly hours: readonly Line[];
  /** Swaps that took effect on rows, read off the atoms. */
  readonly swaps: number;
  /** Swaps of rows that were sent again and skipped. */
  readonly swapsSkipped: number;
  readonly writes: number;
  readonly swapsPerWrite: number;
  readonly conflicts: number;
  readonly requests: number;
  readonly readUnits: number;
  readonly writeUnits: number;
  readonly seconds: number;
  readonly swapsPerSecond: number;
  readonly equal: boolean;
  readonly differences: readonly string[];
}

export function figuresOf(options: DemoOptions, result: RunResult): Figures {
  const { ledgers, rowSwaps, writes, seconds, total } = result;
  const line = (name: string): Line => {
    const { flights = 0, delay = 0, worst = null } = ledgers.get(name) ?? {};
    return { name, flights, meanDelay: flights === 0 ? null : delay / flights, worstDelay: worst };
  };
  return {
    engine: result.engine,
    processes: options.processes,
    rows: options.rows,
    chunks: result.chunks,
    rowsPerChunk: options.rowsPerChunk,
    window: options.window,
    killed: result.killed ?? null,
    returned: result.returned,
    resumed: result.resumptions,
    chunksFinished: result.chunksFinished,
    summary: line(summary),
    bands: bands.map(line),
    hours: hours.map(line),
    swaps: rowSwaps,
    swapsSkipped: result.resumptions.reduce((sum, { swapsSkipped }) => sum + swapsSkipped, 0),
    writes,
    swapsPerWrite: rowSwaps / writes,
    conflicts: total.conditionsFailed,
    requests: total.requests,
    readUnits: total.readUnits,
    writeUnits: total.writeUnits,
    seconds,
    swapsPerSecond: rowSwaps / seconds,
    equal: result.differences.length === 0,
    differences: result.differences,
  };
}

/** The report for people. */
export function reportText(figures: Figures): string {
  const { rows, equal, differences } = figures;
  return [
    ...tableText(figures),
    '',
    ...storyText(figures),
    '',
    ...costText(figures),
    '',
    ...differences.slice(0, differencesShown),
    ...(differences.length > differencesShown ? [`and ${differences.length - differencesShown} more differences`] : []),
    `${whole(rows)} rows: atoms equal the sequential computation: ${equal ? 'yes' : 'NO'}`,
    '',
  ].join('\n');
}

const whole = (n: number): string => n.toLocaleString('en', { maximumFractionDigits: 0 });
const tenths = (n: number): string => n.toLocaleString('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** Distance bands on the left, hours of the day on the right, two columns of them. */
function tableText({ bands, hours, summary }: Figures): readonly string[] {
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
    meanDelay === null ? '-' : tenths(meanDelay),
    worstDelay === null ? '-' : whole(worstDelay),
  ];
}

function rowText([title = '', flights = '', mean = '', worst = '']: readonly string[], titleWidth: number): string {
  return `${title.padEnd(titleWidth)}${flights.padStart(8)}${mean.padStart(7)}${worst.padStart(7)}`;
}

function storyText({
  engine,
  processes,
  rows,
  chunks,
  killed,
  returned,
  resumed,
  chunksFinished,
}: Figures): readonly string[] {
  const finished = Object.values(chunksFinished).join(', ');
  const story = [
    `${engine}; ${processes} processes; ${whole(rows)} flights in ${chunks} chunks, finished by process: ${finished}`,
  ];
  if (killed === null) return [...story, 'no process was killed'];
  story.push(
    `${killed.worker} (pid ${killed.pid}) was killed some time after row ${killed.sent} of chunk ${killed.chunk}`,
  );
  if (returned.length === 0) story.push('it held no chunk at that moment');
  for (const { worker, chunk, stage, inAll, inSome, inNone, swapsSkipped } of resumed) {
    story.push(
      stage === 'closing'
        ? `${worker} closed its chunk ${chunk}, which was counted`
        : `${worker} went on with chunk ${chunk}: ${inAll} rows were counted, ${inSome} in some atoms only, ${inNone} not; ` +
            `${whole(swapsSkipped)} swaps skipped`,
    );
  }
  return story;
}

function costText(figures: Figures): readonly string[] {
  const { swaps, seconds, swapsPerSecond, writes, swapsPerWrite, conflicts, requests, readUnits, writeUnits } = figures;
  return [
    `${whole(swaps)} swaps in ${tenths(seconds)} s (${whole(swapsPerSecond)} a second)`,
    `${whole(writes)} writes committed (${tenths(swapsPerWrite)} swaps a write), ${whole(conflicts)} conflicts`,
    `${whole(requests)} requests, ${tenths(readUnits)} read units, ${tenths(writeUnits)} write units`,
  ];
}
