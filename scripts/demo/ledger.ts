/**
 * What one atom of the demo holds, and the two ways in which it changes. Pure.
 *
 *   open = { '41': 300 }      of chunk 41 this atom has taken the first 300 rows that belong to it
 *
 * Statistics and `open` change in one swap, so whoever reads an atom knows exactly which rows its numbers contain. A row
 * is named by its chunk and its position among the chunk's rows *of this atom*, and is taken only as the next one: a row
 * that comes again finds itself taken.
 *
 * Invariant: the statistics contain each row at most once, and of an open chunk the first `open[chunk]` rows.
 */

/** Flights counted, their delays summed in whole minutes, and the worst of them. */
export interface Tally {
  readonly flights: number;
  readonly delay: number;
  /** `null` before the first flight. */
  readonly worst: number | null;
}

/** The value of an atom with statistics. */
export interface Ledger extends Tally {
  /** Chunk -> how many of its rows are in. Chunks that are over have no entry, so that the value stays small. */
  readonly open: Readonly<Record<string, number>>;
}

export const emptyTally: Tally = { flights: 0, delay: 0, worst: null };
export const emptyLedger: Ledger = { ...emptyTally, open: {} };

/** Adds one flight. */
export function addFlight({ flights, delay: sum, worst }: Tally, delay: number): Tally {
  return { flights: flights + 1, delay: sum + delay, worst: worst === null ? delay : Math.max(worst, delay) };
}

/**
 * Takes the row at `position` (1 for the first) of `chunk`; the very same ledger if it has been taken before.
 *
 * @throws Error when a row before it is missing: rows must be sent in order.
 */
export function takeRow(ledger: Ledger, chunk: number, position: number, delay: number): Ledger {
  const taken = ledger.open[chunk] ?? 0;
  if (position <= taken) return ledger;
  if (position > taken + 1) {
    throw new Error(`Cannot take row ${position} of chunk ${chunk}: only ${taken} rows came before it`);
  }
  return { ...addFlight(ledger, delay), open: { ...ledger.open, [chunk]: position } };
}

/**
 * Forgets `chunk`, of which all `rows` are in; the very same ledger if it was forgotten before. From here on this atom could
 * not tell a row of the chunk that comes again, so the work list must say before that none will come.
 *
 * @throws Error when rows are missing.
 */
export function closeChunk(ledger: Ledger, chunk: number, rows: number): Ledger {
  const { [chunk]: taken, ...open } = ledger.open;
  if (taken === undefined) return ledger;
  if (taken !== rows) throw new Error(`Cannot close chunk ${chunk}: ${taken} of its ${rows} rows were taken`);
  return { ...ledger, open };
}
