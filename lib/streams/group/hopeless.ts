/** Which failures of the coordination table are worth another try. */
import { isTransient } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';

const transientCodes: ReadonlySet<string> = new Set(['ERR_CONTENTION', 'ERR_DEADLINE', 'ERR_UNKNOWN_OUTCOME']);

/** Whether asking again is of no use: access denied, no such table, an item of another kind. */
export function isHopeless(error: unknown): boolean {
  if (isLeydenError(error)) return !(error.retryable || transientCodes.has(error.code));
  return error instanceof Error && !isTransient(error);
}
