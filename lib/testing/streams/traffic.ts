/** Counting who asks what how often, by what the service allows: for assertions, and for refusing. */

/** How often something happened within the last second. */
export class RateWindow {
  readonly #times: number[] = [];
  /** The most that ever fell into one second. */
  perSecondMax = 0;

  /** How many there were in the second before `nowMs`. */
  count(nowMs: number): number {
    while (this.#times.length > 0 && (this.#times[0] as number) <= nowMs - 1_000) this.#times.shift();
    return this.#times.length;
  }

  /** @returns how many there were in this second, this one included. */
  add(nowMs: number): number {
    const count = this.count(nowMs) + 1;
    this.#times.push(nowMs);
    this.perSecondMax = Math.max(this.perSecondMax, count);
    return count;
  }
}

/** What happened at one shard. */
export class ShardTraffic {
  /** GetRecords that were asked for, refused ones among them. */
  reads = 0;
  emptyReads = 0;
  throttled = 0;
  iterators = 0;
  /** Records that were handed out, repeated ones among them. */
  records = 0;
  readersAtOnceMax = 0;
  /** All that were asked for. */
  readonly asked: RateWindow = new RateWindow();
  /** Those that were let through. */
  readonly served: RateWindow = new RateWindow();
  /** Reader -> when it read last. */
  readonly readers: Map<string, number> = new Map();

  /** Notes a reader, and tells how many read this shard now. */
  readersNow(reader: string, nowMs: number, windowMs: number): number {
    this.readers.set(reader, nowMs);
    let count = 0;
    for (const atMs of this.readers.values()) if (atMs > nowMs - windowMs) count += 1;
    this.readersAtOnceMax = Math.max(this.readersAtOnceMax, count);
    return count;
  }
}

/** Something that the service does not allow. */
export interface StreamViolation {
  readonly rule: 'reads-per-second' | 'describes-per-second' | 'readers-per-shard';
  readonly shardId?: string | undefined;
  readonly reader: string;
  readonly atMs: number;
  /** How many there were at once. */
  readonly count: number;
}
