/** What a reader is made of, put together: which stream is meant, where it begins, its forest, its scheduler, its lineage, its saver. */
import { Discovery } from './discovery.js';
import type { Gap } from './errors.js';
import type { FeedListener } from './feed.js';
import { ShardForest } from './forest.js';
import { Lineage } from './lineage.js';
import type { Outstanding } from './outstanding.js';
import { PassEnd } from './pass-end.js';
import { persist } from './persist.js';
import type { StreamsPort } from './port.js';
import type { ReadSettings } from './read-options.js';
import type { ReaderEvent } from './reader-events.js';
import { Scheduler } from './scheduler.js';
import { serviceNowMs } from './service-time.js';
import { ageLimitsDefault } from './shard-reader.js';
import type { StreamGround } from './stream-ground.js';
import { requireStream } from './token.js';
import { TokenLine } from './token-line.js';
import { TokenSaver } from './token-saver.js';

/** All of it. Nothing is read before `lineage.open()`. */
export interface Reading {
  readonly arn: string;
  readonly port: StreamsPort;
  readonly forest: ShardForest;
  readonly lineage: Lineage;
  readonly scheduler: Scheduler;
  readonly saver: TokenSaver | undefined;
  readonly pass: PassEnd | undefined;
  readonly line: TokenLine;
  /** The service's time, for the forest. */
  readonly nowMs: () => number;
}

/** What the reader wants to know. */
export interface ReadingHooks {
  readonly isPass: boolean;
  /** Aborts when the reader leaves. */
  readonly signal: AbortSignal;
  readonly outstanding: Outstanding;
  readonly listener: FeedListener;
  /** The beginning is over: from then on questions are asked for as long as it takes. */
  isOpen(): boolean;
  onGap(gap: Gap): 'throw' | 'continue';
  onEvent(event: ReaderEvent): void;
  onFailed(error: unknown): void;
  onDrained(): void;
  onShards(): void;
  /** Something may be over. */
  onChange(): void;
}

/**
 * Finds out what is to be read, and from where.
 *
 * @throws {StreamError} `ERR_STREAM`, {@link TokenError} `ERR_STREAM_TOKEN`, what the service refuses for good.
 */
export async function openReading<T>(
  stream: StreamGround,
  settings: ReadSettings<T>,
  hooks: ReadingHooks,
): Promise<Reading> {
  const { parser, checkpointer, from, times, bufferedBytesMax, batchRecordsMax, background, auditMs, saveMs } =
    settings;
  const { clock, random, governed: port } = stream;
  const { signal, outstanding, listener, onGap, onEvent, onFailed, onDrained, onShards, onChange } = hooks;
  const onRetry = (error: unknown, waitMs: number) => onEvent({ type: 'listing-retry', error, waitMs });
  const insist = <Answer>(ask: () => Promise<Answer>): Promise<Answer> =>
    persist(ask, { clock, random, signal, waitMsMax: 30_000, givesUp: !hooks.isOpen(), background, onRetry });
  const { arn } = await insist(() => stream.resolve({ needs: parser.needs, signal }));
  const saved = await insist(async () => checkpointer?.load(signal));
  const start = saved ?? from;
  if (typeof start === 'object' && 'shards' in start) requireStream(start, arn);
  // From here on by the clock that does not step: a forest that was told too late a time does not take it back.
  const [startedAtMs, startedAt] = [serviceNowMs(clock, port), clock.monotonicMs()];
  const nowMs = () => startedAtMs + clock.monotonicMs() - startedAt;
  const forest = new ShardForest({ stream: arn, from: start, startedAtMs, times });
  const scheduler = new Scheduler({
    port,
    arn,
    clock,
    random,
    pace: { ...stream.pace, ...settings.pace },
    ages: { ...ageLimitsDefault, ...settings.ages },
    bufferedBytesMax,
    pageRecordsMax: batchRecordsMax,
    background,
    onEvent,
  });
  const lineage = new Lineage({
    arn,
    forest,
    scheduler,
    discovery: new Discovery({ port, arn, clock, insist }),
    clock,
    nowMs,
    random,
    auditMs,
    background,
    listener,
    onGap,
    onEvent,
    onFailed,
    onDrained,
    onShards,
  });
  const saving = {
    clock,
    random,
    saveMs,
    token: () => ({ v: 1, stream: arn, shards: forest.token() }) as const,
    onSaved: () => onEvent({ type: 'saved' }),
    onRetry: (error: unknown, waitMs: number) => onEvent({ type: 'save-retry', error, waitMs }),
    onFailed,
  };
  return {
    arn,
    port,
    forest,
    lineage,
    scheduler,
    saver: checkpointer && new TokenSaver({ checkpointer, ...saving }, saved),
    pass: hooks.isPass ? new PassEnd({ port, arn, signal, onChange }) : undefined,
    line: new TokenLine(() => ({ ...forest.token(), ...outstanding.positions() })),
    nowMs,
  };
}
