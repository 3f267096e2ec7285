// Goal: a reader gets every commit in order up to one head, or a typed error that names what is wrong; it never hands on what is
// not right, finds any place in few requests, and holds no more than its windows.
// Method: a journal of pages, bodies and a tail, of which each item in turn is removed, moved, exchanged, or made anew wrongly.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AttributeValue, Item } from '../../lib/codec/index.js';
import type { Engine } from '../../lib/engine/index.js';
import { chainAfter } from '../../lib/journal/chain.js';
import type { Commit } from '../../lib/journal/commit.js';
import { prefetch } from '../../lib/journal/prefetch.js';
import { type Bench, openBench, outcomeOf, overridden } from '../atom/bench.js';
import { add, addEach, event, Floors, freshReader, type Instance, keysOf, name, openJournal } from './bench.js';
import { addRound, gap, meddlingWith, page } from './meddling.js';

const options = { headBytesMax: 512 } as const;
let bench: Bench;
let writer: Instance;
beforeEach(async () => {
  bench = await openBench();
  writer = openJournal(bench, options);
});
const head = `${name}/head`;

/** Inline commits and some with bodies, in at least four pages and a tail; `writer` knows it all. */
async function fill(): Promise<void> {
  for (let round = 0; round < 6; round += 1) await addRound(bench, writer, round);
  await bench.run(writer.journal.close());
}

const { bytesOf, put, remove, contentOf, remake } = meddlingWith(() => ({ bench, writer }));

/** What a reader that has just come is told, and that all it got is right. */
async function troubleOf(
  more: object = {},
): Promise<{ code: string; key: string; reason: string } & Record<string, unknown>> {
  const reader = openJournal(bench, more);
  const error = await bench.run(reader.journal.catchUp('strong').catch((caught: unknown) => caught));
  const { events } = reader.replica;
  expect(writer.replica.events.slice(0, events.length)).toEqual(events);
  expect(error).toMatchObject({ outcome: 'not-done', retryable: false, from: events.length });
  return error as never;
}

describe('a reader that has just come', () => {
  it('gets all, with the digest chain after each commit', async () => {
    writer = openJournal(bench, options);
    for (let round = 0; round < 4; round += 1) {
      await bench.run(addEach(writer, round * 10, 6));
      await bench.run(add(writer, [event(`b${round}`), event(`c${round}`)], { body: true }));
    }
    const { replica, journal } = await freshReader(bench);
    expect(replica.events).toEqual(writer.replica.events);
    expect(journal.image?.pages).toBeGreaterThan(3);
    expect(replica.chains.get(journal.cursor.place)).toBe(journal.image?.chain);
    expect(journal.cursor.facts()).toEqual(writer.journal.cursor.facts());
    expect(journal.seqWanted).toBe(32);
  });

  it('of nothing gets nothing, and knows no head', async () => {
    const reader = await freshReader(bench);
    await bench.run(add(writer, [event(1)], { draft: () => undefined }));
    for (const { journal } of [reader, writer]) expect([journal.image, journal.cursor.place]).toEqual([undefined, 0]);
    // What was never written has no id either: it is the one who makes the first commit who gives it.
    await bench.run(addEach(openJournal(bench), 0, 1));
    await bench.run(addEach(writer, 1, 1));
    expect(writer.replica.events).toHaveLength(2);
  });

  it('passes over what was refused after its body was written', async () => {
    await bench.run(addEach(writer, 0, 1));
    const events = ['a', 'b', 'c'].map((id) => event(id));
    const text = events.join('\n');
    const body = await writer.journal.prepare(text);
    await bench.run(writer.journal.append({ bodyText: text, decide: () => ({ text: '', count: 2, skip: [1] }) }, body));
    const { replica } = await freshReader(bench);
    expect(replica.events.slice(1)).toEqual([events[0], events[2]]);
  });
});

