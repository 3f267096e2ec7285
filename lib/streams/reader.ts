/**
 * The reader of one process: all shards of a stream, in batches, in order along each lineage.
 *
 *   pull ──> batch ──> your code ──> pull = commit ──> position, saved now and then
 *                          └── break, throw, death: the batch in hand is not committed, and comes again
 *
 * Invariants: a record counts as done only when its batch was committed; what is saved never lies behind a batch that is not; a child
 * shard is begun when all of its parent is done; where records may be missing nothing later of that lineage is handed out before it was
 * told. A page that waits is one per shard, so a slow consumer costs memory for no more than `bufferedBytesMax` and what is under way.
 */
import { onAbort, unlessAborted } from '../engine/index.js';
import { AwaitedTips } from './awaited-tips.js';
import type { Batch, Change } from './change.js';
import { StreamError, StreamGapError } from './errors.js';
import { EventQueues, type Lost } from './event-queue.js';
import type { ShardFeed, ShardPage } from './feed.js';
import { Notice } from './notice.js';
import { Outstanding } from './outstanding.js';
import { parsePage } from './parse-page.js';
import type { ShardPosition, StreamToken } from './position.js';
import type { ReadSettings } from './read-options.js';
import type { ReaderEvent } from './reader-events.js';
import { openReading, type Reading } from './reading.js';
import { serviceNowMs } from './service-time.js';
import type { StreamGround } from './stream-ground.js';
import { tell } from './tell.js';

/** Longest wait of `stop` for the store of tokens. */
const stopMsMax = 10_000;

/**
 * Reads a stream, batch by batch; made by `TableStream.read` and `TableStream.singlePass`. Reading begins with the first pull, `ready()` or
 * `caughtUp()`.
 *
 * Pulls beside each other are answered one after the other; each says that the batches are done which had come before it was called.
 */
export class StreamReader<T> implements AsyncIterableIterator<Batch<T>>, AsyncDisposable {
  readonly #stream: StreamGround;
  readonly #settings: ReadSettings<T>;
  readonly #isPass: boolean;
  readonly #events = new EventQueues<ReaderEvent>();
  readonly #outstanding = new Outstanding();
  readonly #readable = new Set<ShardFeed>();
  readonly #tips = new AwaitedTips();
  readonly #leaving = new AbortController();
  #opening: Promise<Reading> | undefined;
  #opened: Reading | undefined;
  #failure: { readonly error: unknown } | undefined;
  #isOpen = false;
  #isDrained = false;
  #isCaughtUp = false;
  #inHand: (() => void)[] = [];
  #pulls: Promise<void> = Promise.resolve();
  #isTold = false;
  readonly #notice = new Notice();
  #forget: (() => void) | undefined;
  #ending: Promise<void> | undefined;

  /** @internal */
  constructor(stream: StreamGround, settings: ReadSettings<T>, isPass: boolean) {
    this.#stream = stream;
    this.#settings = settings;
    this.#isPass = isPass;
  }

