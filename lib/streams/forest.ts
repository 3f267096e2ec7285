/**
 * The lineage of a stream's shards, and what of it is to be read next. Pure: no requests, no clock.
 *
 * Shards live for some hours, then close and have one child or, after a split, two. All records of an item lie along one way from a
 * root to a leaf, so its order is kept by one rule: **no shard is started before its parent is done**. The rest of this file is about
 * not believing the listings, which are late and whose pages need not belong to one instant:
 *
 *   parent open, child listed         the child closes the parent
 *   closed, no child                  suspicious: its children are asked for until there is one, or a day has gone by
 *   child listed, parent missing      the parent is gone if the child is older than a day; else a second listing decides
 *   the same, but it turned up later  it takes three listings over a minute; then the parent has gone unread, which is a gap
 *   finished, listed again            nothing: a finished shard is remembered for two days
 *   above a shard that was begun      it lies before the start, and is passed over
 *   in the token, not listed          it is opened all the same: only the shard itself can say that it is gone
 *   end in the token, nothing after   a gap: what came after it came and went unseen
 *
 * Where a shard is started: at the oldest record, always, when it is the child of one that was read. Only roots that were there before
 * a reader which begins `'latest'` are started at the tip. What is more than 23 hours old at a start `'trim-horizon'` is read as far as it
 * is still there; everything younger is promised, and a gap is told where it is missing.
 *
 * It cannot tell a lost shard from one that is shown again after its end by listings which leave out everything it is related to. Then
 * it tells of a gap where none is; never the other way round.
 *
 * Sources: the lessons of the Java adapter (parents closed artificially, children asked for again), of Apache Flink's connector
 * (ages from ids, tombstones) and of bloop (the whole forest as token).
 */
import type { Gap } from './errors.js';
import { agreeing, ForestJudge } from './forest-judge.js';
import { type Beginning, isToken, placeFirst, placeLater } from './forest-start.js';
import {
  type ForestTimes,
  forestTimesDefault,
  type KnownShard,
  type Observation,
  type ShardForestOptions,
  type ShardToStart,
  type ShardView,
} from './forest-terms.js';
import { decodeEntry, encodeEntry } from './forest-token.js';
import type { ShardDescription } from './port.js';
import type { ShardPosition, TokenPosition } from './position.js';
import { ShardGraph } from './shard-graph.js';
import { hasBegun, type ShardNode, skip } from './shard-node.js';

export type * from './forest-terms.js';

interface Due {
  readonly node: ShardNode;
  /** What lies before it is done. */
  readonly isDecided: boolean;
}

export class ShardForest {
  readonly #times: ForestTimes;
  readonly #beginning: Beginning;
  readonly #graph = new ShardGraph();
  readonly #judge: ForestJudge;
  #isPlaced = false;
  #startable: readonly ShardNode[] | undefined;
  /** What stands in a token. */
  #due: readonly Due[] | undefined;

  constructor({ stream, from, startedAtMs, times }: ShardForestOptions) {
    this.#times = { ...forestTimesDefault, ...times };
    this.#beginning = { stream, from, startedAtMs, retentionMs: this.#times.retentionMs, skewMs: this.#times.skewMs };
    this.#judge = new ForestJudge(this.#graph, this.#times, startedAtMs);
    if (!isToken(from)) return;
    for (const [shardId, stored] of Object.entries(from.shards)) {
      const { position, isDecided, isPromised } = decodeEntry(stored);
      this.know({ shardId, position });
      const node = this.#graph.node(shardId);
      node.isGiven = isDecided;
      node.isContinuation = isPromised;
      node.isLate = !isDecided;
    }
  }

  /** A complete listing was seen: before that nothing is started. */
  get isPlaced(): boolean {
    return this.#isPlaced;
  }

