/** The error of the pointer to the snapshots. */
import { LeydenError } from '../errors.js';

/** Why the pointer cannot be used. */
export type SnapshotPointerReason = 'format' | 'damaged' | 'other-journal' | 'full';

/**
 * `ERR_SNAPSHOT_POINTER`: the item that names the snapshots cannot be used. Nothing was written.
 *
 * `format`: written by a later release; `damaged`: not what any release writes; `other-journal`: it belongs to a journal that
 * was deleted and made again; `full`: it names as many snapshots or readers as it can, and may succeed after a prune.
 */
export class SnapshotPointerError extends LeydenError {
  readonly key: string;
  readonly reason: SnapshotPointerReason;

  constructor(key: string, reason: SnapshotPointerReason, detail: string) {
    super('ERR_SNAPSHOT_POINTER', `Cannot use snapshot pointer ${key}: ${detail}`, {
      outcome: 'not-done',
      retryable: reason === 'full',
    });
    this.key = key;
    this.reason = reason;
  }
}
