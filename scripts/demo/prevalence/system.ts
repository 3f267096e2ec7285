/** The prevalent system of a run, as each of its processes opens it. */
import type { AtomTable } from '../../../lib/index.js';
import { atomStorage, openPrevayler, type Prevayler, withResult } from '../../../lib/prevalence/index.js';
import { emptyBook, type FlightBook, type FlightEvent, takeFlight } from './book.js';

/** `handle` tells whether the flight was new. */
export type FlightSystem = Prevayler<FlightBook, FlightEvent, boolean>;

interface OpenOptions {
  readonly mode?: 'read-only';
  readonly signal?: AbortSignal;
}

export function openSystem(table: AtomTable, run: string, options: OpenOptions = {}): Promise<FlightSystem> {
  return openPrevayler<FlightBook, FlightEvent, boolean>({
    storage: atomStorage(table, `${run}/flights`),
    initialState: emptyBook,
    handler(book, event) {
      const next = takeFlight(book, event);
      return withResult(next, next !== book);
    },
    // One is taken in the middle of the run, for all to see.
    snapshots: false,
    ...options,
  });
}
