/**
 * One shard, asked page by page.
 *
 *   position ──iterator──> page ──nextIterator──> page ──> ... ──> page without nextIterator: closed and read to its end
 *      ^                     │
 *      └── after its last ───┘      an iterator that died is replaced by one *after the last record that was handed out*,
 *          record                   never by LATEST and never by nothing
 *
 * Invariants: no record is left out without a gap being thrown in its place; a page that could not be fetched moves nothing; the last
 * page is handed out although no iterator comes with it.
 *
 * A shard that is followed from its tip has no record to stand after before the first one came. It stands at the moment at which it was
 * first asked instead. When its iterator is lost, it is read from its oldest record, and what is older than that moment is dropped; the
 * moment is taken as early as clocks may differ, so that it may repeat and cannot lose.
 */
import type { Clock, SendOptions } from '../engine/index.js';
import { type Gap, StreamError, StreamGapError } from './errors.js';
import type { ShardPage } from './feed.js';
import { retentionMs } from './limits.js';
import type { IteratorStart, RecordsPage, StreamRecord, StreamsPort } from './port.js';
import type { ShardPosition } from './position.js';
import { refusalOf } from './refusals.js';
import { serviceNowMs } from './service-time.js';
import { creationTimeOf } from './shard-id.js';

/** How the service ages things; simulations scale it. */
export interface AgeLimits {
  /** @defaultValue a day */
  readonly retentionMs: number;
  /** An iterator of this age is replaced before it is used. @defaultValue 10 minutes of the 15 that it lives */
  readonly iteratorRefreshMs: number;
  /** By how much this machine's clock and the records' times may differ. @defaultValue 6 minutes: the service refuses more than 5, and the SDK corrects that */
  readonly clockSlackMs: number;
}

export const ageLimitsDefault: AgeLimits = {
  retentionMs,
  iteratorRefreshMs: 10 * 60_000,
  clockSlackMs: 6 * 60_000,
};

/** Where a shard is begun. */
export interface ShardStart {
  /** `'latest'`: from its tip, for the first time. */
  readonly position: ShardPosition | 'latest';
  /** Somebody has read up to here: what is missing from here on is a gap. Else `'trim-horizon'` means whatever is there. */
  readonly isContinuation?: boolean | undefined;
}

export interface ShardReaderOptions {
  readonly port: StreamsPort;
  readonly clock: Clock;
  readonly arn: string;
  readonly shardId: string;
  readonly start: ShardStart;
  readonly ages: AgeLimits;
  readonly pageRecordsMax: number;
  readonly onExpired?: (() => void) | undefined;
}

/** Iterators that may be found dead in a row before the shard is left alone for a while. */
const lossesMax = 3;

export class ShardReader {
  readonly shardId: string;
  readonly #options: ShardReaderOptions;
  #position: ShardPosition | 'latest';
  #isContinuation: boolean;
  #iterator: { readonly text: string; readonly takenAt: number } | undefined;
  /** Records may come from before the moment at which it is followed from: they are passed over, up to the last one that was. */
  #passing: { readonly after: string | undefined } | undefined;
  #lastCreatedAt: number | undefined;

  constructor(options: ShardReaderOptions) {
    this.shardId = options.shardId;
    this.#options = options;
    this.#position = options.start.position;
    this.#isContinuation = options.start.isContinuation ?? false;
  }

  /** Where the next page begins. */
  get position(): ShardPosition | 'latest' {
    return this.#position;
  }

  /** Its only hold in the shard is an iterator that dies when it isn't used. */
  get hangsOnIterator(): boolean {
    return this.#followsSince !== undefined && this.#passing?.after === undefined && this.#iterator !== undefined;
  }

