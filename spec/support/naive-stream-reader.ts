/**
 * The stream reader that everybody writes first, with the faults that other readers had. Each can be turned on by itself, so that a spec
 * shows what one of them costs; without any it does well enough for these specs, and is still no reader for anybody: it lists all shards
 * every second, and asks one shard after the other.
 */
import type { AttributeValue, Item } from '../../lib/codec/index.js';
import type { Clock } from '../../lib/engine/index.js';
import type { IteratorStart, ShardDescription, StreamRecord, StreamsPort } from '../../lib/streams/index.js';

/** One fault. */
export type NaiveFault =
  /** A child shard is started at its tip. */
  | 'child-at-latest'
  /** A page without a next iterator is taken to be empty. */
  | 'last-page-dropped'
  /** Only the first page of shards. */
  | 'describe-not-paged'
  /** Shards are looked for at the start, and once when one ends. */
  | 'no-discovery'
  /** A dead iterator is used again. */
  | 'expired-forever'
  /** A child waits for its parent, although that is gone. */
  | 'parent-trimmed'
  /** What is gone is passed over. */
  | 'silent-trim'
  /** What the handler throws is noted, and the next record is taken. */
  | 'skip-on-throw'
  /** Saved when it is handed over. */
  | 'early-checkpoint'
  /** The age of the last record, also when there is no other. */
  | 'wrong-lag'
  /** The range of an open shard is taken to have an end. */
  | 'open-end-null'
  /** A number that is in no shard's range: nothing to read. */
  | 'outside-ranges'
  /** A child is started as its parent was. */
  | 'child-like-parent'
  /** Asks again at once. */
  | 'tight-loop'
  /** A pass ends when all shards are closed. */
  | 'endless-pass'
  /** Saved when a shard ends. */
  | 'checkpoint-at-end'
  /** Attributes are strings and numbers. */
  | 'flat-attributes'
  /** An image that is not there is an empty one. */
  | 'empty-image'
  /** Tells into a queue, and waits when that is full. */
  | 'blocking-events'
  /** A shard is given up at the first failure. */
  | 'abandons-shard';

export interface NaiveOptions {
  readonly port: StreamsPort;
  readonly arn: string;
  readonly clock: Clock;
  readonly from: 'trim-horizon' | 'latest' | { readonly after: string };
  readonly faults: readonly NaiveFault[];
  handle(record: StreamRecord): void | Promise<void>;
  /** What is kept over a restart: where each shard stands, `end` where it is done. */
  readonly saved?: Map<string, string>;
  onGap?(shardId: string): void;
  /** Ends when it is caught up. */
  readonly singlePass?: boolean;
}

interface NaiveShard extends ShardDescription {
  iterator?: string | undefined;
  after?: string | undefined;
  emptyPages: number;
}

const nameOf = (error: unknown): string => (error as { readonly name?: string }).name ?? '';

export class NaiveStreamReader {
  /** Nobody takes anything out. */
  readonly events: string[] = [];
  readonly #options: NaiveOptions;
  readonly #shards = new Map<string, NaiveShard>();
  readonly #done = new Set<string>();
  readonly #saved: Map<string, string>;
  #isStopped = false;
  #lastCreatedMs: number | undefined;
  #isIdle = false;

  constructor(options: NaiveOptions) {
    this.#options = options;
    this.#saved = options.saved ?? new Map();
  }

