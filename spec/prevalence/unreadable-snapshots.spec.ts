// Goal: a snapshot that can't be read is passed over by everybody, made again when somebody asks for one, and no reason to let go
// of one that can; and what a listener throws, or how wide its letters are, harms nothing.
// Method: parts in the memory engine that are removed behind the system's back.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Journal } from '../../lib/journal/index.js';
import type { Prevayler } from '../../lib/prevalence/index.js';
import { errorOf } from '../support/prevalent.js';
import { type Bench, openBench } from './bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

const sum = { initialState: 0, handler: (state: number, n: number) => state + n };

async function add(one: Prevayler<number, number>, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await bench.run(one.handle(1));
}

function loseParts(id: string): Promise<void> {
  return bench.run(bench.storageItems().delete(`bank/part/${id}/0`));
}

describe('a snapshot that can not be read', () => {
  it('is passed over by a look at the past', async () => {
    const one = await bench.open(sum);
    await add(one, 3);
    await bench.run(one.snapshot());
    await add(one, 3);
    const { id } = await bench.run(one.snapshot());
    await add(one, 3);
    await loseParts(id);
    expect(await bench.run(one.at({ seq: 8 }))).toMatchObject({ state: 8, seq: 8 });
    expect(bench.warnings).toEqual([expect.objectContaining({ code: 'ERR_SNAPSHOT_DAMAGED', reason: 'missing' })]);
  });

  it('is made again when somebody asks for one, though nothing happened since', async () => {
    const first = await bench.open(sum);
    await add(first, 3);
    const { id } = await bench.run(first.snapshot());
    await loseParts(id);
    // Opening finds out.
    const one = await bench.open(sum);
    const again = await bench.run(one.snapshot());
    expect(again).toMatchObject({ seq: 3 });
    expect(again.id).not.toBe(id);
    const other = await bench.open(sum);
    expect(other.state).toBe(3);
    expect(other.stats().replayed).toBe(0);
  });

  it('does not make prune let go of one that can', async () => {
    const first = await bench.open(sum);
    await add(first, 3);
    const good = await bench.run(first.snapshot());
    await add(first, 3);
    const lost = [await bench.run(first.snapshot())];
    await add(first, 3);
    lost.push(await bench.run(first.snapshot()));
    for (const { id } of lost) await loseParts(id);
    const one = await bench.open(sum);
    await bench.run(one.prune());
    expect((await bench.run(one.snapshots())).map(({ id }) => id)).toContain(good.id);
    expect((await bench.open(sum)).state).toBe(9);
  });
});

describe('what is told on the side', () => {
  it('stops nothing when it throws', async () => {
    const one = await bench.open(sum);
    await add(one, 3);
    const fail = () => {
      throw new Error('on the side');
    };
    const other = await bench.open({ ...sum, onProgress: fail, onSlowEvent: fail, slowEventMs: 0 });
    expect(other.state).toBe(3);
    expect(bench.warnings.length).toBeGreaterThan(0);
    for (const warning of bench.warnings) expect(warning).toMatchObject({ message: 'on the side' });
  });
});

describe('the limit of one commit', () => {
  const texts = { initialState: 0, handler: (state: number, text: string) => state + text.length };

  it('counts bytes, not letters', async () => {
    const one = await bench.open(texts, { appendBytesMax: 1_024 });
    expect(await bench.run(one.handle('é'.repeat(500)))).toMatchObject({ seq: 1 });
    expect(await errorOf(bench.run(one.handle('é'.repeat(600))))).toMatchObject({
      code: 'ERR_APPEND_TOO_LARGE',
      bytes: 1_202,
      bytesMax: 1_024,
    });
  });

  it('holds for events that go together', async () => {
    const one = await bench.open(texts, { appendBytesMax: 1_024 });
    await bench.run(Promise.all(Array.from({ length: 9 }, () => one.handle('x'.repeat(300)))));
    // Three of 302 bytes each, and the ends of lines.
    expect(one.stats()).toMatchObject({ commits: 3, events: 9 });
  });

  it('is at most what a reader inflates', () => {
    const consumer = { apply: () => {} };
    const table = bench.table();
    expect(() => new Journal(table, 'log', { consumer, appendBytesMax: 33_554_433 })).toThrow(RangeError);
    expect(() => new Journal(table, 'log', { consumer, appendBytesMax: 33_554_432 })).not.toThrow();
  });
});

describe('headBytesMax', () => {
  it('is at most what leaves the head an item that can be written', () => {
    const consumer = { apply: () => {} };
    const table = bench.table();
    for (const headBytesMax of [511, 262_145, '1024']) {
      const open = () => new Journal(table, 'log', { consumer, headBytesMax: headBytesMax as number });
      expect(open).toThrow(/headBytesMax must be a whole number from 512 to 262144/);
    }
    expect(() => new Journal(table, 'log', { consumer, headBytesMax: 262_144 })).not.toThrow();
  });
});
