/**
 * Reads many shards in one process: one queue of who is due when, so that a shard costs no timer and no task of its own.
 *
 *   queue (by due time) ──> at most 16 questions under way ──> page ──> feed: one page waits ──> take() ──> due again
 *                                  ^                                                              │
 *                                  └── nobody is asked while bufferedBytesMax wait to be taken ───┘
 *
 * A shard whose page waits is not asked again: at most one page is read ahead. Failures of the network and of the service delay a
 * shard (full jitter, doubled each time, 30 s at most) and are told to nobody but the listener of events; gaps and refusals stop it.
 * Fairness between shards is the queue's: whoever has been due longest is asked first. It holds no clock but the one it is given.
 */
import TinyQueue from 'tinyqueue';
import { Alarm, type Ceilings, type Clock, fullJitterMs, type Random } from '../engine/index.js';
import { StreamGapError } from './errors.js';
import type { FeedListener, ShardFeed } from './feed.js';
import { recordsPageMax } from './limits.js';
import { type Pace, pauseMs } from './pace.js';
import type { StreamsPort } from './port.js';
import { type Refusal, refusalOf } from './refusals.js';
import { type FeedHost, ScheduledFeed } from './shard-feed.js';
import { type AgeLimits, ageLimitsDefault, ShardReader, type ShardStart } from './shard-reader.js';

/** What happens between questions and answers. */
export type SchedulerEvent =
  | { readonly type: 'read'; readonly shardId: string; readonly records: number; readonly bytes: number }
  | { readonly type: 'expired'; readonly shardId: string }
  | {
      readonly type: 'retry';
      readonly shardId: string;
      readonly refusal: Refusal;
      readonly error: unknown;
      readonly failures: number;
      readonly waitMs: number;
    };

export interface SchedulerOptions {
  /** Behind a governor. */
  readonly port: StreamsPort;
  readonly arn: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly pace: Pace;
  readonly ages?: AgeLimits | undefined;
  /** Bytes that may wait to be taken, in all shards together; one page for each question under way may come on top. @defaultValue 8 MiB */
  readonly bufferedBytesMax?: number | undefined;
  /** @defaultValue 1,000 */
  readonly pageRecordsMax?: number | undefined;
  /** Lets the process end although it would read on. @defaultValue false */
  readonly background?: boolean | undefined;
  readonly onEvent?: ((event: SchedulerEvent) => void) | undefined;
}

interface Due {
  readonly at: number;
  readonly feed: ScheduledFeed;
  readonly turn: number;
}

const backOff: Ceilings = { leastMs: 200, mostMs: 30_000 };
/** A shard that hangs on its iterator alone is asked this often, whatever waits. */
const touchMs = 5 * 60_000;

