/**
 * Whether a reader still hears of its shards: pure, times come as arguments.
 *
 * A reader never gives up on its own: it is throttled, or the network is away, and it asks again for ever. Nothing is lost by that, but who
 * relies on being told would wait meanwhile. So a shard that has only failed for a while, a shard that has ended with no other in its place, or
 * a reader that has heard nothing at all, is too slow to be relied on.
 */

/** A shard that has ended this long ago has no successor that would be listed late; or it was being read already. */
const orphanedMsMax = 120_000;

export class Pulse {
  readonly #slowMs: number;
  /** Shards that have failed since, and not answered yet. */
  readonly #failing = new Map<string, number>();
  /** When shards ended in whose places none was opened yet. */
  #orphaned: number[] = [];
  #heardAt: number;

  /** `slowMs`: how long silence is borne. */
  constructor(slowMs: number, now: number) {
    this.#slowMs = slowMs;
    this.#heardAt = now;
  }

  answered(shardId: string, now: number): void {
    this.#heardAt = now;
    this.#failing.delete(shardId);
  }

  failed(shardId: string, now: number): void {
    if (!this.#failing.has(shardId)) this.#failing.set(shardId, now);
  }

  /** It was read to its end. */
  ended(shardId: string, now: number): void {
    this.#failing.delete(shardId);
    this.#orphaned.push(now);
  }

  /** Another one is read. */
  opened(): void {
    this.#orphaned.shift();
  }

  isSlow(now: number): boolean {
    if (now - this.#heardAt > this.#slowMs) return true;
    this.#orphaned = this.#orphaned.filter((since) => now - since <= orphanedMsMax);
    if (this.#orphaned.some((since) => now - since > this.#slowMs)) return true;
    for (const since of this.#failing.values()) if (now - since > this.#slowMs) return true;
    return false;
  }
}
