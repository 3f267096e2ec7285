/** Opens the system of a run, as a process has it. */
import type { Clock, Random } from '../../../lib/engine/index.js';
import { isLeydenError } from '../../../lib/errors.js';
import { openPrevayler, type Storage } from '../../../lib/prevalence/index.js';
import { emptyLedger, type LedgerSystem, ledger } from './ledger.js';

export interface OpenLedgerOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly mode?: 'read-write' | 'read-only';
  /** Told of failures that nobody waits for and that no fault explains. */
  readonly onSurprise: (what: string) => void;
}

/** A page, a part or a step of the pointer that is not stored in time is tried again, or waits for the next prune. */
const explained: ReadonlySet<string> = new Set([
  ...['ERR_DEADLINE', 'ERR_UNKNOWN_OUTCOME', 'ERR_SNAPSHOT', 'ERR_POISONED', 'ERR_CLOSED', 'ERR_BUCKET_UNAVAILABLE'],
]);

export function openLedger(options: OpenLedgerOptions): Promise<LedgerSystem> {
  const { storage, clock, random, mode = 'read-write', onSurprise } = options;
  return openPrevayler({
    storage,
    initialState: emptyLedger,
    handler: ledger,
    clock,
    mode,
    stateDigestEvery: 64,
    follow: { busyMs: 20, idleMs: 200 },
    snapshots: { eventsMin: 300, bytesMin: 100_000, random, prune: random.int(2) === 0 },
    onWarning: (error) => {
      if (!isLeydenError(error) || !explained.has(error.code)) onSurprise(`warning: ${String(error)}`);
    },
  });
}