describe('what is wrong', () => {
  beforeEach(fill);

  it('a page that is missing is told by its key, whichever it is', async () => {
    for (let k = 0; k < (writer.journal.image?.pages as number); k += 1) {
      const bytes = await bytesOf(page(k));
      await remove(page(k));
      expect(await troubleOf()).toMatchObject({ ...gap(page(k), 'missing'), to: writer.journal.image?.seq });
      await put(page(k), bytes);
    }
    expect((await freshReader(bench)).replica.events).toEqual(writer.replica.events);
  });

  it('a body that is missing, damaged, or of another commit is told by its key', async () => {
    const bodies = await keysOf(bench, 'body');
    expect(bodies).toHaveLength(6);
    for (const key of bodies) {
      const bytes = await bytesOf(key);
      await remove(key);
      expect(await troubleOf()).toMatchObject(gap(key, 'missing'));
      await put(key, bytes.subarray(1));
      expect(await troubleOf()).toMatchObject(gap(key, 'damaged'));
      await put(key, await bytesOf(bodies.find((other) => other !== key) as string));
      expect(await troubleOf()).toMatchObject(gap(key, 'damaged'));
      await put(key, bytes);
    }
  });

  it('a page under the key of another, or cut, or of another journal is damaged', async () => {
    await put(page(1), await bytesOf(page(2)));
    expect(await troubleOf()).toMatchObject(gap(page(1), 'damaged'));
    await put(page(1), (await bytesOf(page(2))).subarray(0, 30));
    expect(await troubleOf()).toMatchObject(gap(page(1), 'damaged'));
    const other = openJournal(bench, { ...options, name: 'other' });
    await bench.run(addEach(other, 0, 20));
    await put(page(1), await bytesOf('other/page/1'));
    expect(await troubleOf()).toMatchObject(gap(page(1), 'damaged'));
    await bench.put({ id: { S: page(1) }, d: { S: 'text' } });
    expect(await troubleOf()).toMatchObject(gap(page(1), 'damaged'));
  });

  it('pages that are sound and do not join on are a gap', async () => {
    const made = await contentOf(1);
    await remake(1, await contentOf(2));
    expect(await troubleOf()).toMatchObject(gap(page(1), 'gap'));
    await remake(1, { ...made, commits: made.commits.slice(1) });
    expect(await troubleOf()).toMatchObject(gap(page(1), 'gap'));
    await remake(1, { ...made, commits: made.commits.slice(0, -1) });
    expect((await troubleOf()).reason).toBe('diverged');
    await remake(1, await contentOf(0));
    expect(await troubleOf()).toMatchObject(gap(page(2), 'gap'));
  });

  it('a page that is sound and says something else has diverged, and none of it is handed on', async () => {
    const made = await contentOf(1);
    const changed = made.commits.map((commit, index) => (index === 1 ? { ...commit, text: event('false') } : commit));
    await remake(1, { ...made, commits: changed });
    expect(await troubleOf()).toMatchObject(gap(page(1), 'diverged'));
    // With a chain that is right for it: the next page finds it.
    let { chain } = await contentOf(0);
    for (const commit of changed) chain = chainAfter(chain, commit);
    await remake(1, { commits: changed, chain });
    const reader = openJournal(bench);
    const error = await bench.run(reader.journal.catchUp('strong').catch((caught: unknown) => caught));
    expect(error).toMatchObject(gap(page(2), 'diverged'));
  });

  it('a head that is older than its pages, or was put back, is told', async () => {
    const item = (await bench.item(head)) as Item;
    const members = (item.d as { M: Record<string, AttributeValue> }).M;
    await bench.put({ ...item, d: { M: { ...members, pages: { N: '0' } } } });
    expect(await troubleOf()).toMatchObject(gap(head, 'gap'));
    await remove(head);
    await expect(bench.run(writer.journal.catchUp('strong'))).rejects.toMatchObject(gap(head, 'missing'));
    await expect(bench.run(writer.journal.catchUp('eventual'))).rejects.toMatchObject(gap(head, 'missing'));
    const failure = await bench.run(add(writer, [event('x')]).catch((error: unknown) => error));
    expect(failure).toMatchObject({ code: 'ERR_JOURNAL_GAP', key: head });
    expect(await bench.item(head)).toBeUndefined();
  });

  it('the tail is checked before a body of it is fetched, and before anything is handed on', async () => {
    const item = (await bench.item(head)) as Item;
    const members = (item.d as { M: Record<string, AttributeValue> }).M;
    await bench.put({ ...item, d: { M: { ...members, chain: { B: Buffer.alloc(16) } } } });
    const counted = counting(bench.memory);
    expect(await troubleOf({ engine: counted.engine })).toMatchObject(gap(head, 'diverged'));
    const pagesOnly = counted.keys.filter((key) => key.includes('/body/'));
    const inTail = writer.journal.image?.tail.filter(({ body }) => body !== undefined) ?? [];
    for (const { writer: by, n } of inTail) expect(pagesOnly).not.toContain(`${name}/body/${by}/${n}`);
  });

  it('a writer does not append to what it cannot read, and says so', async () => {
    await remove(page(1));
    const other = openJournal(bench, options);
    const error = await bench.run(add(other, [event('x')]).catch((caught: unknown) => caught));
    expect(error).toMatchObject(gap(page(1), 'missing'));
    expect((await bench.run(writer.journal.readHead()))?.seq).toBe(writer.journal.cursor.seq);
  });
});

