/**
 * Which files of a journal there are: the row of journal files, dense from the oldest kept on, and the snapshots beside it.
 *
 *   journal-3 ── journal-4 ── journal-5      each says how much of the one before counts, and where in the journal that is
 *        ▲ snapshot-120
 *
 * What the directory lists is the truth; headers are read once.
 */
import path from 'node:path';
import type { SealingCodec } from '../codec/index.js';
import { JournalFormatError } from '../journal/index.js';
import { directoryError, JournalDamagedError } from './errors.js';
import type { FileSystem, OpenFile } from './file-system.js';
import { decodeHeader, headerBytesMax, type JournalHeader } from './journal-header.js';
import { listingOf } from './listing.js';
import { type FileKind, nameOf } from './names.js';
import { isNotThere } from './system-code.js';

export interface JournalFilesOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly label: string;
  readonly codec: SealingCodec | undefined;
}

/** A file of the journal is not there any more: it was pruned, or is lost. Caught by whoever reads. */
export class Vanished extends Error {
  readonly number: number;

  constructor(number: number) {
    super(nameOf('journal', number));
    this.number = number;
  }
}

export class JournalFiles {
  /** Names in the directory that are none of ours. */
  isForeign = false;
  /** Names of what was not finished. */
  parts: readonly string[] = [];
  /** Numbers of the journal files, ascending. */
  numbers: readonly number[] = [];
  /** Places of the snapshots, ascending. */
  snapshots: readonly number[] = [];
  /** Numbers that the newest journal file has, or had. */
  marks: readonly number[] = [];
  readonly options: JournalFilesOptions;
  readonly #headers = new Map<number, { readonly header: JournalHeader; readonly identity: string | undefined }>();
  #hasHolder = false;
  #journalId: string | undefined;

  constructor(options: JournalFilesOptions) {
    this.options = options;
  }

  get first(): number | undefined {
    return this.numbers[0];
  }

  get last(): number | undefined {
    return this.numbers.at(-1);
  }

  /** Whether there is nothing of ours in the directory. */
  get isEmpty(): boolean {
    return this.numbers.length + this.snapshots.length + this.parts.length === 0 && !this.#hasHolder;
  }

  get journalId(): string | undefined {
    return this.#journalId;
  }

  pathOf(kind: FileKind, number: number): string {
    return path.join(this.options.directory, nameOf(kind, number));
  }

