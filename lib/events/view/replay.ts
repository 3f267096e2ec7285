/**
 * Some documents made anew where they stand: each is folded from the beginnings of the streams that it has seen, beside what is served,
 * and put in its place when it has everything that is in the old one. What comes meanwhile is folded as well, so that it gets there.
 */

import { abreast } from '../abreast.js';
import { StreamClosedError } from '../errors.js';
import { unescapeName } from '../stream-name.js';
import { type Documents, Folding, seenKey } from './documents.js';
import { Feeder } from './feeder.js';
import { streamsSource } from './generation.js';
import type { Log } from './log.js';
import type { Rebuilt } from './rebuild.js';
import { type AnyView, idsOf, requireIds } from './view.js';

const documentsAtOnce = 2;

export class Replay {
  readonly #log: Log;
  readonly #view: AnyView;
  readonly #signal: AbortSignal | undefined;

  #events = 0;
  #streams = 0;

  constructor(log: Log, view: AnyView, signal: AbortSignal | undefined) {
    this.#log = log;
    this.#view = view;
    this.#signal = signal;
  }

  /**
   * Of ids for which there is nothing in the log nothing is done.
   *
   * @returns what was done.
   * @throws {StreamClosedError} `ERR_STREAM_CLOSED` when a stream that is in a document was deleted: the document stays as it is.
   */
  async run(ids: readonly string[]): Promise<Rebuilt> {
    requireIds('rebuild documents of a view', ids);
    const feeder = new Feeder(this.#log, this.#view);
    const [generation] = await feeder.pointer.toFeed(streamsSource, this.#signal);
    if (generation === undefined) return { documents: 0, events: 0, streams: 0, resumed: false };
    const { documents } = feeder.of(generation);
    let done = 0;
    await abreast(new Set(ids), documentsAtOnce, async (id) => {
      if (await this.#one(documents, id)) done += 1;
    });
    return { documents: done, events: this.#events, streams: this.#streams, resumed: false };
  }

  async #one(documents: Documents, id: string): Promise<boolean> {
    const folding = new Folding(this.#view, id, undefined);
    /** Last event of each stream that was looked at. */
    const read = new Map<string, number>();
    for (;;) {
      const [stands] = await documents.read([id], this.#signal);
      const seen = Object.keys(stands?.seen ?? {});
      for (const stream of this.#view.id === undefined ? [id] : seen.map(streamOfKey)) {
        const head = await this.#log.head(stream, this.#signal);
        if (head === undefined && seen.includes(seenKey(stream)))
          throw new StreamClosedError('replay', stream, 'deleted');
        if (head === undefined) continue;
        this.#streams += 1;
        for await (const { events } of this.#log.events(head, (read.get(stream) ?? 0) + 1, this.#signal)) {
          this.#events += events.length;
          for (const event of events)
            if (idsOf(this.#view, event).includes(id)) folding.take(event, [stream, event.seq]);
        }
        read.set(stream, head.head.seq);
      }
      if (!folding.isChanged) return false;
      if (await documents.replace(id, folding.document, this.#signal)) return true;
    }
  }
}

function streamOfKey(key: string): string {
  return key === seenKey('__proto__') ? '__proto__' : unescapeName(key);
}
