/**
 * A snapshot in one file.
 *
 *   magic (7)  format (1) | part | part | … | index: JSON of { facts, parts: [[number, offset, length], …] } | trailer
 *   trailer: length of index (4)  CRC32C of index (4)  magic (8)
 *
 * Where there is a codec, the facts in the index are sealed, as base64. Parts come in any order, as they are put; each is framed, and checked by who reads it. The file gets its name when all of it is synced,
 * so one that has the name is whole, or damaged since. Which snapshots there are is what the directory lists.
 */
import path from 'node:path';
import { DecodeError, openBytes, type SealingCodec, sealBytes } from '../codec/index.js';
import type { SnapshotInfo } from '../prevalence/index.js';
import { type SnapshotDamage, SnapshotDamagedError, type SnapshotStore } from '../snapshot/index.js';
import { checksum } from './checksum.js';
import type { Holds } from './commit-record.js';
import type { FileSystem, OpenFile } from './file-system.js';
import { nameOf } from './names.js';
import { removeIfThere } from './system-code.js';
import { writeAll } from './write-all.js';

/** What a snapshot file says of itself. */
export interface SnapshotFacts extends SnapshotInfo {
  /** Of the last commit in it. */
  readonly place: number;
  /** The journal's digest chain at that place. */
  readonly chain: string;
  /** By its maker's clock, epoch milliseconds. */
  readonly madeAt: number;
  /** Number of the journal file in which the commits after it begin. */
  readonly journal: number;
  readonly journalId: string;
  /** The application's name for what its state means. */
  readonly label: string;
  /** Who may write, if the journal begins with this and is not begun yet. */
  readonly holds?: Holds;
}

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

const format = 1;
const magic = Buffer.from('ljsnap\n');
const head = Buffer.of(...magic, format);
const trailerMagic = Buffer.from('ljsnend\n');
const trailerBytes = 8 + trailerMagic.length;
/** Large enough that what is beside a part does not count, small enough to hold some of them in memory. */
const partBytesMax = 8 * 1024 * 1024;
/** After so many bytes they are synced: a sync of the journal may have to wait for all that its file system has not written yet. */
const unsyncedBytesMax = 1024 * 1024;

type IndexEntry = readonly [part: number, offset: number, length: number];

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
  void write(head);
  const close = async () => {
    if (!isOpen) return;
    isOpen = false;
    await file.close();
  };

  return {
    store: {
      partBytesMax,
      put: async (_id, number, bytes) => {
        const entry = [number, end, bytes.length] as const;
        await write(bytes);
        index.set(number, entry);
      },
      get: async (_id, number) => await readPart(file, index.get(number)),
      delete: async (_id, number) => void index.delete(number),
    },
    finish: async (facts) => {
      const parts = [...index.values()].sort(([a], [b]) => a - b);
      const text = Buffer.from(JSON.stringify({ ...(await sealFacts(codec, facts, path.basename(own))), parts }));
      await write(Buffer.concat([text, trailerOf(text)]));
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
    const base = path.basename(name);
    const { parts, ...shown } = await readIndex(file, base);
    const facts = await openFacts(codec, shown, base);
    const index = new Map(parts.map((entry) => [entry[0], entry]));
    const refuse = async () => {
      throw new Error('a snapshot file that is there does not change');
    };
    const get = async (_id: string, part: number) => readPart(file, index.get(part));
    // What was only read has lost nothing when closing it fails.
    const close = () => file.close().catch(() => {});
    return { facts, store: { partBytesMax, get, put: refuse, delete: refuse }, close };
  } catch (error) {
    await file.close().catch(() => {});
    throw error;
  }
}

/** Facts as they stand in the index: the one or the other. */
interface StoredFacts {
  readonly facts?: SnapshotFacts;
  readonly sealed?: string;
}

const factsPlace = (key: string) => ({ table: 'snapshot', key, attribute: 'facts', incarnation: '', version: 0 });

async function sealFacts(codec: SealingCodec | undefined, facts: SnapshotFacts, file: string): Promise<StoredFacts> {
  if (codec === undefined) return { facts };
  const sealed = await sealBytes(codec, Buffer.from(JSON.stringify(facts)), factsPlace(file));
  return { sealed: Buffer.from(sealed).toString('base64') };
}

async function openFacts(
  codec: SealingCodec | undefined,
  { facts, sealed }: StoredFacts,
  file: string,
): Promise<SnapshotFacts> {
  try {
    const bytes = sealed === undefined ? Buffer.from(JSON.stringify(facts)) : Buffer.from(sealed, 'base64');
    return JSON.parse(Buffer.from(await openBytes(codec, bytes, factsPlace(file))).toString());
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new SnapshotDamagedError(error.reason, error.detail, { id: file }, error);
  }
}

async function readIndex(file: OpenFile, id: string): Promise<StoredFacts & { readonly parts: readonly IndexEntry[] }> {
  const fail = (reason: SnapshotDamage, detail: string): never => {
    throw new SnapshotDamagedError(reason, detail, { id });
  };
  const size = await file.size();
  const first = await readAt(file, 0, head.length);
  if (!magic.equals(first.subarray(0, magic.length))) {
    fail(first.some((byte) => byte !== 0) ? 'foreign' : 'damaged', 'it does not begin as a snapshot does');
  }
  const found = first[magic.length] ?? 0;
  if (found > format) fail('newer-format', `format is ${found}, this release knows ${format}`);
  const trailer = await readAt(file, Math.max(0, size - trailerBytes), trailerBytes);
  const isEnd = trailer.length === trailerBytes && trailer.subarray(8).equals(trailerMagic);
  const length = isEnd ? trailer.readUInt32LE(0) : 0;
  if (found !== format || !isEnd || length > size - head.length - trailerBytes) fail('damaged', 'its end is missing');
  const text = await readAt(file, size - trailerBytes - length, length);
  if (!trailerOf(text).equals(trailer)) fail('damaged', 'its index is not what was written');
  return JSON.parse(text.toString());
}

/** `undefined` for a part that is not there, also when the file ends within it. */
async function readPart(file: OpenFile, entry: IndexEntry | undefined): Promise<Uint8Array | undefined> {
  if (entry === undefined) return undefined;
  const [, offset, length] = entry;
  const bytes = await readAt(file, offset, length);
  return bytes.length === length ? bytes : undefined;
}

async function readAt(file: OpenFile, position: number, length: number): Promise<Buffer> {
  const into = Buffer.allocUnsafe(length);
  try {
    return into.subarray(0, await file.read(into, position));
  } catch (error) {
    // A bad block of the disk is a damage like any other: an earlier snapshot may do.
    throw new SnapshotDamagedError('damaged', 'it cannot be read', {}, error);
  }
}

function trailerOf(index: Uint8Array): Buffer {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(index.length, 0);
  trailer.writeUInt32LE(checksum(index), 4);
  return Buffer.concat([trailer, trailerMagic]);
}
