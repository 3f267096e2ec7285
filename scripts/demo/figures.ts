/** Figures that every job has, and how they read. Pure. */
import type { Spent } from '../../lib/index.js';
import type { CrewResult } from './crew.js';
import type { DemoOptions } from './options.js';

const differencesShown = 10;

/** What every run has found. */
export interface CommonResult extends CrewResult {
  readonly engine: string;
  readonly chunks: number;
  /** By all processes together, the comparison not included. */
  readonly total: Spent;
  /** What differs, in words; empty = equal. */
  readonly differences: readonly string[];
}

/** The part of the document of `--json` that every job has. */
export interface CommonFigures {
  readonly engine: string;
  readonly processes: number;
  readonly rows: number;
  readonly chunks: number;
  readonly rowsPerChunk: number;
  readonly window: number;
  readonly killed: NonNullable<CrewResult['killed']> | null;
  readonly chunksFinished: CrewResult['chunksFinished'];
  readonly conflicts: number;
  readonly requests: number;
  readonly readUnits: number;
  readonly writeUnits: number;
  readonly seconds: number;
  readonly equal: boolean;
  readonly differences: readonly string[];
}

export function commonFigures(options: DemoOptions, result: CommonResult): CommonFigures {
  const { processes, rows, rowsPerChunk, window } = options;
  const { engine, chunks, killed = null, chunksFinished, total, seconds, differences } = result;
  return {
    engine,
    processes,
    rows,
    chunks,
    rowsPerChunk,
    window,
    killed,
    chunksFinished,
    conflicts: total.conditionsFailed,
    requests: total.requests,
    readUnits: total.readUnits,
    writeUnits: total.writeUnits,
    seconds,
    equal: differences.length === 0,
    differences,
  };
}

/** A whole number for people. */
export const whole = (n: number): string => n.toLocaleString('en', { maximumFractionDigits: 0 });
/** A number with some places for people. */
export const decimal = (n: number, places = 1): string =>
  n.toLocaleString('en', { minimumFractionDigits: places, maximumFractionDigits: places });

/** Who worked, and who was killed with how many chunks in hand. */
export function crewText(
  { engine, processes, rows, chunks, killed, chunksFinished }: CommonFigures,
  chunksReturned: number,
): readonly string[] {
  const finished = Object.values(chunksFinished).join(', ');
  const who = `${engine}; ${processes} processes; ${whole(rows)} flights in ${chunks} chunks, finished by process: ${finished}`;
  if (killed === null) return [who, 'no process was killed'];
  const { worker, pid, sent, chunk } = killed;
  return [
    who,
    `${worker} (pid ${pid}) was killed some time after row ${sent} of chunk ${chunk}`,
    ...(chunksReturned === 0 ? ['it held no chunk at that moment'] : []),
  ];
}

export function unitsText({
  requests,
  readUnits,
  writeUnits,
}: Pick<CommonFigures, 'requests' | 'readUnits' | 'writeUnits'>): string {
  return `${whole(requests)} requests, ${decimal(readUnits)} read units, ${decimal(writeUnits)} write units`;
}

/** The first differences, and the last line of all: whether `what` equals the computation. */
export function verdictText(
  { rows, equal, differences }: Pick<CommonFigures, 'rows' | 'equal' | 'differences'>,
  what: string,
): readonly string[] {
  const more = differences.length - differencesShown;
  return [
    ...differences.slice(0, differencesShown),
    ...(more > 0 ? [`and ${more} more differences`] : []),
    `${whole(rows)} rows: ${what} the sequential computation: ${equal ? 'yes' : 'NO'}`,
  ];
}
