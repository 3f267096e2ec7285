/**
 * Where the tip of a shard was: the first record that an iterator sees which was taken there.
 *
 *   now ──> an iterator at the tip ──> nothing yet ──> nothing yet ──> its first record: the boundary
 *
 * No clock is asked. What lies before the boundary may have been there when the probe was made, what lies behind it was not. A probe
 * that misses the first write, or whose iterator was lost and taken anew, has a later boundary and never an earlier one.
 */
import type { StreamsPort } from './port.js';

export interface TipProbeOptions {
  readonly port: StreamsPort;
  readonly arn: string;
  readonly shardId: string;
  readonly signal: AbortSignal;
  /** It has looked. */
  onChange(): void;
}

export class TipProbe {
  readonly #options: TipProbeOptions;
  #iterator: string | undefined;
  #boundary: string | undefined;
  #isAsking = false;

  constructor(options: TipProbeOptions) {
    this.#options = options;
  }

  /** The number of the first record behind the tip, once there is one. */
  get boundary(): string | undefined {
    return this.#boundary;
  }

  get isAsking(): boolean {
    return this.#isAsking;
  }

  /** Looks, unless it does or has seen enough. */
  ask(): void {
    if (this.#isAsking || this.#boundary !== undefined) return;
    this.#isAsking = true;
    this.#look()
      .catch(() => {
        // The shard itself tells what is wrong with it.
        this.#iterator = undefined;
      })
      .finally(() => {
        this.#isAsking = false;
        this.#options.onChange();
      });
  }

  async #look(): Promise<void> {
    const { arn, port, shardId, signal } = this.#options;
    const iterator = this.#iterator ?? (await port.iterator({ arn, shardId, start: { type: 'LATEST' } }, { signal }));
    // Its one record is all that counts.
    const { records, nextIterator } = await port.records({ arn, shardId, iterator, limit: 1 }, { signal });
    this.#iterator = nextIterator;
    this.#boundary = records[0]?.dynamodb?.SequenceNumber;
  }
}
