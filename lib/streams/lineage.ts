/**
 * What one process reads of a stream: which shards there are (the forest), where they are found (discovery), and their pages (the
 * scheduler). It starts each shard when its parent is done, and looks for the children of those that ended.
 *
 *   end of a shard done ──> forest.finish ──> children known? ──yes──> started
 *                                                  └──no──> asked for ──> a full listing ──> again, later and later
 *
 * While all shards are open nothing is asked for but a full listing every five minutes, as a net.
 */
import { type Clock, onAbort, type Random } from '../engine/index.js';
import type { Discovery } from './discovery.js';
import { type Gap, StreamError, StreamGapError } from './errors.js';
import type { FeedListener, ShardFeed } from './feed.js';
import type { ShardForest } from './forest.js';
import type { ReaderEvent } from './reader-events.js';
import { refusalOf } from './refusals.js';
import type { Scheduler } from './scheduler.js';

export interface LineageOptions {
  readonly arn: string;
  readonly forest: ShardForest;
  readonly discovery: Discovery;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  /** The time, as the service tells it, and by a clock that does not step. */
  readonly nowMs: () => number;
  readonly random: Random;
  /** Told of every shard's pages. */
  readonly listener: FeedListener;
  /** Pause between two full listings while nothing is in doubt, about. */
  readonly auditMs: number;
  /** Lets the process end although it looks for shards. */
  readonly background: boolean;
  /** Decides about records that may be missing. */
  onGap(gap: Gap): 'throw' | 'continue';
  onEvent(event: ReaderEvent): void;
  /** It can't go on. */
  onFailed(error: unknown): void;
  /** The stream was turned off, and all of it is done. */
  onDrained(): void;
  /** Which shards are read has changed. */
  onShards(): void;
}

const backOffMsMin = 1_000;

export class Lineage {
  readonly #options: LineageOptions;
  readonly #feeds = new Map<string, ShardFeed>();
  readonly #leaving = new AbortController();
  #wake: (() => void) | undefined;
  /** Of the newest listing. */
  #pages = 1;

  constructor(options: LineageOptions) {
    this.#options = options;
  }

  /** The shards that are read now. */
  get feeds(): ReadonlyMap<string, ShardFeed> {
    return this.#feeds;
  }

  /**
   * Finds the shards and begins.
   *
   * @throws what the service refuses for good; {@link StreamGapError} for shards of a token that are gone.
   */
  async open(): Promise<void> {
    await this.#list();
    this.#options.onEvent({ type: 'started', stream: this.#options.arn, shards: this.#feeds.size });
    this.#watch().catch((error: unknown) => {
      if (this.#leaving.signal.aborted) return;
      this.#options.onFailed(refusalOf(error) === 'gone' ? streamGone(this.#options.arn, error) : error);
    });
  }

  /** The end of a shard was delivered, and all of it is done. */
  finished(shardId: string): void {
    const { forest, onEvent } = this.#options;
    this.#feeds.get(shardId)?.close();
    this.#feeds.delete(shardId);
    forest.finish(shardId);
    onEvent({ type: 'shard-end', shardId });
    this.#start();
    this.#wake?.();
  }

  close(): void {
    this.#leaving.abort(new Error('The reader was stopped'));
    this.#feeds.clear();
  }

  /** Starts what can be started, and tells of what is gone. */
  #start(): void {
    const { forest, scheduler, listener, onEvent, onGap, onShards, arn } = this.#options;
    for (const gap of forest.gaps()) {
      onEvent({ type: 'gap', gap });
      if (onGap(gap) === 'throw') throw new StreamGapError(arn, gap);
      forest.finish(gap.shardId);
    }
    for (const { shardId, start, atTip, isContinuation } of forest.startable()) {
      forest.started(shardId);
      const feed = scheduler.add(shardId, { position: atTip ? 'latest' : start, isContinuation }, listener);
      this.#feeds.set(shardId, feed);
      onEvent({ type: 'shard-open', shardId });
    }
    onShards();
  }

  async #list(): Promise<void> {
    const { discovery, forest } = this.#options;
    const nowMs = this.#options.nowMs();
    const { pages, shards, status } = await discovery.listAll({ signal: this.#leaving.signal });
    this.#pages = pages;
    forest.observe(shards, { complete: true, nowMs, isDisabled: status === 'DISABLED' });
    this.#start();
    if (status === 'DISABLED' && this.#feeds.size === 0 && !forest.isUnsettled(nowMs)) this.#options.onDrained();
  }

  /** Looks for shards: now and then, and at once when something is in doubt; then later and later. */
  async #watch(): Promise<void> {
    const { auditMs, clock, forest, nowMs, random } = this.#options;
    const nextAudit = () => clock.monotonicMs() + auditMs * (0.8 + 0.4 * random.next());
    let auditAt = nextAudit();
    let looks = 0;
    for (;;) {
      if (!forest.isUnsettled(nowMs())) looks = 0;
      const untilAudit = auditAt - clock.monotonicMs();
      const isDoubted = forest.isUnsettled(nowMs());
      const waitMs = isDoubted ? (looks === 0 ? 0 : backOffMsMin * 2 ** Math.min(looks - 1, 16)) : untilAudit;
      if (waitMs > 0) await this.#pause(Math.max(0, Math.min(waitMs, untilAudit)));
      looks += 1;
      await this.#findChildren();
      if (clock.monotonicMs() < auditAt && !forest.isUnsettled(nowMs())) continue;
      await this.#list();
      auditAt = nextAudit();
    }
  }

  async #findChildren(): Promise<void> {
    const { discovery, forest } = this.#options;
    const parents = forest.suspicious(this.#options.nowMs());
    // One page of a listing shows the children of a hundred.
    if (parents.length > 2 * this.#pages) return;
    // Side by side: one whose children are late, or will never come, must not keep the others waiting.
    await Promise.all(
      parents.map(async (shardId) => {
        const nowMs = this.#options.nowMs();
        const children = await discovery.childrenOf(shardId, { signal: this.#leaving.signal });
        if (children.length === 0) return;
        forest.observe(children, { complete: false, nowMs });
        this.#start();
      }),
    );
  }

  /** Ends early when a shard has ended. */
  #pause(ms: number): Promise<void> {
    const { background, clock } = this.#options;
    const sleep = new AbortController();
    const forget = onAbort(this.#leaving.signal, () => sleep.abort());
    this.#wake = () => sleep.abort();
    return clock
      .sleep(ms, { signal: sleep.signal, background })
      .catch(() => {})
      .then(() => {
        forget();
        this.#wake = undefined;
        this.#leaving.signal.throwIfAborted();
      });
  }
}

function streamGone(arn: string, cause: unknown): StreamError {
  return new StreamError(
    'not-found',
    arn,
    'it is gone: it was turned off more than a day ago, or its table was deleted',
    cause,
  );
}
