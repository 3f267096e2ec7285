/**
 * The records of one shard, by their index from its opening. What is trimmed is dropped, so that a log that is written and trimmed for
 * ever stays as small as what it keeps.
 */
import type { StreamRecord } from '../../streams/index.js';
import { compareSequences } from './sequence-line.js';

/** A record, and when it came. */
export interface LoggedRecord {
  readonly record: StreamRecord;
  readonly sequence: string;
  readonly bytes: number;
  readonly writtenAtMs: number;
  readonly visibleAtMs: number;
}

/** What a shard reads its pages from. */
export interface RecordLog {
  /** The oldest record that is kept. */
  readonly firstIndex: number;
  /** Behind the newest. */
  readonly endIndex: number;
  /** The newest record that was dropped. */
  readonly lastDropped: string | undefined;
  at(index: number): LoggedRecord;
  /** The first kept record for which `isBehind` holds, or the end; it holds for all after the first. */
  find(isBehind: (record: LoggedRecord) => boolean): number;
  /** Drops what was written before `ms`. */
  trim(ms: number): void;
  /** Drops so many of the oldest. */
  drop(count: number): void;
}

const emptyHeadMax = 1_024;

/** Records that were written. */
export class StoredLog implements RecordLog {
  #records: LoggedRecord[] = [];
  /** Index of `#records[0]`. */
  #base = 0;
  firstIndex = 0;
  lastDropped: string | undefined;

  get endIndex(): number {
    return this.#base + this.#records.length;
  }

  get newest(): LoggedRecord | undefined {
    return this.#records.at(-1);
  }

  push(record: LoggedRecord): void {
    this.#records.push(record);
  }

  at(index: number): LoggedRecord {
    return this.#records[index - this.#base] as LoggedRecord;
  }

  find(isBehind: (record: LoggedRecord) => boolean): number {
    let low = this.firstIndex;
    let high = this.endIndex;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBehind(this.at(middle))) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  trim(ms: number): void {
    if (this.firstIndex === this.endIndex || this.at(this.firstIndex).writtenAtMs >= ms) return;
    this.drop(this.find((record) => record.writtenAtMs >= ms) - this.firstIndex);
  }

  drop(count: number): void {
    const until = Math.min(this.endIndex, this.firstIndex + count);
    if (until <= this.firstIndex) return;
    this.lastDropped = this.at(until - 1).sequence;
    this.firstIndex = until;
    const head = until - this.#base;
    // Copying less than half at a time keeps the cost of all copies within that of the writes.
    if (until < this.endIndex && (head < emptyHeadMax || 2 * head < this.#records.length)) return;
    this.#records = this.#records.slice(head);
    this.#base = until;
  }
}

/** The first record of a log at or behind a sequence number. */
export function atOrBehind(log: RecordLog, sequence: string): number {
  return log.find((record) => compareSequences(record.sequence, sequence) >= 0);
}