describe('what was pruned', () => {
  let floors: Floors;
  let slow: Instance;
  beforeEach(async () => {
    floors = new Floors();
    writer = openJournal(bench, { ...options, floors });
    await bench.run(addEach(writer, 0, 5));
    slow = openJournal(bench, { ...options, floors });
    await bench.run(slow.journal.catchUp('strong'));
    await bench.run(addEach(writer, 5, 30));
  });

  it('is recovered from the snapshot, by a follower that comes back', async () => {
    await bench.run(floors.prune(writer));
    await bench.run(addEach(writer, 35, 10));
    expect(floors.reads).toBe(0);
    await bench.run(slow.journal.catchUp('strong'));
    expect(slow.replica.events).toEqual(writer.replica.events);
    expect(floors.reads).toBe(1);
    await bench.run(addEach(slow, 100, 2));
  });

  it('is recovered from as well when a late put has brought a page back', async () => {
    const bytes = await bytesOf(page(0));
    await bench.run(floors.prune(writer));
    await put(page(0), bytes);
    await bench.run(slow.journal.catchUp('strong'));
    expect(slow.replica.events).toEqual(writer.replica.events);
  });

  it('is told when the snapshot is older than what was pruned, and not asked for without end', async () => {
    await bench.run(floors.prune(writer));
    const { snapshot } = floors;
    await bench.run(addEach(writer, 35, 30));
    await bench.run(floors.prune(writer));
    floors.snapshot = snapshot;
    await expect(bench.run(slow.journal.catchUp('strong'))).rejects.toMatchObject({
      ...{ code: 'ERR_JOURNAL_COMPACTED', from: (snapshot?.facts.seq as number) + 1 },
    });
  });

  it('is told where there is no snapshot to recover from', async () => {
    const other = openJournal(bench, { readFloor: async () => floors });
    await bench.run(floors.prune(writer));
    const compacted = { code: 'ERR_JOURNAL_COMPACTED', from: 1, outcome: 'not-done', journal: name };
    await expect(bench.run(other.journal.catchUp('strong'))).rejects.toMatchObject(compacted);
  });

  it('is no excuse for a page that is missing behind it', async () => {
    await bench.run(floors.prune(writer));
    await bench.run(addEach(writer, 35, 30));
    await remove(page(floors.prunedTo + 1));
    const error = await bench.run(slow.journal.catchUp('strong').catch((caught: unknown) => caught));
    expect(error).toMatchObject(gap(page(floors.prunedTo + 1), 'missing'));
  });

  it('cannot be read; what is left can, from its first event on', async () => {
    await bench.run(floors.prune(writer));
    await bench.run(addEach(writer, 35, 20));
    const { facts } = floors.snapshot as { facts: { seq: number } };
    const { tail } = writer.journal.image as { tail: readonly Commit[] };
    const firstKept = (await contentOf(floors.prunedTo)).commits[0]?.first as number;
    expect(firstKept).toBeLessThanOrEqual(facts.seq);
    expect(firstKept).toBeLessThan(tail[0]?.first as number);
    const events = await bench.run(readAll(slow, firstKept));
    expect(events).toEqual(writer.replica.events.slice(firstKept - 1));
    for (const from of [1, firstKept - 1]) {
      await expect(bench.run(readAll(slow, from))).rejects.toMatchObject({ code: 'ERR_JOURNAL_COMPACTED', from });
    }
  });

  it('while a place is looked for does not matter, if that lies behind it', async () => {
    // A snapshot from before the last pages, to prune to.
    floors.move(writer);
    const { prunedTo } = floors;
    await bench.run(addEach(writer, 35, 30));
    const { pages } = writer.journal.image as { pages: number };
    const middle = page(pages >> 1);
    expect(pages >> 1).toBeLessThan(prunedTo);
    floors.prunedTo = 0;
    const engine = overridden(bench.memory, {
      get: async (request) => {
        // The pruner comes by when the first page is asked for.
        if ((request.key.id as { S: string }).S === middle && floors.prunedTo === 0) {
          floors.prunedTo = prunedTo;
          await writer.journal.sweep({ from: 0, to: prunedTo, prunedFrom: floors.prunedFrom });
        }
        return bench.memory.get(request);
      },
    });
    const wanted = (await contentOf(pages - 1)).commits[0]?.first as number;
    const events = await bench.run(readAll(openJournal(bench, { floors, engine }), wanted));
    expect(events).toEqual(writer.replica.events.slice(wanted - 1));
    expect(floors.prunedTo).toBe(prunedTo);
  });

  it('while it is being read is told as pruned, and not as a gap', async () => {
    const gone = overridden(bench.memory, {
      batchGet: async (request) => {
        // The pruner comes by between the first page and the rest.
        if (floors.sweptTo === 0) await floors.prune(writer);
        return bench.memory.batchGet(request);
      },
    });
    const other = openJournal(bench, { floors, engine: gone });
    await expect(bench.run(readAll(other, 1))).rejects.toMatchObject({ code: 'ERR_JOURNAL_COMPACTED', from: 1 });
  });
});

