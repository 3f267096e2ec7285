/**
 * A round: calls that wait on one stream are decided one after the other, each on what those before it would leave, and go into
 * the journal as one commit.
 *
 *   head known here (place p, version v) ─► call: events v+1 … ─► call: events … ─► one commit, on exactly place p
 *
 * Others were faster: nothing was written, and all are decided again on the newer head.
 */
import type { Commit, Head, Mark } from '../journal/index.js';
import type { RecordedEvent } from './event.js';
import type { EventLine } from './event-line.js';
import type { Recorder } from './recorder.js';

/** The stream before a round. */
export interface Footing {
  /** Absent where there is no stream yet. */
  readonly image: Head | undefined;
  /** Time of what is decided: now, or that of the last commit if the clock is behind it. */
  readonly time: number;
}

export class Round {
  readonly recorder: Recorder;
  readonly image: Head | undefined;
  readonly time: number;
  readonly lines: EventLine[] = [];
  readonly marks: Mark[] = [];
  /** Whether all of it holds on a later head as well. */
  isAnywhere = true;
  #bytes = 0;

  constructor(recorder: Recorder, { image, time }: Footing) {
    this.recorder = recorder;
    this.image = image;
    this.time = time;
  }

  /** Events before the round. */
  get base(): number {
    return this.image?.seq ?? 0;
  }

  /** Events so far, those of the round among them. */
  get version(): number {
    return this.base + this.lines.length;
  }

  /** Bytes of the text. */
  get bytes(): number {
    return this.#bytes;
  }

  get text(): string {
    return this.lines.map(({ text }) => text).join('\n');
  }

  add(lines: readonly EventLine[], commandId: string | undefined): void {
    if (commandId !== undefined && lines.length > 0) {
      this.marks.push({ id: commandId, at: this.lines.length, count: lines.length });
    }
    for (const line of lines) {
      this.lines.push(line);
      this.#bytes += line.bytes + 1;
    }
  }

  /** Where the events of a command of this round are. */
  mark(commandId: string): Mark | undefined {
    return this.marks.find(({ id }) => id === commandId);
  }

  /** Events of the round as they will be recorded, if it is committed as it is. */
  provisional(from: number): RecordedEvent[] {
    return this.#records(from - this.base - 1, this.lines.length, this.base + 1, this.time);
  }

  /** Events of the round as they were committed. */
  committed({ first, time }: Commit, at: number, count: number): RecordedEvent[] {
    return this.#records(at, at + count, first, time);
  }

  #records(at: number, end: number, first: number, time: number): RecordedEvent[] {
    return this.lines.slice(at, end).map((line, offset) => {
      const index = at + offset;
      const mark = this.marks.find((one) => one.at <= index && index < one.at + one.count);
      return this.recorder.record(line.content(), { seq: first + index, time, commandId: mark?.id });
    });
  }
}
