/** The error of a migration, and each of its reasons in words. */
import { LeydenError } from '../errors.js';

/** Why a system was not migrated. */
export type MigrateReason =
  /** The new place has something else in it than a part of this system. */
  | 'different'
  /** Events that come next are gone at the old place. */
  | 'pruned'
  /** Another instance holds the old place alone. */
  | 'held'
  /** An instance holds the new place alone. */
  | 'in-use'
  /** Nobody can tell from here whether the last commit at the old place counts. */
  | 'in-doubt'
  /** An event is larger than the new place takes. */
  | 'too-large'
  /** What was read back is not what was copied. */
  | 'altered';

interface MigrateFacts {
  readonly from: string;
  readonly to: string;
  readonly seq: number;
  readonly cause?: unknown;
}

const migrateWords: Readonly<Record<MigrateReason, (seq: number) => string>> = {
  different: (seq) =>
    `what is there is not a part of this system (looked at up to event ${seq}); choose a place with nothing in it`,
  pruned: (seq) =>
    `what comes after event ${seq} was pruned at the old place; keep more there meanwhile (retention), and migrate to a place with nothing in it`,
  held: () => "another instance holds the old place alone; close it, or migrate again with fence: 'take-over'",
  'in-use': (seq) =>
    `an instance holds the new place alone, where all up to event ${seq} is; close it (if it died, open it with takeOver and close it), and migrate again`,
  'in-doubt': (seq) =>
    `event ${seq} is in the last commit at the old place, which may not count: somebody writes there, or has died; close the system there (if it died, open it and close it) and migrate again, or migrate again with a fence`,
  'too-large': (seq) => `event ${seq} is larger than one commit may be there; raise the limit of the new place`,
  altered: (seq) =>
    `what was read back up to event ${seq} is not what was copied; somebody or something else wrote there: migrate to another place`,
};

/**
 * `ERR_MIGRATE`: a system could not be migrated; `reason` says why. The old place is as it was. What was copied stays where it is, and the
 * same call goes on there, unless the reason is that this can't be.
 */
export class MigrateError extends LeydenError {
  readonly reason: MigrateReason;
  /** Number of the event that it had come to. */
  readonly seq: number;

  constructor(reason: MigrateReason, { from, to, seq, cause }: MigrateFacts) {
    const facts = { outcome: 'not-done', retryable: reason === 'in-doubt' || reason === 'in-use', cause } as const;
    super('ERR_MIGRATE', `Cannot migrate ${from} to ${to}: ${migrateWords[reason](seq)}`, facts);
    this.reason = reason;
    this.seq = seq;
  }
}