  /**
   * The next batch, as soon as there is one. Commits the one before (`commit: 'auto'`).
   *
   * @throws {StreamGapError} `ERR_STREAM_GAP`, {@link RecordParseError} `ERR_STREAM_PARSE`, {@link TokenError} `ERR_STREAM_TOKEN`, {@link StreamError}
   * `ERR_STREAM`, {@link CheckpointConflictError} `ERR_STREAM_CHECKPOINT`, what the service refuses for good, `signal.reason`. After that the
   * reader has ended; `token()` still says how far it was.
   */
  next(): Promise<IteratorResult<Batch<T>>> {
    for (const finish of this.#inHand.splice(0)) finish();
    const pulled = this.#pulls.then(() => this.#next());
    const settled = () => {};
    this.#pulls = pulled.then(settled, settled);
    return pulled;
  }

  /** Ends it; the batch in hand counts as not done. A loop calls it at `break` and at `throw`. */
  async return(): Promise<IteratorResult<Batch<T>>> {
    this.#inHand = [];
    await this.stop();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /**
   * Comes back when every shard that was there has been asked once: whatever is written from then on will be delivered, wherever it
   * began.
   *
   * @throws as {@link StreamReader.next}
   */
  async ready(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { lineage, forest } = await this.#open();
    await this.#until(
      () => forest.isPlaced && [...lineage.feeds.values()].every((feed) => feed.isLive),
      options.signal,
    );
  }

  /**
   * Comes back when everything that was visible at the time of this call was handed out and is done: every shard gave five empty pages
   * in a row since, or the first record that was seen from its tip after the call. So it comes back as well where writing never ends.
   *
   * @cost Five questions for each shard; three more, about, for one that is written on and on.
   * @throws as {@link StreamReader.next}
   */
  async caughtUp(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const reading = await this.#open();
    const { lineage, forest, nowMs } = reading;
    const awaited = this.#tips.await(reading, () => this.#notice.give());
    const isDone = (feed: ShardFeed) =>
      awaited.isPassed(feed) ||
      (awaited.isAtTip(feed) && !this.#readable.has(feed) && !this.#outstanding.has(feed.shardId));
    try {
      await this.#until(
        () => !forest.isUnsettled(nowMs()) && [...lineage.feeds.values()].every(isDone),
        options.signal,
      );
    } finally {
      awaited.close();
    }
  }

  /** Asks all shards at once, as far as their pace allows: you know that something was written. */
  nudge(): void {
    this.#opened?.scheduler.nudge();
  }

  /** How far everything is done: what to read on from. @throws TypeError before the reader has begun. */
  token(): StreamToken {
    if (this.#opened !== undefined) return { v: 1, stream: this.#opened.arn, shards: this.#opened.forest.token() };
    throw new TypeError('Cannot tell a token: the reader has not begun; await ready() first');
  }

  /**
   * Comes back when all that is done is saved by the checkpointer.
   *
   * @throws what the checkpointer threw for good.
   */
  async save(): Promise<void> {
    await this.#opened?.saver?.flush();
  }

  /** Everything that happens from now on. Nobody waits for who listens: the oldest events are lost first, and that is told. */
  events(): AsyncIterableIterator<ReaderEvent | Lost> {
    return this.#events.listen();
  }

  /**
   * Ends it: the loop ends after the batch in hand, and what is done is saved (at most ten seconds are waited for that).
   *
   * Stopping again is the same as the first time.
   */
  async stop(): Promise<void> {
    this.#leaving.abort(new Error('The reader was stopped'));
    this.#notice.give();
    await this.#opening?.catch(() => {});
    await this.#end();
  }

  /** As {@link StreamReader.stop}. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#inHand = [];
    await this.stop();
  }

  #open(): Promise<Reading> {
    if (this.#opening !== undefined) return this.#opening;
    const { signal } = this.#settings;
    if (signal !== undefined) this.#forget = onAbort(signal, () => this.#fail(signal.reason));
    this.#opening = this.#begin();
    this.#opening.catch(() => this.#forget?.());
    return this.#opening;
  }

  async #begin(): Promise<Reading> {
    this.#requireGoing();
    const reading = await openReading(this.#stream, this.#settings, {
      isPass: this.#isPass,
      signal: this.#leaving.signal,
      outstanding: this.#outstanding,
      listener: {
        onReadable: (feed) => this.#onReadable(feed),
        onLive: () => this.#notice.give(),
        onCaughtUp: () => this.#onCaughtUp(),
        onTip: () => {
          if (this.#tips.areAwaited) this.#notice.give();
        },
      },
      isOpen: () => this.#isOpen,
      onGap: (gap) => this.#onGap(gap),
      onEvent: (event) => this.#tell(event),
      onFailed: (error) => this.#fail(error),
      onDrained: () => this.#drained(),
      onShards: () => this.#onShards(),
      onChange: () => this.#notice.give(),
    });
    this.#opened = reading;
    // A pass looks for the tip, and nobody waits for it at leisure.
    if (reading.pass !== undefined) reading.scheduler.recheck();
    await reading.lineage.open();
    this.#isOpen = true;
    this.#requireGoing();
    // Where it begins is worth keeping: else a reader that begins at the tip and dies early begins at another tip.
    reading.saver?.changed();
    return reading;
  }

  async #next(): Promise<IteratorResult<Batch<T>>> {
    try {
      if (this.#ending === undefined) {
        const batch = await this.#pull(await this.#open());
        if (batch !== undefined) return { done: false, value: batch };
      }
    } catch (error) {
      if (!this.#leaving.signal.aborted) this.#fail(error);
    }
    await this.#end();
    // The batch that was in hand when somebody else stopped the reader is done by now.
    await this.#opened?.saver?.finish(stopMsMax);
    if (this.#failure === undefined || this.#isTold) return { done: true, value: undefined };
    this.#isTold = true;
    throw this.#failure.error;
  }

  /** The next batch; `undefined`: there will be none. */
  async #pull(opened: Reading): Promise<Batch<T> | undefined> {
    const { commit, parser } = this.#settings;
    for (;;) {
      this.#requireGoing();
      const [feed] = this.#readable;
      if (feed === undefined) {
        if (this.#isDrained || this.#isPassed(opened)) return undefined;
        await this.#notice.next();
        continue;
      }
      this.#readable.delete(feed);
      if (feed.stoppedBy !== undefined) {
        this.#onStopped(feed, feed.stoppedBy);
        continue;
      }
      const taken = feed.take();
      const page = taken && (opened.pass === undefined ? taken : opened.pass.cut(feed, taken));
      if (page === undefined) continue;
      const parsed = parsePage(feed.shardId, page.records, parser);
      // Who leaves does not wait for a parser; what it has in hand was not handed out.
      const records = parsed instanceof Promise ? await unlessAborted(parsed, this.#leaving.signal) : parsed;
      const done = this.#outstanding.handOut(feed.shardId, page.position);
      const shards = opened.line.handedOut(feed.shardId, page.position);
      const finish = () => this.#done(feed.shardId, done());
      if (records.length === 0) {
        finish();
        continue;
      }
      if (commit === 'auto') this.#inHand.push(finish);
      return this.#batch(() => ({ v: 1, stream: opened.arn, shards: shards() }), feed, page, records, finish);
    }
  }

  #batch(
    token: () => StreamToken,
    feed: ShardFeed,
    page: ShardPage,
    records: readonly Change<T>[],
    finish: () => void,
  ): Batch<T> {
    const oldest = (records[0] as Change<T>).meta.approximateCreationTime.getTime();
    return {
      shardId: feed.shardId,
      records,
      shardEnd: page.isEnd,
      caughtUp: this.#isCaughtUp,
      ageMs: Math.max(0, serviceNowMs(this.#stream.clock, this.#stream.governed) - oldest),
      token,
      commit: async () => {
        finish();
        if (this.#failure !== undefined) throw this.#failure.error;
      },
    };
  }

  /** More of a shard is done. */
  #done(shardId: string, moved: ShardPosition | undefined): void {
    if (moved === undefined || this.#opened === undefined) return;
    this.#tips.done(shardId, moved);
    const { forest, lineage, saver } = this.#opened;
    try {
      if (moved === 'end') lineage.finished(shardId);
      else forest.advance(shardId, moved);
    } catch (error) {
      this.#fail(error);
    }
    saver?.changed();
    this.#notice.give();
  }

  #onStopped(feed: ShardFeed, error: Error): void {
    if (!(error instanceof StreamGapError)) throw error;
    this.#tell({ type: 'gap', gap: error.gap });
    if (this.#onGap(error.gap) === 'throw') throw error;
    feed.resume();
  }

  #onGap(gap: StreamGapError['gap']): 'throw' | 'continue' {
    const { onGap } = this.#settings;
    const decided: unknown = typeof onGap === 'function' ? onGap(gap) : onGap;
    if (decided === 'throw' || decided === 'continue') return decided;
    throw new TypeError(`Cannot read on: onGap must return 'throw' or 'continue', at once: ${String(decided)}`);
  }

  #onReadable(feed: ShardFeed): void {
    this.#readable.add(feed);
    this.#notice.give();
  }

  #onShards(): void {
    const { lineage, pass, line } = this.#opened ?? {};
    line?.changed();
    if (pass !== undefined) for (const feed of lineage?.feeds.values() ?? []) pass.watch(feed);
    this.#onCaughtUp();
  }

  #onCaughtUp(): void {
    const feeds = this.#opened?.lineage.feeds ?? new Map<string, ShardFeed>();
    const isCaughtUp = feeds.size > 0 && [...feeds.values()].every((feed) => feed.isCaughtUp);
    if (isCaughtUp !== this.#isCaughtUp) {
      this.#isCaughtUp = isCaughtUp;
      this.#tell({ type: 'caught-up', isCaughtUp });
    }
    this.#notice.give();
  }

  #isPassed({ pass, lineage, forest, nowMs }: Reading): boolean {
    if (pass === undefined || this.#outstanding.holdsEnd || forest.isUnsettled(nowMs())) return false;
    return [...lineage.feeds.values()].every((feed) => pass.isOver(feed));
  }

  #drained(): void {
    this.#isDrained = true;
    if (!this.#isPass && !this.#stream.allowsDisabled) this.#fail(streamEnded(this.#opened?.arn ?? ''));
    this.#notice.give();
  }

  #tell(event: ReaderEvent): void {
    this.#events.tell(event);
    tell(this.#settings.onEvent, event);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#leaving.abort(error);
    this.#notice.give();
  }

  #requireGoing(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#leaving.signal.throwIfAborted();
  }

  async #until(isTrue: () => boolean, signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      this.#requireGoing();
      if (isTrue()) return;
      await this.#notice.next(signal);
    }
  }

  #end(): Promise<void> {
    this.#leaving.abort(new Error('The reader was stopped'));
    this.#ending ??= this.#close();
    return this.#ending;
  }

  async #close(): Promise<void> {
    this.#forget?.();
    this.#opened?.lineage.close();
    this.#opened?.scheduler.close();
    this.#readable.clear();
    this.#events.close();
    this.#notice.give();
    await this.#opened?.saver?.finish(stopMsMax);
  }
}

function streamEnded(arn: string): StreamError {
  return new StreamError(
    'ended',
    arn,
    'it was turned off, and all of it was delivered; what was written since is in no stream: read the table anew, and its new stream',
  );
}
