/**
 * One file of the journal, to write: it is made whole with its header, and then only grows, by one record at a time.
 *
 *   .part: header, and what is carried over ─► sync ─► the name, if nothing has it ─► directory synced ─► records
 *
 * The name is given by a link and not by a rename: one who was deposed and does not know it yet must not put its file in the place of
 * the file of who came after.
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type { SealingCodec } from '../codec/index.js';
import type { Commit } from '../journal/index.js';
import { encodeCommit, type Holds } from './commit-record.js';
import { JournalDamagedError } from './errors.js';
import type { FileSystem, OpenFile } from './file-system.js';
import { encodeHeader, type JournalFacts, type JournalHeader, saltBytes } from './journal-header.js';
import { nameOf, partOf } from './names.js';
import { frame, recordKinds } from './record.js';
import { sealBody } from './sealing.js';
import { isNoRoom } from './system-code.js';
import { writeAll } from './write-all.js';

/** A commit on its way into a file. */
export interface Entry {
  readonly commit: Commit;
  readonly chain: string;
  readonly holds: Holds | undefined;
}

export interface MakeOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly facts: JournalFacts;
  /** Who makes it, unlike any other. */
  readonly maker: string;
  readonly codec: SealingCodec | undefined;
  /** A commit of the file before that counts here. */
  readonly carried: Entry | undefined;
  /** Told whether nobody knows what is there if what comes next fails. */
  readonly onDoubt: (isSo: boolean) => void;
  /** Rejects when the directory is another's by now. */
  readonly requireMine: () => Promise<void>;
}

/** The bytes of a record that holds a commit. */
export async function recordOf({ framing, seal }: JournalHeader, { commit, chain, holds }: Entry): Promise<Buffer> {
  return frame(framing, recordKinds.commit, await sealBody(seal, encodeCommit(commit, chain, holds), commit.place));
}

export class JournalFile {
  readonly header: JournalHeader;
  /** Bytes in it that are synced. */
  length: number;
  readonly #file: OpenFile;
  readonly #path: string;
  readonly #fileSystem: FileSystem;
  readonly #identity: string | undefined;

  private constructor(header: JournalHeader, file: OpenFile, length: number, path: string, fileSystem: FileSystem) {
    this.header = header;
    this.#file = file;
    this.length = length;
    this.#path = path;
    this.#fileSystem = fileSystem;
    this.#identity = fileSystem.identityOf(path);
  }

  /** @throws what the file system throws; `EEXIST` when the number is taken. */
  static async make(options: MakeOptions): Promise<JournalFile> {
    const { fileSystem, directory, facts, maker, codec, carried, onDoubt, requireMine } = options;
    const name = nameOf('journal', facts.number);
    const part = path.join(directory, partOf('journal', facts.number, maker));
    const { header, bytes } = await encodeHeader(facts, name, randomBytes(saltBytes), codec);
    const first = carried === undefined ? [] : [await recordOf(header, carried)];
    const content = Buffer.concat([bytes, ...first]);
    // Of an attempt that failed.
    if (fileSystem.identityOf(part) !== undefined) await fileSystem.remove(part);
    const file = await fileSystem.create(part);
    try {
      await writeAll(file, content, 0);
      onDoubt(true);
      await file.syncData();
      onDoubt(false);
      // The number may be free again: those who came after have used it and pruned it.
      await requireMine();
      onDoubt(true);
      await fileSystem.link(part, path.join(directory, name)).catch((error: unknown) => {
        // There is no room for the name: then it is not there, and may be given when there is room.
        onDoubt(!isNoRoom(error));
        throw error;
      });
      await fileSystem.remove(part);
      await fileSystem.syncDirectory(directory);
      return new JournalFile(header, file, content.length, path.join(directory, name), fileSystem);
    } catch (error) {
      await file.close().catch(() => {});
      throw error;
    }
  }

  /** Writes a record behind the last one that was synced. */
  async write(record: Uint8Array): Promise<void> {
    await writeAll(this.#file, record, this.length);
  }

  /** What was written is part of the file from now on. */
  async sync(record: Uint8Array): Promise<void> {
    await this.#file.syncData();
    this.length += record.length;
  }

  /**
   * What is in a file that nobody finds is lost: somebody removed it, or put a backup in its place.
   *
   * @throws {JournalDamagedError} `ERR_JOURNAL_DAMAGED`
   */
  requireThere(): void {
    if (this.#identity !== undefined && this.#fileSystem.identityOf(this.#path) === this.#identity) return;
    throw new JournalDamagedError(this.#path, 'missing', 'it was removed, or replaced, while it was written');
  }

  /** Says that nothing comes after this, so that whoever opens the journal next doubts nothing of it. */
  async end(): Promise<void> {
    const record = frame(this.header.framing, recordKinds.end, new Uint8Array());
    await this.write(record);
    await this.sync(record);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
