/** A shard that a scheduler reads: the page that waits, who waits for it, and what stopped it. */
import { type Clock, onAbort } from '../engine/index.js';
import { StreamGapError } from './errors.js';
import type { FeedListener, ShardFeed, ShardPage } from './feed.js';
import { emptyPagesAtTip, type LastPage } from './pace.js';
import type { ShardReader } from './shard-reader.js';

/** What a feed asks of its scheduler. */
export interface FeedHost {
  /** There is room for a page: the shard is due at this moment, in monotonic milliseconds, or at once. */
  due(feed: ScheduledFeed, at: number): void;
  /** So many bytes fewer wait to be taken. */
  released(bytes: number): void;
  closed(feed: ScheduledFeed): void;
}

interface Waiting {
  resolve(page: ShardPage): void;
  reject(error: unknown): void;
}

export class ScheduledFeed implements ShardFeed {
  readonly shardId: string;
  readonly reader: ShardReader;
  readonly #host: FeedHost;
  readonly #clock: Clock;
  readonly #listener: FeedListener;
  readonly #leaving = new AbortController();
  #page: ShardPage | undefined;
  #waiting: Waiting[] = [];
  #stoppedBy: Error | undefined;
  #isLive = false;
  #isCaughtUp = false;
  #isEnded = false;
  /** When it was asked last, and how long to wait from then. */
  lastAskedAt: number = Number.NEGATIVE_INFINITY;
  pauseMs = 0;
  /** Failures in a row. */
  failures = 0;
  last: LastPage = { records: 0, bytes: 0, emptyPages: 0 };
  /** Grows whenever it becomes due anew: an older entry in the queue is void. */
  turn = 0;
  isAsking = false;
  /** When it is due, if it is. */
  dueAt: number = Number.POSITIVE_INFINITY;
  /** The check that the question under way belongs to. */
  askedFor = 0;
  /** The checks that the last empty pages in a row belonged to, as many as make a tip. */
  #empties: number[] = [];
  /** Asked to look again at once while it was being asked. */
  isNudged = false;

  constructor(reader: ShardReader, host: FeedHost, clock: Clock, listener: FeedListener) {
    this.shardId = reader.shardId;
    this.reader = reader;
    this.#host = host;
    this.#clock = clock;
    this.#listener = listener;
  }

  get stoppedBy(): Error | undefined {
    return this.#stoppedBy;
  }

  get isLive(): boolean {
    return this.#isLive;
  }

  get isCaughtUp(): boolean {
    return this.#isCaughtUp;
  }

  /** Aborts when it is closed. */
  get leaving(): AbortSignal {
    return this.#leaving.signal;
  }

  /** Whether it was at its tip since a check: questions that were asked before it say nothing. */
  isAtTipSince(check: number): boolean {
    return this.#empties.length === emptyPagesAtTip && (this.#empties[0] as number) >= check;
  }

  /** Whether a page may be asked for. */
  get hasRoom(): boolean {
    return this.#page === undefined && this.#stoppedBy === undefined && !this.#isEnded && !this.leaving.aborted;
  }

  take(): ShardPage | undefined {
    const page = this.#page;
    if (page === undefined) return undefined;
    this.#page = undefined;
    this.#host.released(page.bytes);
    this.#host.due(this, this.lastAskedAt + this.pauseMs);
    return page;
  }

  next(signal?: AbortSignal): Promise<ShardPage> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const page = this.take();
    if (page !== undefined) return Promise.resolve(page);
    if (this.#stoppedBy !== undefined) return Promise.reject(this.#stoppedBy);
    if (this.leaving.aborted) return Promise.reject(this.leaving.reason);
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting = this.#waiting.filter((one) => one !== waiting);
        reject(signal?.reason);
      };
      const forget = signal && onAbort(signal, leave);
      const waiting: Waiting = {
        resolve(found) {
          forget?.();
          resolve(found);
        },
        reject(error) {
          forget?.();
          reject(error);
        },
      };
      this.#waiting.push(waiting);
    });
  }

  resume(): void {
    if (!(this.#stoppedBy instanceof StreamGapError)) return;
    this.reader.resume(this.#stoppedBy.gap);
    this.#stoppedBy = undefined;
    this.#host.due(this, this.#clock.monotonicMs());
  }

  close(): void {
    if (this.leaving.aborted) return;
    this.#leaving.abort(new Error(`Shard ${this.shardId} is read no more`));
    this.#host.released(this.#page?.bytes ?? 0);
    this.#page = undefined;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.leaving.reason);
    this.#host.closed(this);
  }

  /** A page came. */
  arrived(page: ShardPage): void {
    this.failures = 0;
    this.#isEnded = page.isEnd;
    // A page of which all was passed over says as little of the tip as a full one.
    const records = page.records.length + (page.passed ?? 0);
    this.last = { records, bytes: page.bytes, emptyPages: records === 0 ? this.last.emptyPages + 1 : 0 };
    const empties = Array.from({ length: page.isEnd ? emptyPagesAtTip : 1 }, () => this.askedFor);
    this.#empties = records > 0 ? [] : [...this.#empties, ...empties].slice(-emptyPagesAtTip);
    const isAtTip = this.#empties.length === emptyPagesAtTip;
    this.#tell(page.isEnd || isAtTip);
    if (isAtTip) this.#listener.onTip?.(this);
    if (page.records.length === 0 && !page.isEnd) return;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#page = page;
    else {
      this.#host.released(page.bytes);
      waiting.resolve(page);
      return;
    }
    this.#listener.onReadable?.(this);
  }

  /** It can't go on. */
  stopped(error: Error): void {
    this.#stoppedBy = error;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
    this.#listener.onReadable?.(this);
  }

  #tell(isCaughtUp: boolean): void {
    if (!this.#isLive) {
      this.#isLive = true;
      this.#listener.onLive?.(this);
    }
    if (isCaughtUp === this.#isCaughtUp) return;
    this.#isCaughtUp = isCaughtUp;
    this.#listener.onCaughtUp?.(this, isCaughtUp);
  }
}
