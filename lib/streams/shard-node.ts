/** One shard as a forest remembers it. */
import type { ShardPosition } from './position.js';
import { creationTimeOf } from './shard-id.js';

export interface ShardNode {
  readonly id: string;
  /** When it was made, as its name tells. */
  readonly createdMs: number | undefined;
  /** Ids; also of shards that are forgotten by now. Shared by all who name this shard as parent. */
  readonly children: Set<string>;
  parentId: string | undefined;
  firstSequence: string | undefined;
  lastSequence: string | undefined;
  /** The listing says so, or a child was listed, or it was read to its end. */
  isClosed: boolean;
  position: ShardPosition | 'latest';
  state: 'pending' | 'started' | 'finished';
  /** Finished without having been read: it lies before the start. */
  isSkipped: boolean;
  /** Its position was told by somebody else. */
  isTold: boolean;
  /** It stood in the token at the start: what lies before it is done. */
  isGiven: boolean;
  /** It was not there at the start. */
  isLate: boolean;
  /** What it holds was promised to somebody: what is missing of it is a gap. */
  isContinuation: boolean;
  /** Started although its parent was never seen. */
  isOrphan: boolean;
  /** When it was finished; of a skipped one when it was made. */
  endedMs: number;
  /** Complete listings that showed it. */
  timesListed: number;
  /** Those of them in a row, up to the newest one. */
  timesInRow: number;
  /** When the first of these was made. */
  listedSinceMs: number;
  /** Complete listings in a row, up to the newest one, that left it out. */
  timesMissed: number;
  /** When the first of these was made. */
  missedSinceMs: number;
  /** No child will come: asked for long enough, or the stream is disabled. */
  isChildless: boolean;
  /** Records of it or of its children may be missing, and nobody was told; or somebody was. */
  gap: 'untold' | 'told' | undefined;
  /** Only its beginning is missing. */
  isCut: boolean;
}

export function shardNode(id: string, children: Set<string>): ShardNode {
  return {
    id,
    createdMs: creationTimeOf(id),
    children,
    parentId: undefined,
    firstSequence: undefined,
    lastSequence: undefined,
    isClosed: children.size > 0,
    position: 'trim-horizon',
    state: 'pending',
    isSkipped: false,
    isTold: false,
    isGiven: false,
    isLate: false,
    isContinuation: false,
    isOrphan: false,
    endedMs: 0,
    timesListed: 0,
    timesInRow: 0,
    listedSinceMs: 0,
    timesMissed: 0,
    missedSinceMs: 0,
    isChildless: false,
    gap: undefined,
    isCut: false,
  };
}

/** Finished, without having been read. */
export function skip(node: ShardNode, nowMs: number): void {
  node.state = 'finished';
  node.position = 'end';
  node.isSkipped = true;
  node.endedMs = node.createdMs ?? nowMs;
}

/** Something below it was, or could be, delivered already: everything in it comes too late. */
export function hasBegun(node: ShardNode): boolean {
  return node.isGiven || node.state !== 'pending' || node.position !== 'trim-horizon';
}
