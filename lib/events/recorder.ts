/** Commits of a stream's journal as recorded events. */
import type { ReadCommit } from '../journal/index.js';
import { type EventMetadata, type RecordedEvent, schemaVersionDefault } from './event.js';
import { decodeLines, type EventContent } from './event-line.js';
import type { Upcasters } from './upcaster.js';

const noMetadata: EventMetadata = Object.freeze({});

/** Makes the recorded events of one stream. */
export class Recorder {
  readonly stream: string;
  readonly #upcasters: Upcasters;

  constructor(stream: string, upcasters: Upcasters) {
    this.stream = stream;
    this.#upcasters = upcasters;
  }

  /** One event. @throws {UpcastError} `ERR_UPCAST` */
  record(content: EventContent, at: { seq: number; time: number; commandId: string | undefined }): RecordedEvent {
    const { t, d, m = noMetadata, v = schemaVersionDefault, i } = content;
    const { seq, time, commandId } = at;
    const { stream } = this;
    const id = i ?? `${stream}/${seq}`;
    const event = { type: t, data: d, metadata: m, schemaVersion: v, id, stream, seq, time, commandId };
    return this.#upcasters.apply(Object.freeze(event));
  }

  /**
   * Those of a commit from `from` up to `to`.
   *
   * @throws {UpcastError} `ERR_UPCAST`
   */
  records({ commit, text }: ReadCommit, from = 1, to: number = Number.POSITIVE_INFINITY): RecordedEvent[] {
    const { first, count, time, marks } = commit;
    if (count === 0 || first > to || first + count <= from) return [];
    const contents = decodeLines(text);
    const commandIds = new Array<string | undefined>(count);
    for (const { id, at, count: length } of marks) commandIds.fill(id, at, at + length);
    const records: RecordedEvent[] = [];
    for (let index = Math.max(0, from - first); index < contents.length && first + index <= to; index += 1) {
      const at = { seq: first + index, time, commandId: commandIds[index] };
      records.push(this.record(contents[index] as EventContent, at));
    }
    return records;
  }
}
