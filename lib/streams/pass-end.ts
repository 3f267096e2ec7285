/**
 * Where a single pass ends in a shard that is written on and on.
 *
 *   pass begins ──> an iterator at the tip (probe)          what the probe sees first was written after the beginning,
 *         └──────── the shard, from where it was begun ───> and so the pass ends before it
 *
 * No clock is asked: the first record that the probe sees is the boundary. A probe that misses the first write makes the pass a little
 * longer and never shorter. A shard into which nobody writes has no boundary, and ends at its tip (empty pages) or at its end.
 */
import type { Clock } from '../engine/index.js';
import type { ShardFeed, ShardPage } from './feed.js';
import type { StreamRecord, StreamsPort } from './port.js';
import { type AgeLimits, ShardReader } from './shard-reader.js';
import { compareSequences } from './token.js';

export interface PassEndOptions {
  readonly port: StreamsPort;
  readonly arn: string;
  readonly clock: Clock;
  readonly ages: AgeLimits;
  readonly signal: AbortSignal;
  /** Something may be over. */
  onChange(): void;
}

interface Probe {
  readonly reader: ShardReader;
  boundary: string | undefined;
  isAsking: boolean;
}

const sequenceOf = (record: StreamRecord | undefined): string | undefined => record?.dynamodb?.SequenceNumber;

export class PassEnd {
  readonly #options: PassEndOptions;
  readonly #probes = new Map<ShardFeed, Probe>();
  readonly #over = new Set<ShardFeed>();

  constructor(options: PassEndOptions) {
    this.#options = options;
  }

  /** A shard is read by this pass from now on. */
  watch(feed: ShardFeed): void {
    if (this.#probes.has(feed)) return;
    const { port, arn, clock, ages } = this.#options;
    const start = { position: 'latest' } as const;
    // Its one record is all that counts.
    const reader = new ShardReader({ port, clock, arn, shardId: feed.shardId, start, ages, pageRecordsMax: 1 });
    const probe = { reader, boundary: undefined, isAsking: false };
    this.#probes.set(feed, probe);
    this.#ask(probe);
  }

  /** Nothing more of this shard belongs to the pass. */
  isOver(feed: ShardFeed): boolean {
    return this.#over.has(feed) || (feed.isCaughtUp && this.#probes.get(feed)?.isAsking !== true);
  }

  /** What of a page belongs to the pass; `undefined`: nothing. */
  cut(feed: ShardFeed, page: ShardPage): ShardPage | undefined {
    const probe = this.#probes.get(feed);
    if (probe === undefined || page.records.length === 0) return page;
    if (probe.boundary === undefined) {
      if (!page.isEnd) this.#ask(probe);
      return page;
    }
    const { boundary } = probe;
    const isBehind = (record: StreamRecord) => compareSequences(sequenceOf(record) ?? boundary, boundary) >= 0;
    const at = page.records.findIndex(isBehind);
    if (at < 0) return page;
    this.#over.add(feed);
    feed.close();
    const records = page.records.slice(0, at);
    const after = sequenceOf(records.at(-1));
    return after === undefined ? undefined : { ...page, records, isEnd: false, position: { after } };
  }

  #ask(probe: Probe): void {
    if (probe.isAsking) return;
    probe.isAsking = true;
    const { signal, onChange } = this.#options;
    probe.reader
      .poll({ signal })
      .then(
        ({ records }) => {
          probe.boundary = sequenceOf(records[0]);
        },
        // The shard itself tells what is wrong with it; the probe is asked again at its next page.
        () => {},
      )
      .finally(() => {
        probe.isAsking = false;
        onChange();
      });
  }
}
