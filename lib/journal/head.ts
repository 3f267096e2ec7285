/**
 * The head of a journal: the value of one atom, from which everything else in it is found.
 *
 *   head   { place, seq, pages, chain, tail: [commit, commit, …] }      every swap of it adds exactly one commit
 *   page/k the commits that were in the tail before
 */
import type { AttributeValue, ValueCodec } from '../codec/index.js';
import type { Commit } from './commit.js';
import { decodeCommits, encodeCommits } from './commit-text.js';

/** Format of everything that a journal stores. A later one is refused, never guessed. */
export const journalFormat = 1;

/** Who alone may write, if anybody. */
export interface Holder {
  readonly writer: string;
  /** Epoch milliseconds. */
  readonly since: number;
}

/** The value of the head's atom. */
export interface Head {
  readonly format: number;
  /** Random; tells a journal from one that was deleted and made again under its name. */
  readonly journalId: string;
  /** The application's own name for what its events mean; two applications under one name refuse each other. */
  readonly label: string;
  /** Raised by each take-over. */
  readonly epoch: number;
  readonly holder: Holder | undefined;
  readonly place: number;
  readonly seq: number;
  readonly time: number;
  /** Number of pages that the tail was trimmed by: page `pages` is the next. */
  readonly pages: number;
  /** Volumes below stand, or were pruned; absent for none. A hint for readers: the pages stand beside them. */
  readonly volumes?: number | undefined;
  /** What the application keeps beside the tail, a state for instance. Not covered by the digest chain. */
  readonly note?: Uint8Array | undefined;
  /** Why nobody may append any more, if so. */
  readonly closed?: string | undefined;
  /** Digest of all that is in the journal, event by event; 22 characters of base64url. */
  readonly chain: string;
  /** The newest commits, up to `place`. */
  readonly tail: readonly Commit[];
}

/** The digest of nothing. */
export const noChain: string = Buffer.alloc(16).toString('base64url');

/** A head before its first commit. */
export function emptyHead(journalId: string, label: string): Head {
  const place = { place: 0, seq: 0, time: 0, pages: 0, chain: noChain, tail: [] };
  return { format: journalFormat, journalId, label, epoch: 0, holder: undefined, ...place };
}

const decoded = new WeakMap<Uint8Array, readonly Commit[]>();
const encoded = new WeakMap<readonly Commit[], Uint8Array>();

/** The stored bytes of a tail; worked out once for each list. */
export function tailBytes(tail: readonly Commit[]): Uint8Array {
  let bytes = encoded.get(tail);
  if (bytes === undefined) {
    bytes = encodeCommits(tail);
    encoded.set(tail, bytes);
    decoded.set(bytes, tail);
  }
  return bytes;
}

/** The commits in these bytes; worked out once for each object. */
export function tailOf(bytes: Uint8Array): readonly Commit[] {
  let tail = decoded.get(bytes);
  if (tail === undefined) {
    tail = decodeCommits(bytes);
    decoded.set(bytes, tail);
    encoded.set(tail, bytes);
  }
  return tail;
}

/** Facts as attributes of their own, readable in the console; the tail as one compressed value. */
export const headCodec: ValueCodec = {
  name: 'head',
  encode(value) {
    const { format, journalId, label, epoch, holder, place, seq, time, pages, chain, tail, note, closed, volumes } =
      value as Head;
    const members: Record<string, AttributeValue> = {
      format: number(format),
      journal: { S: journalId },
      epoch: number(epoch),
      place: number(place),
      seq: number(seq),
      time: number(time),
      pages: number(pages),
      chain: { B: Buffer.from(chain, 'base64url') },
      tail: { B: tailBytes(tail) },
    };
    if (label !== '') members.label = { S: label };
    if (volumes !== undefined && volumes > 0) members.volumes = number(volumes);
    if (note !== undefined) members.note = { B: note };
    if (closed !== undefined) members.closed = { S: closed };
    if (holder !== undefined) members.holder = { M: { writer: { S: holder.writer }, since: number(holder.since) } };
    return { M: members };
  },
  decode(data) {
    if (!('M' in data)) throw new Error('not a map');
    const { M: members } = data;
    const format = integer(members, 'format');
    // What a later format means by its other members is not known here.
    if (format !== journalFormat) return { ...emptyHead('', ''), format };
    const holder = members.holder;
    const head: Head = {
      format,
      journalId: text(members, 'journal'),
      label: members.label === undefined ? '' : text(members, 'label'),
      epoch: integer(members, 'epoch'),
      holder:
        holder === undefined || !('M' in holder)
          ? undefined
          : { writer: text(holder.M, 'writer'), since: integer(holder.M, 'since') },
      place: integer(members, 'place'),
      seq: integer(members, 'seq'),
      time: integer(members, 'time'),
      pages: integer(members, 'pages'),
      chain: Buffer.from(bytes(members, 'chain')).toString('base64url'),
      tail: tailOf(bytes(members, 'tail')),
      ...(members.volumes !== undefined && { volumes: integer(members, 'volumes') }),
      ...(members.note !== undefined && { note: bytes(members, 'note') }),
      ...(members.closed !== undefined && { closed: text(members, 'closed') }),
    };
    return requireTail(head);
  },
};

/** Throws for a head whose tail does not end at it. */
export function requireTail(head: Head): Head {
  const last = head.tail.at(-1);
  if (last !== undefined && (last.place !== head.place || last.first + last.count - 1 !== head.seq)) {
    throw new Error('a tail that does not end at the head');
  }
  return head;
}

function number(value: number): AttributeValue {
  return { N: String(value) };
}

type Members = Readonly<Record<string, AttributeValue | undefined>>;

function integer(members: Members, name: string): number {
  const value = members[name];
  const found = value !== undefined && 'N' in value ? Number(value.N) : Number.NaN;
  if (!Number.isSafeInteger(found) || found < 0) throw new Error(`${name} is no whole number`);
  return found;
}

function text(members: Members, name: string): string {
  const value = members[name];
  if (value === undefined || !('S' in value)) throw new Error(`${name} is no text`);
  return value.S;
}

function bytes(members: Members, name: string): Uint8Array {
  const value = members[name];
  if (value === undefined || !('B' in value)) throw new Error(`${name} is no bytes`);
  return value.B;
}
