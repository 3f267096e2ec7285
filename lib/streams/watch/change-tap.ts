/**
 * What waits for one who wants every change: raw records, in order, taken one by one.
 *
 * A shared reader waits for nobody, so whoever is too slow loses his place in the order, loudly. A reader of one's own is kept waiting.
 */
import type { Item } from '../../codec/index.js';
import { after, type Clock, onAbort } from '../../engine/index.js';
import type { Batch, Change } from '../change.js';
import { type Gap, StreamGapError } from '../errors.js';
import type { StreamToken } from '../position.js';
import { requireImages, type StreamFacts } from '../stream-lookup.js';
import { onCommits } from './commit-bell.js';
import type { SharedReader } from './shared-reader.js';
import { type Fed, type Tap, wantsRecord } from './tap.js';

/** A timer that does nothing but to be there is set anew so often. */
const aliveMs = 86_400_000;

export interface ChangeTapOptions {
  readonly reader: SharedReader;
  /** Ends the reader; present where nobody else listens to it. */
  readonly closeReader: (() => void) | undefined;
  readonly clock: Clock;
  readonly wants: Tap['wants'];
  readonly bufferedBytesMax: number;
  readonly signal: AbortSignal | undefined;
}

interface Waiting {
  readonly fed: Fed;
  /** Of the last record of a batch: where that one ends. */
  readonly token: (() => StreamToken) | undefined;
}

export class ChangeTap implements Tap {
  readonly wantsAll = true;
  readonly #options: ChangeTapOptions;
  #waiting: Waiting[] = [];
  #bytes = 0;
  #inHand: Waiting | undefined;
  #token: StreamToken | undefined;
  #facts: StreamFacts | undefined;
  #isBegun = false;
  #failure: { readonly error: unknown } | undefined;
  #isOver = false;
  #leave: () => void = () => {};
  #silence: () => void = () => {};
  #sleep: () => void = () => {};
  #wake: () => void = () => {};
  #hasRoom: () => void = () => {};

  constructor(options: ChangeTapOptions) {
    this.#options = options;
  }

  /** Begins to listen; comes back when every change from then on will be told, with `false` if that is never. */
  async begin(): Promise<boolean> {
    const { reader, signal } = this.#options;
    signal?.throwIfAborted();
    if (this.#isOver) return false;
    const leave = reader.add(this);
    const forget = signal === undefined ? () => {} : onAbort(signal, () => this.#abort(signal.reason));
    this.#keepAlive();
    this.#leave = () => {
      leave();
      forget();
      this.#sleep();
    };
    while (!this.#isBegun && !this.#isOver) await this.#change();
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#token ??= reader.token;
    return !this.#isOver;
  }

  /** The next record; `undefined`: there will be none. */
  async next(): Promise<Fed | undefined> {
    this.#token = this.#inHand?.token?.() ?? this.#token;
    this.#inHand = undefined;
    for (;;) {
      const waiting = this.#waiting.shift();
      if (waiting !== undefined) {
        this.#inHand = waiting;
        this.#bytes -= waiting.fed.meta.sizeBytes;
        if (this.#bytes < this.#options.bufferedBytesMax) this.#hasRoom();
        return waiting.fed;
      }
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#isOver) return undefined;
      await this.#change();
    }
  }

  token(): StreamToken | undefined {
    const isAtTip = this.#waiting.length === 0 && this.#inHand === undefined && this.#isBegun && !this.#isOver;
    return (isAtTip ? this.#options.reader.token : undefined) ?? this.#token;
  }

  /** The error for what is missing. */
  gap(gap: Gap): StreamGapError {
    return new StreamGapError(this.#facts?.arn ?? 'the table', gap);
  }

  isGap(error: unknown): boolean {
    return error instanceof StreamGapError;
  }

  close(): void {
    this.#isOver = true;
    this.#waiting = [];
    this.#silence();
    this.#leave();
    this.#hasRoom();
    this.#wake();
    this.#options.closeReader?.();
  }

  // ---- as a tap ---------------------------------------------------------------------------------------------------

  wants(keyText: string, key: Item): boolean {
    return this.#options.wants(keyText, key);
  }

  take({ records, token }: Batch<Fed>): void | Promise<void> {
    if (this.#isOver) return;
    const { bufferedBytesMax, closeReader } = this.#options;
    const ours = records.filter(({ value }) => wantsRecord(this, value));
    for (const [at, { value: fed }] of ours.entries()) {
      this.#waiting.push({ fed, token: at === ours.length - 1 ? token : undefined });
      this.#bytes += fed.meta.sizeBytes;
    }
    this.#wake();
    if (this.#bytes < bufferedBytesMax || ours.length === 0) return;
    if (closeReader !== undefined) {
      return new Promise((resolve) => {
        this.#hasRoom = resolve;
      });
    }
    const { shardId, sequenceNumber: after } = (ours.at(-1) as Change<Fed>).meta;
    this.#fail(this.gap({ shardId, reason: 'too-slow', after }));
  }

  onHealth(isHealthy: boolean, facts: StreamFacts | undefined): void {
    if (!isHealthy || facts === undefined || this.#isOver) return;
    this.#facts = facts;
    if (this.#isBegun) return;
    try {
      requireImages(facts, 'both-images');
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#isBegun = true;
    this.#silence = onCommits(facts.tableName, () => this.#options.reader.nudge());
    this.#wake();
  }

  onRefused(error: unknown): void {
    this.#fail(error);
  }

  onDoubt(gap?: Gap): void {
    if (gap !== undefined) this.#fail(this.gap(gap));
  }

  onEnd(): void {
    if (!this.#isOver) this.close();
  }

  #abort(reason: unknown): void {
    this.#waiting = [];
    this.#fail(reason);
  }

  /** A reader keeps no process alive; a loop over changes does. */
  #keepAlive(): void {
    this.#sleep = after(this.#options.clock, aliveMs, () => this.#keepAlive());
  }

  /** After what waits before it. */
  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#failure = { error };
    this.#isOver = true;
    this.#silence();
    this.#leave();
    this.#hasRoom();
    this.#wake();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
