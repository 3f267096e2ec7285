/**
 * The lineage of a stream's shards, and what of it is to be read next. Pure: no requests, no clock.
 *
 * Shards live for some hours, then close and have one child or, after a split, two. All records of an item lie along one way from a
 * root to a leaf, so its order is kept by one rule: **no shard is started before its parent is done**. The rest of this file is about
 * not believing the listings, which are late and whose pages need not belong to one instant:
 *
 * ```
 *   listing          what is made of it
 *   parent open, child listed      the child closes the parent
 *   closed, no child               suspicious: asked again until there is one, or a day has gone by
 *   child listed, parent missing   the parent is gone when the child is older than a day; else a second listing decides
 *   finished, listed again         nothing: a finished shard is remembered for two days
 *   in the token, not listed       it is opened all the same: only the shard itself can say that it is gone
 * ```
 *
 * Where a shard is started: at the oldest record, always, when it is the child of one that was read. Only roots that were there before
 * a reader which begins `'latest'` are started at the tip.
 *
 * Sources: the lessons of the Java adapter (parents closed artificially, children asked for again), of Apache Flink's connector
 * (ages from ids, tombstones) and of bloop (the whole forest as token).
 */
import type { Gap } from './errors.js';
import { type Beginning, isToken, placeFirst, placeLater } from './forest-start.js';
import { decodeEntry, encodeEntry } from './forest-token.js';
import type { ShardDescription } from './port.js';
import type { ShardPosition, StreamPosition } from './position.js';
import { creationTimeOf } from './shard-id.js';
import { hasBegun, type ShardNode, shardNode, skip } from './shard-node.js';

/** The times that a forest judges by; simulations scale them. */
export interface ForestTimes {
  /** How long the service keeps records. @defaultValue 24 h */
  readonly retentionMs: number;
  /** How long a closed shard without a child is doubted. @defaultValue 25 h */
  readonly doubtMs: number;
  /** How long a finished shard is remembered. @defaultValue 48 h */
  readonly tombstoneMs: number;
  /** How far the clocks of this machine and of the service may be apart. @defaultValue 5 min */
  readonly skewMs: number;
  /** How long listings may be late. @defaultValue 60 s */
  readonly lagMs: number;
}

/** Options of {@link ShardForest}. */
export interface ShardForestOptions {
  /** For messages. */
  readonly stream: string;
  readonly from: StreamPosition;
  /** When the reader began, in epoch milliseconds, before the first listing was asked for. */
  readonly startedAtMs: number;
  readonly times?: Partial<ForestTimes> | undefined;
}

/** What was observed, beside the shards. */
export interface Observation {
  /** These are all pages of a listing. `false`: some of them, or the children of one shard. */
  readonly complete: boolean;
  /** When it was asked for, in epoch milliseconds. */
  readonly nowMs: number;
  /** The stream is disabled: a closed shard without children has none. */
  readonly isDisabled?: boolean | undefined;
}

/** A shard to be started. */
export interface ShardToStart {
  readonly shardId: string;
  /** Where it stands; what a token says of it until something of it was read. */
  readonly start: ShardPosition;
  /** Its tip will do: `start` is the moment of a start that is now. `latestSince` without it is read from the oldest record on. */
  readonly atTip: boolean;
  /** Somebody counts on what it holds from there on: what is missing of it is a gap. */
  readonly isContinuation: boolean;
}

/** What somebody else has found out of a shard: a group's lease. */
export interface KnownShard {
  readonly shardId: string;
  readonly parentId?: string | undefined;
  readonly children?: readonly string[] | undefined;
  readonly position: ShardPosition;
}

/** A shard as the forest sees it. */
export interface ShardView {
  readonly shardId: string;
  readonly parentId: string | undefined;
  readonly children: readonly string[];
  /** Where it stands, or will be started. */
  readonly position: ShardPosition;
  readonly state: 'waiting' | 'ready' | 'started' | 'finished';
  /** It lies before the start and was never read. */
  readonly isSkipped: boolean;
  /** The newest complete listing showed it. */
  readonly isListed: boolean;
}

