/** The keys of one call on many atoms: keys and handles as they come, made distinct, each with the places it was named at. */
import { AtomReader } from '../atom-reader.js';
import type { Cell } from '../cell.js';
import { BatchError, type BatchReport } from './batch-errors.js';
import type { AtomKey, Cells } from './cells.js';

/**
 * A key that is a value, not a handle. In a table with a sort key: `{ pk, sk }`.
 */
export type PlainKey = string | number | bigint | boolean | null | (object & { readonly deref?: never });

/** One distinct key of a call. */
export interface Named {
  /** As it was given first. */
  readonly given: unknown;
  readonly key: AtomKey;
  /** The cell of the handle that was given, or that somebody holds. */
  readonly cell: Cell | undefined;
}

/** A key that can't be one, or one whose value can't be stored. */
export interface Refused {
  readonly given: unknown;
  readonly keyText?: string;
  readonly error: unknown;
  /** How many others were named before it. */
  readonly at: number;
}

/** What a key or handle names. */
export function name(cells: Cells, given: unknown): Named {
  if (given instanceof AtomReader) {
    const cell = cells.cellOf(given);
    return { given, key: { item: cell.key, text: cell.keyText }, cell };
  }
  const key = cells.keyOf(given);
  return { given, key, cell: cells.opened(key.text) };
}

/** All that `given` names, each once, and for each of `given` its place among them. */
export function nameAll(cells: Cells, action: string, given: Iterable<unknown>): { named: Named[]; places: number[] } {
  requireIterable(action, given);
  const named: Named[] = [];
  const places: number[] = [];
  const placeOf = new Map<string, number>();
  const refused: Refused[] = [];
  for (const one of given) {
    try {
      const found = name(cells, one);
      let place = placeOf.get(found.key.text);
      if (place === undefined) {
        place = named.push(found) - 1;
        placeOf.set(found.key.text, place);
      }
      places.push(place);
    } catch (error) {
      refused.push({ given: one, error, at: named.length });
    }
  }
  if (refused.length > 0) throw refusal(cells, action, refused, named);
  return { named, places };
}

/** Nothing is sent when one of the keys, or what is to be written there, can't be. */
export function refusal(
  cells: Cells,
  action: string,
  refused: readonly Refused[],
  others: readonly Named[],
): BatchError {
  const outcome = 'not-done';
  const reports: BatchReport[] = [];
  const texts = new Set(refused.map(({ keyText }) => keyText));
  const waiting = [...refused];
  const tell = (before: number) => {
    while (waiting[0] !== undefined && waiting[0].at <= before) {
      const { given, keyText, error } = waiting.shift() as Refused;
      reports.push({ key: given, keyText, outcome, error });
    }
  };
  for (const [at, { given, key }] of others.entries()) {
    tell(at);
    if (!texts.has(key.text)) reports.push({ key: given, keyText: key.text, outcome });
  }
  tell(others.length);
  return new BatchError(action, cells.ground.tableName(), reports);
}

export function requireIterable(action: string, given: unknown): void {
  if (typeof given === 'object' && given !== null && Symbol.iterator in given) return;
  throw new TypeError(`Cannot ${action} atoms: must be given an array or another iterable: ${typeof given}`);
}

/** @throws RangeError for what can't be a limit of a call on many atoms. */
export function requireLimits(
  action: string,
  { concurrency, timeoutMs }: { readonly concurrency: number; readonly timeoutMs: number | undefined },
): void {
  requireCount(action, 'concurrency', concurrency);
  if (timeoutMs === undefined || timeoutMs >= 0) return;
  throw new RangeError(`Cannot ${action} atoms: timeoutMs must be a number of at least 0: ${timeoutMs}`);
}

/** @throws RangeError for what is no count. */
export function requireCount(action: string, option: string, count: number): void {
  if (Number.isSafeInteger(count) && count >= 1) return;
  throw new RangeError(`Cannot ${action} atoms: ${option} must be a positive integer: ${count}`);
}
