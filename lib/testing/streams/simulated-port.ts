/** The port of one process to simulated streams: what it asks takes time, fails, gets lost, and is counted under its name. */
import type { Clock, SendOptions } from '../../engine/index.js';
import type * as port from '../../streams/index.js';
import type { StreamCaprices } from './caprices.js';
import type { Draws } from './draws.js';
import type { SimulatedShard } from './simulated-shard.js';
import type { SimulatedStream } from './simulated-stream.js';
import type { StreamSimulatorLimits } from './stream-limits.js';
import { listShards } from './stream-listing.js';
import { iteratorText, type PageWorld, parseIterator, readPage, startIterator } from './stream-pages.js';
import * as refusals from './stream-refusals.js';
import type { RateWindow, StreamViolation } from './traffic.js';

/** What ports share. */
export interface PortWorld {
  readonly clock: Clock;
  readonly limits: StreamSimulatorLimits;
  readonly draws: Draws;
  readonly describes: { readonly asked: RateWindow; readonly served: RateWindow };
  caprices(): StreamCaprices;
  nowMs(): number;
  streamsOf(tableName: string): readonly SimulatedStream[];
  streamAt(arn: string): SimulatedStream | undefined;
  /** The shard with this ordinal. */
  made(ordinal: number): { readonly shard: SimulatedShard; readonly stream: SimulatedStream } | undefined;
  violated(violation: StreamViolation): void;
}

type Counted = { -readonly [Name in keyof port.StreamsSpent]: number };

export class SimulatedStreams implements port.StreamsPort {
  readonly name: string = 'simulator';
  /** The process whose port this is. */
  readonly reader: string;
  readonly #world: PortWorld;
  readonly #spent: Counted = { describes: 0, iterators: 0, reads: 0, records: 0, throttled: 0 };

  constructor(world: PortWorld, reader: string) {
    this.#world = world;
    this.reader = reader;
  }