async function readAll({ journal }: Instance, from: number): Promise<string[]> {
  const events: string[] = [];
  for await (const { commit, text } of journal.read(from)) {
    const own = text === '' ? [] : text.split('\n').filter((_, index) => !commit.skip.includes(index));
    events.push(...own.slice(Math.max(0, from - commit.first)));
  }
  return events;
}

describe('reading from a place', () => {
  it('gives all from each event on, and nothing beyond the last', async () => {
    await fill();
    const { events } = writer.replica;
    for (let from = 1; from <= events.length; from += 1) {
      expect(await bench.run(readAll(writer, from))).toEqual(events.slice(from - 1));
    }
    for (const from of [0, -5]) expect(await bench.run(readAll(writer, from))).toHaveLength(events.length);
    for (const from of [1, 7]) expect(await bench.run(readAll(writer, events.length + from))).toEqual([]);
    expect(await bench.run(readAll(openJournal(bench, { name: 'none' }), 1))).toEqual([]);
  });

  it('finds it in a logarithm of the pages', async () => {
    await bench.run(addEach(writer, 0, 400));
    const { pages } = writer.journal.image as { pages: number };
    expect(pages).toBeGreaterThan(60);
    const counted = counting(bench.memory);
    const other = openJournal(bench, { engine: counted.engine });
    for (const from of [1, 10, 200, 390]) {
      counted.gets.length = 0;
      const reading = other.journal.read(from);
      const { value } = await bench.run(reading.next());
      expect(value?.commit.first).toBe(from);
      await bench.run(reading.return(undefined));
      // The head, and one page of each half.
      expect(counted.gets.length).toBeLessThanOrEqual(Math.ceil(Math.log2(pages)) + 2);
    }
  });

  it('tells of a page that is missing on the way to it, and of one that is missing behind it', async () => {
    await fill();
    const { pages, seq } = writer.journal.image as { pages: number; seq: number };
    await remove(page(pages >> 1));
    await expect(bench.run(readAll(writer, 1))).rejects.toMatchObject({
      ...gap(page(pages >> 1), 'missing'),
      from: 1,
      to: seq,
    });
    await put(page(pages >> 1), Buffer.from('?'));
    await expect(bench.run(readAll(writer, 1))).rejects.toMatchObject(gap(page(pages >> 1), 'damaged'));
  });

  it('stops when it is told to', async () => {
    await fill();
    const reason = new Error('enough');
    const aborted = AbortSignal.abort(reason);
    await expect(bench.run(openJournal(bench).journal.catchUp('strong', aborted))).rejects.toBe(reason);
    await expect(bench.run(writer.journal.read(1, aborted).next())).rejects.toBe(reason);
  });
});

/** Where somebody waits until it is opened. */
class Gate {
  readonly reached: Promise<void>;
  readonly #opened: Promise<void>;
  #reach: () => void = () => {};
  open: () => void = () => {};

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#reach = resolve;
    });
    this.#opened = new Promise((resolve) => {
      this.open = resolve;
    });
  }

  passed(): Promise<void> {
    this.#reach();
    return this.#opened;
  }
}

