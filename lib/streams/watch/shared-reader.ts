/**
 * One reader of a stream for all of a process who want to know.
 *
 *   somebody listens ──> a place to read? ──> reader opened ──> ready ──────────> healthy: every change is told
 *          ^                  │ none: ask again later           │ lost, failed         │ a gap: doubt
 *          │                  v                                 v                      v
 *   nobody for a while:    not healthy: whoever listens looks for himself      whoever listens looks once
 *   closed
 *
 * Invariants: whoever listens is told of a doubt, or that it is not healthy any longer, before anything that comes behind what may have been
 * missed; it is healthy only while every open shard is read from a live iterator. The tip of a stream is soft: an iterator at it may
 * leave out what is written right after it was taken. So there is a second doubt a little after each beginning.
 *
 * Its timers keep no process alive.
 */
import { keyTextOf } from '../../atom/index.js';
import { after, type Clock, onAbort, type Random, type SendOptions } from '../../engine/index.js';
import type { Batch, Parser, RecordMeta } from '../change.js';
import { type Gap, StreamError } from '../errors.js';
import type { StreamRecord } from '../port.js';
import type { StreamPosition, StreamToken } from '../position.js';
import type { ReaderEvent } from '../reader-events.js';
import { refusalOf } from '../refusals.js';
import type { StreamFacts } from '../stream-lookup.js';
import { Pulse } from './pulse.js';
import type { Slot } from './reader-slots.js';
import type { Fed, Tap } from './tap.js';

/** Pause before a reader that failed is opened again: doubles from the first to the second. */
const againMsMin = 1_000;
const againMsMax = 60_000;

/** Pause between having a place and reading in it. */
const handOverMs = 3_000;

/** A continuous reader, as far as it matters here. */
export interface FedReader extends AsyncIterable<Batch<Fed>> {
  /** Comes back when every open shard has a live iterator. */
  ready(): Promise<void>;
  /** How far all is done. Throws before that is known. */
  token(): StreamToken;
  nudge(): void;
  stop(): Promise<void>;
}

/** What a reader is opened with. */
export interface FedReadOptions {
  readonly from: StreamPosition;
  readonly parser: Parser<Fed>;
  readonly signal: AbortSignal;
  readonly onGap: (gap: Gap) => 'continue';
  readonly onEvent: (event: ReaderEvent) => void;
}

export interface SharedReaderOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly resolve: (options: SendOptions & { readonly fresh: boolean }) => Promise<StreamFacts>;
  readonly open: (options: FedReadOptions) => FedReader;
  /** Waits for a place among the readers of the stream; absent: none is needed. */
  readonly take?: ((arn: string, signal: AbortSignal) => Promise<Slot>) | undefined;
  /** Where the first reader begins. @defaultValue the tip */
  readonly from?: StreamPosition | undefined;
  /** Throws what makes the stream unfit. */
  readonly accept: (facts: StreamFacts) => void;
  /** How long it goes on reading with nobody there. */
  readonly lingerMs: number;
  /** How long nothing may be heard of a shard. */
  readonly slowMs: number;
  /** How long after its beginning a reader at the tip may have left something out. */
  readonly settleMs: number;
  readonly onError: (error: unknown) => void;
}

/** `idle`: nobody listens. `waiting`: others have the places. `down`: something stands in the way; it is tried again. */
export type SharedReaderState = 'idle' | 'waiting' | 'starting' | 'live' | 'down' | 'closed';

export class SharedReader {
  readonly #options: SharedReaderOptions;
  readonly #taps = new Set<Tap>();
  #stop: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();
  #reader: FedReader | undefined;
  #facts: StreamFacts | undefined;
  #state: SharedReaderState = 'idle';
  #slot: Slot | undefined;
  /** Where those who want all stand. */
  #token: StreamToken | undefined;
  #callOff: () => void = () => {};
  #failures = 0;
  #reported: string | undefined;

  constructor(options: SharedReaderOptions) {
    this.#options = options;
  }

  get state(): SharedReaderState {
    return this.#state;
  }

  /** The number of the place that it reads in. */
  get slot(): number | undefined {
    return this.#slot?.number;
  }

  get isHealthy(): boolean {
    return this.#state === 'live';
  }

