/**
 * Keeps a process within what the service and the machine bear, however many readers it has: a port before the port.
 *
 * Two buckets of the process (questions for records, questions for shards), one per shard, and a limit on what is under way. A
 * question that would be too early waits its turn; turns are given in the order of asking. The buckets hold no credit: after a pause
 * there is no burst, since the service's limits are per second.
 */
import type { Clock, SendOptions } from '../engine/index.js';
import type { Pace } from './pace.js';
import type * as port from './port.js';

/** Gives turns that are at least so far apart, in the order of asking. */
class Turns {
  readonly #clock: Clock;
  readonly #apartMs: number;
  #nextAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, perSecondMax: number) {
    this.#clock = clock;
    this.#apartMs = 1_000 / perSecondMax;
  }

  /** When the last turn that was given lies so far back that the next is free. */
  get freeAt(): number {
    return this.#nextAt;
  }

  async wait(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const now = this.#clock.monotonicMs();
    const at = Math.max(now, this.#nextAt);
    this.#nextAt = at + this.#apartMs;
    if (at > now) await this.#clock.sleep(at - now, { signal });
  }
}

/** Shards whose turns are remembered before those that are free are forgotten. */
const shardsKept = 4_096;

export class Governor implements port.StreamsPort {
  readonly name: string;
  readonly #port: port.StreamsPort;
  readonly #clock: Clock;
  readonly #pace: Pace;
  readonly #reads: Turns;
  readonly #describes: Turns;
  readonly #shards = new Map<string, Turns>();

  constructor(streams: port.StreamsPort, clock: Clock, pace: Pace) {
    this.name = streams.name;
    this.#port = streams;
    this.#clock = clock;
    this.#pace = pace;
    this.#reads = new Turns(clock, pace.readsPerSecondMax);
    this.#describes = new Turns(clock, pace.describesPerSecondMax);
  }

  spent(): port.StreamsSpent {
    return this.#port.spent();
  }

  clockOffsetMs(): number {
    return this.#port.clockOffsetMs?.() ?? 0;
  }

  async streamsOf(tableName: string, options?: SendOptions): Promise<readonly port.StreamName[]> {
    await this.#describes.wait(options?.signal);
    return this.#port.streamsOf(tableName, options);
  }

  async describe(request: port.DescribeStreamRequest, options?: SendOptions): Promise<port.StreamDescription> {
    await this.#describes.wait(options?.signal);
    return this.#port.describe(request, options);
  }

  async iterator(request: port.ShardIteratorRequest, options?: SendOptions): Promise<string> {
    await this.#reads.wait(options?.signal);
    return this.#port.iterator(request, options);
  }

  async records(request: port.RecordsRequest, options?: SendOptions): Promise<port.RecordsPage> {
    // Without a limit per shard nothing is metered, and a turn would cost more than it is for.
    if (Number.isFinite(this.#pace.shardReadsPerSecondMax)) await this.#turnsOf(request.shardId).wait(options?.signal);
    await this.#reads.wait(options?.signal);
    return this.#port.records(request, options);
  }

  #turnsOf(shardId: string): Turns {
    const found = this.#shards.get(shardId);
    if (found !== undefined) return found;
    if (this.#shards.size >= shardsKept) {
      const now = this.#clock.monotonicMs();
      for (const [id, turns] of this.#shards) if (turns.freeAt <= now) this.#shards.delete(id);
    }
    const made = new Turns(this.#clock, this.#pace.shardReadsPerSecondMax);
    this.#shards.set(shardId, made);
    return made;
  }
}
