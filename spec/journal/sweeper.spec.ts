// Goal: what was pruned goes, pages and bodies, named or not, whenever a sweeper dies; nothing else does; and only writers that
// are quiet are retired.
// Method: a journal with bodies that commits name, pass over, or never came to; a sweeper that stops at its k-th request.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../lib/engine/index.js';
import { type Bench, openBench } from '../atom/bench.js';
import { add, addEach, event, Floors, freshReader, type Instance, keysOf, name, openJournal } from './bench.js';
import { FrozenEngine } from './frozen-engine.js';

const options = { headBytesMax: 512 } as const;
let bench: Bench;
let floors: Floors;
let one: Instance;
let other: Instance;
beforeEach(async () => {
  bench = await openBench();
  floors = new Floors();
  one = openJournal(bench, { ...options, floors });
  other = openJournal(bench, { ...options, floors });
});

const random = seededRandom(4);
/** More than one item holds. */
const large = Array.from({ length: 110_000 }, () => random.int(2 ** 32).toString(36)).join('');

/** Pages of commits, and bodies: named, refused as a whole, of several items and never named. */
async function fill(): Promise<void> {
  await bench.run(addEach(one, 0, 3));
  await bench.run(add(one, [event('named')], { body: true }));
  await bench.run(add(one, [event('refused')], { body: true, draft: () => undefined }));
  await bench.run(addEach(one, 10, 3));
  // Of several items: compressed by another thread, which the virtual clock does not see.
  await one.journal.prepare(large);
  await bench.run(add(one, [event('last')], { body: true }));
  await one.journal.prepare('never named');
  await bench.run(other.journal.catchUp('strong'));
  await bench.clock.advance(1_000);
  await bench.run(addEach(other, 100, 1));
  expect(await bench.run(other.journal.retire(500))).toBe(1);
  await bench.run(addEach(other, 200, 30));
  await bench.run(other.journal.close());
}
const sweep = ({ journal }: Instance) => journal.sweep({ from: 0, to: floors.prunedTo, prunedFrom: floors.prunedFrom });

describe('a sweep', () => {
  it('removes pages and all bodies that go with them, and tells how many', async () => {
    await fill();
    expect(await keysOf(bench, 'body')).toHaveLength(6);
    floors.move(other);
    const report = await bench.run(sweep(other));
    expect(report).toEqual({ pages: floors.prunedTo, bodies: 5 });
    expect(await keysOf(bench, 'body')).toEqual([]);
    expect((await keysOf(bench, 'page')).every((key) => key === `${name}/page/${floors.prunedTo}`)).toBe(true);
    expect(await bench.run(sweep(other))).toEqual({ pages: 0, bodies: 0 });
    expect((await freshReader(bench, { ...options, floors })).replica.events).toEqual(other.replica.events);
  });

  it('that stops anywhere is begun anew, and leaves nothing', async () => {
    for (let request = 1; ; request += 1) {
      for (const delivers of [true, false]) {
        bench = await openBench();
        floors = new Floors();
        one = openJournal(bench, { ...options, floors });
        other = openJournal(bench, { ...options, floors });
        await fill();
        floors.move(other);
        const frozen = new FrozenEngine(bench.memory, { request: request + 1, delivers });
        const sweeper = openJournal(bench, { ...options, floors, engine: frozen.engine });
        const end = await bench.run(Promise.race([sweep(sweeper), frozen.frozen]));
        if (end !== 'frozen') {
          expect(request).toBeGreaterThan(20);
          return;
        }
        await bench.run(sweep(other));
        expect([request, await keysOf(bench, 'body')]).toEqual([request, []]);
      }
      // The deletes of pages are alike.
      if (request > 12) request += 3;
    }
  });

  it('leaves what lies after it: bodies of the first page that stays, and of the tail', async () => {
    await bench.run(addEach(one, 0, 12));
    await bench.run(add(one, [event('kept')], { body: true }));
    await bench.run(one.journal.close());
    floors.move(one);
    await bench.run(addEach(one, 20, 12));
    await bench.run(sweep(one));
    expect(await keysOf(bench, 'body')).toHaveLength(1);
    expect((await freshReader(bench, { ...options, floors })).replica.events).toEqual(one.replica.events);
  });

  it('does not answer for commits of a page that a late put made anew, longer than what was trimmed', async () => {
    await bench.run(addEach(one, 0, 12));
    await bench.run(add(one, [event('kept')], { body: true }));
    const { pages, tail, chain, journalId } = one.journal.image as NonNullable<typeof one.journal.image>;
    const key = `${name}/page/${pages - 1}`;
    const { encodePage } = await import('../../lib/journal/page.js');
    await bench.put({
      id: { S: key },
      d: { B: encodePage({ kind: 'page', journalId, key }, { commits: tail, chain }) },
    });
    floors.move(one);
    await bench.run(sweep(one));
    expect(await keysOf(bench, 'body')).toHaveLength(1);
  });

  it('of a page that cannot be read removes the page, and guesses nothing', async () => {
    await bench.run(add(one, [event('a')], { body: true }));
    await bench.run(addEach(one, 0, 30));
    await bench.put({ id: { S: `${name}/page/0` }, d: { B: Buffer.from('?') } });
    floors.move(one);
    await bench.run(sweep(one));
    expect(await keysOf(bench, 'body')).toHaveLength(1);
    expect(await bench.item(`${name}/page/0`)).toBeUndefined();
  });

  it('of no journal does nothing', async () => {
    expect(await bench.run(sweep(one))).toEqual({ pages: 0, bodies: 0 });
  });
});

