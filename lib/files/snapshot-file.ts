/**
 * A snapshot in one file.
 *
 *   what it begins with | part | part | … | index
 *
 * Parts come in any order, as they are put; each is framed, and checked by who reads it. The file gets its name when all of it is synced,
 * so one that has the name is whole, or damaged since. Which snapshots there are is what the directory lists.
 */
import path from 'node:path';
import type { SealingCodec } from '../codec/index.js';
import type { SnapshotStore } from '../snapshot/index.js';
import type { FileSystem, OpenFile } from './file-system.js';
import { nameOf } from './names.js';
import {
  encodeIndex,
  type IndexEntry,
  readAt,
  readIndex,
  type SnapshotFacts,
  snapshotHead,
  snapshotPartBytesMax,
} from './snapshot-index.js';
import { removeIfThere } from './system-code.js';
import { writeAll } from './write-all.js';

/** A file in the making. */
export interface SnapshotFileWriter {
  /** Takes parts. */
  readonly store: SnapshotStore;
  /** Gives it its name. When it resolves it stays, whatever happens to the machine. */
  finish(facts: SnapshotFacts): Promise<void>;
  /** Removes what is there of it. */
  abandon(): Promise<void>;
}

/** A file that is read. */
export interface SnapshotFileReader {
  readonly facts: SnapshotFacts;
  /** Gives parts. */
  readonly store: SnapshotStore;
  close(): Promise<void>;
}

/** After so many bytes they are synced: a sync of the journal may have to wait for all that its file system has not written yet. */
const unsyncedBytesMax = 1024 * 1024;

/**
 * Begins a snapshot file.
 *
 * @param number place of the last commit in it
 * @param attempt unlike that of any other attempt
 */
export async function createSnapshotFile(
  fileSystem: FileSystem,
  directory: string,
  number: number,
  attempt: string,
  codec?: SealingCodec,
): Promise<SnapshotFileWriter> {
  const own = path.join(directory, nameOf('snapshot', number));
  const part = `${own}.${attempt}.part`;
  const file = await fileSystem.create(part);
  const index = new Map<number, IndexEntry>();
  let end = 0;
  let unsynced = 0;
  let isOpen = true;
  // One write after another: a file takes one call at a time.
  let last: Promise<void> = Promise.resolve();

  const write = (bytes: Uint8Array): Promise<void> => {
    const offset = end;
    end += bytes.length;
    last = last.then(async () => {
      for (let from = 0; from < bytes.length; ) {
        const piece = bytes.subarray(from, from + unsyncedBytesMax - unsynced);
        await writeAll(file, piece, offset + from);
        from += piece.length;
        unsynced += piece.length;
        if (unsynced < unsyncedBytesMax) continue;
        unsynced = 0;
        await file.syncData();
      }
    });
    last.catch(() => {});
    return last;
  };
  void write(snapshotHead);
  const close = async () => {
    if (!isOpen) return;
    isOpen = false;
    await file.close();
  };

  return {
    store: {
      partBytesMax: snapshotPartBytesMax,
      put: async (_id, number, bytes) => {
        const entry = [number, end, bytes.length] as const;
        await write(bytes);
        index.set(number, entry);
      },
      get: async (_id, number) => await readPart(file, index.get(number)),
      delete: async (_id, number) => void index.delete(number),
    },
    finish: async (facts) => {
      await write(await encodeIndex(facts, [...index.values()], path.basename(own), codec));
      await file.syncData();
      await close();
      await fileSystem.rename(part, own);
      await fileSystem.syncDirectory(directory);
    },
    abandon: async () => {
      await last.catch(() => {});
      try {
        await close();
      } finally {
        // Unless it has got its name.
        await removeIfThere(fileSystem, part);
      }
    },
  };
}

/**
 * Opens a snapshot file.
 *
 * @param codec what its facts are sealed with
 * @throws {SnapshotDamagedError} `ERR_SNAPSHOT_DAMAGED`: `damaged`, `foreign`, `newer-format`; what the file system throws.
 */
export async function openSnapshotFile(
  fileSystem: FileSystem,
  name: string,
  codec?: SealingCodec,
): Promise<SnapshotFileReader> {
  const file = await fileSystem.open(name);
  try {
    const { facts, parts } = await readIndex(file, path.basename(name), codec);
    const index = new Map(parts.map((entry) => [entry[0], entry]));
    const refuse = async () => {
      throw new Error('a snapshot file that is there does not change');
    };
    const get = async (_id: string, part: number) => readPart(file, index.get(part));
    // What was only read has lost nothing when closing it fails.
    const close = () => file.close().catch(() => {});
    return { facts, store: { partBytesMax: snapshotPartBytesMax, get, put: refuse, delete: refuse }, close };
  } catch (error) {
    await file.close().catch(() => {});
    throw error;
  }
}

/** `undefined` for a part that is not there, also when the file ends within it. */
async function readPart(file: OpenFile, entry: IndexEntry | undefined): Promise<Uint8Array | undefined> {
  if (entry === undefined) return undefined;
  const [, offset, length] = entry;
  const bytes = await readAt(file, offset, length);
  return bytes.length === length ? bytes : undefined;
}