export const bufferedBytesMaxDefault: number = 8 << 20;

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #pageRecordsMax: number;
  readonly #bufferedBytesMax: number;
  readonly #alarm: Alarm;
  readonly #queue = new TinyQueue<Due>([], (a, b) => a.at - b.at);
  readonly #feeds = new Set<ScheduledFeed>();
  /** Due, but there is no room for what they would bring. */
  readonly #held = new Set<ScheduledFeed>();
  readonly #host: FeedHost;
  #asking = 0;
  #bufferedBytes = 0;
  #isClosed = false;
  #pumping = false;
  #check = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#pageRecordsMax = options.pageRecordsMax ?? recordsPageMax;
    this.#bufferedBytesMax = options.bufferedBytesMax ?? bufferedBytesMaxDefault;
    this.#alarm = new Alarm(options.clock, () => this.#pump(), options.background);
    this.#host = {
      due: (feed, at) => this.#due(feed, at),
      released: (bytes) => this.#released(bytes),
      closed: (feed) => {
        this.#feeds.delete(feed);
        this.#held.delete(feed);
      },
    };
  }

  /** Bytes of records that wait to be taken. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Shards that are read. */
  get size(): number {
    return this.#feeds.size;
  }

  /** Begins to read a shard. */
  add(shardId: string, start: ShardStart, listener: FeedListener = {}): ShardFeed {
    const { port, clock, arn, ages = ageLimitsDefault, onEvent } = this.#options;
    const onExpired = () => onEvent?.({ type: 'expired', shardId });
    const pageRecordsMax = this.#pageRecordsMax;
    const reader = new ShardReader({ port, clock, arn, shardId, start, ages, pageRecordsMax, onExpired });
    const feed = new ScheduledFeed(reader, this.#host, clock, listener);
    this.#feeds.add(feed);
    this.#due(feed, clock.monotonicMs());
    return feed;
  }

  /** Asks all shards that wait for their next turn as soon as their pace allows: somebody knows that there is something. */
  nudge(): void {
    for (const feed of this.#feeds) {
      if (feed.last.emptyPages > 0) feed.last = { ...feed.last, emptyPages: 0 };
      if (feed.isAsking) feed.isNudged = true;
      else if (feed.hasRoom && feed.failures === 0) {
        const at = feed.lastAskedAt + this.#leastMs();
        // Whoever writes often nudges often, and each time makes an entry of the queue void.
        if (at < feed.dueAt) this.#due(feed, at);
      }
    }
  }

  /** Asks all shards anew whether they are at their tips, with short pauses until that is known. Names this check. */
  recheck(): number {
    this.#check += 1;
    this.nudge();
    return this.#check;
  }

  /** Whether a shard was at its tip since a {@link Scheduler.recheck}. */
  isRechecked(feed: ShardFeed, check: number = this.#check): boolean {
    return (feed as ScheduledFeed).isAtTipSince(check);
  }

  /** Ends all feeds, and what is under way for them. */
  close(): void {
    this.#isClosed = true;
    this.#alarm.clear();
    for (const feed of [...this.#feeds]) feed.close();
  }

  #leastMs(): number {
    return 1_000 / this.#options.pace.shardReadsPerSecondMax;
  }

  #due(feed: ScheduledFeed, at: number): void {
    if (this.#isClosed || feed.isAsking || !feed.hasRoom) return;
    feed.turn += 1;
    feed.dueAt = at;
    this.#held.delete(feed);
    this.#queue.push({ at, feed, turn: feed.turn });
    this.#pump();
  }

  #released(bytes: number): void {
    this.#bufferedBytes -= bytes;
    if (this.#held.size === 0 || this.#bufferedBytes >= this.#bufferedBytesMax) return;
    const now = this.#options.clock.monotonicMs();
    for (const feed of [...this.#held]) this.#due(feed, now);
  }

  #pump(): void {
    // Taking a page within a listener comes back here.
    if (this.#pumping || this.#isClosed) return;
    this.#pumping = true;
    const now = this.#options.clock.monotonicMs();
    for (;;) {
      const next = this.#queue.peek();
      if (next === undefined) break;
      const { feed } = next;
      if (next.turn === feed.turn && feed.hasRoom && !feed.isAsking) {
        if (this.#asking >= this.#options.pace.readsInFlightMax) break;
        if (next.at > now) {
          this.#alarm.set(next.at);
          break;
        }
        if (this.#mayBring(feed, now)) this.#ask(feed);
        else this.#held.add(feed);
      }
      this.#queue.pop();
    }
    this.#pumping = false;
  }

  /** Whether there is room for a page, or the shard would be lost without one. */
  #mayBring(feed: ScheduledFeed, now: number): boolean {
    if (this.#bufferedBytes < this.#bufferedBytesMax) return true;
    const takenAt = feed.reader.hangsOnIterator ? feed.reader.iteratorTakenAt : undefined;
    if (takenAt === undefined) return false;
    if (now - takenAt >= touchMs) return true;
    this.#queue.push({ at: takenAt + touchMs, feed, turn: feed.turn });
    return false;
  }

  #ask(feed: ScheduledFeed): void {
    this.#asking += 1;
    feed.isAsking = true;
    feed.dueAt = Number.POSITIVE_INFINITY;
    feed.isNudged = false;
    feed.askedFor = this.#check;
    feed.lastAskedAt = this.#options.clock.monotonicMs();
    feed.reader
      .poll({ signal: feed.leaving })
      .then(
        (page) => this.#arrived(feed, page),
        (error: unknown) => this.#failed(feed, error),
      )
      .finally(() => {
        this.#asking -= 1;
        this.#pump();
      });
  }

  #arrived(feed: ScheduledFeed, page: Parameters<ScheduledFeed['arrived']>[0]): void {
    feed.isAsking = false;
    if (feed.leaving.aborted) return;
    const { clock, pace, onEvent } = this.#options;
    onEvent?.({ type: 'read', shardId: feed.shardId, records: page.records.length, bytes: page.bytes });
    this.#bufferedBytes += page.bytes;
    feed.arrived(page);
    const isHurried = feed.isNudged || (this.#check > 0 && !this.isRechecked(feed));
    feed.pauseMs = isHurried ? this.#leastMs() : pauseMs(pace, feed.last, this.#pageRecordsMax, this.#feeds.size);
    this.#due(feed, Math.max(clock.monotonicMs(), feed.lastAskedAt + feed.pauseMs));
  }

  #failed(feed: ScheduledFeed, error: unknown): void {
    feed.isAsking = false;
    if (feed.leaving.aborted) return;
    const refusal = error instanceof StreamGapError ? 'fatal' : refusalOf(error);
    if (refusal === 'fatal') {
      feed.stopped(error as Error);
      return;
    }
    const { clock, random, onEvent } = this.#options;
    feed.failures += 1;
    const waitMs = Math.max(this.#leastMs(), fullJitterMs(random, backOff, feed.failures - 1));
    onEvent?.({ type: 'retry', shardId: feed.shardId, refusal, error, failures: feed.failures, waitMs });
    this.#due(feed, clock.monotonicMs() + waitMs);
  }
}
