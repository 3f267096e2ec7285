/**
 * The note of a stream's head: the state of its aggregate, if that fits, and where the newest stored one is.
 *
 *   { k: kind of the state, q: number of events in it, s: the state, p: [id, parts, q, page, kind] of a snapshot }     JSON, deflated
 *
 * `q` is the number of the state that stands beside it, always: both are written by the commit that makes it so, or not at all.
 * What it says of a snapshot is a hint, which saves the pointer's being read: a snapshot that was removed meanwhile is looked for
 * there. Whoever writes a note passes the hint on, so streams whose head has none never had a snapshot, or have had one only just now.
 */
import { createHash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { hold, jsonCodec } from '../../codec/index.js';
import type { Head } from '../../journal/index.js';
import type { AnyAggregateType } from './aggregate-type.js';
import type { Folded } from './fold.js';

/** Where a snapshot is. */
export interface SnapshotHint {
  readonly id: string;
  readonly parts: number;
  /** Events in it. */
  readonly seq: number;
  /** Page of the first commit after it. */
  readonly page: number;
  /** Of which type and version its state is. */
  readonly kind: string;
}

/** What a note says. */
export interface StateNote {
  readonly kind?: string | undefined;
  readonly folded?: Folded | undefined;
  readonly stored?: SnapshotHint | undefined;
}

/** Text that a note may inflate to at most. */
const textBytesMax: number = 4 * 1_024 * 1_024;
/** A kind is written into the pointer, too, which has room for so much. */
const kindBytesMax = 128;

/** Name of an aggregate type and version of its states, as one text. */
export function kindOf({ name, stateVersion }: AnyAggregateType): string {
  const kind = `${stateVersion}/${name}`;
  if (Buffer.byteLength(kind) <= kindBytesMax) return kind;
  return `${stateVersion}//${createHash('sha256').update(name).digest('base64url')}`;
}

/** @returns `undefined` for a state whose text is too long. @throws `UnsupportedValueError` for one that has none. */
export function encodeNote({ kind, folded, stored }: StateNote): Uint8Array | undefined {
  const content = {
    ...(folded !== undefined && { k: kind, q: folded.seq, s: folded.state }),
    ...(stored !== undefined && { p: [stored.id, stored.parts, stored.seq, stored.page, stored.kind] }),
  };
  const text = Buffer.from((hold(content, jsonCodec).encode().data as { readonly S: string }).S);
  return text.byteLength > textBytesMax ? undefined : deflateRawSync(text);
}

/** Throws for what is no note. */
export function decodeNote(note: Uint8Array): StateNote {
  const text = inflateRawSync(note, { maxOutputLength: textBytesMax }).toString();
  const { k, q, s, p } = jsonCodec.decode({ S: text }) as Readonly<Record<string, unknown>>;
  const stored = p === undefined ? undefined : hintOf(p);
  if (k === undefined) return { stored };
  if (typeof k !== 'string' || !isCount(q)) throw new Error('a state without a kind or a number');
  return { kind: k, folded: { state: s, seq: q }, stored };
}

/** Whether a head says that there are snapshots of its stream, or can't be read as to that. */
export function namesSnapshot({ note }: Pick<Head, 'note'>): boolean {
  if (note === undefined) return false;
  try {
    return decodeNote(note).stored !== undefined;
  } catch {
    return true;
  }
}

function hintOf(value: unknown): SnapshotHint {
  const [id, parts, seq, page, kind] = value as readonly unknown[];
  if (typeof id !== 'string' || typeof kind !== 'string' || !isCount(parts) || !isCount(seq) || !isCount(page)) {
    throw new Error('a snapshot without its facts');
  }
  return { id, parts, seq, page, kind };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
