/**
 * The events of the prevalence cases, and the system that takes them: flights that land, 170 bytes of JSON each.
 *
 * The rows are those of `vega-datasets` (20,000 flights in the United States in 2001, in the order of their dates), so that
 * they compress like records do and not like a constant. After the last row they begin anew with other numbers.
 */
import { readFileSync } from 'node:fs';

/** One landed flight. */
export interface Landing {
  readonly type: 'flight-landed';
  readonly flight: number;
  readonly scheduledAt: string;
  readonly origin: string;
  readonly destination: string;
  readonly delayMinutes: number;
  readonly distanceMiles: number;
  readonly aircraft: string;
}

interface Hour {
  readonly flights: number;
  readonly delayMinutes: number;
  readonly worst: number;
}

/** What the system holds. `order` depends on each flight and on the place that it came in. */
export interface Board {
  readonly flights: number;
  readonly delayMinutes: number;
  readonly order: number;
  readonly hours: readonly Hour[];
}

const noHour: Hour = { flights: 0, delayMinutes: 0, worst: 0 };
export const emptyBoard: Board = { flights: 0, delayMinutes: 0, order: 0, hours: new Array(24).fill(noHour) };

/** The handler: the same for the library and for each baseline. */
export function land(board: Board, { flight, scheduledAt, delayMinutes }: Landing): Board {
  const at = Number(scheduledAt.slice(11, 13));
  const before = board.hours[at] as Hour;
  const hours = [...board.hours];
  hours[at] = {
    flights: before.flights + 1,
    delayMinutes: before.delayMinutes + delayMinutes,
    worst: Math.max(before.worst, delayMinutes),
  };
  return {
    flights: board.flights + 1,
    delayMinutes: board.delayMinutes + delayMinutes,
    // A step of FNV-1a.
    order: Math.imul(board.order ^ flight, 16_777_619) >>> 0,
    hours,
  };
}

/** What the landings `from` to `to - 1` come to, one after the other. */
export function landAll(from: number, to: number): Board {
  let board = emptyBoard;
  for (let flight = from; flight < to; flight += 1) board = land(board, landing(flight));
  return board;
}

interface Row {
  readonly date: string;
  readonly delay: number;
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

let rows: readonly Omit<Landing, 'type' | 'flight'>[] | undefined;

/** The landing with this number. */
export function landing(flight: number): Landing {
  rows ??= readRows();
  return { type: 'flight-landed', flight, ...(rows[flight % rows.length] as Omit<Landing, 'type' | 'flight'>) };
}

/**
 * One landing after the other, for a closed loop of `callers`. Wrong is an answer that does not hold more flights than the caller's last.
 */
export function landings<Answer extends { readonly flights: number }>(
  callers: number,
  handle: (event: Landing) => Promise<Answer>,
): { op(): Promise<Answer>; judge(caller: number, answer: Answer): true | 'wrong' } {
  const last = new Array<number>(callers).fill(0);
  let next = 0;
  return {
    op: () => {
      next += 1;
      return handle(landing(next - 1));
    },
    judge(caller, { flights }) {
      const isMore = flights > (last[caller] as number);
      last[caller] = flights;
      return isMore || 'wrong';
    },
  };
}

const aircraftCount = 4_000;

function readRows(): Omit<Landing, 'type' | 'flight'>[] {
  const file = new URL('../data/flights-20k.json', import.meta.resolve('vega-datasets'));
  const read: readonly Row[] = JSON.parse(readFileSync(file, 'utf8'));
  return read.map(({ date, delay, distance, origin, destination }, at) => ({
    scheduledAt: `${date.replaceAll('/', '-').replace(' ', 'T')}:00Z`,
    origin,
    destination,
    delayMinutes: delay,
    distanceMiles: distance,
    // The data names no aircraft; one of a fleet, in no order.
    aircraft: `N${1_000 + ((Math.imul(at + 1, 2_654_435_761) >>> 0) % aircraftCount)}U`,
  }));
}
