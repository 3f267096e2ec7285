/**
 * A stream whose reader the spec speaks for: what comes, when it is ready, what goes wrong.
 *
 *     const feed = new FakeFeed(bench);
 *     const source = new StreamWatchSource({ stream: feed.stream, via: 'stream' });
 *     feed.reader.isReady(); feed.reader.bring([item]); feed.reader.fail(error);
 */
import type { Item } from '../../lib/codec/index.js';
import type { Clock } from '../../lib/engine/index.js';
import { seededRandom } from '../../lib/engine/random.js';
import type { Batch, Change, RecordMeta } from '../../lib/streams/change.js';
import type { Gap, StreamRecord, StreamToken, TableStream } from '../../lib/streams/index.js';
import { metaOf } from '../../lib/streams/meta.js';
import { paceOf } from '../../lib/streams/pace.js';
import type { ReaderEvent } from '../../lib/streams/reader-events.js';
import type { StreamFacts } from '../../lib/streams/stream-lookup.js';
import type { FedReader, FedReadOptions } from '../../lib/streams/watch/shared-reader.js';
import type { Fed } from '../../lib/streams/watch/tap.js';

export const arn = 'arn:aws:dynamodb:eu-central-1:123456789012:table/state/stream/2026-01-01T00:00:00.000';

const facts: StreamFacts = {
  arn,
  label: '2026-01-01T00:00:00.000',
  tableName: 'state',
  viewType: 'NEW_AND_OLD_IMAGES',
  keyNames: ['id'],
  isDisabled: false,
};

/** What a spec brings: the images of an item before and after. */
export interface Brought {
  readonly before?: Item | undefined;
  readonly after?: Item | undefined;
}

export class FakeReader implements FedReader {
  readonly options: FedReadOptions;
  readonly #ready: Promise<void>;
  readonly #feed: FakeFeed;
  #batches: Batch<Fed>[] = [];
  #done: number;
  #failure: { readonly error: unknown } | undefined;
  #wake: () => void = () => {};
  #resolveReady: () => void = () => {};
  #rejectReady: (error: unknown) => void = () => {};
  /** Whether its shard answers by itself. */
  answers = true;
  nudges = 0;
  isStopped = false;

  constructor(feed: FakeFeed, options: FedReadOptions) {
    this.#feed = feed;
    this.options = options;
    this.#done = feed.sequence;
    this.#ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    this.#ready.catch(() => {});
    void this.#beat();
    options.signal.addEventListener('abort', () => this.fail(options.signal.reason), { once: true });
  }

  tell(event: ReaderEvent): void {
    this.options.onEvent(event);
  }

  /** Its shard is read once a second, while it answers. */
  async #beat(): Promise<void> {
    const { clock } = this.#feed.stream;
    while (!this.isStopped) {
      if (this.answers) this.tell({ type: 'read', shardId: 'shard-1', records: 0, bytes: 0 });
      await clock.sleep(1_000, { background: true, signal: this.options.signal }).catch(() => {
        this.isStopped = true;
      });
    }
  }

  ready(): Promise<void> {
    return this.#ready;
  }

  token(): StreamToken {
    return this.#feed.tokenAt(this.#done);
  }

  nudge(): void {
    this.nudges += 1;
  }

  async stop(): Promise<void> {
    this.isStopped = true;
  }

  isReady(): void {
    this.#resolveReady();
  }

  /** A page with these changes. Parsed at once, as a reader does. */
  bring(changes: readonly Brought[]): Promise<void> {
    return this.#page(changes.map((change) => this.#feed.recordOf(change)));
  }

  /** The last records once more. */
  again(count: number): Promise<void> {
    return this.#page(this.#feed.records.slice(-count));
  }

  /** Pages that were not taken yet. */
  get waiting(): number {
    return this.#batches.length;
  }

  async #page(page: readonly StreamRecord[]): Promise<void> {
    const records: Change<Fed>[] = [];
    for (const record of page) {
      const meta: RecordMeta = metaOf('shard-1', record);
      const value = await this.options.parser.parse(record, meta);
      if (value !== undefined) records.push({ value, meta });
    }
    const sequence = this.#feed.sequence;
    const token = () => this.#feed.tokenAt(sequence);
    const facts = { shardId: 'shard-1', shardEnd: false, caughtUp: true, ageMs: 0, commit: async () => {} };
    this.#batches.push({ ...facts, records, token });
    this.#wake();
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  gap(gap: Gap): unknown {
    return this.options.onGap(gap);
  }

  fail(error: unknown): void {
    this.#failure = { error };
    this.#rejectReady(error);
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Batch<Fed>> {
    for (;;) {
      const batch = this.#batches.shift();
      if (batch !== undefined) {
        yield batch;
        this.#done = Number(
          Object.values(batch.token().shards).map((position) => (position as { after: string }).after),
        );
      } else if (this.#failure !== undefined) throw this.#failure.error;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

export class FakeFeed {
  readonly readers: FakeReader[] = [];
  facts: StreamFacts;
  sequence = 0;
  readonly records: StreamRecord[] = [];
  isAskedAnew = false;
  /** What stands in the way of finding the stream. */
  obstacle: Error | undefined;
  readonly stream: TableStream;

  constructor(clock: Clock, changed: Partial<StreamFacts> = {}) {
    this.facts = { ...facts, ...changed };
    const stream = {
      clock,
      random: seededRandom(7),
      pace: paceOf(),
      resolve: async ({ fresh }: { readonly fresh?: boolean }) => {
        this.isAskedAnew = fresh === true;
        if (this.obstacle !== undefined) throw this.obstacle;
        return this.facts;
      },
      read: (options: FedReadOptions) => {
        const reader = new FakeReader(this, options);
        this.readers.push(reader);
        return reader;
      },
    };
    this.stream = stream as unknown as TableStream;
  }

  /** The reader that was opened last. */
  get reader(): FakeReader {
    const last = this.readers.at(-1);
    if (last === undefined) throw new Error('No reader was opened');
    return last;
  }

  tokenAt(sequence: number): StreamToken {
    return { v: 1, stream: arn, shards: { 'shard-1': { after: String(sequence) } } };
  }

  recordOf({ before, after }: Brought): StreamRecord {
    this.sequence += 1;
    const { viewType } = this.facts;
    const names = this.facts.keyNames;
    const item = after ?? before ?? {};
    const keys = Object.fromEntries(names.map((name) => [name, item[name]])) as Item;
    const hasNew = viewType === 'NEW_IMAGE' || viewType === 'NEW_AND_OLD_IMAGES';
    const hasOld = viewType === 'OLD_IMAGE' || viewType === 'NEW_AND_OLD_IMAGES';
    const record: StreamRecord = {
      eventID: `e${this.sequence}`,
      eventName: before === undefined ? 'INSERT' : after === undefined ? 'REMOVE' : 'MODIFY',
      dynamodb: {
        ApproximateCreationDateTime: new Date(this.stream.clock.now()),
        Keys: keys,
        ...(hasNew && after !== undefined && { NewImage: after }),
        ...(hasOld && before !== undefined && { OldImage: before }),
        SequenceNumber: String(this.sequence).padStart(21, '0'),
        SizeBytes: 100,
        StreamViewType: viewType,
      },
    };
    this.records.push(record);
    return record;
  }
}
