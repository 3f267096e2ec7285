/**
 * Where a single pass ends in a shard that is written on and on.
 *
 *   pass begins ──> an iterator at the tip (probe)          what the probe sees first was written after the beginning,
 *         └──────── the shard, from where it was begun ───> and so the pass ends before it
 *
 * No clock is asked: the first record that the probe sees is the boundary. A probe that misses the first write makes the pass a little
 * longer and never shorter: so one whose iterator was lost looks from the tip again, and never from where it began. A shard into which
 * nobody writes has no boundary, and ends at its tip (empty pages) or at its end.
 */
import type { ShardFeed, ShardPage } from './feed.js';
import type { StreamRecord, StreamsPort } from './port.js';
import { compareSequences } from './token.js';

export interface PassEndOptions {
  readonly port: StreamsPort;
  readonly arn: string;
  readonly signal: AbortSignal;
  /** Something may be over. */
  onChange(): void;
}

interface Probe {
  readonly shardId: string;
  iterator: string | undefined;
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
    const probe = { shardId: feed.shardId, iterator: undefined, boundary: undefined, isAsking: false };
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
    this.#look(probe)
      .catch(() => {
        // The shard itself tells what is wrong with it; the probe is asked again at its next page, from the tip.
        probe.iterator = undefined;
      })
      .finally(() => {
        probe.isAsking = false;
        this.#options.onChange();
      });
  }

  async #look(probe: Probe): Promise<void> {
    const { arn, port, signal } = this.#options;
    const { shardId } = probe;
    const iterator = probe.iterator ?? (await port.iterator({ arn, shardId, start: { type: 'LATEST' } }, { signal }));
    // Its one record is all that counts.
    const { records, nextIterator } = await port.records({ arn, shardId, iterator, limit: 1 }, { signal });
    probe.iterator = nextIterator;
    probe.boundary = sequenceOf(records[0]);
  }
}
