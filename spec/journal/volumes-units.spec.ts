// Goal: what volumes cost who writes, and what they save who reads: ten thousand events that were appended one by one are read for a
// fifth of the read units of one item per event, in a few requests; and who wants a little, from either end, pays for a little.
// Method: real records of 195 bytes with a random id in each; the memory engine charges by the published rule.
import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { itemBytes } from '../../lib/codec/index.js';
import type { Commit } from '../../lib/journal/commit.js';
import type { Head } from '../../lib/journal/head.js';
import type { ReadCommit } from '../../lib/journal/reader.js';
import { volumePages } from '../../lib/journal/volume.js';
import { type Bench, openBench, overridden } from '../atom/bench.js';
import { add, freshReader, type Instance, openJournal } from './bench.js';
import { landings } from './events.js';

const count = 10_000;

/** Landings, each with an id as `randomUUID` makes them, the same in each run. */
function eventsOf(to: number): string[] {
  return landings(0, to).map((text, index) => {
    const { type, flight, aircraft: _, ...data } = JSON.parse(text) as Record<string, unknown>;
    const hex = createHash('sha256').update(String(index)).digest('hex');
    const id = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20, 32)];
    return JSON.stringify({ t: type, d: { id: id.join('-'), flight, ...data } });
  });
}

const events = eventsOf(count);
let bench: Bench;
let image: Head;
let volumeUnits = 0;
let headBytesMost = 0;

beforeAll(async () => {
  bench = await openBench();
  const engine = overridden(bench.memory, {
    put: (request) => {
      const key = (request.item.id as { S: string }).S;
      const bytes = itemBytes(request.item);
      if (key.includes('/volume/')) volumeUnits += Math.ceil(bytes / 1_024);
      if (key.endsWith('/head')) headBytesMost = Math.max(headBytesMost, bytes);
      return bench.memory.put(request);
    },
  });
  const writer = openJournal(bench, { engine, volumes: true });
  for (const [index, text] of events.entries()) {
    await add(writer, [text]);
    // Commits in memory take no time; elsewhere a volume has been bound before the next page is full.
    if (index % 50 === 49) await bench.run(writer.journal.close());
  }
  image = writer.journal.image as Head;
}, 60_000);

/** What something costs in requests and read units. */
async function costOf(work: (journal: Instance['journal']) => Promise<unknown>): Promise<[number, number]> {
  const before = bench.memory.spent();
  await work(openJournal(bench).journal);
  const { requests, readUnits } = bench.memory.spent();
  return [requests - before.requests, readUnits - before.readUnits];
}

async function take(commits: AsyncGenerator<ReadCommit>, wanted: number): Promise<Commit[]> {
  const taken: Commit[] = [];
  for await (const { commit } of commits) {
    taken.push(commit);
    if (taken.length === wanted) break;
  }
  return taken;
}

/** A query over these events as items of their own, strongly consistent: 4 KB of the sum of their sizes for each unit. */
const queryUnits = Math.ceil(
  events.reduce((sum, text, index) => {
    return sum + itemBytes({ stream: { S: 'log' }, seq: { N: String(index + 1) }, event: { S: text } });
  }, 0) / 4_096,
);

describe('ten thousand events, appended one by one', () => {
  it('are in volumes but for the newest', () => {
    // Measured: 1,666 pages, 51 volumes of 7.1 KB.
    expect(image.volumes).toBeGreaterThanOrEqual(Math.floor(image.pages / volumePages) - 1);
  });

  it('leave the head within one write unit', () => {
    expect(headBytesMost).toBeLessThanOrEqual(1_024);
  });

  it('cost 0.04 write units each for their volumes', () => {
    expect(volumeUnits / count).toBeLessThanOrEqual(0.05);
    // With the page reads of the binder: 0.08 read units each.
    expect(bench.memory.spent().readUnits / count).toBeLessThanOrEqual(0.1);
  });

  it('are read with 3 requests, and 0.13 of the read units of as many items', async () => {
    let found: readonly string[] = [];
    const [requests, units] = await costOf(async () => {
      found = (await freshReader(bench)).replica.events;
    });
    expect(found).toEqual(events);
    // Measured: 69 of 526 units.
    expect(requests).toBeLessThanOrEqual(3);
    expect(units / queryUnits).toBeLessThanOrEqual(0.15);
  });

  it('are read backwards with 6 requests, for as much', async () => {
    let found: Commit[] = [];
    const [requests, units] = await costOf(async (journal) => {
      found = await take(journal.readBackwards(Number.POSITIVE_INFINITY), count + 1);
    });
    expect(found.map(({ first }) => first)).toEqual(Array.from({ length: count }, (_, index) => count - index));
    expect(requests).toBeLessThanOrEqual(7);
    expect(units / queryUnits).toBeLessThanOrEqual(0.15);
  });
});

describe('a few of ten thousand events', () => {
  it('are the newest: with 1 request while the head holds them, then with a few pages more', async () => {
    const inTail = image.tail.length;
    expect(inTail).toBeGreaterThan(2);
    const newest = (wanted: number) => costOf((journal) => take(journal.readBackwards(count), wanted));
    expect(await newest(inTail)).toEqual([1, 1]);
    expect(await newest(inTail + 1)).toEqual([2, 5]);
    expect(await newest(20)).toEqual([2, 5]);
    const [requests, units] = await newest(100);
    expect([requests, units]).toEqual([4, expect.any(Number)]);
    expect(units).toBeLessThanOrEqual(20);
  });

  it('are the oldest, or in the middle: a volume is found as a whole', async () => {
    const from = (seq: number) => costOf((journal) => take(journal.read(seq), 5));
    const [requests, units] = await from(1);
    expect(requests).toBe(2);
    expect(units).toBeLessThanOrEqual(10);
    const [requestsInside, unitsInside] = await from(5_000);
    expect(requestsInside).toBeLessThanOrEqual(Math.ceil(Math.log2(image.pages / volumePages + volumePages)) + 3);
    expect(unitsInside).toBeLessThanOrEqual(20);
  });
});
