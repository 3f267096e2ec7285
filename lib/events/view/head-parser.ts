/**
 * Records of the table's stream as commits: what a head looked like after each write names the events that this write has added.
 *
 * Written against the shape of a parser of `leyden-jar/streams`, which this folder does not know.
 */
import type { AtomImages } from '../../atom/index.js';
import type { Item } from '../../codec/index.js';
import { isLeydenError } from '../../errors.js';
import { type Head, headOptions } from '../../journal/index.js';
import type { RecordedEvent } from '../event.js';
import { streamOfHead } from '../stream-name.js';
import type { Log } from './log.js';

/** Events that one write has appended to a stream. */
export interface StreamCommit {
  readonly stream: string;
  readonly events: readonly RecordedEvent[];
  /** Version of the stream after them. */
  readonly version: number;
  /** When they were appended: epoch milliseconds. */
  readonly time: number;
}

/** As much of a record of DynamoDB Streams as is looked at. */
export interface HeadRecord {
  readonly dynamodb?: { readonly Keys?: Item | undefined; readonly NewImage?: Item | undefined } | undefined;
}

/** A `Parser` of `leyden-jar/streams`. */
export interface CommitParser {
  readonly needs: 'new-image';
  parse(record: HeadRecord): Promise<StreamCommit | undefined>;
}

export class HeadParser implements CommitParser {
  readonly needs = 'new-image';
  readonly #log: Log;
  readonly #images: AtomImages;

  constructor(log: Log) {
    this.#log = log;
    this.#images = log.table.images<Head>({}, headOptions);
  }

  async parse({ dynamodb = {} }: HeadRecord): Promise<StreamCommit | undefined> {
    const { Keys = {}, NewImage } = dynamodb;
    // Throws for keys of another table: all would be passed over in silence.
    this.#images.isSelected(Keys);
    const name = this.#nameOf(Keys);
    if (name === undefined || streamOfHead(this.#log.facts.store, name) === undefined) return undefined;
    const image = this.#images.parse(NewImage);
    const held = image && (await this.#images.valueOf(image));
    if (held === undefined || typeof held === 'symbol') return undefined;
    const found = this.#log.accept(name, held.hand() as Head);
    const commit = found?.head.tail.at(-1);
    // A writer's first word, or a stream whose events were erased.
    if (found === undefined || commit === undefined || commit.count === 0) return undefined;
    const { stream, head } = found;
    // Bodies of others are not wanted.
    const own = { stream, head: { ...head, tail: [commit] } };
    const events: RecordedEvent[] = [];
    for await (const read of this.#log.events(own, commit.first, undefined)) {
      for (const event of read.events) events.push(event);
    }
    // The record may be a day old: what it names may have been deleted with its stream since.
    return events.length === 0 ? undefined : { stream, events, version: head.seq, time: commit.time };
  }

  #nameOf(keys: Item): string | undefined {
    try {
      const key = this.#images.keyOf({ item: keys, text: '' });
      if (typeof key === 'string') return key;
      const { pk, sk } = key as { readonly pk?: unknown; readonly sk?: unknown };
      return typeof pk === 'string' && sk === '#' ? pk : undefined;
    } catch (error) {
      // Of another program, which has keys of its own kind.
      if (isLeydenError(error, 'ERR_DECODE')) return undefined;
      throw error;
    }
  }
}