/** `engine`, with the keys that were read, and those of them by single gets. */
function counting(engine: Engine): { readonly engine: Engine; readonly keys: string[]; readonly gets: string[] } {
  const keys: string[] = [];
  const gets: string[] = [];
  const textOf = (key: Item) => (key.id as { S: string }).S;
  const counted = overridden(engine, {
    get: (request) => {
      keys.push(textOf(request.key));
      gets.push(textOf(request.key));
      return engine.get(request);
    },
    batchGet: (request) => {
      keys.push(...request.keys.map(textOf));
      return engine.batchGet(request);
    },
  });
  return { engine: counted, keys, gets };
}

describe('a follower', () => {
  it('that is behind by a little needs the head alone', async () => {
    await bench.run(addEach(writer, 0, 3));
    const counted = counting(bench.memory);
    const reader = await freshReader(bench, { engine: counted.engine });
    await bench.run(addEach(writer, 3, 1));
    counted.keys.length = 0;
    await bench.run(reader.journal.catchUp('strong'));
    expect(counted.keys).toEqual([head]);
    expect(reader.replica.events).toHaveLength(4);
  });

  it('whose consumer throws gets the error, and the same commit again', async () => {
    await fill();
    const reader = openJournal(bench, {
      consumer: {
        apply(read) {
          if (read.commit.first === 20 && !isOver) throw new Error('not yet');
          seen.push(read.commit.place);
        },
      },
    });
    const seen: number[] = [];
    let isOver = false;
    for (let time = 0; time < 2; time += 1) {
      await expect(bench.run(reader.journal.catchUp('strong'))).rejects.toThrow('not yet');
    }
    isOver = true;
    await bench.run(reader.journal.catchUp('strong'));
    expect(seen).toEqual(Array.from({ length: writer.journal.cursor.place }, (_, index) => index + 1));
  });

  it('of an eventually consistent read that is from before the journal takes that for no loss', async () => {
    const old = overridden(bench.memory, {
      get: (request) => (request.consistent ? bench.memory.get(request) : Promise.resolve(undefined)),
    });
    const one = openJournal(bench, { engine: old });
    await bench.run(addEach(one, 0, 2));
    await bench.run(addEach(openJournal(bench), 2, 1));
    await bench.run(one.journal.catchUp('eventual'));
    await bench.run(one.journal.catchUp('strong'));
    expect(one.replica.events).toHaveLength(3);
  });

  it('of an older head stays where it is', async () => {
    await bench.run(addEach(writer, 0, 2));
    const before = (await bench.item(head)) as Item;
    await bench.run(addEach(writer, 2, 2));
    const stale = overridden(bench.memory, {
      get: (request) => (request.consistent ? bench.memory.get(request) : Promise.resolve(before)),
    });
    const reader = await freshReader(bench, { engine: stale });
    await bench.run(reader.journal.catchUp('eventual'));
    expect([reader.journal.cursor.place, reader.journal.image?.place]).toEqual([4, 4]);
  });

  it('that reads a commit of its own before it hears of it is handed that one, and does not adopt it', async () => {
    const one = openJournal(bench, { engine: bench.faulty });
    await bench.run(addEach(one, 0, 1));
    bench.faulty.hold(['put']);
    const own = outcomeOf(add(one, [event('own')]));
    const message = await bench.message(0);
    await message.deliver();
    await bench.run(one.journal.catchUp('strong'));
    message.answer();
    await bench.run(own.done);
    expect(own.value).toMatchObject({ status: 'applied', adopted: false });
    expect(one.replica.events).toHaveLength(2);
  });

  it('that hears of a commit of its own while it reads it passes over it', async () => {
    const gate = new Gate();
    const engine = overridden(bench.faulty, {
      batchGet: async (request) => {
        const answer = await bench.memory.batchGet(request);
        await gate.passed();
        return answer;
      },
    });
    const one = openJournal(bench, { engine });
    await bench.run(addEach(one, 0, 1));
    const body = await one.journal.prepare(event('own'));
    bench.faulty.hold(['put']);
    const own = outcomeOf(
      one.journal.append(
        { decide: () => ({ text: '', count: 1 }), adopt: (commit) => one.replica.take(commit, event('own')) },
        body,
      ),
    );
    const message = await bench.message(0);
    await message.deliver();
    const read = outcomeOf(one.journal.catchUp('strong'));
    await gate.reached;
    message.answer();
    await own.done;
    gate.open();
    await read.done;
    expect([own.value, read.error]).toMatchObject([{ status: 'applied', adopted: true }, undefined]);
    expect(one.replica.events).toHaveLength(2);
  });

  it('whose base is pruned while it is read decides on the newest head, not on the one that it had', async () => {
    const floors = new Floors();
    writer = openJournal(bench, { ...options, floors });
    await bench.run(addEach(writer, 0, 20));
    const engine = overridden(bench.memory, {
      batchGet: async (request) => {
        if (floors.sweptTo === 0) {
          await addEach(writer, 20, 30);
          await floors.prune(writer);
        }
        return bench.memory.batchGet(request);
      },
    });
    const one = openJournal(bench, { ...options, floors, engine });
    // What it is decided on is looked at by `add`.
    expect(await bench.run(add(one, [event('own')]))).toMatchObject({ status: 'applied', commit: { place: 51 } });
    expect(one.replica.events).toEqual([...writer.replica.events, event('own')]);
  });

  it('and an append at the same time hand each commit to the consumer once', async () => {
    const other = openJournal(bench, options);
    for (let round = 0; round < 20; round += 1) {
      await bench.run(
        Promise.all([
          writer.journal.catchUp('strong'),
          addEach(writer, round * 10, 1),
          addEach(other, round * 10 + 5, 1),
          writer.journal.catchUp('strong'),
          other.journal.catchUp('eventual'),
        ]),
      );
    }
    await bench.run(writer.journal.catchUp('strong'));
    expect(writer.replica.events).toHaveLength(40);
    expect((await freshReader(bench)).replica.events).toEqual(writer.replica.events);
  });
});