  /** Reads until it is stopped; a single pass until it has seen all. */
  async run(): Promise<void> {
    const { clock, from, singlePass } = this.#options;
    await this.#list();
    if (this.#saved.size === 0 && typeof from === 'object') this.#seek(from.after);
    const roots = new Set(this.#shards.keys());
    while (!this.#isStopped) {
      this.#isIdle = true;
      for (const shard of this.#shards.values()) {
        if (this.#isReady(shard)) await this.#read(shard, roots);
      }
      const open = [...this.#shards.values()].filter(({ shardId }) => !this.#done.has(shardId));
      const isAtTip = open.every(({ emptyPages }) => emptyPages >= 5);
      if (singlePass && (this.#has('endless-pass') ? open.length === 0 : isAtTip)) return;
      if (!this.#has('tight-loop')) await clock.sleep(1_000);
      if (!this.#has('no-discovery')) await this.#list();
    }
  }

  stop(): void {
    this.#isStopped = true;
  }

  lagMs(): number {
    if (this.#isIdle && !this.#has('wrong-lag')) return 0;
    return this.#options.clock.now() - (this.#lastCreatedMs ?? this.#options.clock.now());
  }

  #has(fault: NaiveFault): boolean {
    return this.#options.faults.includes(fault);
  }

  async #list(): Promise<void> {
    const { arn, clock, port } = this.#options;
    let startAfter: string | undefined;
    do {
      const page = await port.describe({ arn, startAfter });
      for (const shard of page.shards) {
        const known = this.#shards.get(shard.shardId);
        const saved = this.#saved.get(shard.shardId);
        if (saved === 'end') this.#done.add(shard.shardId);
        this.#shards.set(shard.shardId, { after: saved, emptyPages: 0, ...known, ...shard });
      }
      startAfter = this.#has('describe-not-paged') ? undefined : page.lastShardId;
      if (startAfter !== undefined) await clock.sleep(100);
    } while (startAfter !== undefined);
    for (const [shardId, saved] of this.#saved) {
      if (saved === 'end' || this.#shards.has(shardId)) continue;
      this.#done.add(shardId);
      this.#saved.set(shardId, 'end');
      if (!this.#has('silent-trim')) this.#options.onGap?.(shardId);
    }
  }

  /** Finds the shard of a number, and counts those before it as done. */
  #seek(after: string): void {
    const isBefore = ({ lastSequence }: NaiveShard): boolean => {
      if (lastSequence === undefined && !this.#has('open-end-null')) return false;
      return BigInt(lastSequence as string) < BigInt(after);
    };
    const shards = [...this.#shards.values()];
    const isWithin = ({ firstSequence = '0' }: NaiveShard): boolean => BigInt(firstSequence) <= BigInt(after);
    for (const shard of shards) if (isBefore(shard)) this.#done.add(shard.shardId);
    const found = shards.find((shard) => !this.#done.has(shard.shardId));
    if (found !== undefined && isWithin(found)) found.after = after;
    else if (this.#has('outside-ranges')) for (const { shardId } of shards) this.#done.add(shardId);
    else if (found !== undefined && found === shards[0]) this.#options.onGap?.(found.shardId);
  }

  #isReady({ parentId, shardId }: NaiveShard): boolean {
    if (this.#done.has(shardId)) return false;
    if (parentId === undefined || this.#done.has(parentId)) return true;
    return !this.#shards.has(parentId) && !this.#has('parent-trimmed');
  }

  async #read(shard: NaiveShard, roots: ReadonlySet<string>): Promise<void> {
    const { arn, port } = this.#options;
    try {
      shard.iterator ??= await port.iterator({ arn, shardId: shard.shardId, start: this.#start(shard, roots) });
      const page = await port.records({ arn, shardId: shard.shardId, iterator: shard.iterator });
      const isLast = page.nextIterator === undefined;
      const records = isLast && this.#has('last-page-dropped') ? [] : page.records;
      shard.emptyPages = records.length === 0 ? shard.emptyPages + 1 : 0;
      for (const record of records) await this.#handOver(shard, record);
      shard.iterator = page.nextIterator;
      if (isLast) await this.#end(shard);
    } catch (error) {
      await this.#refused(shard, error);
    }
  }

  #start(shard: NaiveShard, roots: ReadonlySet<string>): IteratorStart {
    const { from } = this.#options;
    const isChild = !roots.has(shard.shardId);
    if (shard.after !== undefined) return { type: 'AFTER_SEQUENCE_NUMBER', sequence: shard.after };
    if (isChild && this.#has('child-at-latest')) return { type: 'LATEST' };
    const isParentDone = shard.parentId !== undefined && this.#done.has(shard.parentId);
    if (this.#has('child-like-parent') && typeof from === 'object' && isParentDone) {
      return { type: 'AFTER_SEQUENCE_NUMBER', sequence: from.after };
    }
    return { type: from === 'latest' && !isChild ? 'LATEST' : 'TRIM_HORIZON' };
  }

  async #handOver(shard: NaiveShard, record: StreamRecord): Promise<void> {
    const sequence = record.dynamodb?.SequenceNumber as string;
    this.#isIdle = false;
    this.#lastCreatedMs = record.dynamodb?.ApproximateCreationDateTime?.getTime();
    if (this.#has('early-checkpoint')) this.#saved.set(shard.shardId, sequence);
    this.events.push(sequence);
    while (this.#has('blocking-events') && this.events.length > 16) await this.#options.clock.sleep(1_000);
    try {
      await this.#options.handle(record);
    } catch (error) {
      if (!this.#has('skip-on-throw')) throw error;
    }
    shard.after = sequence;
    if (!this.#has('checkpoint-at-end')) this.#saved.set(shard.shardId, sequence);
  }

  async #end(shard: NaiveShard): Promise<void> {
    this.#done.add(shard.shardId);
    this.#saved.set(shard.shardId, 'end');
    if (this.#has('no-discovery')) await this.#list();
  }

  async #refused(shard: NaiveShard, error: unknown): Promise<void> {
    const name = nameOf(error);
    if (name === 'ExpiredIteratorException' && this.#has('expired-forever')) return;
    if (this.#has('abandons-shard') || (this.#has('child-like-parent') && name === 'ValidationException')) {
      this.#done.add(shard.shardId);
      return;
    }
    shard.iterator = undefined;
    if (name === 'TrimmedDataAccessException') shard.after = undefined;
    else if (name === 'ResourceNotFoundException') this.#done.add(shard.shardId);
    else if (name === 'ExpiredIteratorException' || name === 'ProvisionedThroughputExceededException') return;
    else throw error;
    if (!this.#has('silent-trim')) this.#options.onGap?.(shard.shardId);
  }
}

/** Attributes as values. */
export function naiveImage(
  image: Item | undefined,
  faults: readonly NaiveFault[],
): Record<string, unknown> | undefined {
  if (image === undefined) return faults.includes('empty-image') ? {} : undefined;
  const value = (attribute: AttributeValue): unknown => {
    const [type, content] = Object.entries(attribute)[0] as [string, never];
    if (type === 'N') return Number(content);
    if (type === 'S' || type === 'BOOL') return content;
    if (faults.includes('flat-attributes')) throw new TypeError('Wrong number of arguments');
    if (type === 'L') return (content as readonly AttributeValue[]).map(value);
    return type === 'M' ? naiveImage(content, faults) : null;
  };
  return Object.fromEntries(Object.entries(image).map(([name, attribute]) => [name, value(attribute)]));
}