const hourMs = 3_600_000;
const timesDefault: ForestTimes = {
  retentionMs: 24 * hourMs,
  doubtMs: 25 * hourMs,
  tombstoneMs: 48 * hourMs,
  skewMs: 5 * 60_000,
  lagMs: 60_000,
};

/** Listings that have to agree before what they leave out is taken to be gone. */
const agreeing = 2;

export class ShardForest {
  readonly #times: ForestTimes;
  readonly #beginning: Beginning;
  readonly #nodes = new Map<string, ShardNode>();
  /** By parent, whether that is known or not. */
  readonly #children = new Map<string, Set<string>>();
  #isPlaced = false;
  #nowMs: number;
  #startable: readonly ShardNode[] | undefined;

  constructor({ stream, from, startedAtMs, times }: ShardForestOptions) {
    this.#times = { ...timesDefault, ...times };
    this.#beginning = { stream, from, startedAtMs, retentionMs: this.#times.retentionMs, skewMs: this.#times.skewMs };
    this.#nowMs = startedAtMs;
    if (!isToken(from)) return;
    for (const [shardId, stored] of Object.entries(from.shards)) {
      const { position, isDecided, isPromised } = decodeEntry(stored);
      this.know({ shardId, position });
      const node = this.#node(shardId);
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
    this.#startable = undefined;
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    const listed = new Set<string>();
    const news: ShardNode[] = [];
    for (const shard of shards) {
      listed.add(shard.shardId);
      if (!this.#nodes.has(shard.shardId)) news.push(this.#node(shard.shardId));
      this.#describe(this.#node(shard.shardId), shard);
    }
    if (complete) for (const node of this.#nodes.values()) this.#count(node, listed.has(node.id));
    if (this.#isPlaced) for (const node of news) this.#placeLater(node);
    else if (complete) {
      placeFirst(this.#nodes, this.#beginning);
      this.#isPlaced = true;
    }
    if (this.#isPlaced) this.#passOver();
    if (!this.#isPlaced || !complete) return;
    for (const node of [...this.#nodes.values()]) this.#judge(node, isDisabled);
    this.#missParents();
  }

  /** Takes what somebody else has found out. It is believed; a position never goes back to a shard's beginning. */
  know({ shardId, parentId, children = [], position }: KnownShard): void {
    this.#startable = undefined;
    const node = this.#node(shardId);
    this.#describe(node, { shardId, parentId });
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
    const node = this.#node(shardId);
    if (node.state !== 'pending') return;
    this.#startable = undefined;
    node.isOrphan = this.#isOrphan(node) && !node.isGiven && node.position === 'trim-horizon';
    node.state = 'started';
  }

  /** Its records up to here are done. */
  advance(shardId: string, position: ShardPosition): void {
    const node = this.#node(shardId);
    if (position === 'end') this.finish(shardId);
    else if (node.state !== 'finished') node.position = position;
  }

  /** All of it is done: its children may start. Of a shard with a gap it says that somebody was told; what is left of it may start then. */
  finish(shardId: string): void {
    this.#startable = undefined;
    const node = this.#node(shardId);
    const isTelling = node.gap === 'untold';
    if (isTelling) node.gap = 'told';
    if (!isTelling || !node.isCut) this.#end(node);
    if (isTelling && this.#isPlaced) this.#missParents();
  }

  /** Closed shards that nothing is known to come after, although something may: ask for their children. */
  suspicious(nowMs: number = this.#nowMs): readonly string[] {
    const doubt = this.#doubt();
    return [...this.#nodes.values()].filter((node) => this.#isSuspicious(node, nowMs, doubt)).map(({ id }) => id);
  }

  /** Another listing is due soon: something is suspicious, or waits for a second listing to agree with the first. */
  isUnsettled(nowMs: number = this.#nowMs): boolean {
    if (!this.#isPlaced) return true;
    const doubt = this.#doubt();
    for (const node of this.#nodes.values()) {
      if (node.gap === 'untold') return true;
      if (this.#isSuspicious(node, nowMs, doubt) || this.#waitsForAnswer(node, doubt)) return true;
    }
    return false;
  }

  /** Gaps that nobody was told of. Nothing that may come after one is startable until `finish` says of its shard that it was. */
  gaps(): readonly Gap[] {
    const { from } = this.#beginning;
    const after = typeof from === 'object' && 'after' in from ? from.after : undefined;
    return [...this.#nodes.values()]
      .filter(({ gap }) => gap === 'untold')
      .map(({ id, isCut, firstSequence }) =>
        isCut
          ? { shardId: id, reason: 'trimmed', after, resumesAt: firstSequence }
          : { shardId: id, reason: 'shard-gone' },
      );
  }

  /** All that is needed to go on: shards that are not done while their parents are, and done ones that nothing is known to come after. */
  token(): Record<string, ShardPosition> {
    const shards: Record<string, ShardPosition> = {};
    const doubt = this.#doubt();
    for (const node of this.#nodes.values()) {
      if (node.state === 'finished') {
        if (this.#isOpenEnd(node)) shards[node.id] = 'end';
        continue;
      }
      const waitsFor = this.#waitsFor(node, doubt);
      // Its parent stands there in its place.
      if (waitsFor === 'parent') continue;
      const position = this.#positionOf(node);
      const isPromised = node.isContinuation || position !== 'trim-horizon';
      shards[node.id] = encodeEntry({ position, isDecided: waitsFor === undefined, isPromised });
    }
    return shards;
  }

  /** All that is known. */
  shards(): readonly ShardView[] {
    const ready = new Set(this.startable().map(({ shardId }) => shardId));
    return [...this.#nodes.values()].map((node) => ({
      shardId: node.id,
      parentId: node.parentId,
      children: [...node.children],
      position: this.#positionOf(node),
      state: node.state !== 'pending' ? node.state : ready.has(node.id) ? 'ready' : 'waiting',
      isSkipped: node.isSkipped,
      isListed: node.timesListed > 0 && node.timesMissed === 0,
    }));
  }

  #node(id: string): ShardNode {
    let node = this.#nodes.get(id);
    if (node === undefined) {
      node = shardNode(id, this.#childrenOf(id));
      this.#nodes.set(id, node);
    }
    return node;
  }

  #childrenOf(id: string): Set<string> {
    const known = this.#children.get(id);
    if (known !== undefined) return known;
    const children = new Set<string>();
    this.#children.set(id, children);
    return children;
  }

  /** What was known once stays: a listing that tells less is not newer. */
  #describe(node: ShardNode, { parentId, firstSequence, lastSequence }: ShardDescription): void {
    node.firstSequence ??= firstSequence;
    node.lastSequence ??= lastSequence;
    if (lastSequence !== undefined) node.isClosed = true;
    if (parentId === undefined || parentId === node.id || node.parentId !== undefined) return;
    node.parentId = parentId;
    this.#childrenOf(parentId).add(node.id);
    const parent = this.#nodes.get(parentId);
    if (parent !== undefined) parent.isClosed = true;
  }

  #count(node: ShardNode, isListed: boolean): void {
    if (isListed) {
      if (node.timesInRow === 0) node.listedSinceMs = this.#nowMs;
      node.timesListed += 1;
      node.timesInRow += 1;
      node.timesMissed = 0;
      return;
    }
    if (node.timesMissed === 0) node.missedSinceMs = this.#nowMs;
    node.timesInRow = 0;
    node.timesMissed += 1;
    // Shown for a moment, and gone: it was listed again after its end, and nobody counts on it.
    if (node.timesMissed === agreeing && node.isLate && !node.isTold && this.#isOrphan(node))
      node.isContinuation = false;
  }

  #end(node: ShardNode): void {
    if (node.state !== 'finished') node.endedMs = this.#nowMs;
    node.state = 'finished';
    node.position = 'end';
    node.isClosed = true;
  }

  #positionOf({ position }: ShardNode): ShardPosition {
    return position === 'latest' ? { latestSince: this.#beginning.startedAtMs } : position;
  }

  #parent(node: ShardNode): ShardNode | undefined {
    return node.parentId === undefined ? undefined : this.#nodes.get(node.parentId);
  }

  #isOrphan({ parentId, state }: ShardNode): boolean {
    return state === 'pending' && parentId !== undefined && !this.#nodes.has(parentId);
  }

  #placeLater(node: ShardNode): void {
    if (this.#isGhost(node)) skip(node, this.#nowMs);
    else placeLater(node, this.#parent(node), this.#beginning, this.#nowMs);
  }

  /** Listed for the first time when all of its time is over: it was read, and forgotten. */
  #isGhost({ createdMs, isClosed }: ShardNode): boolean {
    if (!isClosed || createdMs === undefined) return false;
    const { startedAtMs } = this.#beginning;
    const { tombstoneMs, doubtMs } = this.#times;
    return createdMs < Math.min(startedAtMs, this.#nowMs - tombstoneMs) && this.#nowMs - startedAtMs > doubtMs;
  }

  /** What turns up above a shard that has begun lies before it. */
  #passOver(): void {
    const queue = [...this.#nodes.values()].filter(({ state, gap }) => state === 'pending' && gap === undefined);
    for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
      if (node.state !== 'pending' || node.isGiven) continue;
      const begun = [...node.children].flatMap((id) => this.#nodes.get(id) ?? []).filter(hasBegun);
      if (begun.length === 0) continue;
      // Its child was started because it seemed to be gone. Now its records would come out of order.
      if (begun.every(({ isOrphan }) => isOrphan) && begun.some((child) => this.#isYoung(child))) node.gap = 'untold';
      else {
        skip(node, this.#nowMs);
        const parent = this.#parent(node);
        if (parent !== undefined) queue.push(parent);
      }
    }
  }

  /** Its parent, which closed when this was made, may have records yet. */
  #isYoung({ createdMs = Number.POSITIVE_INFINITY }: ShardNode): boolean {
    return createdMs > this.#nowMs - this.#times.retentionMs;
  }

  #judge(node: ShardNode, isDisabled: boolean): void {
    if (node.state !== 'finished') return;
    const { doubtMs, tombstoneMs, lagMs } = this.#times;
    const age = this.#nowMs - node.endedMs;
    const isLeaf = node.children.size === 0 && !node.isChildless;
    if (isLeaf && (isDisabled || (node.timesMissed === 0 && age > doubtMs))) node.isChildless = true;
    else if (isLeaf && this.#isVanished(node) && this.#nowMs - node.missedSinceMs >= lagMs) node.gap ??= 'untold';
    else if (node.gap === 'untold' && !isLeaf) node.gap = undefined;
    if (age > tombstoneMs && node.timesMissed >= agreeing && node.gap !== 'untold') this.#forget(node);
  }

  /** Enough listings showed the child alone; the parent is not only too new to be listed. */
  #isParentGone({ isLate, timesInRow, timesListed, listedSinceMs }: ShardNode, parentId: string): boolean {
    const { lagMs, skewMs } = this.#times;
    const isLong = this.#nowMs - listedSinceMs >= lagMs;
    if (isLate) return timesInRow > agreeing && isLong;
    const parentAge = this.#nowMs - (creationTimeOf(parentId) ?? this.#nowMs);
    return timesListed >= agreeing && (parentAge > lagMs + skewMs || isLong);
  }

  /** A shard that turned up later came after one that was to be read. If that one is gone, nobody has read it. */
  #missParents(): void {
    const doubt = this.#doubt();
    for (const node of [...this.#nodes.values()]) {
      const { isContinuation, isLate, parentId, position } = node;
      if (
        !isLate ||
        !isContinuation ||
        parentId === undefined ||
        this.#nodes.has(parentId) ||
        position !== 'trim-horizon'
      )
        continue;
      const isReady = node.state === 'pending' && this.#waitsFor(node, doubt) === undefined;
      if (isReady && !node.isGiven && node.timesMissed === 0) this.#node(parentId).gap = 'untold';
    }
  }

  /** Done, gone from the listings, and nobody knows what came after it. */
  #isVanished({ isContinuation, isSkipped, timesMissed }: ShardNode): boolean {
    return isContinuation && !isSkipped && timesMissed >= agreeing;
  }

  #forget(node: ShardNode): void {
    this.#nodes.delete(node.id);
    if (node.children.size === 0) this.#children.delete(node.id);
    if (node.parentId === undefined || this.#nodes.has(node.parentId)) return;
    const siblings = this.#children.get(node.parentId);
    siblings?.delete(node.id);
    if (siblings?.size === 0) this.#children.delete(node.parentId);
  }

  #ready(): readonly ShardNode[] {
    this.#missParents();
    const doubt = this.#doubt();
    return [...this.#nodes.values()].filter(
      (node) => node.state === 'pending' && this.#waitsFor(node, doubt) === undefined,
    );
  }

  /** What a pending shard waits for. */
  #waitsFor(node: ShardNode, doubt: Doubt): 'parent' | 'link' | 'listing' | undefined {
    if (node.state !== 'pending') return undefined;
    if (node.gap === 'untold') return 'parent';
    const parent = this.#parent(node);
    if (parent !== undefined && (parent.state !== 'finished' || parent.gap === 'untold')) return 'parent';
    if (node.isGiven || node.position === 'latest' || (parent !== undefined && !parent.isSkipped)) return undefined;
    // Gone, it seems: whoever opens it will see.
    if (node.timesMissed >= agreeing) return undefined;
    const { createdMs } = node;
    if (node.isLate && node.timesListed === 0) return 'listing';
    // It may be an ancestor of what the token began with.
    if (node.timesListed < agreeing && (createdMs ?? 0) < doubt.looseMs) return 'link';
    if (node.parentId === undefined || parent !== undefined) return undefined;
    // It may come after something that is gone, of which nobody was told yet.
    if ((createdMs ?? Number.POSITIVE_INFINITY) > doubt.vanishedMs) return 'listing';
    const isPlain = !node.isLate && !this.#isYoung(node);
    return isPlain || this.#isParentGone(node, node.parentId) ? undefined : 'listing';
  }

  /** Done, and something may come after it; of an old one it would have come. */
  #isOpenEnd({ children, gap, isChildless, isContinuation, endedMs, timesMissed }: ShardNode): boolean {
    const isOld = isChildless && this.#nowMs - endedMs > this.#times.doubtMs;
    const isOver = gap === 'told' || isOld || (!isContinuation && timesMissed >= agreeing);
    return children.size === 0 && !isOver;
  }

  #waitsForAnswer(node: ShardNode, doubt: Doubt): boolean {
    const waitsFor = this.#waitsFor(node, doubt);
    return waitsFor === 'link' || waitsFor === 'listing';
  }

  #isSuspicious(node: ShardNode, nowMs: number, doubt: Doubt): boolean {
    if (node.children.size > 0 || node.isChildless || !node.isClosed) return false;
    if (node.state === 'finished') return nowMs - node.endedMs <= this.#times.doubtMs && node.gap === undefined;
    return this.#waitsForAnswer(node, doubt);
  }

  #doubt(): Doubt {
    let looseMs = Number.NEGATIVE_INFINITY;
    let vanishedMs = Number.POSITIVE_INFINITY;
    for (const node of this.#nodes.values()) {
      const { createdMs, state, timesMissed, gap, isContinuation, isSkipped, isChildless, children } = node;
      if (node.isGiven) looseMs = Math.max(looseMs, this.#looseMs(node));
      const isOpenEnded = state === 'finished' && children.size === 0 && !isChildless && !isSkipped && gap !== 'told';
      if (isContinuation && timesMissed > 0 && (state !== 'finished' || isOpenEnded))
        vanishedMs = Math.min(vanishedMs, createdMs ?? 0);
    }
    return { looseMs, vanishedMs };
  }

  /** When the oldest known ancestor was made, if there are unknown ones above it. */
  #looseMs(node: ShardNode): number {
    let top = node;
    for (let parent = this.#parent(top); parent !== undefined; parent = this.#parent(top)) top = parent;
    const isLoose = top.timesListed === 0 || top.parentId !== undefined;
    return isLoose ? (top.createdMs ?? Number.POSITIVE_INFINITY) : Number.NEGATIVE_INFINITY;
  }
}

/** What the newest listings leave open. */
interface Doubt {
  /** Shards made before this may be ancestors of those that the token began with: links are missing. */
  readonly looseMs: number;
  /** Shards made after this may come after one that vanished. */
  readonly vanishedMs: number;
}
