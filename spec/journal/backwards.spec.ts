// Goal: backwards as forwards: every commit in order, or a typed error that names what is wrong; nothing that its neighbours contradict
// is handed on; down to what was pruned; and no request before what it brings is wanted.
// Method: a journal of pages, bodies and a tail, of which each page in turn is removed, cut, or made anew wrongly, read from everywhere.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AttributeValue, Item } from '../../lib/codec/index.js';
import { chainAfter } from '../../lib/journal/chain.js';
import { type Bench, openBench, overridden } from '../atom/bench.js';
import { addEach, Floors, freshReader, type Instance, name, openJournal } from './bench.js';
import { addRound, gap, meddlingWith, page } from './meddling.js';

const options = { headBytesMax: 512 } as const;
let bench: Bench;
let writer: Instance;
beforeEach(async () => {
  bench = await openBench();
  writer = openJournal(bench, options);
});
const everything = Number.POSITIVE_INFINITY;

/** Inline commits, some with bodies, of which one has an event that was refused, and some without events. */
async function fill(rounds = 6): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    await addRound(bench, writer, round);
    if (round % 2 === 0) await bench.run(writer.journal.hold());
    if (round % 2 === 0) await bench.run(writer.journal.release());
  }
  await bench.run(writer.journal.close());
}

const { bytesOf, put, remove, contentOf, remake } = meddlingWith(() => ({ bench, writer }));

/** Events in ascending order, from a commit's first on; and what ended the reading. */
async function readDown({ journal }: Instance, from = everything) {
  const events: string[] = [];
  const places: number[] = [];
  const chains: string[] = [];
  const versions = new Set<string | undefined>();
  let error: unknown;
  try {
    for await (const { commit, text, chain } of journal.readBackwards(from)) {
      const own = text === '' ? [] : text.split('\n').filter((_, index) => !commit.skip.includes(index));
      events.unshift(...own.slice(0, from - commit.first + 1));
      places.push(commit.place);
      chains.push(chain);
      versions.add(commit.handlerVersion);
    }
  } catch (caught) {
    error = caught;
  }
  return { events, places, chains, versions, error };
}
const down = (instance: Instance, from?: number) => bench.run(readDown(instance, from));

/** What a reader comes to, and that all it got is right. */
async function troubleOf(instance = openJournal(bench)): Promise<unknown> {
  const { events, versions, error } = await down(instance);
  expect(events).toEqual(events.length === 0 ? [] : writer.replica.events.slice(-events.length));
  expect(versions).not.toContain('other');
  return error;
}

describe('reading backwards', () => {
  it('gives all down from each event, with the digest chain of what is not in the head', async () => {
    await fill();
    const { events } = writer.replica;
    const { chains: wanted } = (await freshReader(bench)).replica;
    const { place: last, tail, pages } = writer.journal.image as NonNullable<typeof writer.journal.image>;
    expect(pages).toBeGreaterThan(8);
    for (let from = 1; from <= events.length; from += 1) {
      expect(await down(writer, from)).toMatchObject({ events: events.slice(0, from), error: undefined });
    }
    const { places, chains, events: all } = await down(writer);
    expect(all).toEqual(events);
    expect(places).toEqual(Array.from({ length: last }, (_, index) => last - index));
    for (const [index, at] of places.entries()) {
      expect(chains[index]).toBe(at > last - tail.length ? '' : (wanted.get(at) as string));
    }
  });

  it('gives nothing before the first event, nor of no journal, and the newest from anywhere behind it', async () => {
    await fill(1);
    for (const from of [0, -3, Number.NaN]) expect((await down(writer, from)).places).toEqual([]);
    expect((await down(openJournal(bench, { name: 'none' }))).places).toEqual([]);
    expect((await down(writer, 1_000)).events).toEqual(writer.replica.events);
  });

  it('asks for nothing before it is wanted, and for twice as much each time', async () => {
    await bench.run(addEach(writer, 0, 200));
    const asked: number[] = [];
    const engine = overridden(bench.memory, {
      batchGet: (request) => {
        asked.push(request.keys.length);
        return bench.memory.batchGet(request);
      },
    });
    const reading = openJournal(bench, { engine }).journal.readBackwards(everything);
    const tail = writer.journal.image?.tail.length as number;
    for (let count = 0; count < tail; count += 1) await bench.run(reading.next());
    expect(asked).toEqual([]);
    await bench.run(reading.next());
    expect(asked).toEqual([4]);
    let last: unknown;
    for await (const read of reading) last = read;
    expect(last).toMatchObject({ commit: { place: 1 } });
    const { pages } = writer.journal.image as { pages: number };
    expect(asked).toEqual([4, 8, 16, 32, pages - 60]);
  });

  it('stops when it is told to', async () => {
    await fill();
    const reason = new Error('enough');
    await expect(bench.run(writer.journal.readBackwards(everything, AbortSignal.abort(reason)).next())).rejects.toBe(
      reason,
    );
    const control = new AbortController();
    const reading = writer.journal.readBackwards(everything, control.signal);
    await bench.run(reading.next());
    control.abort(reason);
    await expect(
      bench.run(reading.next().then(() => Promise.all([...Array(20)].map(() => reading.next())))),
    ).rejects.toBe(reason);
  });
});

