/** What a process reads of one shard, page by page, as its scheduler hands it out. */
import type { StreamRecord } from './port.js';
import type { ShardPosition } from './position.js';

/** A page of a shard that waits for its consumer. */
export interface ShardPage {
  /** In order. May be empty at the end of the shard. */
  readonly records: readonly StreamRecord[];
  /** Records before them that lie before the start, and were passed over. @defaultValue none */
  readonly passed?: number | undefined;
  readonly bytes: number;
  /** The last page: the shard is closed, and after this there is nothing. */
  readonly isEnd: boolean;
  /** Where the shard is done when this page is; what to store. */
  readonly position: ShardPosition;
}

/** One shard that a scheduler reads. At most one page is read ahead of the one that was taken last. */
export interface ShardFeed {
  readonly shardId: string;
  /** The page that waits, taken out, so that the next one is asked for; `undefined`: none is there. */
  take(): ShardPage | undefined;
  /**
   * Takes the next page, when it comes.
   *
   * @throws {StreamGapError} `ERR_STREAM_GAP` in the place of the records that may be missing; `resume()` goes on behind it. What the
   * service refuses for good. `signal.reason`; then nothing was taken. Transient failures are asked again, for ever.
   */
  next(signal?: AbortSignal): Promise<ShardPage>;
  /** Goes on behind a gap, at the oldest record that is there. */
  resume(): void;
  /** What stopped it, if something did: a gap, a refusal. */
  readonly stoppedBy: Error | undefined;
  /** A live iterator is there: what is written from now on will be seen. */
  readonly isLive: boolean;
  /** Everything up to the tip was handed out; as far as one can know. */
  readonly isCaughtUp: boolean;
  /** Ends it. What was read ahead is dropped. */
  close(): void;
}

/** Who is told of a feed. */
export interface FeedListener {
  /** Something can be taken, or it has stopped. Called often; must not throw. */
  onReadable?(feed: ShardFeed): void;
  /** It has a live iterator for the first time. */
  onLive?(feed: ShardFeed): void;
  /** It has come to the tip, or has left it. */
  onCaughtUp?(feed: ShardFeed, isCaughtUp: boolean): void;
  /** It is at the tip, still: told with each empty page there. */
  onTip?(feed: ShardFeed): void;
}
