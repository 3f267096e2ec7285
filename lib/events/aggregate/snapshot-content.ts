/** What the parts of a stream's snapshot hold: a state, of which type and version it is, and its place in the journal. */
import type { Clock } from '../../engine/index.js';
import type { Head, ReadFrom } from '../../journal/index.js';
import {
  type DecodedState,
  decodeState,
  readSnapshot,
  type SnapEntry,
  SnapshotDamagedError,
  type SnapshotStore,
} from '../../snapshot/index.js';
import type { Folded } from './fold.js';
import type { SnapshotHint } from './state-note.js';

/** What is stored. */
export interface StateContent {
  readonly v: 1;
  readonly kind: string;
  readonly place: number;
  /** Events in the state. */
  readonly seq: number;
  /** Time of the last of them, epoch milliseconds. */
  readonly time: number;
  /** The journal's digest there. */
  readonly chain: string;
  readonly state: unknown;
}

/** A state that was read back, and from where events are read on. */
export interface Restored {
  readonly folded: Folded;
  readonly from: ReadFrom;
  /** Text of the state, about. */
  readonly bytes: number;
}

/** The state at a head. */
export function contentOf(
  kind: string,
  { state, seq }: Folded,
  { place, time, chain }: Pick<Head, 'place' | 'time' | 'chain'>,
): StateContent {
  return { v: 1, kind, place, seq, time, chain, state };
}

/**
 * Reads a snapshot.
 *
 * @throws {SnapshotDamagedError} `ERR_SNAPSHOT_DAMAGED` when it is not, to the last byte, what was published.
 */
export async function readContent(
  { store, clock }: { readonly store: SnapshotStore; readonly clock: Clock },
  entry: SnapshotHint & Partial<Pick<SnapEntry, 'digest' | 'place' | 'chain'>>,
  signal: AbortSignal | undefined,
): Promise<Restored> {
  const { id, parts, page, digest, place, chain } = entry;
  const now = () => clock.monotonicMs();
  const decoded: DecodedState = await decodeState(readSnapshot({ store, id, parts, signal }), { now });
  const content = decoded.value as StateContent;
  const isIt =
    content?.v === 1 &&
    content.kind === entry.kind &&
    content.seq === entry.seq &&
    isOr(digest, decoded.digest) &&
    isOr(place, content.place) &&
    isOr(chain, content.chain);
  if (!isIt) throw new SnapshotDamagedError('damaged', 'it is not what was published', { id });
  const { seq, state } = content;
  const from = { place: content.place, seq, chain: content.chain, page };
  return { folded: { state, seq }, from, bytes: decoded.bytes };
}

function isOr<T>(wanted: T | undefined, found: T): boolean {
  return wanted === undefined || wanted === found;
}