  /** The moment at which it stands, where no record of it was handed out yet. */
  get #followsSince(): number | undefined {
    const position = this.#position;
    return typeof position === 'object' && 'latestSince' in position ? position.latestSince : undefined;
  }

  /** When the iterator was taken or last moved, in monotonic milliseconds. */
  get iteratorTakenAt(): number | undefined {
    return this.#iterator?.takenAt;
  }

  /**
   * Asks for the next page, and moves behind it.
   *
   * @throws {StreamGapError} `ERR_STREAM_GAP`; stays where it is until {@link ShardReader.resume}. {@link StreamError} `ERR_STREAM` when the
   * stream is gone. What the service or the network says otherwise: asking again is safe.
   */
  async poll(options: SendOptions): Promise<ShardPage> {
    if (this.#position === 'end') return { records: [], bytes: 0, isEnd: true, position: 'end' };
    for (let losses = 0; ; losses += 1) {
      // Each time: whoever slept for a day finds out by an iterator that is dead.
      this.#requireYoung();
      try {
        const iterator = await this.#liveIterator(options);
        const { arn, pageRecordsMax: limit, port } = this.#options;
        return this.#moved(await port.records({ arn, shardId: this.shardId, iterator, limit }, options));
      } catch (error) {
        const refusal = refusalOf(error);
        if (losses === lossesMax || !(refusal === 'expired' || refusal === 'trimmed' || refusal === 'gone'))
          throw error;
        this.#iterator = undefined;
        if (refusal !== 'expired') this.#passing = undefined;
        if (refusal === 'expired') this.#options.onExpired?.();
        else if (refusal === 'trimmed') this.#requireNothingLost('trimmed', error);
        else {
          await this.#requireStream(options);
          this.#requireNothingLost('shard-gone', error);
          this.#position = 'end';
          return { records: [], bytes: 0, isEnd: true, position: 'end' };
        }
      }
    }
  }

  /** Goes on behind a gap, with whatever is there. */
  resume(gap: Gap): void {
    this.#iterator = undefined;
    this.#passing = undefined;
    this.#isContinuation = false;
    this.#position = gap.reason === 'shard-gone' ? 'end' : 'trim-horizon';
  }

  async #liveIterator(options: SendOptions): Promise<string> {
    const { arn, clock, port, ages } = this.#options;
    const now = clock.monotonicMs();
    if (this.#iterator !== undefined) {
      // An iterator that came from the tip knows more than its position does: it is used as long as it may live.
      const canRenew = !this.hangsOnIterator;
      if (!canRenew || now - this.#iterator.takenAt < ages.iteratorRefreshMs) return this.#iterator.text;
    }
    const isFirstLook = this.#position === 'latest';
    // Taken before the question: what is written after the service has answered is younger.
    const since = serviceNowMs(clock, port);
    if (this.#followsSince !== undefined) this.#passing ??= { after: undefined };
    const passed = this.#passing?.after;
    const start = iteratorStart(passed === undefined ? this.#position : { after: passed });
    const text = await port.iterator({ arn, shardId: this.shardId, start }, options);
    if (isFirstLook) {
      this.#position = { latestSince: since };
      this.#isContinuation = true;
    }
    this.#iterator = { text, takenAt: now };
    return text;
  }

  #moved({ records, nextIterator }: RecordsPage): ShardPage {
    const { clock } = this.#options;
    this.#iterator = nextIterator === undefined ? undefined : { text: nextIterator, takenAt: clock.monotonicMs() };
    const fresh = this.#passing === undefined ? records : this.#withoutOlder(records);
    const last = records.at(-1)?.dynamodb;
    if (last?.SequenceNumber !== undefined) {
      if (fresh.length > 0) this.#passing = undefined;
      // Of what was passed over nothing is done: whoever begins anew there must pass over the rest as well.
      if (this.#passing !== undefined) this.#passing = { after: last.SequenceNumber };
      else this.#position = { after: last.SequenceNumber };
      this.#isContinuation = true;
      this.#lastCreatedAt = last.ApproximateCreationDateTime?.getTime();
    }
    const isEnd = nextIterator === undefined;
    if (isEnd) this.#position = 'end';
    let bytes = 0;
    for (const record of fresh) bytes += record.dynamodb?.SizeBytes ?? 0;
    const passed = records.length - fresh.length;
    return { records: fresh, passed, bytes, isEnd, position: this.#position as ShardPosition };
  }

  /** Without what lay there before the moment at which following began. What comes behind the first that is kept is kept. */
  #withoutOlder(records: readonly StreamRecord[]): readonly StreamRecord[] {
    const since = this.#followsSince;
    if (since === undefined) return records;
    const oldest = since - this.#options.ages.clockSlackMs;
    const isKept = ({ dynamodb }: StreamRecord) =>
      (dynamodb?.ApproximateCreationDateTime?.getTime() ?? oldest) >= oldest;
    const at = records.findIndex(isKept);
    return at < 0 ? [] : records.slice(at);
  }

  /**
   * A position without a record of its own can slide over records that were removed, and the service would not say so. So what must be
   * continued from the beginning of a shard that is older than records get, or from a moment that is, is a gap; also where it is only
   * by as much younger as clocks may differ.
   */
  #requireYoung(): void {
    if (this.#iterator !== undefined || this.#passing?.after !== undefined || !this.#isContinuation) return;
    const { since, ageMs } = this.#began();
    const { clockSlackMs, retentionMs } = this.#options.ages;
    if (ageMs !== undefined && ageMs > retentionMs - clockSlackMs) {
      throw new StreamGapError(this.#options.arn, this.#gap('trimmed', since));
    }
  }

  /** From which moment on it is read, where no record says it, and how long ago that is by the service's clock. */
  #began(): { readonly since: number | undefined; readonly ageMs: number | undefined } {
    const { clock, port } = this.#options;
    const fromBeginning = this.#position === 'trim-horizon' ? creationTimeOf(this.shardId) : undefined;
    const since = this.#followsSince ?? fromBeginning;
    if (since === undefined) return { since, ageMs: undefined };
    return { since, ageMs: serviceNowMs(clock, port) - since };
  }

  /** @throws {StreamError} `ERR_STREAM` when it is not only the shard that is gone. */
  async #requireStream(options: SendOptions): Promise<void> {
    const { arn, port } = this.#options;
    await port.describe({ arn, limit: 1 }, options).catch((error: unknown) => {
      if (refusalOf(error) !== 'gone') throw error;
      throw new StreamError(
        'not-found',
        arn,
        'it is gone: it was disabled more than a day ago, or its table was deleted; read the stream that the table has now',
        error,
      );
    });
  }

  /** Where nothing was read yet and nothing is continued, nothing was promised of what was removed. */
  #requireNothingLost(reason: Gap['reason'], cause: unknown): void {
    if (!this.#isContinuation && (this.#position === 'trim-horizon' || this.#position === 'latest')) return;
    // Nothing is removed before its day is over. DynamoDB Local says so all the same, of an iterator into an empty shard, once other tables
    // have used up numbers.
    const { retentionMs, clockSlackMs } = this.#options.ages;
    const { ageMs } = this.#began();
    if (reason === 'trimmed' && ageMs !== undefined && ageMs < retentionMs - clockSlackMs) return;
    throw new StreamGapError(this.#options.arn, this.#gap(reason, this.#lastCreatedAt), cause);
  }

  #gap(reason: Gap['reason'], lostSince: number | undefined): Gap {
    const position = this.#position;
    const after = typeof position === 'object' && 'after' in position ? position.after : undefined;
    return { shardId: this.shardId, reason, after, lostSince };
  }
}

/** @throws TypeError for the end of a shard: nothing is read there. */
function iteratorStart(position: ShardPosition | 'latest'): IteratorStart {
  if (position === 'latest') return { type: 'LATEST' };
  if (position === 'trim-horizon') return { type: 'TRIM_HORIZON' };
  if (position === 'end') throw new TypeError('Cannot read behind the end of a shard');
  if ('after' in position) return { type: 'AFTER_SEQUENCE_NUMBER', sequence: position.after };
  if ('at' in position) return { type: 'AT_SEQUENCE_NUMBER', sequence: position.at };
  return { type: 'TRIM_HORIZON' };
}
