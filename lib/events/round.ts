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
import type { Found } from './receipts.js';
import type { Recorder } from './recorder.js';

/** Events of one commit, at most, unless one call has more. */
export const eventsMax = 10_000;
/** Bytes of the ids of its commands, about: these stand in the head, wherever the events are. */
const idBytesMax: number = 16 * 1_024;

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
  /** Whether its time is in a state that something was decided on, or answered. */
  isTimed = false;
  /** The command of each line, if that has an id. */
  readonly #commandIds: (string | undefined)[] = [];
  readonly #byId = new Map<string, Mark>();
  #bytes = 0;
  #idBytes = 0;

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

  get text(): string {
    return this.lines.map(({ text }) => text).join('\n');
  }

  add(lines: readonly EventLine[], commandId: string | undefined): void {
    if (commandId !== undefined && lines.length > 0) {
      const mark = { id: commandId, at: this.lines.length, count: lines.length };
      this.marks.push(mark);
      this.#byId.set(commandId, mark);
      this.#idBytes += Buffer.byteLength(commandId);
    }
    for (const line of lines) {
      this.lines.push(line);
      this.#commandIds.push(commandId);
      this.#bytes += line.bytes + 1;
    }
  }

  /** Whether events of so many bytes are to go into another commit. */
  isFull(bytes: number, bytesMax: number): boolean {
    if (this.lines.length === 0) return false;
    return this.#bytes + bytes > bytesMax || this.lines.length >= eventsMax || this.#idBytes >= idBytesMax;
  }

  /** The events of a command that is in this round already; who is told of them is told where they are. */
  found(commandId: string): Found | undefined {
    const mark = this.#byId.get(commandId);
    if (mark === undefined) return undefined;
    this.isAnywhere = false;
    return { from: this.base + mark.at + 1, to: this.base + mark.at + mark.count };
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
      return this.recorder.record(line.content(), { seq: first + index, time, commandId: this.#commandIds[index] });
    });
  }
}