  /** @throws {JournalDamagedError} `ERR_JOURNAL_DAMAGED` when one that was there is missing; `DirectoryError` */
  async list(): Promise<void> {
    for (let missed: number | undefined; ; ) {
      const { numbers: known, snapshots } = this;
      const listing = listingOf(await this.#names());
      const { journals, missing } = listing;
      // A list that is made while names come and go may have a later one and not the one before. The next list has both, or neither:
      // they come and go in order.
      if (missing !== undefined && missing.number !== missed) {
        missed = missing.number;
        continue;
      }
      this.parts = listing.parts;
      this.isForeign = listing.isForeign;
      this.marks = listing.marks;
      this.#hasHolder = listing.hasHolder;
      this.snapshots = inStep(listing.snapshots, snapshots, this.snapshots);
      this.numbers = inStep(journals, known, this.numbers);
      for (const number of this.#headers.keys()) if (number < (journals[0] ?? 0)) this.#headers.delete(number);
      if (missing === undefined) return;
      throw new JournalDamagedError(this.pathOf('journal', missing.number), 'missing', missing.detail);
    }
  }

  /** The row is dense. */
  has(number: number): boolean {
    return this.first !== undefined && number >= this.first && number <= (this.last as number);
  }

  /** @throws {Vanished} when the file is not there; what {@link decodeHeader} throws. */
  async header(number: number): Promise<JournalHeader> {
    const { label, codec, directory, fileSystem } = this.options;
    // A directory may be put back from a backup, or made anew: then the number is another file's.
    const identity = fileSystem.identityOf(this.pathOf('journal', number));
    const known = this.#headers.get(number);
    if (known !== undefined && known.identity === identity) return known.header;
    const file = nameOf('journal', number);
    const bytes = await this.#beginningOf(number);
    const expected = { path: this.pathOf('journal', number), file, number, system: directory, label, codec };
    const header = await decodeHeader(bytes, expected);
    this.requireId(header.journalId);
    this.#headers.set(number, { header, identity });
    // Who has read of the one before knows nothing of where this one is.
    if (known !== undefined && known.header.seal.salt !== header.seal.salt) throw new Vanished(number);
    return header;
  }

  /** The file that the commit after `place` is in, or will be: the last one that begins at it or before. */
  async fileAt(place: number): Promise<JournalHeader | undefined> {
    return this.#lastWhere(({ starts }) => starts.place <= place);
  }

  /** The file that event `seq` is in, or will be. */
  async fileOfSeq(seq: number): Promise<JournalHeader | undefined> {
    return this.#lastWhere(({ starts }) => starts.seq < seq);
  }

  /** Takes note of a file that was made here. */
  add(header: JournalHeader): void {
    this.requireId(header.journalId);
    const identity = this.options.fileSystem.identityOf(this.pathOf('journal', header.number));
    this.#headers.set(header.number, { header, identity });
    this.numbers = [...this.numbers, header.number];
  }

  /** Takes note of files that were removed here. */
  removed(kind: FileKind, number: number): void {
    if (kind === 'journal') this.numbers = this.numbers.filter((one) => one !== number);
    else this.snapshots = this.snapshots.filter((one) => one !== number);
    if (kind === 'journal') this.#headers.delete(number);
  }

  addSnapshot(place: number): void {
    this.snapshots = [...this.snapshots.filter((one) => one !== place), place].sort((a, b) => a - b);
  }

  /** By halving: headers are read of those that are looked at. */
  async #lastWhere(holds: (header: JournalHeader) => boolean): Promise<JournalHeader | undefined> {
    const { numbers } = this;
    let [low, high] = [0, numbers.length];
    let found: JournalHeader | undefined;
    while (low < high) {
      const middle = (low + high) >> 1;
      const header = await this.header(numbers[middle] as number);
      if (holds(header)) {
        found = header;
        low = middle + 1;
      } else high = middle;
    }
    return found;
  }

  /** @throws {Vanished}, {@link JournalDamagedError} when it is not there; {@link DirectoryError} */
  async open(number: number): Promise<OpenFile> {
    const { fileSystem, directory } = this.options;
    try {
      return await fileSystem.open(this.pathOf('journal', number));
    } catch (error) {
      throw isNotThere(error) ? await this.#gone(number) : directoryError(directory, error);
    }
  }

  /** What it means that a file of the journal can't be found: it was pruned, or its name leads nowhere. */
  async #gone(number: number): Promise<Error> {
    if (!(await this.isListed('journal', number))) return new Vanished(number);
    const detail = 'its name is there and leads nowhere';
    return new JournalDamagedError(this.pathOf('journal', number), 'missing', detail);
  }

  async isListed(kind: FileKind, number: number): Promise<boolean> {
    return (await this.#names()).includes(nameOf(kind, number));
  }

  async #names(): Promise<readonly string[]> {
    const { fileSystem, directory } = this.options;
    try {
      return await fileSystem.list(directory);
    } catch (error) {
      if (isNotThere(error)) return [];
      throw directoryError(directory, error);
    }
  }

  async #beginningOf(number: number): Promise<Buffer> {
    const file = await this.open(number);
    try {
      try {
        const bytes = Buffer.alloc(Math.min(await file.size(), headerBytesMax));
        return bytes.subarray(0, await file.read(bytes, 0));
      } finally {
        await file.close();
      }
    } catch (error) {
      throw directoryError(this.options.directory, error);
    }
  }

  /** @throws {JournalFormatError} `ERR_JOURNAL_FORMAT` when it is not that of what was seen before. */
  requireId(journalId: string): void {
    this.#journalId ??= journalId;
    if (journalId === this.#journalId) return;
    const remedy = 'it was deleted and made again meanwhile, or files of two journals are mixed; open it again';
    throw new JournalFormatError(this.options.directory, 'id', journalId, this.#journalId, remedy);
  }
}

/** What was listed, and what was made or removed here since the list was begun. */
function inStep(listed: readonly number[], before: readonly number[], now: readonly number[]): readonly number[] {
  if (now === before) return listed;
  const made = now.filter((number) => !before.includes(number));
  const removed = new Set(before.filter((number) => !now.includes(number)));
  return [...new Set([...listed, ...made])].filter((number) => !removed.has(number)).sort((a, b) => a - b);
}