describe('what is wrong', () => {
  beforeEach(() => fill());

  it('a page that is missing or damaged is told by its key, whichever it is', async () => {
    for (let k = 0; k < (writer.journal.image?.pages as number); k += 1) {
      const bytes = await bytesOf(page(k));
      await remove(page(k));
      expect(await troubleOf()).toMatchObject(gap(page(k), 'missing'));
      await put(page(k), bytes.subarray(0, -1));
      expect(await troubleOf()).toMatchObject(gap(page(k), 'damaged'));
      await put(page(k), bytes);
    }
    expect(await troubleOf()).toBeUndefined();
  });

  it('a page that says something else has diverged, between windows as well, and none of it is handed on', async () => {
    for (let k = 0; k < (writer.journal.image?.pages as number); k += 1) {
      const made = await contentOf(k);
      const changed = made.commits.map((one, index) => (index === 0 ? { ...one, handlerVersion: 'other' } : one));
      await remake(k, { ...made, commits: changed });
      expect(await troubleOf()).toMatchObject(gap(page(k), 'diverged'));
      // With a chain that is right for it: what comes after it contradicts.
      let chain = k === 0 ? Buffer.alloc(16).toString('base64url') : (await contentOf(k - 1)).chain;
      for (const commit of changed) chain = chainAfter(chain, commit);
      await remake(k, { commits: changed, chain });
      const isLast = k + 1 === writer.journal.image?.pages;
      expect(await troubleOf()).toMatchObject(gap(isLast ? `${name}/head` : page(k + 1), 'diverged'));
      await remake(k, made);
    }
  });

  it('pages that are sound and do not join on are a gap', async () => {
    const made = await contentOf(4);
    for (const commits of [made.commits.slice(0, -1), (await contentOf(2)).commits]) {
      await remake(4, { ...made, commits });
      expect(await troubleOf()).toMatchObject(gap(page(5), 'gap'));
    }
    await remake(4, { ...made, commits: made.commits.slice(1) });
    expect(await troubleOf()).toMatchObject(gap(page(4), 'gap'));
    await remake(4, made);
    const first = await contentOf(0);
    await remake(0, { ...first, commits: first.commits.slice(1) });
    expect(await troubleOf()).toMatchObject(gap(page(0), 'gap'));
  });

  it('a head whose tail does not belong to its pages is told once they are read', async () => {
    const item = (await bench.item(`${name}/head`)) as Item;
    const members = (item.d as { M: Record<string, AttributeValue> }).M;
    await bench.put({ ...item, d: { M: { ...members, chain: { B: Buffer.alloc(16) } } } });
    expect(await troubleOf()).toMatchObject(gap(`${name}/head`, 'diverged'));
  });

  it('a body that is missing is told by its key', async () => {
    const keys = bench.commits.map(({ key }) => (key.id as { S: string }).S).filter((key) => key.includes('/body/'));
    for (const key of keys) {
      const bytes = await bytesOf(key);
      await remove(key);
      expect(await troubleOf()).toMatchObject(gap(key, 'missing'));
      await put(key, bytes);
    }
  });
});

describe('what was pruned', () => {
  let floors: Floors;
  beforeEach(async () => {
    floors = new Floors();
    writer = openJournal(bench, { ...options, floors });
    await fill();
  });

  it('ends the reading with an error, after all that is left', async () => {
    await bench.run(floors.prune(writer));
    await bench.run(addEach(writer, 100, 40));
    const { events, error } = await down(openJournal(bench, { floors }));
    const first = (await contentOf(floors.prunedTo)).commits[0]?.first as number;
    expect(events).toEqual(writer.replica.events.slice(first - 1));
    expect(error).toMatchObject({ code: 'ERR_JOURNAL_COMPACTED', from: first - 1 });
    for (const from of [1, first - 1]) {
      const below = await down(openJournal(bench, { floors }), from);
      expect(below).toMatchObject({ events: [], error: { code: 'ERR_JOURNAL_COMPACTED', from } });
    }
    const inside = await down(openJournal(bench, { floors }), first + 2);
    expect(inside).toMatchObject({
      events: writer.replica.events.slice(first - 1, first + 2),
      error: { from: first - 1 },
    });
  });

  it('while it is being read is told as pruned, and not as a gap', async () => {
    let asked = 0;
    const engine = overridden(bench.memory, {
      batchGet: async (request) => {
        asked += 1;
        if (asked === 2) await floors.prune(writer);
        return bench.memory.batchGet(request);
      },
    });
    const { events, error } = await down(openJournal(bench, { floors, engine }));
    expect(events).toEqual(writer.replica.events.slice(-events.length));
    expect(error).toMatchObject({ code: 'ERR_JOURNAL_COMPACTED', from: writer.replica.events.length - events.length });
  });

  it('is no excuse for a page that is missing above it', async () => {
    await bench.run(floors.prune(writer));
    await bench.run(addEach(writer, 100, 40));
    await remove(page(floors.prunedTo + 2));
    expect(await troubleOf(openJournal(bench, { floors }))).toMatchObject(gap(page(floors.prunedTo + 2), 'missing'));
  });

  it('does not matter to a page that a late put has made longer than what was trimmed', async () => {
    const [made, next] = [await contentOf(3), await contentOf(4)];
    const longer = [...made.commits, ...next.commits.slice(0, 1)];
    let { chain } = made;
    for (const commit of next.commits.slice(0, 1)) chain = chainAfter(chain, commit);
    await remake(3, { commits: longer, chain });
    expect((await down(openJournal(bench, { floors }))).events).toEqual(writer.replica.events);
    expect((await down(openJournal(bench, { floors }))).places).toHaveLength(writer.journal.cursor.place);
  });
});
