/** Writing, and reading by hand what was written: the plainest use of the port there is. */
import { expect } from '@jest/globals';
import type { Item } from '../../../lib/codec/index.js';
import type { IteratorStart, ShardDescription, StreamRecord, StreamsPort } from '../../../lib/streams/index.js';
import type { OpenStreams } from '../../support/stream-engines.js';

export const sequenceOf = (record: StreamRecord): string => record.dynamodb?.SequenceNumber ?? '';

/** Tries before a record counts as missing. */
const emptyMax = 100;

/** All shards that are listed, page by page. */
export async function listed(port: StreamsPort, arn: string, limit?: number): Promise<readonly ShardDescription[]> {
  const shards: ShardDescription[] = [];
  let startAfter: string | undefined;
  do {
    const page = await port.describe({ arn, startAfter, limit });
    shards.push(...page.shards);
    startAfter = page.lastShardId;
  } while (startAfter !== undefined);
  return shards;
}

/** What was read of one shard, and whether it has ended. */
export interface ShardRead {
  readonly records: readonly StreamRecord[];
  readonly isEnd: boolean;
}

/** Reads on from an iterator until there are `count` records, or the shard ends. */
export async function readOn(
  { clock }: OpenStreams,
  port: StreamsPort,
  arn: string,
  shardId: string,
  first: string,
  count: number,
): Promise<ShardRead> {
  const records: StreamRecord[] = [];
  let iterator: string | undefined = first;
  for (let empty = 0; iterator !== undefined && records.length < count && empty < emptyMax; ) {
    const page = await port.records({ arn, shardId, iterator });
    records.push(...page.records);
    iterator = page.nextIterator;
    if (page.records.length > 0 || iterator === undefined) continue;
    empty += 1;
    await clock.sleep(20);
  }
  return { records, isEnd: iterator === undefined };
}

/** Reads a shard from somewhere until there are `count` records, or it ends. */
export async function readShard(
  opened: OpenStreams,
  arn: string,
  shardId: string,
  count: number,
  start: IteratorStart = { type: 'TRIM_HORIZON' },
): Promise<ShardRead> {
  const port = opened.port();
  return readOn(opened, port, arn, shardId, await port.iterator({ arn, shardId, start }), count);
}

/** A record and where it lay. */
export interface Found {
  readonly shardId: string;
  readonly record: StreamRecord;
}

/** Reads all shards until there are `count` records of a stream. Those of one shard are in order. */
export async function readStream(opened: OpenStreams, arn: string, count: number): Promise<readonly Found[]> {
  const port = opened.port();
  const found: Found[] = [];
  const iterators = new Map<string, string | undefined>();
  for (let tries = 0; tries < emptyMax; tries += 1) {
    for (const { shardId } of await listed(port, arn)) {
      if (iterators.has(shardId)) continue;
      iterators.set(shardId, await port.iterator({ arn, shardId, start: { type: 'TRIM_HORIZON' } }));
    }
    for (const [shardId, iterator] of iterators) {
      if (iterator === undefined) continue;
      const { records, nextIterator } = await port.records({ arn, shardId, iterator });
      found.push(...records.map((record) => ({ shardId, record })));
      iterators.set(shardId, nextIterator);
    }
    if (found.length >= count) return found;
    await opened.clock.sleep(20);
  }
  throw new Error(`Of ${count} records ${found.length} were to be read`);
}

/** An item, numbered or not. */
export const item = (pk: string, n?: number): Item => ({
  pk: { S: pk },
  ...(n !== undefined && { n: { N: String(n) } }),
});

/** Writes items one after the other. */
export async function put(opened: OpenStreams, table: string, items: readonly Item[]): Promise<void> {
  for (const one of items) {
    const { status } = await opened.engine.put({ table, item: one });
    expect(status).toBe('applied');
  }
}

/** The shard of the items with one key, the only ones that were written. */
export async function shardWith(opened: OpenStreams, arn: string): Promise<string> {
  const [first] = await readStream(opened, arn, 1);
  return first?.shardId ?? '';
}

/** An error of the service. */
export const refusal = (name: string): unknown => expect.objectContaining({ name });
/** The numbers of the items after their changes. */
export const numbersOf = (records: readonly StreamRecord[]): number[] =>
  records.map((record) => Number(textOf(record.dynamodb?.NewImage)));
const textOf = (image: Item | undefined): string | undefined => (image?.n as { readonly N: string } | undefined)?.N;
/** Whether sequence numbers grow. */
export const grows = (texts: readonly string[]): boolean =>
  texts.every((text, at) => at === 0 || BigInt(texts[at - 1] as string) < BigInt(text));