describe('the end of a page', () => {
  it('is told with its time, and of none there is none', async () => {
    await bench.run(addEach(one, 0, 20));
    const end = await bench.run(one.journal.pageEnd(0));
    expect(end?.place).toBeGreaterThan(1);
    const next = await bench.run(one.journal.pageEnd(1));
    expect(next?.place).toBeGreaterThan(end?.place as number);
    expect(await bench.run(one.journal.pageEnd(999))).toBeUndefined();
  });
});

describe('retiring', () => {
  it('takes out those that are quiet, and never the one who does it', async () => {
    await bench.run(addEach(one, 0, 1));
    await bench.clock.advance(1_000);
    await bench.run(addEach(other, 0, 1));
    expect(await bench.run(other.journal.retire(500))).toBe(1);
    expect([...other.journal.cursor.writers.keys()]).toEqual([other.journal.instance]);
    await bench.clock.advance(10_000);
    expect(await bench.run(other.journal.retire(0))).toBe(0);
    await bench.run(one.journal.catchUp('strong'));
    expect([...one.journal.cursor.writers.keys()]).toEqual([other.journal.instance]);
  });

  it('spares one that has written since it was last looked at', async () => {
    await bench.run(addEach(one, 0, 1));
    await bench.run(other.journal.catchUp('strong'));
    await bench.clock.advance(1_000);
    await bench.run(addEach(one, 1, 1));
    expect(await bench.run(other.journal.retire(500))).toBe(0);
    expect(other.journal.cursor.writers.size).toBe(1);
    const { place } = other.journal.cursor;
    expect(place).toBe(2);
  });

  it('two that retire the same one at once do it once', async () => {
    await bench.run(addEach(one, 0, 1));
    const third = openJournal(bench, options);
    await bench.clock.advance(1_000);
    await bench.run(addEach(other, 0, 1));
    await bench.run(addEach(third, 0, 1));
    await bench.run(other.journal.catchUp('strong'));
    const counts = await bench.run(Promise.all([other.journal.retire(500), third.journal.retire(500)]));
    expect(counts.sort()).toEqual([0, 1]);
    await bench.run(addEach(one, 1, 2));
    expect((await freshReader(bench)).replica.events).toHaveLength(5);
  });

  it('a writer that was taken out commits under a new name, once', async () => {
    await bench.run(addEach(one, 0, 2));
    await bench.clock.advance(1_000);
    await bench.run(addEach(other, 0, 1));
    await bench.run(other.journal.retire(500));
    await bench.run(addEach(one, 2, 3));
    expect(one.journal.cursor.writers.size).toBe(2);
    const writers: string[] = [];
    for await (const { commit } of one.journal.read(1)) writers.push(commit.writer);
    expect(new Set(writers.slice(-3)).size).toBe(1);
    expect(writers.at(-1)).not.toBe(one.journal.instance);
  });
});