  spent(): port.StreamsSpent {
    return { ...this.#spent };
  }

  streamsOf(tableName: string, options?: SendOptions): Promise<readonly port.StreamName[]> {
    this.#spent.describes += 1;
    return this.#ask(options, () => {
      const nowMs = this.#world.nowMs();
      const streams = this.#world.streamsOf(tableName).filter((stream) => !stream.isGone(nowMs));
      // Newest first, as DynamoDB Local has it.
      return streams.map(({ init: { arn, label } }) => ({ arn, label, tableName })).reverse();
    });
  }

  describe(request: port.DescribeStreamRequest, options?: SendOptions): Promise<port.StreamDescription> {
    this.#spent.describes += 1;
    return this.#ask(options, () => {
      const nowMs = this.#world.nowMs();
      this.#countDescribe(nowMs);
      return listShards(this.#stream(request.arn, nowMs), request, this.#page(nowMs));
    });
  }

  iterator({ arn, shardId, start }: port.ShardIteratorRequest, options?: SendOptions): Promise<string> {
    this.#spent.iterators += 1;
    return this.#ask(options, () => {
      const nowMs = this.#world.nowMs();
      const shard = this.#shard(arn, shardId, nowMs);
      shard.traffic.iterators += 1;
      return iteratorText(startIterator(shard, start, this.#page(nowMs)));
    });
  }

  records(request: port.RecordsRequest, options?: SendOptions): Promise<port.RecordsPage> {
    this.#spent.reads += 1;
    return this.#ask(options, () => {
      const nowMs = this.#world.nowMs();
      const { recordsPageMax } = this.#world.limits;
      const { iterator: text, limit = recordsPageMax } = request;
      if (!Number.isInteger(limit) || limit < 1 || limit > recordsPageMax) {
        throw refusals.invalid(`Limit must be from 1 to ${recordsPageMax}: ${limit}`);
      }
      const iterator = parseIterator(text);
      const { shard, stream } = this.#world.made(iterator.shard) ?? {};
      if (shard === undefined || stream === undefined) throw refusals.invalid('Invalid ShardIterator');
      this.#look(shard, stream, nowMs);
      this.#countRead(shard, nowMs);
      const page = readPage(shard, iterator, limit, this.#page(nowMs));
      if (page.records.length === 0) shard.traffic.emptyReads += 1;
      shard.traffic.records += page.records.length;
      this.#spent.records += page.records.length;
      return page;
    });
  }

  #page(nowMs: number): PageWorld {
    const { limits, draws } = this.#world;
    return { limits, draws, caprices: this.#world.caprices(), nowMs };
  }

  #stream(arn: string, nowMs: number): SimulatedStream {
    const stream = this.#world.streamAt(arn);
    if (stream === undefined || stream.isGone(nowMs)) throw refusals.streamGone(arn);
    stream.catchUp(nowMs);
    return stream;
  }

  #shard(arn: string, shardId: string, nowMs: number): SimulatedShard {
    const stream = this.#stream(arn, nowMs);
    const shard = stream.shard(shardId);
    if (shard === undefined) throw refusals.shardGone(shardId);
    this.#look(shard, stream, nowMs);
    return shard;
  }

  /** Brings a shard up to this time. */
  #look(shard: SimulatedShard, stream: SimulatedStream, nowMs: number): void {
    stream.catchUp(nowMs);
    if (stream.isGone(nowMs) || shard.isGone(nowMs)) throw refusals.shardGone(shard.shardId);
    shard.log.trim(nowMs - this.#world.limits.retentionMs);
  }

  #countDescribe(nowMs: number): void {
    const { describes, limits } = this.#world;
    const count = describes.asked.add(nowMs);
    if (count > limits.describesPerSecondMax) this.#violated('describes-per-second', undefined, nowMs, count);
    if (!this.#world.caprices().throttle) return;
    if (describes.served.count(nowMs) >= limits.describesPerSecondMax) this.#throttle(refusals.tooManyDescribes());
    describes.served.add(nowMs);
  }

  #countRead({ shardId, traffic }: SimulatedShard, nowMs: number): void {
    const { limits } = this.#world;
    const { throttle, refuseReaders } = this.#world.caprices();
    traffic.reads += 1;
    const count = traffic.asked.add(nowMs);
    if (count > limits.readsPerSecondMax) this.#violated('reads-per-second', shardId, nowMs, count);
    const readers = traffic.readersNow(this.reader, nowMs, limits.readerWindowMs);
    if (readers > limits.readersPerShardMax) {
      this.#violated('readers-per-shard', shardId, nowMs, readers);
      if (refuseReaders) {
        traffic.throttled += 1;
        this.#throttle(refusals.tooManyReaders());
      }
    }
    if (!throttle) return;
    if (traffic.served.count(nowMs) >= limits.readsPerSecondMax) {
      traffic.throttled += 1;
      this.#throttle(refusals.tooManyReads());
    }
    traffic.served.add(nowMs);
  }

  #violated(rule: StreamViolation['rule'], shardId: string | undefined, atMs: number, count: number): void {
    this.#world.violated({ rule, ...(shardId !== undefined && { shardId }), reader: this.reader, atMs, count });
  }

  #throttle(error: Error): never {
    this.#spent.throttled += 1;
    throw error;
  }

  /** A question on its way there and back. Its time passes before it is answered, or after: then the answer is old when it comes. */
  async #ask<Answer>(options: SendOptions | undefined, answer: () => Answer): Promise<Answer> {
    options?.signal?.throwIfAborted();
    const { clock, draws } = this.#world;
    const { latencyMs, slowCalls, slowCallMs, serverFaults, lostAnswers } = this.#world.caprices();
    const ms = draws.within(draws.chance(slowCalls) ? slowCallMs : latencyMs);
    const isOld = ms > 0 && draws.chance(0.5);
    if (ms > 0 && !isOld) await clock.sleep(ms, options);
    if (draws.chance(serverFaults)) throw refusals.serverFault();
    const answered = answer();
    if (isOld) await clock.sleep(ms, options);
    if (draws.chance(lostAnswers)) throw refusals.answerLost();
    return answered;
  }
}
