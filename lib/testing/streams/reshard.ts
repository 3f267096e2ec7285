/**
 * Makes many shards out of one: real records over real HTTP, with a lineage that DynamoDB Local never has.
 *
 * ```
 *   reader ─► ReshardedStreams ─► port ─► the one real shard
 *               describe:  the shards that the plan has cut so far
 *               iterator:  <cut shard> <last record seen> <real iterator>
 *               records:   a real page, of which those are left out that belong to other shards
 * ```
 *
 * Expiry, trimming, latency and failures are the real ones. What is left out makes short and empty pages in the middle, as the service
 * has. To know where the cuts are it counts the real shard's records with an iterator of its own, and keeps no record.
 */
import type { SendOptions } from '../../engine/index.js';
import type * as port from '../../streams/index.js';
import { type CutShard, checkPlan, compareNumbers, ReshardMap, type ReshardPlan, sequenceOf } from './reshard-map.js';
import { invalid, shardGone } from './stream-refusals.js';

interface Counted {
  readonly map: ReshardMap;
  /** Where counting goes on. */
  iterator: string | undefined;
  isEnded: boolean;
  counting: Promise<void> | undefined;
}

interface CutIterator {
  readonly shardId: string;
  /** The newest record that came to this reader, or that it starts after. */
  readonly seen: string;
  readonly real: string;
}

// Part of no ARN, id, number or base64 text.
const separator = ' ';

/**
 * A port to a stream of one shard that shows it as the many shards of a plan.
 *
 * @example
 * ```ts
 * import type { StreamsPort } from 'leyden-jar/streams';
 * import { ReshardedStreams, StreamSimulator } from 'leyden-jar/testing';
 *
 * const real: StreamsPort = new StreamSimulator().port(); // or new SdkStreams(client) to DynamoDB Local
 * const streams = new ReshardedStreams(real, { records: 40, next: [{ records: 30, next: [{}, {}] }] });
 * console.log(streams.name); // => resharded simulator
 * ```
 */
export class ReshardedStreams implements port.StreamsPort {
  readonly name: string;
  readonly #port: port.StreamsPort;
  readonly #plan: ReshardPlan;
  readonly #counted = new Map<string, Promise<Counted>>();

  /** @throws {RangeError} a plan that cannot be followed. */
  constructor(real: port.StreamsPort, plan: ReshardPlan) {
    checkPlan(plan);
    this.name = `resharded ${real.name}`;
    this.#port = real;
    this.#plan = plan;
  }

  spent(): port.StreamsSpent {
    return this.#port.spent();
  }

  streamsOf(tableName: string, options?: SendOptions): Promise<readonly port.StreamName[]> {
    return this.#port.streamsOf(tableName, options);
  }

  async describe(request: port.DescribeStreamRequest, options?: SendOptions): Promise<port.StreamDescription> {
    const { arn, startAfter, childrenOf, limit = 100 } = request;
    if (!Number.isInteger(limit) || limit < 1 || limit > 100) throw invalid(`Limit must be from 1 to 100: ${limit}`);
    const described = await this.#port.describe({ arn }, options);
    const { map } = await this.#count(arn);
    const listed = map.shards.filter(
      (shard) =>
        (startAfter === undefined || shard.shardId > startAfter) &&
        (childrenOf === undefined || shard.parentId === childrenOf),
    );
    const page = listed.slice(0, limit);
    return {
      ...described,
      shards: page.map(descriptionOf),
      lastShardId: listed.length > page.length ? page.at(-1)?.shardId : undefined,
    };
  }

  async iterator({ arn, shardId, start }: port.ShardIteratorRequest, options?: SendOptions): Promise<string> {
    const { map } = await this.#count(arn);
    const shard = map.shard(shardId);
    if (shard === undefined) throw shardGone(shardId);
    const { realShardId, newest } = map;
    const realStart = (from: port.IteratorStart, seen: string) =>
      this.#port
        .iterator({ arn, shardId: realShardId, start: from }, options)
        .then((real) => textOf({ shardId, seen, real }));
    const afterRecord = (sequence: string | undefined) =>
      sequence === undefined
        ? realStart({ type: 'TRIM_HORIZON' }, '')
        : realStart({ type: 'AFTER_SEQUENCE_NUMBER', sequence }, sequence);
    switch (start.type) {
      case 'TRIM_HORIZON':
        return afterRecord(shard.after);
      case 'LATEST':
        // After the newest that was counted, so that it is known on which side of a cut it is. A little early, if anything.
        return afterRecord(shard.lastSequence ?? newest);
      default:
        return this.#startAt(shard, start, newest, afterRecord, realStart);
    }
  }

  async records(request: port.RecordsRequest, options?: SendOptions): Promise<port.RecordsPage> {
    const { arn, iterator, limit } = request;
    const { shardId, seen, real } = parsed(iterator);
    const counted = await this.#known(arn);
    const { map } = counted;
    const shard = map.shard(shardId);
    if (shard === undefined) throw shardGone(shardId);
    const page = await this.#port.records({ arn, shardId: map.realShardId, iterator: real, limit }, options);
    const newest = page.records.length === 0 ? seen : sequenceOf(page.records.at(-1) as port.StreamRecord);
    // A cut may be in this page, and the counting has to come by before anybody knows.
    while (newest !== '' && compareNumbers(map.newest ?? '0', newest) < 0) await this.#count(arn);
    const records = map.mine(shard, page.records);
    const { lastSequence } = shard;
    const isBehind = newest !== '' && lastSequence !== undefined && compareNumbers(newest, lastSequence) >= 0;
    if (isBehind || page.nextIterator === undefined) return { records };
    return { records, nextIterator: textOf({ shardId, seen: newest, real: page.nextIterator }) };
  }