  /**
   * Takes what a listing shows.
   *
   * @throws {StreamError} `ERR_STREAM` `ambiguous-position`: it begins at a record, and there are several lineages.
   */
  observe(shards: Iterable<ShardDescription>, { complete, nowMs, isDisabled = false }: Observation): void {
    this.#changed();
    this.#judge.nowMs = Math.max(this.#judge.nowMs, nowMs);
    const listed = new Set<string>();
    const news: ShardNode[] = [];
    for (const shard of shards) {
      listed.add(shard.shardId);
      if (!this.#graph.has(shard.shardId)) news.push(this.#graph.node(shard.shardId));
      this.#graph.describe(this.#graph.node(shard.shardId), shard);
    }
    if (complete) for (const node of this.#graph.nodes.values()) this.#count(node, listed.has(node.id));
    if (this.#isPlaced) for (const node of news) this.#placeLater(node);
    else if (complete) {
      placeFirst(this.#graph.nodes, this.#beginning);
      this.#isPlaced = true;
    }
    if (this.#isPlaced) this.#passOver();
    if (!this.#isPlaced || !complete) return;
    for (const node of [...this.#graph.nodes.values()]) this.#settle(node, isDisabled);
    this.#missParents();
  }

  /** Takes what somebody else has found out. It is believed; a position never goes back to a shard's beginning. */
  know({ shardId, parentId, children = [], position }: KnownShard): void {
    this.#changed();
    const node = this.#graph.node(shardId);
    this.#graph.describe(node, { shardId, parentId });
    for (const id of children) node.children.add(id);
    if (children.length > 0) node.isClosed = true;
    node.isContinuation = true;
    node.isTold = true;
    if (position === 'end') this.#end(node);
    else if (node.state !== 'finished' && (position !== 'trim-horizon' || node.state === 'pending'))
      node.position = position;
  }

  /** Shards that can be read now and were not started: their parents are done. */
  startable(): readonly ShardToStart[] {
    this.#startable ??= this.#isPlaced ? this.#ready() : [];
    return this.#startable.map((node) => ({
      shardId: node.id,
      start: this.#positionOf(node),
      atTip: node.position === 'latest',
      isContinuation: node.isContinuation,
    }));
  }

  /** The shard is being read. */
  started(shardId: string): void {
    const node = this.#graph.node(shardId);
    if (node.state !== 'pending') return;
    this.#changed();
    node.isOrphan = this.#graph.isOrphan(node) && !node.isGiven && node.position === 'trim-horizon';
    node.state = 'started';
  }

  /** Its records up to here are done. */
  advance(shardId: string, position: ShardPosition): void {
    const node = this.#graph.node(shardId);
    if (position === 'end') this.finish(shardId);
    else if (node.state !== 'finished') node.position = position;
  }

  /** All of it is done: its children may start. Of a shard with a gap it says that somebody was told; what is left of it may start then. */
  finish(shardId: string): void {
    this.#changed();
    const node = this.#graph.node(shardId);
    const isTelling = node.gap === 'untold';
    if (isTelling) node.gap = 'told';
    if (!isTelling || !node.isCut) this.#end(node);
    if (isTelling && this.#isPlaced) this.#missParents();
  }

  /** Closed shards that nothing is known to come after, although something may: ask for their children. */
  suspicious(nowMs: number = this.#judge.nowMs): readonly string[] {
    return [...this.#graph.nodes.values()].filter((node) => this.#judge.isSuspicious(node, nowMs)).map(({ id }) => id);
  }

  /** Another listing is due soon: something is suspicious, or waits for a second listing to agree with the first. */
  isUnsettled(nowMs: number = this.#judge.nowMs): boolean {
    if (!this.#isPlaced) return true;
    for (const node of this.#graph.nodes.values()) {
      if (node.gap === 'untold') return true;
      if (this.#judge.isSuspicious(node, nowMs) || this.#judge.waitsForAnswer(node)) return true;
    }
    return false;
  }

  /** Gaps that nobody was told of. Nothing that may come after one is startable until `finish` says of its shard that it was. */
  gaps(): readonly Gap[] {
    const { from } = this.#beginning;
    const after = typeof from === 'object' && 'after' in from ? from.after : undefined;
    return [...this.#graph.nodes.values()]
      .filter(({ gap }) => gap === 'untold')
      .map(({ id, isCut, firstSequence }) =>
        isCut
          ? { shardId: id, reason: 'trimmed', after, resumesAt: firstSequence }
          : { shardId: id, reason: 'shard-gone' },
      );
  }

  /** All that is needed to go on: shards that are not done while their parents are, and done ones that nothing is known to come after. */
  token(): Record<string, TokenPosition> {
    this.#due ??= this.#dues();
    const shards: Record<string, TokenPosition> = {};
    for (const { node, isDecided } of this.#due) {
      const position = this.#positionOf(node);
      const isPromised = node.isContinuation || position !== 'trim-horizon';
      shards[node.id] = encodeEntry({ position, isDecided, isPromised });
    }
    return shards;
  }

  /** All that is known. */
  shards(): readonly ShardView[] {
    const ready = new Set(this.startable().map(({ shardId }) => shardId));
    return [...this.#graph.nodes.values()].map((node) => ({
      shardId: node.id,
      parentId: node.parentId,
      children: [...node.children],
      position: this.#positionOf(node),
      state: node.state !== 'pending' ? node.state : ready.has(node.id) ? 'ready' : 'waiting',
      isSkipped: node.isSkipped,
      isListed: node.timesListed > 0 && node.timesMissed === 0,
    }));
  }

  #count(node: ShardNode, isListed: boolean): void {
    if (isListed) {
      if (node.timesInRow === 0) node.listedSinceMs = this.#judge.nowMs;
      node.timesListed += 1;
      node.timesInRow += 1;
      node.timesMissed = 0;
      return;
    }
    if (node.timesMissed === 0) node.missedSinceMs = this.#judge.nowMs;
    node.timesInRow = 0;
    node.timesMissed += 1;
  }

  #end(node: ShardNode): void {
    if (node.state !== 'finished') node.endedMs = this.#judge.nowMs;
    node.state = 'finished';
    node.position = 'end';
    node.isClosed = true;
  }

  #positionOf({ position }: ShardNode): ShardPosition {
    return position === 'latest' ? { latestSince: this.#beginning.startedAtMs } : position;
  }

  #placeLater(node: ShardNode): void {
    if (this.#isGhost(node)) skip(node, this.#judge.nowMs);
    else placeLater(node, this.#graph.parent(node), this.#beginning, this.#judge.nowMs);
  }

  /** Listed for the first time when all of its time is over: it was read, and forgotten. */
  #isGhost({ createdMs, isClosed }: ShardNode): boolean {
    if (!isClosed || createdMs === undefined) return false;
    const { startedAtMs } = this.#beginning;
    const { tombstoneMs, doubtMs } = this.#times;
    return (
      createdMs < Math.min(startedAtMs, this.#judge.nowMs - tombstoneMs) && this.#judge.nowMs - startedAtMs > doubtMs
    );
  }

  /** What turns up above a shard that has begun lies before it. */
  #passOver(): void {
    const queue = [...this.#graph.nodes.values()].filter(({ state, gap }) => state === 'pending' && gap === undefined);
    for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
      if (node.state !== 'pending' || node.isGiven) continue;
      const begun = this.#graph.children(node).filter(hasBegun);
      if (begun.length === 0) continue;
      // Its child was started because it seemed to be gone. Now its records would come out of order.
      if (begun.every(({ isOrphan }) => isOrphan) && begun.some((child) => this.#judge.isYoung(child)))
        node.gap = 'untold';
      else {
        skip(node, this.#judge.nowMs);
        const parent = this.#graph.parent(node);
        if (parent !== undefined) queue.push(parent);
      }
    }
  }

  #isPassing(node: ShardNode): boolean {
    const { gap, isLate, isTold, state, timesMissed } = node;
    const isUnread = state === 'pending' && gap === undefined && !isTold;
    const parent = this.#graph.parent(node);
    return isUnread && isLate && timesMissed >= agreeing && (parent === undefined || parent.isSkipped);
  }

  #settle(node: ShardNode, isDisabled: boolean): void {
    // Shown for a moment after its end, and related to none: as if it had never been shown.
    if (this.#isPassing(node)) this.#graph.forget(node);
    if (node.state !== 'finished') return;
    const { doubtMs, tombstoneMs, lagMs } = this.#times;
    const age = this.#judge.nowMs - node.endedMs;
    const isLeaf = node.children.size === 0 && !node.isChildless;
    if (isLeaf && (isDisabled || (node.timesMissed === 0 && age > doubtMs))) node.isChildless = true;
    else if (isLeaf && this.#judge.isVanished(node) && this.#judge.nowMs - node.missedSinceMs >= lagMs)
      node.gap ??= 'untold';
    else if (node.gap === 'untold' && !isLeaf) node.gap = undefined;
    if (age > tombstoneMs && node.timesMissed >= agreeing && node.gap !== 'untold') this.#graph.forget(node);
  }

  /** A shard that turned up later came after one that was to be read. If that one is gone, nobody has read it. */
  #missParents(): void {
    for (const node of [...this.#graph.nodes.values()]) {
      const { isContinuation, isGiven, isLate, parentId, position, timesMissed } = node;
      if (!isLate || !isContinuation || isGiven || timesMissed > 0 || position !== 'trim-horizon') continue;
      if (!this.#graph.isOrphan(node) || this.#judge.waitsFor(node) !== undefined) continue;
      this.#graph.node(parentId as string).gap = 'untold';
      this.#changed();
    }
  }

  #changed(): void {
    this.#startable = undefined;
    this.#due = undefined;
    this.#judge.changed();
  }

  #dues(): readonly Due[] {
    const due: Due[] = [];
    for (const node of this.#graph.nodes.values()) {
      const waitsFor = this.#judge.waitsFor(node);
      // Of one that waits for its parent the parent stands there.
      const isDue = node.state === 'finished' ? this.#judge.isOpenEnd(node) : waitsFor !== 'parent';
      if (isDue) due.push({ node, isDecided: waitsFor === undefined });
    }
    return due;
  }

  #ready(): readonly ShardNode[] {
    this.#missParents();
    return [...this.#graph.nodes.values()].filter(
      (node) => node.state === 'pending' && this.#judge.waitsFor(node) === undefined,
    );
  }
}
