/**
 * Where a single pass ends in a shard that is written on and on.
 *
 *   pass begins ──> an iterator at the tip (probe)          what the probe sees first was written after the beginning,
 *         └──────── the shard, from where it was begun ───> and so the pass ends before it
 *
 * A shard into which nobody writes has no boundary, and ends at its tip (empty pages) or at its end.
 */
import type { ShardFeed, ShardPage } from './feed.js';
import type { StreamRecord, StreamsPort } from './port.js';
import { TipProbe } from './tip-probe.js';
import { compareSequences } from './token.js';

export interface PassEndOptions {
  readonly port: StreamsPort;
  readonly arn: string;
  readonly signal: AbortSignal;
  /** Something may be over. */
  onChange(): void;
}

const sequenceOf = (record: StreamRecord | undefined): string | undefined => record?.dynamodb?.SequenceNumber;

export class PassEnd {
  readonly #options: PassEndOptions;
  readonly #probes = new Map<ShardFeed, TipProbe>();
  readonly #over = new Set<ShardFeed>();

  constructor(options: PassEndOptions) {
    this.#options = options;
  }

  /** A shard is read by this pass from now on. */
  watch(feed: ShardFeed): void {
    if (this.#probes.has(feed)) return;
    const probe = new TipProbe({ ...this.#options, shardId: feed.shardId });
    this.#probes.set(feed, probe);
    probe.ask();
  }

  /** Nothing more of this shard belongs to the pass. */
  isOver(feed: ShardFeed): boolean {
    return this.#over.has(feed) || (feed.isCaughtUp && this.#probes.get(feed)?.isAsking !== true);
  }

  /** What of a page belongs to the pass; `undefined`: nothing. */
  cut(feed: ShardFeed, page: ShardPage): ShardPage | undefined {
    const probe = this.#probes.get(feed);
    if (probe === undefined || page.records.length === 0) return page;
    const { boundary } = probe;
    if (boundary === undefined) {
      if (!page.isEnd) probe.ask();
      return page;
    }
    const isBehind = (record: StreamRecord) => compareSequences(sequenceOf(record) ?? boundary, boundary) >= 0;
    const at = page.records.findIndex(isBehind);
    if (at < 0) return page;
    this.#over.add(feed);
    feed.close();
    const records = page.records.slice(0, at);
    const after = sequenceOf(records.at(-1));
    return after === undefined ? undefined : { ...page, records, isEnd: false, position: { after } };
  }
}