describe('working ahead', () => {
  it('is by so many, and no more; in order; and ends with who asked', async () => {
    for (const ahead of [1, 3]) {
      let [made, ended] = [0, false];
      async function* source() {
        try {
          for (; made < 10; ) {
            made += 1;
            yield made;
          }
        } finally {
          ended = true;
        }
      }
      const got: number[] = [];
      for await (const one of prefetch(source(), ahead)) {
        got.push(one);
        await new Promise(setImmediate);
        expect(made).toBe(Math.min(10, got.length + ahead));
        if (got.length === 5 && ahead === 3) break;
      }
      expect(got).toEqual(Array.from({ length: ahead === 3 ? 5 : 10 }, (_, index) => index + 1));
      expect(ended).toBe(true);
    }
  });

  it('holds two windows of bodies, however many there are', async () => {
    const megabyte = 1_024 * 1_024;
    await addEach(writer, 0, 1);
    // What counts is the bytes of the text, which it is unpacked to.
    const text = event('large', 'x'.repeat(3 * megabyte));
    for (let count = 0; count < 12; count += 1) await add(writer, [text], { body: true });
    let [inFlight, most, applied] = [0, 0, 0];
    const engine = overridden(bench.memory, {
      batchGet: async (request) => {
        const answer = await bench.memory.batchGet(request);
        const bodies = new Set(
          request.keys.map(({ id }) => (id as { S: string }).S).filter((key) => /body\/[^/]+\/\d+$/.test(key)),
        );
        inFlight += bodies.size * 3 * megabyte;
        most = Math.max(most, inFlight);
        return answer;
      },
    });
    const reader = openJournal(bench, {
      engine,
      consumer: {
        apply({ commit }) {
          if (commit.body === undefined) return;
          applied += 1;
          inFlight -= 3 * megabyte;
        },
      },
    });
    await reader.journal.catchUp('strong');
    expect(applied).toBe(12);
    expect(most).toBeGreaterThan(8 * megabyte);
    expect(most).toBeLessThanOrEqual(16 * megabyte);
  });
});

describe('a look that found no head yet', () => {
  it('is no loss if another look found the first commit meanwhile', async () => {
    let tell: () => void = () => {};
    const told = new Promise<void>((resolve) => {
      tell = resolve;
    });
    let gets = 0;
    const engine = overridden(bench.memory, {
      get: async (request, sending) => {
        gets += 1;
        const isFirst = gets === 1;
        const found = await bench.memory.get(request, sending);
        if (isFirst) await told;
        return found;
      },
    });
    const one = openJournal(bench, { ...options, engine });
    const look = one.journal.catchUp('strong');
    await add(writer, [event('first')]);
    await one.journal.catchUp('eventual');
    expect(gets).toBe(2);
    tell();
    await look;
    expect(one.journal.cursor.seq).toBe(1);
  });
});
