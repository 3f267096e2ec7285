/** Where the shards of a forest are started: those of the first listing, and those that turn up later. Pure. */
import { StreamError } from './errors.js';
import type { StreamPosition, StreamToken } from './position.js';
import { type ShardNode, skip } from './shard-node.js';

/** What a forest begins with. */
export interface Beginning {
  /** For messages. */
  readonly stream: string;
  readonly from: StreamPosition;
  readonly startedAtMs: number;
  readonly retentionMs: number;
  readonly skewMs: number;
}

/** What starts before this was never promised whole: it may have been trimmed while the first shards were read. */
export const promisedShare: number = 23 / 24;

export function isToken(from: StreamPosition): from is StreamToken {
  return typeof from === 'object' && 'shards' in from;
}

/** From when on records are wanted, where the start is a moment. */
function sinceOf({ from, startedAtMs, retentionMs }: Beginning): number | undefined {
  if (from === 'latest') return startedAtMs;
  if (typeof from !== 'object' || !('since' in from)) return undefined;
  // Before that there is nothing, and nothing is missed there.
  return Math.max(from.since.getTime(), startedAtMs - retentionMs);
}

/** Gives each shard of the first complete listing its start. */
export function placeFirst(nodes: ReadonlyMap<string, ShardNode>, beginning: Beginning): void {
  const pending = [...nodes.values()].filter(({ isTold }) => !isTold);
  const { from, startedAtMs, stream } = beginning;
  if (from === 'latest') for (const node of pending) placeAtTip(node, startedAtMs);
  else if (typeof from === 'object' && 'since' in from) for (const node of pending) placeSince(node, nodes, beginning);
  else if (typeof from === 'object' && ('at' in from || 'after' in from)) placeAtRecord(nodes, from, stream);
  for (const node of pending) {
    // After a token everything is late: what was there then stands in it, or above it.
    node.isLate = isToken(from);
    promise(node, beginning);
    // The first shards of a stream are known to whoever made the token.
    const isFirst = node.parentId === undefined && node.isClosed;
    if (node.isLate && isFirst && isOld(node, startedAtMs, beginning)) node.isContinuation = false;
  }
}

/** Gives a shard that turned up after the first listing its start. */
export function placeLater(node: ShardNode, parent: ShardNode | undefined, beginning: Beginning, nowMs: number): void {
  node.isLate = true;
  // Whatever there is: as likely as not it is gone.
  if (parent === undefined && node.isClosed && isOld(node, nowMs, beginning)) return;
  const since = sinceOf(beginning);
  const isOfRead = parent !== undefined && !parent.isSkipped;
  if (since !== undefined && !(beginning.from === 'latest' && isOfRead)) placeByName(node, since, beginning);
  promise(node, beginning);
  if (isOfRead && parent.isContinuation) node.isContinuation = true;
}

function placeAtTip(node: ShardNode, startedAtMs: number): void {
  if (node.isClosed) skip(node, startedAtMs);
  // One that was made after the start is wanted whole.
  else if ((node.createdMs ?? 0) <= startedAtMs) node.position = 'latest';
}

function placeSince(node: ShardNode, nodes: ReadonlyMap<string, ShardNode>, beginning: Beginning): void {
  const since = sinceOf(beginning) as number;
  const made = (id: string): number => nodes.get(id)?.createdMs ?? Number.POSITIVE_INFINITY;
  // A shard ends where its child begins.
  if ([...node.children].some((id) => made(id) < since - beginning.skewMs)) skip(node, beginning.startedAtMs);
  else placeByName(node, since, beginning);
}

function isOld({ createdMs }: ShardNode, nowMs: number, { retentionMs }: Beginning): boolean {
  return createdMs !== undefined && createdMs < nowMs - retentionMs;
}

/**
 * What was made before the moment is read from the moment on, and what lies above it is not read at all. A name is of the service's
 * clock, the moment may be of another: so what was made about then is read whole, after its parent.
 */
function placeByName(node: ShardNode, since: number, { skewMs }: Beginning): void {
  if (node.createdMs !== undefined && node.createdMs < since - skewMs) node.position = { latestSince: since };
}

/**
 * Walks the only lineage from its root. An open end has no bound, and a number between two shards means the younger one, whole.
 *
 * @throws {StreamError} `ERR_STREAM` `ambiguous-position`
 */
function placeAtRecord(
  nodes: ReadonlyMap<string, ShardNode>,
  from: { readonly at: string } | { readonly after: string },
  stream: string,
): void {
  const sequence = BigInt('at' in from ? from.at : from.after);
  let level = [...nodes.values()].filter(({ parentId }) => parentId === undefined || !nodes.has(parentId));
  for (let isRoot = true; level.length > 0; isRoot = false) {
    const [node] = level;
    if (node === undefined || level.length > 1) throw ambiguous(stream, level.length);
    if (node.lastSequence === undefined ? node.children.size === 0 : sequence <= BigInt(node.lastSequence)) {
      if (node.firstSequence === undefined || sequence >= BigInt(node.firstSequence)) node.position = from;
      // Before the oldest record that is there.
      else if (isRoot) {
        node.gap = 'untold';
        node.isCut = true;
      }
      return;
    }
    skip(node, node.createdMs ?? 0);
    // What comes after it was asked for, so its children are wanted whole.
    node.isSkipped = false;
    level = [...node.children].flatMap((id) => nodes.get(id) ?? []);
  }
}

function ambiguous(stream: string, lineages: number): StreamError {
  return new StreamError(
    'ambiguous-position',
    stream,
    `a sequence number means one lineage of shards, and there are ${lineages}; begin with a token, 'trim-horizon' or a time`,
  );
}

function promise(node: ShardNode, { from, startedAtMs, retentionMs }: Beginning): void {
  const { position, createdMs = 0 } = node;
  const since = typeof position === 'object' && 'latestSince' in position ? position.latestSince : createdMs;
  if (isToken(from) || since > startedAtMs - retentionMs * promisedShare) node.isContinuation = true;
  if (typeof position === 'object' && !('latestSince' in position)) node.isContinuation = true;
}
