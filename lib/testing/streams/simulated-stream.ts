/**
 * One simulated stream: a table's partitions, each with one open shard, over time.
 *
 *     partition [hashes)   shard ──rolls──> shard ──splits──> shard    each child has one parent,
 *                                                   └───────> shard    and half of its hashes
 *
 * No timer runs: whoever looks or writes first brings the stream up to its time ({@link SimulatedStream.catchUp}), and what fell due is
 * done then, as of when it was due. Records go to the open shard that holds their key's hash, so that the changes of an item lie in
 * order along a lineage.
 */
import type { Commit, StreamViewType } from '../../engine/index.js';
import type { StreamCaprices } from './caprices.js';
import { changeRecord } from './change-record.js';
import type { Draws } from './draws.js';
import { keyHash } from './key-hash.js';
import { type RecordLog, StoredLog } from './record-log.js';
import { SequenceLine } from './sequence-line.js';
import { allHashes, type HashRange, type ShardTimes, SimulatedShard, writtenLog } from './simulated-shard.js';
import type { StreamSimulatorLimits } from './stream-limits.js';
import type { SyntheticShard } from './synthetic-shard.js';

/** What a stream stands in. */
export interface StreamWorld {
  readonly limits: StreamSimulatorLimits;
  readonly draws: Draws;
  caprices(): StreamCaprices;
  /** Notes a new shard, of whatever stream. */
  register(shard: SimulatedShard, stream: SimulatedStream): void;
  nextOrdinal(): number;
  /** Of the server, which no client's clock moves. */
  nowMs(): number;
}

/** What a stream is. */
export interface StreamInit {
  readonly arn: string;
  readonly label: string;
  readonly tableName: string;
  readonly viewType: StreamViewType;
  /** Partition key first. */
  readonly keyNames: readonly string[];
  readonly partitions: number;
}

/** A record as it was written; it stays when the record is gone. */
export interface WrittenRecord {
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly eventId: string;
  readonly key: Commit['key'];
  readonly writtenAtMs: number;
}

export class SimulatedStream {
  readonly init: StreamInit;
  readonly #world: StreamWorld;
  readonly #shards = new Map<string, SimulatedShard>();
  /** All of them by id; `undefined`: to be sorted again. */
  #sorted: readonly SimulatedShard[] | undefined;
  /** The open ones, in the order of their hashes. */
  #open: SimulatedShard[] = [];
  readonly #history: WrittenRecord[] | undefined;
  /** When the next thing falls due by itself. */
  #dueAtMs = Number.POSITIVE_INFINITY;
  #trimAtMs: number;
  #disabledAtMs: number | undefined;
  #events = 0;

