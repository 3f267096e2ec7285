/**
 * Where a plan cuts one real shard: by counting its records, in their order, so that whoever counts the same shard cuts it alike.
 *
 *     plan   { records: 40, next: [{ records: 30, next: [{}, {}] }] }
 *
 *     real   1 …………………… 40 | 41 ……………… 70 | 71 …………………………>
 *     cut    [    root     ] [    child    ] [ grandchild, lower half of the hashes
 *                                            [ grandchild, upper half
 *
 * Pure: records come in, shards are told.
 */

import type { ShardDescription, StreamRecord } from '../../streams/index.js';
import { keyHash } from './key-hash.js';
import { allHashes, type HashRange } from './simulated-shard.js';

/** One shard to be, and what follows it. */
export interface ReshardPlan {
  /** Its own records after which it closes. @defaultValue it stays open */
  readonly records?: number;
  /** What follows: one shard with its keys, or two with half of them each. @defaultValue one that stays open */
  readonly next?: readonly [ReshardPlan] | readonly [ReshardPlan, ReshardPlan];
}

/** One shard that was cut out. */
export interface CutShard {
  readonly shardId: string;
  readonly parentId: string | undefined;
  readonly range: HashRange;
  /** The record before its first; `undefined`: it begins with the real one. */
  readonly after: string | undefined;
  readonly firstSequence: string;
  /** Its last record, once it is closed. */
  lastSequence: string | undefined;
}

interface OpenCut {
  readonly shard: CutShard;
  readonly plan: ReshardPlan;
  count: number;
}

/** @throws {RangeError} a plan that cannot be followed. */
export function checkPlan({ records, next }: ReshardPlan): void {
  if (records !== undefined && !(Number.isSafeInteger(records) && records >= 1)) {
    throw new RangeError(`Cannot reshard: records must be a positive integer: ${records}`);
  }
  if (next === undefined) return;
  if (records === undefined) throw new RangeError('Cannot reshard: what never closes has nothing next');
  if (next.length < 1 || next.length > 2) throw new RangeError('Cannot reshard: one or two shards follow');
  for (const one of next) checkPlan(one);
}

/** Orders numbers of one real shard; they may be padded with zeros. */
export function compareNumbers(left: string, right: string): number {
  if (left.length === right.length) return left < right ? -1 : left > right ? 1 : 0;
  const difference = BigInt(left) - BigInt(right);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

export class ReshardMap {
  readonly realShardId: string;
  readonly #shards = new Map<string, CutShard>();
  readonly #keyName: string;
  #open: OpenCut[];
  #made = 0;
  /** The newest record that was counted. */
  newest: string | undefined;

  constructor(plan: ReshardPlan, real: ShardDescription, keyName: string) {
    this.realShardId = real.shardId;
    this.#keyName = keyName;
    const root: CutShard = {
      ...{ shardId: real.shardId, parentId: undefined, range: allHashes, after: undefined },
      ...{ firstSequence: real.firstSequence ?? '0', lastSequence: undefined },
    };
    this.#shards.set(root.shardId, root);
    this.#open = [{ shard: root, plan, count: 0 }];
  }

  /** In the order of their making, which is that of their ids. */
  get shards(): readonly CutShard[] {
    return [...this.#shards.values()];
  }

  shard(shardId: string): CutShard | undefined {
    return this.#shards.get(shardId);
  }

  /** Counts the next record of the real shard. */
  note(record: StreamRecord): void {
    const sequence = sequenceOf(record);
    this.newest = sequence;
    const hash = this.#hash(record);
    const at = this.#open.findIndex(({ shard: { range } }) => hash >= range.from && hash < range.to);
    const open = this.#open[at] as OpenCut;
    open.count += 1;
    const { records, next = [{}] } = open.plan;
    if (open.count !== records) return;
    open.shard.lastSequence = sequence;
    const { from, to } = open.shard.range;
    const middle = Math.floor((from + to) / 2);
    const ranges =
      next.length === 1
        ? [{ from, to }]
        : [
            { from, to: middle },
            { from: middle, to },
          ];
    const children = ranges.map((range) => this.#child(open.shard, range, sequence));
    const opened = children.map((shard, index) => ({ shard, plan: next[index] ?? {}, count: 0 }));
    this.#open.splice(at, 1, ...opened);
  }

  /** The real shard is closed: so is what was open. */
  close(lastSequence: string): void {
    for (const { shard } of this.#open) shard.lastSequence = lastSequence;
    this.#open = [];
  }

  /** Those of the real shard's records, from this one's beginning on, that are in this one. */
  mine({ range, lastSequence }: CutShard, records: readonly StreamRecord[]): readonly StreamRecord[] {
    return records.filter((record) => {
      const sequence = sequenceOf(record);
      if (lastSequence !== undefined && compareNumbers(sequence, lastSequence) > 0) return false;
      const hash = this.#hash(record);
      return hash >= range.from && hash < range.to;
    });
  }

  #hash(record: StreamRecord): number {
    return keyHash(record.dynamodb?.Keys?.[this.#keyName]);
  }

  #child(parent: CutShard, range: HashRange, after: string): CutShard {
    this.#made += 1;
    const ms = Number(this.realShardId.slice(8, 28)) + this.#made;
    const own = keyHash({ S: `${parent.shardId}/${range.from}` })
      .toString(16)
      .padStart(8, '0');
    const shard: CutShard = {
      shardId: `shardId-${String(ms).padStart(20, '0')}-${own}`,
      parentId: parent.shardId,
      ...{ range, after, lastSequence: undefined },
      firstSequence: String(BigInt(after) + 1n).padStart(after.length, '0'),
    };
    this.#shards.set(shard.shardId, shard);
    return shard;
  }
}

export function sequenceOf(record: StreamRecord): string {
  return record.dynamodb?.SequenceNumber ?? '0';
}