  /** How far all was handed out that it read. */
  get token(): StreamToken | undefined {
    return tokenOf(this.#reader) ?? this.#token;
  }

  /** Begins to listen; gives what ends it. The first tap starts the reader. */
  add(tap: Tap): () => void {
    if (this.#state === 'closed') throw new TypeError('Cannot listen to a stream: its watch source is closed');
    this.#callOff();
    this.#taps.add(tap);
    if (tap.wantsAll) this.#token ??= tokenOf(this.#reader);
    if (this.#stop === undefined) this.#start();
    else if (this.isHealthy)
      queueMicrotask(() => this.#taps.has(tap) && this.isHealthy && tap.onHealth(true, this.#facts));
    return () => this.#remove(tap);
  }

  /** Something was written here: looks at once. */
  nudge(): void {
    this.#reader?.nudge();
  }

  /** Ends it for good. */
  async close(): Promise<void> {
    this.#callOff();
    this.#stop?.abort();
    this.#state = 'closed';
    const taps = [...this.#taps];
    this.#taps.clear();
    for (const tap of taps) tap.onEnd();
    await this.#running;
  }

  #remove(tap: Tap): void {
    if (!this.#taps.delete(tap)) return;
    if (!this.#wantsAll) this.#token = undefined;
    if (this.#taps.size > 0) return;
    this.#callOff();
    this.#callOff = after(this.#options.clock, this.#options.lingerMs, () => this.#halt(), true);
  }

  #halt(): void {
    this.#stop?.abort();
    this.#stop = undefined;
    if (this.#state !== 'closed') this.#state = 'idle';
  }

  get #wantsAll(): boolean {
    for (const tap of this.#taps) if (tap.wantsAll) return true;
    return false;
  }

  // ---- one reader after another -----------------------------------------------------------------------------------

  #start(): void {
    const stop = new AbortController();
    this.#stop = stop;
    // One at a time: the one before gives its place back first.
    this.#running = this.#running.then(() => this.#run(stop.signal));
  }

  /** Never rejects. */
  async #run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#readOnce(signal);
      } catch (error) {
        if (signal.aborted) break;
        this.#refused(error);
      }
      if (signal.aborted) break;
      this.#state = 'down';
      const pauseMs = Math.min(againMsMax, againMsMin * 2 ** this.#failures) * (0.5 + 0.5 * random.next());
      this.#failures = Math.min(this.#failures + 1, 16);
      await clock.sleep(pauseMs, { signal, background: true }).catch(() => {});
    }
  }

  async #readOnce(signal: AbortSignal): Promise<void> {
    const { resolve, accept, take } = this.#options;
    this.#state = 'starting';
    // A stream may have been replaced by another one.
    const facts = await resolve({ signal, fresh: this.#failures > 0 });
    accept(facts);
    this.#facts = facts;
    if (take === undefined) return this.#read(facts, undefined, signal);
    this.#state = 'waiting';
    const slot = await take(facts.arn, signal);
    this.#slot = slot;
    try {
      this.#state = 'starting';
      // The one before may just have read: a shard bears two readers, and the service says nothing of how long one counts.
      await this.#options.clock.sleep(handOverMs, { signal, background: true });
      await this.#read(facts, slot, signal);
    } finally {
      this.#slot = undefined;
      await slot.release();
    }
  }

  async #read(facts: StreamFacts, slot: Slot | undefined, signal: AbortSignal): Promise<void> {
    const { clock, open, slowMs } = this.#options;
    const stop = new AbortController();
    const pulse = new Pulse(slowMs, clock.monotonicMs());
    const leaves = [onAbort(signal, () => stop.abort(signal.reason))];
    if (slot !== undefined) leaves.push(onAbort(slot.signal, () => stop.abort(slot.signal.reason)));
    const reader = open({
      from: this.#beginning(),
      parser: { parse: (record, meta) => this.#parse(record, meta, facts) },
      signal: stop.signal,
      onGap: (gap) => this.#doubt(gap),
      onEvent: (event) => {
        const now = clock.monotonicMs();
        if (event.type === 'read') pulse.answered(event.shardId, now);
        else if (event.type === 'retry') pulse.failed(event.shardId, now);
        else if (event.type === 'shard-end') pulse.ended(event.shardId, now);
        else if (event.type === 'shard-open') pulse.opened();
      },
    });
    this.#reader = reader;
    try {
      // What it rejects with comes out of the loop as well.
      reader.ready().then(
        () => this.#ready(reader, pulse, stop.signal),
        () => {},
      );
      for await (const batch of reader) {
        if (stop.signal.aborted) break;
        const taken = this.#deliver(batch);
        if (taken !== undefined) await taken;
      }
      if (!stop.signal.aborted) throw new StreamError('no-stream', facts.arn, 'it has ended: it was turned off');
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    } finally {
      for (const leave of leaves) leave();
      // What was handed out is done by then: the next batch was asked for.
      if (this.#wantsAll) this.#token = tokenOf(reader) ?? this.#token;
      this.#reader = undefined;
      stop.abort();
      this.#setHealthy(false);
      await reader.stop().catch(() => {});
    }
  }

  /** Those who want all go on where they stood. Nobody can say what was written since then for those who stood nowhere. */
  #beginning(): StreamPosition {
    return this.#token ?? this.#options.from ?? 'latest';
  }

  #ready(reader: FedReader, pulse: Pulse, signal: AbortSignal): void {
    if (this.#reader !== reader || signal.aborted) return;
    this.#failures = 0;
    this.#reported = undefined;
    if (this.#wantsAll) this.#token ??= tokenOf(reader);
    this.#setHealthy(true);
    const { clock, settleMs } = this.#options;
    onAbort(
      signal,
      after(clock, settleMs, () => this.#doubt(), true),
    );
    void this.#feel(pulse, signal);
  }

  /** Looks now and then whether the reader can be relied on. Never rejects. */
  async #feel(pulse: Pulse, signal: AbortSignal): Promise<void> {
    const { clock, slowMs } = this.#options;
    try {
      for (;;) {
        await clock.sleep(slowMs / 4, { signal, background: true });
        this.#setHealthy(!pulse.isSlow(clock.monotonicMs()));
      }
    } catch {
      // Only the sleep ends here.
    }
  }

  #setHealthy(isHealthy: boolean): void {
    if (isHealthy === this.isHealthy) return;
    if (this.#state !== 'closed' && this.#state !== 'idle') this.#state = isHealthy ? 'live' : 'down';
    for (const tap of [...this.#taps]) tap.onHealth(isHealthy, this.#facts);
  }

  #doubt(gap?: Gap): 'continue' {
    for (const tap of [...this.#taps]) tap.onDoubt(gap);
    return 'continue';
  }

  // ---- records ----------------------------------------------------------------------------------------------------

  /** What nobody wants is done when it is seen. Whoever comes later reads the table after that. */
  #parse(record: StreamRecord, meta: RecordMeta, { keyNames }: StreamFacts): Fed | undefined {
    const key = record.dynamodb?.Keys ?? {};
    const keyText = keyTextOf(key, keyNames);
    if (keyText === undefined) return undefined;
    for (const tap of this.#taps) if (tap.wants(keyText, key)) return { keyText, record, meta };
    return undefined;
  }

  #deliver(batch: Batch<Fed>): Promise<unknown> | undefined {
    const waits: Promise<void>[] = [];
    for (const tap of [...this.#taps]) {
      const taken = tap.take(batch);
      if (taken !== undefined) waits.push(taken);
    }
    return waits.length === 0 ? undefined : Promise.all(waits);
  }

  #refused(error: unknown): void {
    this.#report(error);
    const refusal = refusalOf(error);
    if (refusal !== 'fatal' && refusal !== 'gone') return;
    for (const tap of [...this.#taps]) tap.onRefused(error);
  }

  /** The same obstacle is told once, until it was out of the way. */
  #report(error: unknown): void {
    const what = `${(error as Error | undefined)?.name} ${(error as Error | undefined)?.message}`;
    if (this.#reported === what) return;
    this.#reported = what;
    this.#options.onError(error);
  }
}

function tokenOf(reader: FedReader | undefined): StreamToken | undefined {
  try {
    return reader?.token();
  } catch {
    return undefined;
  }
}
