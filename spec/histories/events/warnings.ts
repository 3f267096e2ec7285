/** What a store may warn of in a run: a page, a receipt or a snapshot that is not stored in time is tried again, or does without. */
import { isLeydenError } from '../../../lib/errors.js';

const explained: ReadonlySet<string> = new Set([
  ...['ERR_DEADLINE', 'ERR_UNKNOWN_OUTCOME', 'ERR_SNAPSHOT', 'ERR_APPEND_UNKNOWN', 'ERR_EVENT_STORE_CLOSED'],
]);

export function isExplained(warning: unknown): boolean {
  return isLeydenError(warning) && explained.has(warning.code);
}
