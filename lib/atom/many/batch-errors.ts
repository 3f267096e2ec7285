/** The one error of calls on many atoms: what became of each of them. */
import { isLeydenError, LeydenError, type Outcome } from '../../errors.js';
import { UnknownOutcomeError } from '../errors.js';
import type { SettleOptions } from '../settlement.js';

/** Keys that a message names at most. */
const keysNamedMax = 10;
const keyCharactersMax = 60;

/** What became of one key of a call on many. */
export interface BatchReport {
  /** The key as it was given, or the atom that was given; for another try. */
  readonly key: unknown;
  /** Its canonical text; `undefined` where it has none. */
  readonly keyText: string | undefined;
  /** Of a read, `done` means that it was read. */
  readonly outcome: Outcome;
  /** Why it was not done, or not known. Absent where nothing was tried because of another key. */
  readonly error?: unknown;
  /** What a read found (which no print of the error shows), and what a deletion would have answered. */
  readonly value?: unknown;
}

/**
 * `ERR_BATCH`: a call on many atoms did not succeed for all of them. `reports` says for each what is known.
 *
 * `outcome` is `unknown` when that of any key is, else `not-done`: then every key that is not reported as `done` is certainly not done.
 *
 * @example
 * ```ts
 * import { AtomTable, BatchError } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * try {
 *   await table.putMany([['a', 1], ['b', () => 2]]);
 * } catch (error) {
 *   if (error instanceof BatchError) console.log(error.failures.map(({ key, outcome }) => `${key} ${outcome}`)); // [ 'a not-done', 'b not-done' ]
 * }
 * ```
 */
export class BatchError extends LeydenError {
  /** One for each distinct key, in the order of the call. */
  readonly reports: readonly BatchReport[];

  /** @internal */
  constructor(action: string, tableName: string, reports: readonly BatchReport[], cause?: unknown) {
    const failures = reports.filter(isFailure);
    const unknown = failures.filter(({ outcome }) => outcome === 'unknown').length;
    const told = failures.filter(({ error }) => error !== undefined);
    const [first] = told;
    const named = (told.length > 0 ? told : failures).map(nameOf);
    const names = `${named.slice(0, keysNamedMax).join(', ')}${named.length > keysNamedMax ? ', …' : ''}`;
    const sentence = first === undefined ? '' : `; the first: ${messageOf(first.error)}`;
    super(
      'ERR_BATCH',
      `Cannot ${action} ${failures.length} of ${reports.length} atoms of table ${tableName}` +
        `${unknown > 0 ? `, ${unknown} of them with unknown outcome` : ''}: ${names}${sentence}; see reports`,
      {
        outcome: unknown > 0 ? 'unknown' : 'not-done',
        retryable: told.every(({ error }) => isLeydenError(error) && error.retryable),
        cause: cause ?? first?.error,
      },
    );
    this.reports = reports;
  }

  /** The reports of the keys that are not done, or not known to be. */
  get failures(): readonly BatchReport[] {
    return this.reports.filter(isFailure);
  }

  /**
   * Asks again what became of the keys whose outcome is unknown; answers with the reports as they are then. Resolves; never rejects
   * for what the store did.
   */
  settle(options?: SettleOptions): Promise<readonly BatchReport[]> {
    return Promise.all(
      this.reports.map(async (report) => {
        const { error } = report;
        if (!(error instanceof UnknownOutcomeError)) return report;
        const { outcome } = await error.settle(options);
        if (outcome === 'unknown') return report;
        const { error: _, ...rest } = report;
        return outcome === 'done' ? { ...rest, outcome } : { ...report, outcome };
      }),
    );
  }
}

function isFailure({ outcome }: BatchReport): boolean {
  return outcome !== 'done';
}

function nameOf({ keyText }: BatchReport): string {
  if (keyText === undefined) return '(no key)';
  return keyText.length <= keyCharactersMax ? keyText : `${keyText.slice(0, keyCharactersMax)}…`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
