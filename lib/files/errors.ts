/** The errors of files. Those of the journal in them that other storages have too come from `leyden-jar/journal`. */
import { LeydenError } from '../errors.js';

/**
 * `not-a-directory`: a file has the name, or nothing can have it; `foreign`: it is full of other things; `denied`, `full`, `missing`: as the system says; `failed`:
 * the system failed in another way, or what it did is not known.
 */
export type DirectoryReason = 'not-a-directory' | 'foreign' | 'denied' | 'full' | 'missing' | 'failed';

/**
 * `ERR_DIRECTORY`: a directory cannot be used, or what was to be written there was not. What is in it is as it was.
 *
 * `full` heals when there is room again; after `failed` close all instances in it and open them again.
 */
export class DirectoryError extends LeydenError {
  readonly directory: string;
  readonly reason: DirectoryReason;

  constructor(directory: string, reason: DirectoryReason, detail: string, cause?: unknown) {
    super('ERR_DIRECTORY', `Cannot use directory ${directory}: ${detail}; ${directoryRemedies[reason]}`, {
      outcome: 'not-done',
      retryable: reason === 'full' || reason === 'failed',
      cause,
    });
    this.directory = directory;
    this.reason = reason;
  }
}

const directoryRemedies: Readonly<Record<DirectoryReason, string>> = {
  'not-a-directory': 'name a directory, or a path where nothing is',
  foreign: 'name a directory of its own, which is empty or not there yet',
  denied: 'give this user the right to list, read and write there',
  full: 'make room and call again',
  missing: 'put it back, or open the system anew',
  failed: 'see to the disk, close every instance in it and open them again',
};

/** Who holds a directory, as far as it says so itself. */
export interface HolderFacts {
  readonly pid: number;
  readonly host: string;
  /** Name of the program. */
  readonly command: string;
  /** Epoch milliseconds. */
  readonly since: number;
}

/** `held`: somebody else has it; `taken-over`: somebody else has it now, and this one is out of use. */
export type HeldReason = 'held' | 'taken-over';

/** `ERR_DIRECTORY_HELD`: another process, or another storage object, writes into this directory. Nothing was written. */
export class DirectoryHeldError extends LeydenError {
  readonly directory: string;
  readonly reason: HeldReason;
  /** `undefined` when what it says of itself can't be read. */
  readonly holder: HolderFacts | undefined;

  constructor(directory: string, reason: HeldReason, holder: HolderFacts | undefined, remedy: string) {
    const who =
      holder === undefined
        ? 'another process'
        : `process ${holder.pid} (${holder.command}) on ${holder.host}, since ${new Date(holder.since).toISOString()}`;
    const what = reason === 'held' ? 'it is held by' : 'it was taken over by';
    super('ERR_DIRECTORY_HELD', `Cannot write to directory ${directory}: ${what} ${who}; ${remedy}`, {
      outcome: 'not-done',
      retryable: false,
    });
    this.directory = directory;
    this.reason = reason;
    this.holder = holder;
  }
}

/**
 * `damaged`: not what was written; `missing`: a file that must be there is not; `gap`: it does not join on to what comes before it;
 * `older-than-snapshot`: the journal ends before the newest snapshot does; `foreign`: of another journal.
 */
export type JournalDamage = 'damaged' | 'missing' | 'gap' | 'older-than-snapshot' | 'foreign';

/**
 * `ERR_JOURNAL_DAMAGED`: a file of the journal is not what it must be, and no loss of power explains it. Nothing is skipped and nothing
 * was written; whoever reads stops here.
 */
export class JournalDamagedError extends LeydenError {
  /** Its path. */
  readonly file: string;
  /** Where in it, in bytes; `undefined` where it is not about a place in it. */
  readonly offset: number | undefined;
  /** Commits before the damage. */
  readonly place: number | undefined;
  readonly reason: JournalDamage;

  constructor(file: string, reason: JournalDamage, detail: string, { offset, place, cause }: DamagePlace = {}) {
    const where = [
      ...(offset === undefined ? [] : [`at byte ${offset}`]),
      ...(place === undefined ? [] : [`after commit ${place}`]),
    ].join(', ');
    super(
      'ERR_JOURNAL_DAMAGED',
      `Cannot read ${file}${where === '' ? '' : `, ${where}`}: ${detail} (${reason}); put it back from a backup of the directory`,
      { outcome: 'not-done', retryable: false, cause },
    );
    this.file = file;
    this.offset = offset;
    this.place = place;
    this.reason = reason;
  }
}

/** Where a damage is, as far as it is known. */
export interface DamagePlace {
  readonly offset?: number | undefined;
  readonly place?: number | undefined;
  readonly cause?: unknown;
}

/** The system's words for a failure, as an error that says what helps. Own errors pass through. */
export function directoryError(directory: string, error: unknown): Error {
  if (error instanceof LeydenError) return error;
  const { code, message } = error as { readonly code?: string; readonly message?: string };
  return new DirectoryError(directory, reasons[code ?? ''] ?? 'failed', message ?? String(error), error);
}

const reasons: Readonly<Record<string, DirectoryReason>> = {
  ENOTDIR: 'not-a-directory',
  ENAMETOOLONG: 'not-a-directory',
  ELOOP: 'not-a-directory',
  EEXIST: 'not-a-directory',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
  ENOSPC: 'full',
  EDQUOT: 'full',
  ENOENT: 'missing',
};
