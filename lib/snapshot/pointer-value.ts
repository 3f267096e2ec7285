/**
 * The value of the atom `<name>/snap`: which snapshots there are, what is being made, what is on its way out.
 *
 *   { format, journalId,
 *     kept:     [{ id, place, seq, page, from, parts, bytes, digest, time, madeAt, chain, handlerVersion?, pinned? }, …],
 *     making:   [{ id, parts, at }, …],      dropping: [{ id, parts }, …],
 *     prunedTo, prunedFrom, sweptTo, sweptFrom,
 *     readers:  [{ id, page, from, until }, …] }
 *
 * Stored as native attributes, so the console shows it as it is. What each member means for the protocol stands in
 * `pointer-rules.ts`.
 */
import { SnapshotPointerError } from './pointer-errors.js';
import type { EntryLike, ReaderLike, SnapLike, Unnamed } from './pointer-rules.js';

/** Format of the pointer. A later one is refused, never guessed. */
const pointerFormat = 1;

/** Snapshots that the pointer holds at most, kept, under way and on their way out together: it must fit in one item. */
export const snapshotsMax = 400;
/** Registered readers that it holds at most. */
export const readersMax = 100;

/** A snapshot that is kept. */
export interface SnapEntry extends EntryLike {
  /** Number of events that are in the state. */
  readonly seq: number;
  /** Stored bytes of all parts. */
  readonly bytes: number;
  /** Of the stored bytes, in text. */
  readonly digest: string;
  /** Time of the last event in it, in epoch milliseconds: what retention goes by. */
  readonly time: number;
  /** When it was made, by its maker's clock, in epoch milliseconds. */
  readonly madeAt: number;
  /** The journal's own digest at its place, in text. */
  readonly chain: string;
  /** Version of the handler that made the state. */
  readonly handlerVersion?: string;
  /** Kept until it is unpinned, whatever the retention says. */
  readonly pinned?: boolean;
}

/** A snapshot under way. */
export interface Making extends Unnamed {
  /** When its maker last said that it is at it, in epoch milliseconds. */
  readonly at: number;
}

/** A reader that must not be overtaken. */
export interface RegisteredReader extends ReaderLike {
  /** When its registration ends, in epoch milliseconds. */
  readonly until: number;
}

/** The value of the pointer. */
export interface SnapValue extends SnapLike {
  readonly format: number;
  /** Of the journal that it belongs to; empty as long as nothing was written. */
  readonly journalId: string;
  readonly kept: readonly SnapEntry[];
  readonly making: readonly Making[];
  readonly readers: readonly RegisteredReader[];
}

/** The pointer before anything was written. */
export const noSnap: SnapValue = {
  format: pointerFormat,
  journalId: '',
  kept: [],
  making: [],
  dropping: [],
  prunedTo: 0,
  prunedFrom: 1,
  sweptTo: 0,
  sweptFrom: 0,
  readers: [],
};

/** Longest texts in an entry; what the limits above are worked out with. */
const textMax = { id: 64, digest: 96, chain: 96, handlerVersion: 128 } as const;

/** The last millisecond that a `Date` can say. */
const timeMax = 8_640_000_000_000_000;

const entryFields = [
  ['id', 'digest', 'chain'],
  ['place', 'seq', 'page', 'from', 'parts', 'bytes', 'time', 'madeAt'],
] as const;
const unnamedFields = [['id'], ['parts']] as const;
const makingFields = [['id'], ['parts', 'at']] as const;
const readerFields = [['id'], ['page', 'from', 'until']] as const;
const ownFields = [['journalId'], ['prunedTo', 'prunedFrom', 'sweptTo', 'sweptFrom']] as const;

/**
 * What was read, if it is what this release writes.
 *
 * @throws {SnapshotPointerError} `ERR_SNAPSHOT_POINTER`, `format` or `damaged`
 */
export function requireSnap(value: unknown, key: string): SnapValue {
  const format = (value as Partial<SnapValue> | null)?.format;
  if (Number.isSafeInteger(format) && format !== pointerFormat) {
    throw new SnapshotPointerError(
      key,
      'format',
      `format is ${format}, this release knows ${pointerFormat}; use a release that knows it`,
    );
  }
  const { kept, making, dropping, readers } = (value ?? {}) as Record<string, unknown>;
  const damage =
    (format === pointerFormat ? undefined : 'format is missing') ??
    flawIn(value, ownFields, 'value') ??
    flawInAll(kept, entryFields, 'kept') ??
    flawInAll(making, makingFields, 'making') ??
    flawInAll(dropping, unnamedFields, 'dropping') ??
    flawInAll(readers, readerFields, 'readers');
  if (damage === undefined) return value as SnapValue;
  throw new SnapshotPointerError(key, 'damaged', `${damage}; restore the item, or repair it in the console`);
}

/** @throws RangeError, TypeError for what is no entry. */
export function requireEntry(entry: SnapEntry): void {
  const flaw = flawIn(entry, entryFields, 'entry');
  if (flaw !== undefined) throw new TypeError(`Cannot publish a snapshot: ${flaw}`);
  requireId(entry.id);
  if (entry.time > timeMax) throw new RangeError(`Cannot publish a snapshot: time is no date: ${entry.time}`);
  for (const name of ['digest', 'chain', 'handlerVersion'] as const) {
    const bytes = Buffer.byteLength(entry[name] ?? '');
    if (bytes <= textMax[name]) continue;
    throw new RangeError(`Cannot publish a snapshot: ${name} has ${bytes} bytes, the limit is ${textMax[name]}`);
  }
}

/** @throws RangeError, TypeError for what can name no snapshot and no reader. */
export function requireId(id: string): void {
  if (typeof id !== 'string') throw new TypeError(`Cannot use an id: must be a string: ${typeof id}`);
  if (id.length <= textMax.id && /^[\w.-]+$/.test(id)) return;
  throw new RangeError(`Cannot use id ${JSON.stringify(id)}: must be 1 to ${textMax.id} of a-z A-Z 0-9 _ . -`);
}

/** @throws RangeError for what is no number of parts. */
export function requireParts(parts: number): void {
  if (Number.isSafeInteger(parts) && parts >= 0) return;
  throw new RangeError(`Cannot make a snapshot: parts must be a whole number: ${parts}`);
}

type Fields = readonly [texts: readonly string[], wholeNumbers: readonly string[]];

function flawInAll(values: unknown, fields: Fields, name: string): string | undefined {
  if (!Array.isArray(values)) return `${name} is no list`;
  for (const [index, value] of values.entries()) {
    const flaw = flawIn(value, fields, `${name}[${index}]`);
    if (flaw !== undefined) return flaw;
  }
  return undefined;
}

function flawIn(value: unknown, [texts, wholeNumbers]: Fields, name: string): string | undefined {
  const members = (value ?? {}) as Record<string, unknown>;
  for (const text of texts) if (typeof members[text] !== 'string') return `${name}.${text} is no text`;
  for (const one of wholeNumbers) {
    if (!Number.isSafeInteger(members[one]) || (members[one] as number) < 0) return `${name}.${one} is no whole number`;
  }
  return undefined;
}
