/** The errors of journals. */
import { LeydenError } from '../errors.js';

/**
 * `ERR_JOURNAL_GAP`: something in the journal is missing, damaged, or does not join on, and no pruning explains it. Nothing is
 * skipped; whoever reads stops here. `from` and `to` are the sequence numbers between which it lies.
 */
export class JournalGapError extends LeydenError {
  readonly journal: string;
  /** Key of the item that is missing or damaged, or of the head when its chain does not fit what was read. */
  readonly key: string;
  readonly reason: GapReason;
  readonly from: number;
  readonly to: number;

  constructor(journal: string, { key, reason, from, to }: GapFacts) {
    super(
      'ERR_JOURNAL_GAP',
      `Cannot read journal ${journal} after event ${from} up to ${to}: item ${key} ${gapWords[reason]}; ` +
        'restore it from a backup, or recover from a snapshot that is newer',
      { outcome: 'not-done', retryable: false },
    );
    this.journal = journal;
    this.key = key;
    this.reason = reason;
    this.from = from;
    this.to = to;
  }
}

/** What is wrong with what was read. */
export type GapReason = 'missing' | 'damaged' | 'gap' | 'diverged' | 'newer-format';

interface GapFacts {
  readonly key: string;
  readonly reason: GapReason;
  readonly from: number;
  readonly to: number;
}

const gapWords: Readonly<Record<GapReason, string>> = {
  missing: 'is missing',
  damaged: 'is damaged',
  gap: 'does not join on to what comes before it',
  diverged: 'has another digest chain than what was read',
  'newer-format': 'was written by a later release of this library',
};

/** `ERR_JOURNAL_COMPACTED`: what was asked for was removed on purpose, since a snapshot covers it. */
export class JournalCompactedError extends LeydenError {
  readonly journal: string;
  /** Sequence number from which it was wanted. */
  readonly from: number;

  constructor(journal: string, from: number) {
    super(
      'ERR_JOURNAL_COMPACTED',
      `Cannot read journal ${journal} from event ${from}: older events were pruned, a snapshot covers them; ` +
        'recover from the snapshot, or keep more (retention)',
      { outcome: 'not-done', retryable: false },
    );
    this.journal = journal;
    this.from = from;
  }
}

/** `ERR_JOURNAL_CLOSED`: the journal was closed, and takes no more events. Nothing was written. */
export class JournalClosedError extends LeydenError {
  readonly journal: string;
  /** Why, in the words of who closed it. */
  readonly closed: string;

  constructor(journal: string, closed: string) {
    super('ERR_JOURNAL_CLOSED', `Cannot append to journal ${journal}: it is closed (${closed}); open it again first`, {
      outcome: 'not-done',
      retryable: false,
    });
    this.journal = journal;
    this.closed = closed;
  }
}

/** `ERR_NOT_WRITER`: another instance alone may write, or has taken over. Nothing was written. */
export class NotWriterError extends LeydenError {
  readonly journal: string;
  /** Name of the writer that may. */
  readonly holder: string | undefined;
  readonly epoch: number;

  constructor(journal: string, reason: string, holder: string | undefined, epoch: number) {
    super(
      'ERR_NOT_WRITER',
      `Cannot write to journal ${journal}: ${reason} (writer ${holder ?? 'nobody'}, epoch ${epoch}); ` +
        "close the other instance, or open with mode 'single-writer' and takeOver: true",
      { outcome: 'not-done', retryable: false },
    );
    this.journal = journal;
    this.holder = holder;
    this.epoch = epoch;
  }
}

/** `ERR_JOURNAL_FORMAT`: the journal belongs to another application, another journal's life, or a later release. */
export class JournalFormatError extends LeydenError {
  readonly journal: string;
  readonly found: string;
  readonly wanted: string;

  constructor(journal: string, what: string, found: string, wanted: string, remedy: string) {
    super(
      'ERR_JOURNAL_FORMAT',
      `Cannot open journal ${journal}: its ${what} is ${found}, wanted ${wanted}; ${remedy}`,
      {
        outcome: 'not-done',
        retryable: false,
      },
    );
    this.journal = journal;
    this.found = found;
    this.wanted = wanted;
  }
}

/** `ERR_APPEND_TOO_LARGE`: the events are larger than one commit may be. Nothing was sent. */
export class AppendTooLargeError extends LeydenError {
  readonly journal: string;
  readonly bytes: number;
  readonly bytesMax: number;

  constructor(journal: string, bytes: number, bytesMax: number) {
    super(
      'ERR_APPEND_TOO_LARGE',
      `Cannot append to journal ${journal}: the events have ${bytes} bytes, the limit of one commit is ${bytesMax}; ` +
        'split them over several events, or keep large values elsewhere and store their keys',
      { outcome: 'not-done', retryable: false },
    );
    this.journal = journal;
    this.bytes = bytes;
    this.bytesMax = bytesMax;
  }
}

/**
 * `ERR_APPEND_UNKNOWN`: the answer to an append was lost, and what would tell was pruned. Nothing more can be written through
 * this instance: open it again, look at the state, and decide. An idempotency id makes handling the event again safe.
 */
export class AppendUnknownError extends LeydenError {
  readonly journal: string;
  readonly writer: string;
  readonly n: number;

  constructor(journal: string, writer: string, n: number, cause: unknown) {
    super(
      'ERR_APPEND_UNKNOWN',
      `Cannot tell whether commit ${n} of writer ${writer} is in journal ${journal}: its evidence is gone; ` +
        'open the journal again and look at the state',
      { outcome: 'unknown', retryable: false, cause },
    );
    this.journal = journal;
    this.writer = writer;
    this.n = n;
  }
}
