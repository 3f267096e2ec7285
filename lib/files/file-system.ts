/**
 * The narrow port to the files of this machine.
 *
 * Whatever the storage does to a disk goes through it, so that a specification can count calls, make the n-th one fail, and work out
 * what may be left after a loss of power: what was written and not synced may be there, or not, or in part; a name that was made,
 * moved or removed may be so, or not, until its directory was synced.
 *
 * Paths are absolute. Failures reject (or throw) with the system's error, whose `code` says which: `ENOENT`, `EEXIST`, `ENOSPC`, `EIO`, …
 */

/** A file that is open. Calls on one file are not made at once, but for reads. */
export interface OpenFile {
  /** Bytes read into `into` from `position` on; fewer than fit only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Bytes written; fewer than there are when the system took no more (then there was no failure yet, and a second call tells it). */
  write(bytes: Uint8Array, position: number): Promise<number>;
  /** Until this resolves, what was written may be lost with the power (fdatasync). A failure is final: the file is not to be written again. */
  syncData(): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** What a storage needs of a file system. */
export interface FileSystem {
  /** Opens a file that is there, to read. */
  open(path: string): Promise<OpenFile>;
  /** Makes a file that is not there yet, to write and to read. Rejects with `EEXIST`. */
  create(path: string): Promise<OpenFile>;
  /** Names in a directory, in no order. */
  list(directory: string): Promise<string[]>;
  /**
   * Makes a directory, and those above it, where they are missing. What was made stays when the power is lost. Rejects with `ENOTDIR`
   * where nothing can have the name.
   */
  makeDirectory(directory: string): Promise<void>;
  /** Gives a file another name, at once, in the place of what has that name. */
  rename(from: string, to: string): Promise<void>;
  /** Gives a file a second name. Rejects with `EEXIST` where something has it. */
  link(from: string, to: string): Promise<void>;
  /** Removes a name. Rejects with `ENOENT` where nothing has it. */
  remove(path: string): Promise<void>;
  /** Until this resolves, names that were made, moved or removed in it may be as before when the power is lost. */
  syncDirectory(directory: string): Promise<void>;
  /**
   * What tells the file that has this name from every other that exists or is open; `undefined` where nothing has the name. Synchronous,
   * since it is asked with each commit and takes a few microseconds.
   */
  identityOf(path: string): string | undefined;
}
