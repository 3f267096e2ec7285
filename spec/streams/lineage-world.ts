/**
 * Shards as they really are, and what a service that may lie shows of them. The world is the perfect observer: it knows every shard, what
 * was read of it, and who may read what.
 */
import type { Random } from '../../lib/engine/index.js';
import type { ShardDescription } from '../../lib/streams/port.js';

/** A shard as it is. */
export interface TrueShard {
  readonly id: string;
  readonly parent: TrueShard | undefined;
  readonly children: TrueShard[];
  readonly createdMs: number;
  /** When it is listed at the earliest. */
  readonly visibleMs: number;
  closedMs: number | undefined;
}

/** How a listing may lie; each is a probability. */
export interface Lies {
  /** A child is listed late. */
  readonly late: number;
  /** A shard is left out of one listing, never of two in a row. */
  readonly omitted: number;
  /** A parent is shown as open beside its child. */
  readonly open: number;
  /** A shard that is gone is listed again. */
  readonly ghost: number;
  /** One page is older than the next. */
  readonly oldPage: number;
  /** An answer of children is empty, or lacks one of two. */
  readonly childless: number;
}

export const honest: Lies = { late: 0, omitted: 0, open: 0, ghost: 0, oldPage: 0, childless: 0 };

export const hourMs = 3_600_000;
export const lagMs = 60_000;

export class LineageWorld {
  nowMs: number = Date.UTC(2026, 0, 10);
  readonly shards: TrueShard[] = [];
  readonly #random: Random;
  readonly #lies: Lies;
  readonly #byId = new Map<string, TrueShard>();
  #omitted = new Set<TrueShard>();
  #serial = 0;

  constructor(random: Random, lies: Lies, roots: number) {
    this.#random = random;
    this.#lies = lies;
    for (let root = 0; root < roots; root += 1) this.#make(undefined);
  }

  /** Time passes; about every four hours each open shard rolls, and some split. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.nowMs < untilMs) {
      const stepMs = Math.min(untilMs - this.nowMs, 600_000);
      this.nowMs += stepMs;
      for (const shard of this.open) {
        if (this.#random.next() < stepMs / (4 * hourMs))
          this.roll(shard, this.#random.next() < 0.2 && this.open.length < 4 ? 2 : 1);
      }
    }
  }

  roll(shard: TrueShard, children: number): void {
    shard.closedMs = this.nowMs;
    for (let child = 0; child < children; child += 1) this.#make(shard);
  }

  get open(): readonly TrueShard[] {
    return this.shards.filter(({ closedMs }) => closedMs === undefined);
  }

  isGone({ closedMs }: TrueShard): boolean {
    return closedMs !== undefined && closedMs <= this.nowMs - 24 * hourMs;
  }

  byId(id: string): TrueShard {
    return this.#byId.get(id) as TrueShard;
  }

  /** All pages of a listing, now. */
  listing(lies: Lies = this.#lies): ShardDescription[] {
    const dice = (chance: number): boolean => chance > 0 && this.#random.next() < chance;
    const oldPageMs = dice(lies.oldPage) ? this.nowMs - this.#random.int(lagMs) : this.nowMs;
    const border = this.#random.int(this.shards.length + 1);
    const omitted = new Set<TrueShard>();
    const shown: ShardDescription[] = [];
    this.shards.forEach((shard, index) => {
      const atMs = index < border ? oldPageMs : this.nowMs;
      if (this.isGone(shard) && !dice(lies.ghost)) return;
      if (shard.createdMs > atMs || (lies.late > 0 && shard.visibleMs > atMs)) return;
      if (!this.#omitted.has(shard) && dice(lies.omitted)) {
        omitted.add(shard);
        return;
      }
      const isShownOpen =
        shard.closedMs === undefined || shard.closedMs > atMs || (!this.isGone(shard) && dice(lies.open));
      shown.push(this.#describe(shard, isShownOpen));
    });
    this.#omitted = omitted;
    return shown;
  }

  /** The answer to a question for the children of one shard. */
  childrenOf(shardId: string, lies: Lies = this.#lies): ShardDescription[] {
    const { children } = this.byId(shardId);
    const visible = children.filter(
      (child) => !this.isGone(child) && (lies.late === 0 || child.visibleMs <= this.nowMs),
    );
    const shown = this.#random.next() < lies.childless ? visible.slice(this.#random.int(2)).slice(1) : visible;
    return shown.map((shard) => this.#describe(shard, shard.closedMs === undefined));
  }

  #describe({ id, parent, createdMs, closedMs }: TrueShard, isShownOpen: boolean): ShardDescription {
    return {
      shardId: id,
      parentId: parent?.id,
      firstSequence: String(createdMs),
      ...(!isShownOpen && { lastSequence: String(closedMs) }),
    };
  }

  #make(parent: TrueShard | undefined): void {
    this.#serial += 1;
    const late = this.#random.next() < this.#lies.late ? this.#random.int(lagMs) : 0;
    const shard: TrueShard = {
      id: `shardId-${String(this.nowMs).padStart(20, '0')}-${this.#serial.toString(16).padStart(8, '0')}`,
      parent,
      children: [],
      createdMs: this.nowMs,
      visibleMs: this.nowMs + late,
      closedMs: undefined,
    };
    parent?.children.push(shard);
    this.shards.push(shard);
    this.#byId.set(shard.id, shard);
  }
}