  #startAt(
    shard: CutShard,
    { type, sequence }: port.IteratorStart & { readonly sequence: string },
    newest: string | undefined,
    afterRecord: (sequence: string | undefined) => Promise<string>,
    realStart: (start: port.IteratorStart, seen: string) => Promise<string>,
  ): Promise<string> {
    const { firstSequence, lastSequence } = shard;
    if (!/^\d{21,40}$/.test(sequence)) throw invalid(`Invalid SequenceNumber: ${sequence}`);
    const last = lastSequence ?? newest ?? firstSequence;
    const isFirst = compareNumbers(sequence, firstSequence) === 0;
    const isWithin = compareNumbers(sequence, firstSequence) > 0 && compareNumbers(sequence, last) <= 0;
    if (!isFirst && !isWithin) throw invalid(`Invalid SequenceNumber for the shard: ${sequence}`);
    const isWritten = newest !== undefined && compareNumbers(sequence, newest) <= 0;
    // The first number of a cut shard is made up: the real one may not know it yet.
    if (shard.after !== undefined && isFirst && (type === 'AT_SEQUENCE_NUMBER' || !isWritten)) {
      return afterRecord(shard.after);
    }
    return realStart({ type, sequence }, type === 'AFTER_SEQUENCE_NUMBER' ? sequence : (shard.after ?? ''));
  }

  /** What is known of the cuts. */
  #known(arn: string): Promise<Counted> {
    const known = this.#counted.get(arn);
    if (known !== undefined) return known;
    const opening = this.#open(arn);
    this.#counted.set(arn, opening);
    opening.catch(() => this.#counted.delete(arn));
    return opening;
  }

  async #open(arn: string): Promise<Counted> {
    const { shards, keyNames } = await this.#port.describe({ arn });
    const [only, ...others] = shards;
    if (only === undefined || others.length > 0) {
      throw new Error(`Cannot reshard ${arn}: it has ${shards.length} shards, and one is what can be cut`);
    }
    const map = new ReshardMap(this.#plan, only, keyNames[0] ?? '');
    return { map, iterator: undefined, isEnded: false, counting: undefined };
  }

  /** Counts up to the next empty page: over DynamoDB Local all that was written until now. */
  async #count(arn: string): Promise<Counted> {
    const counted = await this.#known(arn);
    // One that is under way may have passed the tip already.
    await counted.counting?.catch(() => {});
    counted.counting ??= this.#countOn(arn, counted).finally(() => {
      counted.counting = undefined;
    });
    await counted.counting;
    return counted;
  }

  async #countOn(arn: string, counted: Counted): Promise<void> {
    const { map } = counted;
    while (!counted.isEnded) {
      const { records, nextIterator } = await this.#page(arn, counted);
      for (const record of records) map.note(record);
      counted.iterator = nextIterator;
      if (nextIterator === undefined) {
        const { shards } = await this.#port.describe({ arn });
        map.close(shards[0]?.lastSequence ?? map.newest ?? '0');
        counted.isEnded = true;
      } else if (records.length === 0) return;
    }
  }

  async #page(arn: string, counted: Counted): Promise<port.RecordsPage> {
    const { realShardId: shardId, newest } = counted.map;
    for (;;) {
      const wasNew = counted.iterator === undefined;
      if (counted.iterator === undefined) {
        const start: port.IteratorStart =
          newest === undefined ? { type: 'TRIM_HORIZON' } : { type: 'AFTER_SEQUENCE_NUMBER', sequence: newest };
        counted.iterator = await this.#port.iterator({ arn, shardId, start });
      }
      try {
        return await this.#port.records({ arn, shardId, iterator: counted.iterator });
      } catch (error) {
        // It may have expired, or it is one into an empty shard, which DynamoDB Local forgets; another one costs little.
        counted.iterator = undefined;
        if (wasNew || !isDead(error)) throw error;
      }
    }
  }
}

function isDead(error: unknown): boolean {
  const { name } = error as { readonly name?: string };
  return name === 'ExpiredIteratorException' || name === 'TrimmedDataAccessException';
}

function descriptionOf({ shardId, parentId, firstSequence, lastSequence }: CutShard): port.ShardDescription {
  return {
    shardId,
    ...(parentId !== undefined && { parentId }),
    firstSequence,
    ...(lastSequence !== undefined && { lastSequence }),
  };
}

function textOf({ shardId, seen, real }: CutIterator): string {
  return [shardId, seen, real].join(separator);
}

function parsed(text: string): CutIterator {
  const [shardId, seen, real, ...rest] = String(text).split(separator);
  if (shardId === undefined || seen === undefined || real === undefined || rest.length > 0) {
    throw invalid('Invalid ShardIterator');
  }
  return { shardId, seen, real };
}