  constructor(world: StreamWorld, init: StreamInit, keepsHistory: boolean) {
    this.#world = world;
    this.init = init;
    this.#history = keepsHistory ? [] : undefined;
    const nowMs = world.nowMs();
    this.#trimAtMs = nowMs + world.limits.retentionMs / 24;
    const width = allHashes.to / init.partitions;
    for (let at = 0; at < init.partitions; at += 1) {
      const range = { from: Math.ceil(at * width), to: Math.ceil((at + 1) * width) };
      const line = SequenceLine.root(world.draws, this.#shards.size);
      this.#add({ range, line, parent: undefined, log: new StoredLog(), openedAtMs: nowMs });
    }
    this.#plan();
  }

  get isDisabled(): boolean {
    return this.#disabledAtMs !== undefined;
  }

  /** Nothing can be read of it any more. */
  isGone(nowMs: number): boolean {
    return this.#disabledAtMs !== undefined && this.#disabledAtMs + this.#world.limits.retentionMs <= nowMs;
  }

  /** All shards that ever were, by id, which is the order of their making. */
  get shards(): readonly SimulatedShard[] {
    this.#sorted ??= [...this.#shards.values()].sort((one, other) => (one.shardId < other.shardId ? -1 : 1));
    return this.#sorted;
  }

  shard(shardId: string): SimulatedShard | undefined {
    return this.#shards.get(shardId);
  }

  get history(): readonly WrittenRecord[] {
    return this.#history ?? [];
  }

  /** Does what fell due until now: rolls, trims, lets go. */
  catchUp(nowMs: number): void {
    while (this.#dueAtMs <= nowMs) {
      const dueAtMs = this.#dueAtMs;
      for (const shard of [...this.#open]) if (shard.times.rollAtMs <= dueAtMs) this.#rollDue(shard);
      if (this.#trimAtMs <= dueAtMs) this.#trim(dueAtMs);
      this.#plan();
    }
  }

  /** Writes a change to the shard of its key. */
  append(commit: Commit): void {
    if (this.#disabledAtMs !== undefined) return;
    const nowMs = this.#world.nowMs();
    this.catchUp(nowMs);
    const shard = this.#openFor(keyHash(commit.key[this.init.keyNames[0] as string]));
    const { limits, draws } = this.#world;
    const { visibleMs, splitAbovePerSecond } = this.#world.caprices();
    const sequence = shard.line.next();
    this.#events += 1;
    const eventId = `${this.#events.toString(16).padStart(12, '0')}${keyHash({ S: sequence }).toString(16).padStart(8, '0')}`;
    const createdAtMs = Math.floor(nowMs / limits.timestampGrainMs) * limits.timestampGrainMs;
    const { viewType } = this.init;
    const { record, bytes } = changeRecord(commit, { eventId, sequence, createdAtMs, viewType });
    const log = writtenLog(shard);
    const visibleAtMs = Math.max(log.newest?.visibleAtMs ?? 0, nowMs + draws.within(visibleMs));
    log.push({ record, sequence, bytes, writtenAtMs: nowMs, visibleAtMs });
    log.trim(nowMs - limits.retentionMs);
    const { shardId } = shard;
    this.#history?.push({ shardId, sequenceNumber: sequence, eventId, key: commit.key, writtenAtMs: nowMs });
    if (nowMs - shard.writesSinceMs >= 1_000) {
      shard.writes = 0;
      shard.writesSinceMs = nowMs;
    }
    shard.writes += 1;
    if (shard.writes > splitAbovePerSecond && this.#maySplit) this.split(shard);
  }

  /** Closes a shard and opens one in its place. */
  roll(shard: SimulatedShard, atMs: number = this.#world.nowMs()): readonly string[] {
    return this.#replace(shard, [shard.range], atMs);
  }

  /** Closes a shard and opens two, each with half of its keys; one that has a single hash only rolls. */
  split(shard: SimulatedShard, atMs: number = this.#world.nowMs()): readonly string[] {
    const { from, to } = shard.range;
    if (to - from < 2) return this.roll(shard, atMs);
    const middle = Math.floor((from + to) / 2);
    return this.#replace(
      shard,
      [
        { from, to: middle },
        { from: middle, to },
      ],
      atMs,
    );
  }

  /** Closes all shards: nothing is written any more, and a day later nothing can be read. */
  disable(): void {
    const nowMs = this.#world.nowMs();
    this.catchUp(nowMs);
    for (const shard of this.#open) this.#close(shard, nowMs);
    this.#open = [];
    this.#disabledAtMs = nowMs;
    this.#plan();
  }

  /** A shard that nobody writes to, with records of its own making; with a last one it is closed behind it. */
  addSource({ log, firstSequence, lastSequence }: SyntheticShard): void {
    const nowMs = this.#world.nowMs();
    const line = SequenceLine.root(this.#world.draws, this.#shards.size);
    const made = { range: allHashes, line, parent: undefined, log, firstSequence, openedAtMs: nowMs };
    const shard = this.#add(made);
    this.#open.pop();
    if (lastSequence === undefined) return;
    const [never, ever] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    shard.end = { closedAtMs: nowMs, lastSequence, listedAtMs: ever, goneAtMs: never };
  }

  #openFor(hash: number): SimulatedShard {
    let low = 0;
    let high = this.#open.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#open[middle] as SimulatedShard).range.from <= hash) low = middle;
      else high = middle - 1;
    }
    return this.#open[low] as SimulatedShard;
  }

  get #maySplit(): boolean {
    return this.#open.length < this.#world.limits.openShardsMax;
  }

  #rollDue(shard: SimulatedShard): void {
    const { rollAtMs } = shard.times;
    const splits = this.#world.draws.chance(this.#world.caprices().splits);
    if (splits && this.#maySplit) this.split(shard, rollAtMs);
    else this.roll(shard, rollAtMs);
  }

  #replace(shard: SimulatedShard, ranges: readonly HashRange[], atMs: number): readonly string[] {
    if (shard.end !== undefined) throw new Error(`Cannot replace shard ${shard.shardId}: it is closed`);
    const at = this.#open.indexOf(shard);
    this.#close(shard, atMs);
    const children = ranges.map((range) => {
      const line = shard.line.fork(this.#shards.size);
      return this.#add({ range, line, parent: shard, log: new StoredLog(), openedAtMs: atMs });
    });
    this.#open = this.#open.filter((one) => one !== shard && !children.includes(one));
    this.#open.splice(at, 0, ...children);
    this.#plan();
    return children.map((child) => child.shardId);
  }

  #close(shard: SimulatedShard, atMs: number): void {
    const { draws, limits } = this.#world;
    const newest = writtenLog(shard).newest?.sequence ?? shard.log.lastDropped ?? shard.firstSequence;
    const lastSequence = draws.chance(0.5) ? newest : shard.line.next();
    shard.end = {
      closedAtMs: atMs,
      lastSequence,
      listedAtMs: atMs + this.#lag(),
      goneAtMs: atMs + limits.retentionMs * (1 + 0.05 * draws.within([0, 1])),
    };
  }

  #lag(): number {
    const { longLag, longLagMs, listingLagMs } = this.#world.caprices();
    return this.#world.draws.within(this.#world.draws.chance(longLag) ? longLagMs : listingLagMs);
  }

  #add(made: {
    readonly range: HashRange;
    readonly line: SequenceLine;
    readonly parent: SimulatedShard | undefined;
    readonly log: RecordLog;
    readonly firstSequence?: string;
    readonly openedAtMs: number;
  }): SimulatedShard {
    const { limits, draws } = this.#world;
    const { range, line, parent, log, openedAtMs } = made;
    const spread = 1 - limits.rollSpread + 2 * limits.rollSpread * draws.within([0, 1]);
    const times: ShardTimes = {
      openedAtMs,
      rollAtMs: openedAtMs + limits.rollMs * spread,
      listedAtMs: parent === undefined ? Number.NEGATIVE_INFINITY : openedAtMs + this.#lag(),
      asChildAtMs: openedAtMs + this.#lag(),
    };
    const shardId = this.#newId(openedAtMs, parent);
    const firstSequence = made.firstSequence ?? line.next();
    const [ordinal, parentId] = [this.#world.nextOrdinal(), parent?.shardId];
    const shard = new SimulatedShard({ ordinal, shardId, parentId, range, line, firstSequence, log, times });
    this.#world.register(shard, this);
    this.#shards.set(shardId, shard);
    this.#sorted = undefined;
    parent?.children.push(shardId);
    this.#open.push(shard);
    return shard;
  }

  /** Ids sort by the time of their making; a child's comes after its parent's even in the same millisecond. */
  #newId(openedAtMs: number, parent: SimulatedShard | undefined): string {
    const least = parent === undefined ? 0 : Number(parent.shardId.slice(8, 28)) + 1;
    const ms = Math.max(Math.floor(openedAtMs), least);
    for (;;) {
      const id = `shardId-${String(ms).padStart(20, '0')}-${this.#world.draws.hex(8)}`;
      if (!this.#shards.has(id)) return id;
    }
  }

  /** Records are trimmed when they are looked at; this is for those that nobody looks at. */
  #trim(nowMs: number): void {
    this.#trimAtMs = nowMs + this.#world.limits.retentionMs / 24;
    for (const shard of this.#shards.values()) {
      if (shard.isGone(nowMs)) shard.log.drop(Number.POSITIVE_INFINITY);
      else shard.log.trim(nowMs - this.#world.limits.retentionMs);
    }
  }

  #plan(): void {
    let dueAtMs = this.#trimAtMs;
    for (const { times } of this.#open) dueAtMs = Math.min(dueAtMs, times.rollAtMs);
    this.#dueAtMs = dueAtMs;
  }
}
