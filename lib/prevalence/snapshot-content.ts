/** What the parts of a snapshot hold: the state with all that a replay would have given, and its place in the journal. */
import type { Clock } from '../engine/index.js';
import type { CursorFacts } from '../journal/index.js';
import {
  decodeState,
  readSnapshot,
  type SnapEntry,
  SnapshotDamagedError,
  type SnapshotStore,
} from '../snapshot/index.js';

export interface SnapshotContent {
  readonly v: 1;
  readonly cursor: Omit<CursorFacts, 'page'>;
  /** What the consumer gave. */
  readonly captured: unknown;
}

/**
 * Reads a snapshot that the pointer names.
 *
 * @throws {SnapshotDamagedError} `ERR_SNAPSHOT_DAMAGED` when it is not, to the last byte, what was published.
 */
export async function readContent(
  { store, clock }: { readonly store: SnapshotStore; readonly clock: Clock },
  { id, parts, digest, place, chain }: SnapEntry,
  signal: AbortSignal | undefined,
): Promise<SnapshotContent> {
  const decoded = await decodeState(readSnapshot({ store, id, parts, signal }), { now: () => clock.monotonicMs() });
  const content = decoded.value as SnapshotContent;
  const isIt = decoded.digest === digest && content?.v === 1 && content.cursor.place === place;
  if (isIt && content.cursor.chain === chain) return content;
  throw new SnapshotDamagedError('damaged', 'it is not what was published', { id });
}
