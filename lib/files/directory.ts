/**
 * A directory that is open to write: who holds it, which files there are, where the journal ends, and whose turn it is.
 *
 *   append   record ─► one write ─► one sync ─► is it still mine? ─► the end moves on ─► acknowledged
 *
 * All logs of one storage object share it, and append one after another. Nothing that was written is ever changed or cut off. Each
 * holder begins a file of its own, which says how much of the one before counts; so what a crash, a failed write or a deposed holder
 * has left behind the end of a file is out of the journal without being touched.
 *
 * At most one record is not synced at any time. After a holder that did not close its file, the last record is in doubt, whether
 * or not it can be read: a sync may have failed, and what the system still shows of it be lost with the power. It is written
 * anew, into the new file, and not counted in the old one.
 */
import path from 'node:path';
import type { SealingCodec } from '../codec/index.js';
import type { Clock } from '../engine/index.js';
import { AppendUnknownError, JournalFormatError } from '../journal/index.js';
import { DirectoryError, DirectoryHeldError, directoryError } from './errors.js';
import type { JournalEnd } from './file-reading.js';
import type { FileSystem } from './file-system.js';
import { type Holding, takeDirectory } from './holder.js';
import { type Entry, JournalFile, recordOf } from './journal-file.js';
import { JournalFiles, Vanished } from './journal-files.js';
import type { JournalFacts, JournalPoint } from './journal-header.js';
import { type JournalPosition, pointAfter } from './journal-position.js';
import { readJournal } from './journal-reader.js';
import type { Machine } from './machine.js';
import { markNewest } from './newest-mark.js';
import { codeOf, isNoRoom, removeIfThere } from './system-code.js';

export interface DirectoryOptions {
  readonly fileSystem: FileSystem;
  readonly machine: Machine;
  readonly directory: string;
  /** Says since when it is held: that of the place, as the clock of a system may be made. */
  readonly clock: Clock;
  readonly takeOver: boolean;
  readonly label: string;
  readonly codec: SealingCodec | undefined;
  /** From how many bytes on a file of the journal is followed by another. */
  readonly journalBytesMax: number;
  readonly newId: () => string;
  readonly onWarning: (error: unknown) => void;
}

export class Directory {
  readonly files: JournalFiles;
  /** Where the journal ends, once it was read to there. */
  end: JournalPosition | undefined;
  readonly #options: DirectoryOptions;
  readonly #holding: Holding;
  /** Of a journal that begins here. */
  readonly #newJournalId: string;
  #file: JournalFile | undefined;
  /** Why nothing is written any more. */
  #failed: Error | undefined;
  #turns: Promise<unknown> = Promise.resolve();
  #snapshotTurns: Promise<unknown> = Promise.resolve();
  #atSnapshots = 0;

  private constructor(options: DirectoryOptions, files: JournalFiles, holding: Holding) {
    this.#options = options;
    this.files = files;
    this.#holding = holding;
    this.#newJournalId = options.newId();
  }

  /**
   * Takes the directory. Nothing is written before it is known that what is in it is of this system.
   *
   * @throws {DirectoryError} `ERR_DIRECTORY`, {@link DirectoryHeldError} `ERR_DIRECTORY_HELD`; what a header throws
   */
  static async open(options: DirectoryOptions): Promise<Directory> {
    const { fileSystem, directory, machine, takeOver, clock, newId } = options;
    const look = () => lookAt(options);
    const found = await look();
    if (found.isForeign && found.isEmpty) {
      throw new DirectoryError(directory, 'foreign', 'it holds other things, and nothing of a journal');
    }
    try {
      await fileSystem.makeDirectory(directory);
      const epochAbove = async () => {
        const files = await look();
        return files.last === undefined ? 0 : (await files.header(files.last)).epoch;
      };
      const request = {
        fileSystem,
        directory,
        machine,
        takeOver,
        epochAbove,
        now: () => clock.now(),
        instance: newId(),
      };
      const holding = await takeDirectory(request);
      try {
        const opened = new Directory(options, await look(), holding);
        // What was seen while it was held is of those before, and may go.
        await opened.requireMine();
        await opened.#sweep();
        // What those before have named may not be on the disk yet. It must be, before what relies on it is.
        if (!opened.files.isEmpty) await fileSystem.syncDirectory(directory);
        return opened;
      } catch (error) {
        await holding.release().catch(options.onWarning);
        throw error;
      }
    } catch (error) {
      throw directoryError(directory, error);
    }
  }

  get epoch(): number {
    return this.#holding.epoch;
  }

  get journalId(): string {
    // One who was late may have begun the journal after it was looked for.
    return this.files.journalId ?? this.#newJournalId;
  }

  /** Whether somebody makes or removes snapshots. */
  get isAtSnapshots(): boolean {
    return this.#atSnapshots > 0;
  }

