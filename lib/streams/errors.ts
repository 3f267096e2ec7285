/** The errors of streams. What the service refuses for good and is not ours to explain passes through unchanged. */

import { LeydenError } from '../errors.js';
import type { RecordMeta } from './change.js';
import { errorText } from './error-text.js';

/** Why a {@link StreamError} was thrown. */
export type StreamErrorReason =
  /** The table has no stream. */
  | 'no-stream'
  /** No such stream: it never was, or it was disabled more than a day ago. */
  | 'not-found'
  /** What was given is no ARN of a stream. */
  | 'wrong-arn'
  /** The stream's view type leaves out what is needed. */
  | 'view-type'
  /** The stream was replaced: the table has a newer one. */
  | 'replaced'
  /** The stream was turned off, and all of it was delivered. */
  | 'ended'
  /** A position that means one lineage of shards, and there are several. */
  | 'ambiguous-position';

/** `ERR_STREAM`: this stream cannot be read as it was asked. Nothing was read. */
export class StreamError extends LeydenError {
  readonly reason: StreamErrorReason;
  /** The table or the ARN. */
  readonly stream: string;

  constructor(reason: StreamErrorReason, stream: string, message: string, cause?: unknown) {
    super('ERR_STREAM', `Cannot read the stream of ${stream}: ${message}`, {
      outcome: 'not-done',
      retryable: false,
      cause,
    });
    this.reason = reason;
    this.stream = stream;
  }
}

/** Records that may have been missed. */
export interface Gap {
  readonly shardId: string;
  /**
   * Why: records older than a day were removed; the shard is gone; a change tells of a version before it that did not come; whoever
   * listens to every change left too many waiting.
   */
  readonly reason: 'trimmed' | 'shard-gone' | 'missed' | 'too-slow';
  /** The last record that was delivered before it; absent: none of this shard. */
  readonly after?: string | undefined;
  /** The oldest record that is still there, if one was seen. */
  readonly resumesAt?: string | undefined;
  /** When the last record before it was written, in epoch milliseconds, where that is known. */
  readonly lostSince?: number | undefined;
}

const gapCauses: { readonly [Reason in Gap['reason']]: string } = {
  trimmed: 'its oldest records were removed after a day',
  'shard-gone': 'the shard is gone with its records',
  missed: 'a version of an item did not come',
  'too-slow': 'too much waited to be taken',
};

/**
 * `ERR_STREAM_GAP`: records may have been missed, mostly since they were in the stream for more than a day before this reader came to them.
 * Nothing after them was delivered. The remedy is to read what the stream tells of (the table) anew, then to go on with `onGap`
 * `'continue'`, or from `'trim-horizon'`.
 */
export class StreamGapError extends LeydenError {
  readonly gap: Gap;

  constructor(stream: string, gap: Gap, cause?: unknown) {
    const where = gapCauses[gap.reason];
    super(
      'ERR_STREAM_GAP',
      `Cannot go on in shard ${gap.shardId} of ${stream} after ${gap.after ?? 'its beginning'}: ${where}; ` +
        "read the table anew, then go on with onGap 'continue' or from 'trim-horizon'",
      { outcome: 'not-done', retryable: false, cause },
    );
    this.gap = gap;
  }
}

/** Why a {@link TokenError} was thrown. */
export type TokenErrorReason = 'damaged' | 'newer-format' | 'other-stream';

/** `ERR_STREAM_TOKEN`: a token that is damaged, of a later format, or of another stream. Nothing was read. */
export class TokenError extends LeydenError {
  readonly reason: TokenErrorReason;

  constructor(reason: TokenErrorReason, message: string, cause?: unknown) {
    super('ERR_STREAM_TOKEN', `Cannot read from a token: ${message}`, { outcome: 'not-done', retryable: false, cause });
    this.reason = reason;
  }
}

/**
 * `ERR_STREAM_CHECKPOINT`: somebody else has saved in this checkpointer since this reader loaded from it. Nothing was saved; what this
 * reader has delivered since its last save is delivered again by whoever goes on from there. The remedy is one checkpointer (file,
 * atom) for each reader, or one reader at a time; for several processes at one stream, a `ConsumerGroup`.
 */
export class CheckpointConflictError extends LeydenError {
  /** The file, or the atom. */
  readonly checkpointer: string;

  constructor(checkpointer: string) {
    super(
      'ERR_STREAM_CHECKPOINT',
      `Cannot save a position in ${checkpointer}: another reader has saved there since; give each reader a checkpointer of its own, ` +
        'let one process read at a time, or make them a ConsumerGroup',
      { outcome: 'not-done', retryable: false },
    );
    this.checkpointer = checkpointer;
  }
}

/**
 * `ERR_STREAM_PARSE`: a parser threw at a record. It was not delivered, and counts as not done. Mend the parser and read on; or let the
 * parser return `undefined` for what it cannot read, which says that such records are done.
 */
export class RecordParseError extends LeydenError {
  readonly meta: RecordMeta;

  constructor(meta: RecordMeta, cause: unknown) {
    const why = errorText(cause);
    super(
      'ERR_STREAM_PARSE',
      `Cannot parse record ${meta.eventId} of shard ${meta.shardId} at ${meta.sequenceNumber}: ${why}; mend the parser and read on`,
      { outcome: 'not-done', retryable: false, cause },
    );
    this.meta = meta;
  }
}
