/** What can be wrong with a snapshot that is read back. */
import { LeydenError } from '../errors.js';

/**
 * `missing`: a part is not there; `damaged`: not what was written; `foreign`: written by something else; `newer-format`: by a
 * later release of this library.
 */
export type SnapshotDamage = 'missing' | 'damaged' | 'foreign' | 'newer-format';

/** Where the damage is, as far as it is known. */
export interface SnapshotPlace {
  readonly id?: string | undefined;
  readonly part?: number | undefined;
}

/**
 * `ERR_SNAPSHOT_DAMAGED`: a snapshot cannot be read back. No state was made up, and nothing was written.
 *
 * The message never holds anything of the state. What helps: an earlier snapshot and a longer replay; for `newer-format` the
 * release that wrote it.
 */
export class SnapshotDamagedError extends LeydenError {
  readonly reason: SnapshotDamage;
  /** Of the snapshot, if it was read from a store. */
  readonly id: string | undefined;
  /** Number of the part, from 0. */
  readonly part: number | undefined;

  constructor(reason: SnapshotDamage, detail: string, place: SnapshotPlace = {}, cause?: unknown) {
    const { id, part } = place;
    const what = `snapshot${id === undefined ? '' : ` ${JSON.stringify(id)}`}${part === undefined ? '' : `, part ${part}`}`;
    super('ERR_SNAPSHOT_DAMAGED', `Cannot read ${what}: ${detail} (${reason}); ${remedies[reason]}`, {
      outcome: 'not-done',
      retryable: false,
      cause,
    });
    this.reason = reason;
    this.id = id;
    this.part = part;
  }
}

const remedies: Readonly<Record<SnapshotDamage, string>> = {
  missing: 'use an earlier snapshot',
  damaged: 'use an earlier snapshot',
  foreign: 'name a snapshot that this library wrote',
  'newer-format': 'use the release that wrote it',
};