  /** Works alone: appends, folds, and what needs the state and the end together. */
  turn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turns.then(work);
    this.#turns = done.catch(() => {});
    return done;
  }

  /** Makes or removes snapshots alone, beside those who append. */
  snapshotTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#atSnapshots += 1;
    const done = this.#snapshotTurns.then(work).finally(() => {
      this.#atSnapshots -= 1;
    });
    this.#snapshotTurns = done.catch(() => {});
    return done;
  }

  /** @throws {DirectoryHeldError} `ERR_DIRECTORY_HELD`, {@link DirectoryError} `ERR_DIRECTORY`: nothing here is known to be the newest. */
  async requireMine(): Promise<void> {
    if (this.#failed !== undefined) throw this.#failed;
    if (!this.#isMine()) throw await this.#deposed();
  }

  /**
   * Begins a file, so that those before it can go when a snapshot covers them; its turn must be had. At once and not with the next
   * commit, for which it would be three syncs more.
   */
  async turnOver(): Promise<JournalPosition> {
    const end = this.end as JournalPosition;
    // With nothing in it, or none yet, the file will do in which the next commit is.
    if (this.#file === undefined || this.#file.header.starts.place === end.place) return end;
    this.end = await this.#begin(end, { number: end.number, length: end.offset }, undefined);
    return this.end;
  }

  /**
   * Takes note of where the journal ends, when it has been read to there for the first time. An end that is in doubt is made certain
   * at once.
   */
  async found({ position, last, isEnded }: JournalEnd): Promise<JournalPosition> {
    if (position.number === 0 || isEnded) {
      this.end = position;
      return position;
    }
    const { number } = position;
    const { starts, length } = await this.files.header(number);
    const carried = last && { commit: last.found.read.commit, chain: last.found.read.chain, holds: last.found.holds };
    const before = { number, length: last?.found.start ?? length };
    this.end = await this.#begin(last?.before ?? starts, before, carried);
    return this.end;
  }

  /**
   * Appends a commit; its turn must be had. It is in the journal when this resolves.
   *
   * @throws {DirectoryError} `ERR_DIRECTORY`, {@link DirectoryHeldError} `ERR_DIRECTORY_HELD`: it is not, and never will be;
   * {@link AppendUnknownError} `ERR_APPEND_UNKNOWN`
   */
  async append(entry: Entry): Promise<JournalPosition> {
    await this.requireMine();
    const file = await this.#fileToWrite();
    const record = await recordOf(file.header, entry);
    await this.#write(file, record, entry);
    let isMine: boolean;
    try {
      await file.sync(record);
      isMine = this.#holding.isMine();
      if (isMine) file.requireThere();
    } catch (error) {
      throw this.#unknown(entry, error);
    }
    if (!isMine) await this.#settle(file, entry);
    const { number } = file.header;
    this.end = { ...pointAfter(this.end as JournalPosition, [decodedOf(entry)]), number, offset: file.length };
    return this.end;
  }

  /** A journal that begins with a state, as if all before it had been pruned. */
  async beginAt(point: JournalPoint): Promise<JournalPosition> {
    await this.requireMine();
    this.end = await this.#begin(point, undefined, undefined);
    return this.end;
  }

  /** Waits for those who are at it, says that the file ends there, and lets go of the directory. */
  async close(): Promise<void> {
    await this.#turns;
    await this.#snapshotTurns;
    try {
      if (this.#failed === undefined && this.#holding.isMine()) await this.#file?.end();
    } catch (error) {
      this.#options.onWarning(directoryError(this.#options.directory, error));
    }
    await this.leave();
  }

  /** Lets go of the directory whatever is under way; what comes late is out of the journal, as who comes next seals it. */
  async leave(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(this.#options.onWarning);
    this.#failed ??= new DirectoryError(this.#options.directory, 'failed', 'it is closed');
    await this.#holding.release().catch(this.#options.onWarning);
  }

  async #fileToWrite(): Promise<JournalFile> {
    const end = this.end as JournalPosition;
    const file = this.#file;
    if (file !== undefined && file.length < this.#options.journalBytesMax) return file;
    const before = end.number === 0 ? undefined : { number: end.number, length: end.offset };
    this.end = await this.#begin(end, before, undefined);
    return this.#file as unknown as JournalFile;
  }

  /** A new file, which is the one to write from now on. */
  async #begin(
    starts: JournalPoint,
    before: JournalFacts['before'],
    carried: Entry | undefined,
  ): Promise<JournalPosition> {
    const { fileSystem, directory, codec, label } = this.#options;
    const { place, seq, time, chain, epoch, holder } = starts;
    const facts: JournalFacts = {
      ...{ journalId: this.journalId, label, number: (this.files.last ?? 0) + 1, epoch: this.epoch },
      ...{ starts: { place, seq, time, chain, epoch, holder }, before },
    };
    await this.requireMine();
    let isInDoubt = false;
    const onDoubt = (isSo: boolean) => {
      isInDoubt = isSo;
    };
    const old = this.#file;
    try {
      this.#file = await JournalFile.make({ fileSystem, directory, facts, codec, carried, onDoubt });
      this.files.add(this.#file.header);
    } catch (error) {
      const hasFailed = this.#failed !== undefined;
      if (isInDoubt)
        this.#fail(codeOf(error) === 'EEXIST' ? new Error('one who held it before was late, and made a file') : error);
      // One who was deposed finds what it made swept away, or its number taken.
      if (!hasFailed && !this.#isMine()) throw await this.#deposed();
      throw this.#failed ?? directoryError(directory, error);
    }
    const { length } = this.#file;
    await old?.close().catch(this.#options.onWarning);
    await this.#mark(facts.number);
    const point = carried === undefined ? facts.starts : pointAfter(facts.starts, [decodedOf(carried)]);
    return { ...point, number: facts.number, offset: length };
  }

  /** Without the mark of a file nothing is lost; with the mark of a file in another directory, made anew, that one would be refused. */
  async #mark(number: number): Promise<void> {
    const { fileSystem, directory, onWarning } = this.#options;
    const { marks } = this.files;
    try {
      if (!this.#isMine()) return;
      await markNewest(fileSystem, directory, number, marks);
      this.files.marks = [number];
    } catch (error) {
      onWarning(directoryError(directory, error));
    }
  }

  async #write(file: JournalFile, record: Uint8Array, entry: Entry): Promise<void> {
    try {
      await file.write(record);
    } catch (error) {
      // What is behind the end of this file never counts from here on.
      this.#file = undefined;
      await file.close().catch(() => {});
      if (!isNoRoom(error)) await this.#sealOff(entry, error);
      throw directoryError(this.#options.directory, error);
    }
  }

  /** After a failure that does not say how much was written: it is certain that nothing of it counts once a new file says so. */
  async #sealOff(entry: Entry, error: unknown): Promise<void> {
    const end = this.end as JournalPosition;
    try {
      this.end = await this.#begin(end, { number: end.number, length: end.offset }, undefined);
    } catch {
      throw this.#unknown(entry, error);
    }
  }

  /**
   * The directory was taken over while a commit was being written. It counts if who took over has found it, which its first file says.
   */
  async #settle(file: JournalFile, entry: Entry): Promise<void> {
    const error = await this.#deposed();
    const { number } = file.header;
    try {
      await this.files.list();
      if (!this.files.has(number + 1)) throw this.#unknown(entry, error);
      const next = await this.files.header(number + 1);
      if ((next.before?.length ?? 0) >= file.length) return;
      const position = { ...next.starts, number: next.number, offset: next.length };
      for await (const { found } of readJournal(this.files, position)) {
        const { place, writer, n } = (found[0] as (typeof found)[0]).read.commit;
        const { commit } = entry;
        if (place === commit.place && writer === commit.writer && n === commit.n) return;
        break;
      }
      // Else a loss of power may take the file that says so, and the commit would count after all.
      await this.#options.fileSystem.syncDirectory(this.#options.directory);
    } catch (cause) {
      throw this.#unknown(entry, cause);
    }
    throw error;
  }

  /** @throws {DirectoryError} when the system does not say. */
  #isMine(): boolean {
    try {
      return this.#holding.isMine();
    } catch (error) {
      throw directoryError(this.#options.directory, error);
    }
  }

  async #deposed(): Promise<Error> {
    const { directory } = this.#options;
    const successor = await this.#holding.successor().catch(() => undefined);
    const remedy = 'this instance is out of use; open it again when the other one is closed';
    this.#failed = new DirectoryHeldError(directory, 'taken-over', successor, remedy);
    return this.#failed;
  }

  /** Nothing is written or synced any more: what a failed sync has left nobody can know. */
  #fail(error: unknown): void {
    const { directory } = this.#options;
    const own = directoryError(directory, error);
    const detail = `it failed to keep what was written (${own.message})`;
    this.#failed = own instanceof DirectoryHeldError ? own : new DirectoryError(directory, 'failed', detail, error);
  }

  #unknown({ commit }: Entry, cause: unknown): AppendUnknownError {
    this.#fail(cause);
    return new AppendUnknownError(this.#options.directory, commit.writer, commit.n, cause);
  }

  /** What those before left unfinished. */
  async #sweep(): Promise<void> {
    const { fileSystem, directory, onWarning } = this.#options;
    for (const part of this.files.parts) {
      await removeIfThere(fileSystem, path.join(directory, part)).catch((error: unknown) => {
        onWarning(directoryError(directory, error));
      });
    }
  }
}

/** The files that there are, and the header of the last one: whether they are of this system is known before anything is written. */
async function lookAt(options: DirectoryOptions): Promise<JournalFiles> {
  for (;;) {
    const files = new JournalFiles(options);
    await files.list();
    try {
      if (files.last !== undefined) await files.header(files.last);
      return files;
    } catch (error) {
      // Pruned meanwhile by who holds the directory.
      if (!(error instanceof Vanished)) throw error;
    }
  }
}

function decodedOf({ commit, chain, holds }: Entry) {
  return { read: { commit, text: commit.text, chain }, holds };
}

/** @throws {JournalFormatError} when a log is opened for another application than those that have the directory open. */
export function requireSameLabel(directory: string, label: string, wanted: string): void {
  if (label === wanted) return;
  const remedy = 'another application keeps its journal here; choose another directory, or the right format';
  throw new JournalFormatError(directory, 'label (format)', JSON.stringify(label), JSON.stringify(wanted), remedy);
}
