/**
 * The index of a snapshot file: what stands at its end, and says what the file is and where its parts are.
 *
 *   magic (7)  format (1) | parts | index: JSON of { facts, parts: [[number, offset, length], …] } | trailer
 *   trailer: length of index (4)  CRC32C of index (4)  magic (8)
 *
 * Where there is a codec, the facts are sealed, as base64. Nothing of an index is believed for its checksum alone: a number in it that
 * can't be is a damage like any other, and no memory is taken on its word.
 */
import { DecodeError, openBytes, type SealingCodec, sealBytes } from '../codec/index.js';
import type { SnapshotInfo } from '../prevalence/index.js';
import { type SnapshotDamage, SnapshotDamagedError } from '../snapshot/index.js';
import { checksum } from './checksum.js';
import type { Holds } from './commit-record.js';
import type { OpenFile } from './file-system.js';
import { nameOf } from './names.js';

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

export type IndexEntry = readonly [part: number, offset: number, length: number];

export interface SnapshotIndex {
  readonly facts: SnapshotFacts;
  readonly parts: readonly IndexEntry[];
}

const format = 1;
const magic = Buffer.from('ljsnap\n');
/** How a snapshot file begins. */
export const snapshotHead: Buffer = Buffer.of(...magic, format);
/** Of a part: large enough that what is beside it does not count, small enough to hold some of them in memory. */
export const snapshotPartBytesMax: number = 8 * 1024 * 1024;
const trailerMagic = Buffer.from('ljsnend\n');
const trailerBytes = 8 + trailerMagic.length;
/** An index of more parts than any snapshot has. */
const indexBytesMax: number = 64 * 1024 * 1024;

/** Index and trailer. @param file name of the file, which what is sealed is bound to */
export async function encodeIndex(
  facts: SnapshotFacts,
  entries: readonly IndexEntry[],
  file: string,
  codec: SealingCodec | undefined,
): Promise<Buffer> {
  const parts = [...entries].sort(([a], [b]) => a - b);
  const text = Buffer.from(JSON.stringify({ ...(await sealFacts(codec, facts, file)), parts }));
  return Buffer.concat([text, trailerOf(text)]);
}

/**
 * @param id name of the file
 * @throws {SnapshotDamagedError} `ERR_SNAPSHOT_DAMAGED`: `damaged`, `foreign`, `newer-format`; `KeyRingError`
 */
export async function readIndex(file: OpenFile, id: string, codec: SealingCodec | undefined): Promise<SnapshotIndex> {
  const fail = (reason: SnapshotDamage, detail: string): never => {
    throw new SnapshotDamagedError(reason, detail, { id });
  };
  const size = await file.size();
  const first = await readAt(file, 0, snapshotHead.length);
  if (!magic.equals(first.subarray(0, magic.length))) {
    fail(first.some((byte) => byte !== 0) ? 'foreign' : 'damaged', 'it does not begin as a snapshot does');
  }
  const found = first[magic.length] ?? 0;
  if (found > format) fail('newer-format', `format is ${found}, this release knows ${format}`);
  const trailer = await readAt(file, Math.max(0, size - trailerBytes), trailerBytes);
  const isEnd = trailer.length === trailerBytes && trailer.subarray(8).equals(trailerMagic);
  const length = isEnd ? trailer.readUInt32LE(0) : 0;
  const lengthMax = Math.min(size - snapshotHead.length - trailerBytes, indexBytesMax);
  if (found !== format || !isEnd || length > lengthMax) fail('damaged', 'its end is missing');
  const partsEnd = size - trailerBytes - length;
  const text = await readAt(file, partsEnd, length);
  if (!trailerOf(text).equals(trailer)) fail('damaged', 'its index is not what was written');
  const stored = parsed(text.toString()) as (StoredFacts & { readonly parts?: unknown }) | null | undefined;
  const parts = stored?.parts;
  if (!areEntries(parts, partsEnd)) return fail('damaged', 'its index names parts that it can not have');
  const facts = await openFacts(codec, stored as StoredFacts, id);
  if (!isFacts(facts) || facts.id !== id || nameOf('snapshot', facts.place) !== id) {
    return fail('damaged', 'what it says of itself can not be');
  }
  return { facts, parts };
}

/** @throws {SnapshotDamagedError} for what the disk can't read: an earlier snapshot may do. */
export async function readAt(file: OpenFile, position: number, length: number): Promise<Buffer> {
  const into = Buffer.allocUnsafe(length);
  try {
    return into.subarray(0, await file.read(into, position));
  } catch (error) {
    throw new SnapshotDamagedError('damaged', 'it cannot be read', {}, error);
  }
}

function areEntries(parts: unknown, end: number): parts is readonly IndexEntry[] {
  const isEntry = (entry: unknown) => {
    if (!Array.isArray(entry) || entry.length !== 3 || !entry.every(isWhole)) return false;
    const [, offset, length] = entry as unknown as IndexEntry;
    return offset >= snapshotHead.length && length <= Math.min(snapshotPartBytesMax, end - offset);
  };
  return Array.isArray(parts) && parts.every(isEntry);
}

const texts = ['id', 'digest', 'chain', 'journalId', 'label'] as const;
const counts = ['seq', 'bytes', 'parts', 'place', 'journal'] as const;
const times = ['time', 'madeAt'] as const;

function isFacts(value: unknown): value is SnapshotFacts {
  if (typeof value !== 'object' || value === null) return false;
  const facts = value as Record<string, unknown>;
  return (
    texts.every((name) => typeof facts[name] === 'string') &&
    counts.every((name) => isWhole(facts[name])) &&
    times.every((name) => Number.isSafeInteger(facts[name])) &&
    (facts.holds === undefined || isHolds(facts.holds))
  );
}

function isHolds(value: unknown): value is Holds {
  const { epoch, holder } = (value ?? {}) as Partial<Holds>;
  return isWhole(epoch) && (holder === undefined || (typeof holder?.writer === 'string' && isWhole(holder.since)));
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Facts as they stand in the index: the one or the other. */
interface StoredFacts {
  readonly facts?: unknown;
  readonly sealed?: unknown;
}

const factsPlace = (key: string) => ({ table: 'snapshot', key, attribute: 'facts', incarnation: '', version: 0 });

async function sealFacts(codec: SealingCodec | undefined, facts: SnapshotFacts, file: string): Promise<StoredFacts> {
  if (codec === undefined) return { facts };
  const sealed = await sealBytes(codec, Buffer.from(JSON.stringify(facts)), factsPlace(file));
  return { sealed: Buffer.from(sealed).toString('base64') };
}

/** `undefined` where there are none. */
async function openFacts(
  codec: SealingCodec | undefined,
  { facts, sealed }: StoredFacts,
  file: string,
): Promise<unknown> {
  const text = JSON.stringify(facts) ?? '';
  const bytes = typeof sealed === 'string' ? Buffer.from(sealed, 'base64') : Buffer.from(text);
  try {
    return parsed(Buffer.from(await openBytes(codec, bytes, factsPlace(file))).toString());
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new SnapshotDamagedError(error.reason, error.detail, { id: file }, error);
  }
}

/** `undefined` for what is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function trailerOf(index: Uint8Array): Buffer {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(index.length, 0);
  trailer.writeUInt32LE(checksum(index), 4);
  return Buffer.concat([trailer, trailerMagic]);
}
