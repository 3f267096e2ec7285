/**
 * Asks which shards a stream has: all of them, page by page, or the children of one.
 *
 * Answers are late now and then, and repeated; so this only asks, and the forest judges. Both questions end after a bounded number of
 * requests, whatever the service answers. What is refused passes through: who asks knows whether it is worth asking again.
 */
import type { Clock, SendOptions } from '../engine/index.js';
import type { ShardDescription, StreamDescription, StreamsPort } from './port.js';

/** How often is asked; simulations scale it. */
export interface DiscoveryTimes {
  /** Pause between two pages of a listing. @defaultValue 100 ms */
  readonly pagePauseMs: number;
  /** Pause before the second question for children; each further one is twice as long. @defaultValue 50 ms */
  readonly childPauseMs: number;
  /** The longest of these pauses. @defaultValue 1 s */
  readonly childPauseMsMax: number;
  /** Questions for the children of one shard before it is left to the next listing. @defaultValue 10 */
  readonly childTries: number;
}

/** Options of {@link Discovery}. */
export interface DiscoveryOptions {
  readonly port: StreamsPort;
  readonly arn: string;
  readonly clock: Clock;
  readonly times?: Partial<DiscoveryTimes> | undefined;
  /**
   * Asks one question for as long as is worth it. A listing has many pages, and one that began anew at each failure might never end.
   * @defaultValue once
   */
  readonly insist?: (<Answer>(ask: () => Promise<Answer>) => Promise<Answer>) | undefined;
}

/** All pages of a listing. They need not belong to one instant. */
export interface ShardListing {
  /** Each shard once; of one that was listed twice the later words. */
  readonly shards: readonly ShardDescription[];
  /** As the last page says. */
  readonly status: StreamDescription['status'];
  readonly pages: number;
}

const discoveryTimesDefault: DiscoveryTimes = {
  pagePauseMs: 100,
  childPauseMs: 50,
  childPauseMsMax: 1_000,
  childTries: 10,
};

/** A stream of a million shards; more pages are a fault of who answers. */
const pagesMax = 10_000;

export class Discovery {
  readonly #port: StreamsPort;
  readonly #arn: string;
  readonly #clock: Clock;
  readonly #times: DiscoveryTimes;
  readonly #insist: NonNullable<DiscoveryOptions['insist']>;

  constructor({ port, arn, clock, times, insist = (ask) => ask() }: DiscoveryOptions) {
    this.#insist = insist;
    this.#port = port;
    this.#arn = arn;
    this.#clock = clock;
    this.#times = { ...discoveryTimesDefault, ...times };
  }

  /**
   * All shards that are listed.
   *
   * It ends where the service says that a page was the last one; also where a place to go on at comes again, or two pages in a row show
   * nothing new: such a trail would be followed for ever.
   *
   * @cost One DescribeStream per 100 shards.
   * @throws what the service refuses, throttling included; `signal.reason`
   */
  async listAll(options: SendOptions = {}): Promise<ShardListing> {
    const shards = new Map<string, ShardDescription>();
    const placesSeen = new Set<string>();
    let startAfter: string | undefined;
    let idlePages = 0;
    for (let pages = 1; ; pages += 1) {
      const page = await this.#insist(() => this.#port.describe({ arn: this.#arn, startAfter }, options));
      const known = shards.size;
      for (const shard of page.shards) shards.set(shard.shardId, shard);
      startAfter = page.lastShardId;
      const isStuck = startAfter !== undefined && placesSeen.has(startAfter);
      idlePages = shards.size === known ? idlePages + 1 : 0;
      if (startAfter === undefined || isStuck || idlePages === 2 || pages === pagesMax) {
        return { shards: [...shards.values()], status: page.status, pages };
      }
      placesSeen.add(startAfter);
      await this.#clock.sleep(this.#times.pagePauseMs, { signal: options.signal });
    }
  }

  /**
   * The children of a closed shard, as soon as one is listed. None after all tries does not mean that there is none: they may be late, and
   * DynamoDB Local knows of no children at all.
   *
   * @cost One DescribeStream per try; as a rule there is one.
   * @throws what the service refuses, throttling included; `signal.reason`
   */
  async childrenOf(shardId: string, options: SendOptions = {}): Promise<readonly ShardDescription[]> {
    const { childPauseMs, childPauseMsMax, childTries } = this.#times;
    for (let tries = 1; ; tries += 1) {
      const { shards } = await this.#insist(() =>
        this.#port.describe({ arn: this.#arn, childrenOf: shardId }, options),
      );
      // An engine that does not know the filter answers with the whole list.
      const children = shards.filter(({ parentId }) => parentId === shardId);
      if (children.length > 0 || tries >= childTries) return children;
      await this.#clock.sleep(Math.min(childPauseMsMax, childPauseMs * 2 ** (tries - 1)), { signal: options.signal });
    }
  }
}
