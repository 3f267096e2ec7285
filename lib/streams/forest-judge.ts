/**
 * What of a forest can be believed: what a shard waits for, whose children have to be asked for, which parents are gone. Pure.
 *
 * One listing proves nothing by what it leaves out. Where links are missing, a shard may be an ancestor of one that was read, or come
 * after one that vanished; it waits until more listings agree.
 */
import type { ForestTimes } from './forest-terms.js';
import type { ShardGraph } from './shard-graph.js';
import { creationTimeOf } from './shard-id.js';
import type { ShardNode } from './shard-node.js';

/** Listings that have to agree before what they leave out is taken to be gone. */
export const agreeing = 2;
/** Listings in a row that have to show a shard which turned up later and is related to none. */
const agreeingYoung = 3;
const agreeingOld = 6;

/** What a shard waits for: its parent, a link to those that are known, a listing that agrees. */
export type WaitsFor = 'parent' | 'link' | 'listing' | undefined;

export class ForestJudge {
  /** The newest time that was told, in epoch milliseconds. */
  nowMs: number;
  readonly #graph: ShardGraph;
  readonly #times: ForestTimes;
  #looseMsKnown: number | undefined;

  constructor(graph: ShardGraph, times: ForestTimes, nowMs: number) {
    this.#graph = graph;
    this.#times = times;
    this.nowMs = nowMs;
  }

  /** Something is known that was not. */
  changed(): void {
    this.#looseMsKnown = undefined;
  }

  /** What a pending shard waits for. */
  waitsFor(node: ShardNode): WaitsFor {
    if (node.state !== 'pending') return undefined;
    if (node.gap === 'untold') return 'parent';
    const parent = this.#graph.parent(node);
    if (parent !== undefined && (parent.state !== 'finished' || parent.gap === 'untold')) return 'parent';
    if (node.isGiven || node.position === 'latest' || (parent !== undefined && !parent.isSkipped)) return undefined;
    // Gone, it seems: whoever opens it will see.
    if (node.timesMissed >= agreeing) return undefined;
    if (node.isLate && node.timesListed === 0) return 'listing';
    // It may be an ancestor of what the token began with.
    const isSettled = node.isLate ? this.#isSettled(node) : node.timesListed >= agreeing;
    if (!isSettled && (node.createdMs ?? 0) < this.#loosestMs()) return 'link';
    if (node.parentId === undefined || parent !== undefined) return undefined;
    if (node.isLate) return isSettled ? undefined : 'listing';
    return !this.isYoung(node) || this.#isParentGone(node, node.parentId) ? undefined : 'listing';
  }

  /** One that turned up later was shown long enough to be no mistake. Old ones are shown again after their ends now and then. */
  #isSettled(node: ShardNode): boolean {
    const { timesInRow, listedSinceMs } = node;
    return timesInRow >= (this.isYoung(node) ? agreeingYoung : agreeingOld) && this.#isLong(listedSinceMs);
  }

  #isLong(sinceMs: number): boolean {
    return this.nowMs - sinceMs >= this.#times.lagMs;
  }

  isSuspicious(node: ShardNode, nowMs: number): boolean {
    if (node.children.size > 0 || node.isChildless || !node.isClosed) return false;
    if (node.state === 'finished') return nowMs - node.endedMs <= this.#times.doubtMs && node.gap === undefined;
    return this.waitsForAnswer(node);
  }

  waitsForAnswer(node: ShardNode): boolean {
    const waitsFor = this.waitsFor(node);
    return waitsFor === 'link' || waitsFor === 'listing';
  }

  /** Done, and something may come after it; of an old one it would have come. */
  isOpenEnd({ children, gap, isChildless, isContinuation, endedMs, timesMissed }: ShardNode): boolean {
    const isOld = isChildless && this.nowMs - endedMs > this.#times.doubtMs;
    const isOver = gap === 'told' || isOld || (!isContinuation && timesMissed >= agreeing);
    return children.size === 0 && !isOver;
  }

  /** Done, gone from the listings, and nobody knows what came after it. */
  isVanished({ isContinuation, isSkipped, timesMissed }: ShardNode): boolean {
    return isContinuation && !isSkipped && timesMissed >= agreeing;
  }

  /** Its parent, which closed when this was made, may have records yet. */
  isYoung({ createdMs = Number.POSITIVE_INFINITY }: ShardNode): boolean {
    return createdMs > this.nowMs - this.#times.retentionMs;
  }

  /** Enough listings showed the child alone; the parent is not only too new to be listed. */
  #isParentGone({ timesListed, listedSinceMs }: ShardNode, parentId: string): boolean {
    const { lagMs, skewMs } = this.#times;
    const parentAge = this.nowMs - (creationTimeOf(parentId) ?? this.nowMs);
    return timesListed >= agreeing && (parentAge > lagMs + skewMs || this.#isLong(listedSinceMs));
  }

  /** Shards made before this may be ancestors of those that the token began with: links are missing. */
  #loosestMs(): number {
    if (this.#looseMsKnown !== undefined) return this.#looseMsKnown;
    let looseMs = Number.NEGATIVE_INFINITY;
    for (const node of this.#graph.nodes.values()) {
      if (node.isGiven) looseMs = Math.max(looseMs, this.#looseMs(node));
    }
    this.#looseMsKnown = looseMs;
    return looseMs;
  }

  /** When the oldest known ancestor was made, if there are unknown ones above it. */
  #looseMs(node: ShardNode): number {
    let top = node;
    for (let parent = this.#graph.parent(top); parent !== undefined; parent = this.#graph.parent(top)) top = parent;
    const isLoose = top.timesListed === 0 || top.parentId !== undefined;
    return isLoose ? (top.createdMs ?? Number.POSITIVE_INFINITY) : Number.NEGATIVE_INFINITY;
  }
}
