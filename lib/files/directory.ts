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
import type { SealingCodec } from '../codec/index.js';
import type { Clock } from '../engine/index.js';
import { directoryError } from './errors.js';
import type { JournalEnd } from './file-reading.js';
import type { FileSystem } from './file-system.js';
import type { Holding } from './holder.js';
import { type Entry, JournalFile, recordOf } from './journal-file.js';
import type { JournalFiles } from './journal-files.js';
import type { JournalFacts, JournalPoint } from './journal-header.js';
import { type JournalPosition, pointAfter } from './journal-position.js';
import { hasCounted } from './late-commit.js';
import type { Machine } from './machine.js';
import { markNewest } from './newest-mark.js';
import { codeOf, isNoRoom } from './system-code.js';
import { Turns } from './turns.js';
import { WriteRight } from './write-right.js';

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
  /** Of who works alone: appends, folds, and what needs the state and the end together. */
  readonly appends: Turns = new Turns();
  /** Of who makes or removes snapshots alone, beside those who append. */
  readonly atSnapshots: Turns = new Turns();
  /** Where the journal ends, once it was read to there. */
  end: JournalPosition | undefined;
  /** What its unfinished files are called by, unlike those of any other. */
  readonly maker: string;
  readonly #options: DirectoryOptions;
  readonly #right: WriteRight;
  /** Of a journal that begins here. */
  readonly #newJournalId: string;
  #file: JournalFile | undefined;

  /** @param files as they are now that it is held */
  constructor(options: DirectoryOptions, files: JournalFiles, holding: Holding) {
    this.#options = options;
    this.files = files;
    this.#right = new WriteRight(options.directory, holding);
    this.#newJournalId = options.newId();
    this.maker = `${holding.epoch}.${options.newId()}`;
  }

  get epoch(): number {
    return this.#right.epoch;
  }

  get journalId(): string {
    // One who was late may have begun the journal after it was looked for.
    return this.files.journalId ?? this.#newJournalId;
  }

  /** @throws {DirectoryHeldError} `ERR_DIRECTORY_HELD`, {@link DirectoryError} `ERR_DIRECTORY`: nothing here is known to be the newest. */
  async requireMine(): Promise<void> {
    await this.#right.require();
  }

  /**
   * Begins a file, so that those before it can go when a snapshot covers them; its turn must be had. At once and not with the next
   * commit, for which it would be three syncs more.
   */
  async turnOver(): Promise<JournalPosition> {
    const end = this.end as JournalPosition;
    // With nothing in it, or none yet, the file will do in which the next commit is.
    if (this.#file === undefined || this.#file.header.starts.place === end.place) return end;
    return this.#goOn();
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
      isMine = this.#right.isMine();
      if (isMine) file.requireThere();
    } catch (error) {
      throw this.#right.unknown(entry.commit, error);
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
    await this.appends.settled();
    await this.atSnapshots.settled();
    try {
      if (!this.#right.hasFailed && this.#right.isMine()) await this.#file?.end();
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
    await this.#right.release().catch(this.#options.onWarning);
  }

  async #fileToWrite(): Promise<JournalFile> {
    const file = this.#file;
    if (file !== undefined && file.length < this.#options.journalBytesMax) return file;
    await this.#goOn();
    return this.#file as unknown as JournalFile;
  }

  /** In a new file, which says that the journal ended where it is known to. */
  async #goOn(): Promise<JournalPosition> {
    const end = this.end as JournalPosition;
    const before = end.number === 0 ? undefined : { number: end.number, length: end.offset };
    this.end = await this.#begin(end, before, undefined);
    return this.end;
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
      const { maker } = this;
      const requireMine = () => this.requireMine();
      this.#file = await JournalFile.make({
        ...{ fileSystem, directory, facts, maker, codec, carried },
        ...{ onDoubt, requireMine },
      });
      this.files.add(this.#file.header);
    } catch (error) {
      const { hasFailed } = this.#right;
      const late = new Error('one who held it before was late, and made a file');
      if (isInDoubt) this.#right.fail(codeOf(error) === 'EEXIST' ? late : error);
      // One who was deposed finds what it made swept away, or its number taken.
      if (!hasFailed && !this.#right.isMine()) throw await this.#right.deposed();
      if (this.#right.hasFailed) await this.#right.require();
      throw directoryError(directory, error);
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
      if (!this.#right.isMine()) return;
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
    try {
      await this.#goOn();
    } catch {
      throw this.#right.unknown(entry.commit, error);
    }
  }

  /** The directory was taken over while a commit was being written. It counts if who took over has found it. */
  async #settle(file: JournalFile, { commit }: Entry): Promise<void> {
    const error = await this.#right.deposed();
    try {
      if (await hasCounted(this.files, { number: file.header.number, length: file.length }, commit)) return;
      // Else a loss of power may take the file that says so, and the commit would count after all.
      await this.#options.fileSystem.syncDirectory(this.#options.directory);
    } catch (cause) {
      throw this.#right.unknown(commit, cause);
    }
    throw error;
  }
}

function decodedOf({ commit, chain, holds }: Entry) {
  return { read: { commit, text: commit.text, chain }, holds };
}
