// Goal: wherever a writer dies or freezes, what was acknowledged is there once, what was under way is there as a whole or not at
// all, and when it comes back after others went on, pruned or retired it, it neither doubles nor loses anything.
// Method: a writer that does all there is to do is stopped at its k-th request, for every k, with the request delivered or not.
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Bench, openBench } from '../atom/bench.js';
import { add, addEach, event, Floors, freshReader, type Instance, keysOf, name, openJournal } from './bench.js';
import { type FrozenAt, FrozenEngine } from './frozen-engine.js';

interface Told {
  readonly events: readonly string[];
  outcome: string;
}

/** Creation, bodies, bodies while a commit is under way, nothing to commit, spills and trims. */
async function doAll(one: Instance, told: Told[]): Promise<void> {
  const put = async (id: string, options?: Parameters<typeof add>[2], count = 1) => {
    const events = Array.from({ length: count }, (_, index) => event(`${id}-${index}`, 'some words'));
    const entry: Told = { events, outcome: 'open' };
    told.push(entry);
    entry.outcome = await add(one, events, options).then(
      ({ status }) => status,
      (error: { outcome?: string }) => error.outcome ?? String(error),
    );
  };
  await put('first');
  await put('body', { body: true }, 5);
  await Promise.all([put('inline'), put('meanwhile', { body: true }, 3), put('next', { body: true }, 2)]);
  await put('refused', { draft: () => undefined });
  for (let count = 0; count < 7; count += 1) await put(`more-${count}`);
  await Promise.all([put('last', { body: true }, 2), put('very-last')]);
}

interface Story {
  readonly bench: Bench;
  readonly floors: Floors;
  readonly frozen: FrozenEngine;
  readonly stale: Instance;
  readonly told: Told[];
  readonly done: Promise<void>;
  readonly other: Instance;
}

const options = { headBytesMax: 512 } as const;

/** The writer runs into its crash; then another one goes on. */
async function until(at: FrozenAt): Promise<Story> {
  const bench = await openBench();
  const floors = new Floors();
  const frozen = new FrozenEngine(bench.memory, at);
  const stale = openJournal(bench, { ...options, floors, engine: frozen.engine });
  const told: Told[] = [];
  const done = doAll(stale, told);
  await bench.run(Promise.race([done, frozen.frozen]));
  const other = openJournal(bench, { ...options, floors });
  return { bench, floors, frozen, stale, told, done, other };
}

async function goOn({ bench, other }: Story, from: number): Promise<void> {
  await bench.run(other.journal.catchUp('strong'));
  await bench.run(addEach(other, from, 9));
  await bench.run(add(other, [event(from + 50), event(from + 51)], { body: true }));
}

/** All that was told is true of what a reader finds who has just come. */
async function check({ bench, floors, told }: Story): Promise<string[]> {
  const { replica } = await freshReader(bench, { ...options, floors });
  const { events } = replica;
  expect(new Set(events).size).toBe(events.length);
  for (const { events: own, outcome } of told) {
    const found = own.filter((one) => events.includes(one)).length;
    if (outcome === 'applied') expect(found).toBe(own.length);
    else if (outcome === 'open' || outcome === 'unknown') expect([0, own.length]).toContain(found);
    else expect([outcome, found]).toEqual([outcome === 'nothing' ? 'nothing' : 'not-done', 0]);
  }
  return events;
}

let requests: readonly string[];
beforeAll(async () => {
  const { frozen } = await until({ request: 1e9, delivers: true });
  requests = frozen.requests;
});

const isFull = process.env.LEYDEN_SIZE === 'full';

/** Each request of the writer, delivered and not; with a `turn` the one or the other, by turns, unless all sizes are full. */
function* points(turn?: number): Generator<FrozenAt & { readonly what: string }> {
  for (const [index, what] of requests.entries()) {
    const both = turn === undefined || isFull ? [false, true] : [(index + turn) % 2 === 0];
    for (const delivers of both) yield { request: index + 1, delivers, loses: index % 2 === 0, what };
  }
}

async function everywhere(story: (story: Story) => Promise<void>, turn?: number): Promise<void> {
  for (const { what, ...at } of points(turn)) {
    try {
      await story(await until(at));
    } catch (error) {
      throw new Error(`stopped at request ${at.request}, ${what}, delivered: ${at.delivers}`, { cause: error });
    }
  }
}

describe('a writer that stops at its k-th request', () => {
  it('does all there is to do', () => {
    const kinds = new Set(requests.map((request) => request.replace(/\/body\/.*/, '/body').replace(/\d+$/, 'k')));
    expect(kinds).toEqual(new Set([`get ${name}/head`, `put ${name}/head`, `put ${name}/body`, `put ${name}/page/k`]));
  });

  it('for ever: nothing is lost, others go on, and after its retirement nothing of it is left behind', async () => {
    await everywhere(async (story) => {
      const { bench, floors, other, told } = story;
      await goOn(story, 0);
      await check(story);
      await bench.clock.advance(1_000);
      // So that what is known of the writer is old enough to be quiet.
      await bench.run(addEach(other, 300, 1));
      await bench.run(other.journal.retire(500));
      await bench.run(addEach(other, 100, 14));
      await bench.run(floors.prune(other));
      await check(story);
      const bodies = await keysOf(bench, 'body');
      const { writer } = { writer: story.stale.journal.instance };
      expect(bodies.filter((key) => key.includes(`/${writer}/`))).toEqual([]);
      const pages = (await keysOf(bench, 'page')).map((key) => Number(key.split('/').at(-1)));
      expect(Math.min(...pages, floors.prunedTo)).toBe(floors.prunedTo);
      expect(told.filter(({ outcome }) => outcome === 'not-done')).toEqual([]);
    });
  });

  it.each([
    ['others went on', 0],
    ['its pages were pruned', 1],
    ['it was retired and swept', 0],
  ] as const)('and comes back after %s: it finds the truth and goes on', async (what, turn) => {
    let renamed = 0;
    await everywhere(async (story) => {
      const { bench, floors, frozen, other, stale, told, done } = story;
      await goOn(story, 0);
      if (what !== 'others went on') await bench.run(floors.prune(other));
      if (what === 'it was retired and swept') {
        await bench.clock.advance(1_000);
        await bench.run(addEach(other, 300, 1));
        await bench.run(other.journal.retire(500));
        await bench.run(addEach(other, 100, 14));
        await bench.run(floors.prune(other));
      }
      frozen.thaw();
      await bench.run(done);
      await bench.run(stale.journal.close());
      const events = await check(story);
      await bench.run(stale.journal.catchUp('strong'));
      await bench.run(other.journal.catchUp('strong'));
      expect(stale.replica.events).toEqual(events);
      expect(other.replica.events).toEqual(events);
      const outcomes = new Set(told.map(({ outcome }) => outcome));
      // Evidence in the head tells all, but for one that was retired before its answer came.
      expect([...outcomes].filter((outcome) => outcome !== 'applied' && outcome !== 'nothing')).toEqual([]);
      if (!other.journal.cursor.writers.has(stale.journal.instance)) renamed += 1;
    }, turn);
    expect(renamed > 0).toBe(what === 'it was retired and swept');
  });
});

describe('a body', () => {
  it('that was swept while its writer was frozen is written again, under a new name', async () => {
    const bench = await openBench();
    const floors = new Floors();
    const [one, other] = [
      openJournal(bench, { ...options, floors }),
      openJournal(bench, { ...options, floors }),
    ] as const;
    await addEach(one, 0, 1);
    const text = [event('a'), event('b')].join('\n');
    const prepared = await one.journal.prepare(text);
    await bench.run(other.journal.catchUp('strong'));
    await bench.clock.advance(1_000);
    await bench.run(addEach(other, 100, 1));
    expect(await bench.run(other.journal.retire(500))).toBe(1);
    await bench.run(addEach(other, 200, 30));
    await bench.run(floors.prune(other));
    expect(await keysOf(bench, 'body')).toEqual([]);
    const batch = { bodyText: text, decide: () => ({ text: '', count: 2 }) };
    const appended = await bench.run(one.journal.append(batch, prepared));
    expect(appended).toMatchObject({ status: 'applied', adopted: true });
    const { replica } = await freshReader(bench, { ...options, floors });
    expect(replica.events.slice(-2)).toEqual([event('a'), event('b')]);
    expect(one.journal.cursor.writers.has(one.journal.instance)).toBe(false);
    expect(one.journal.cursor.writers.size).toBe(2);
    // Those that were put before the sweep are gone, and the new one is of the new name.
    expect(await keysOf(bench, 'body')).toHaveLength(1);
  });
});

describe('numbers of a writer', () => {
  /** Writer and number of each commit, and whether it has a body. */
  async function numbersOf(bench: Bench): Promise<[number, number, boolean][]> {
    const reader = openJournal(bench);
    await add(reader, [event('reader')]);
    const numbers: [number, number, boolean][] = [];
    for await (const { commit } of reader.journal.read(1))
      numbers.push([commit.prev, commit.n, commit.body !== undefined]);
    return numbers;
  }

  it('a body that is put while a commit is under way has a number of its own', async () => {
    const bench = await openBench();
    const one = openJournal(bench);
    await addEach(one, 0, 1);
    const [first, second] = [add(one, [event('inline')]), add(one, [event('body')], { body: true })];
    await bench.run(Promise.all([first, second]));
    expect((await numbersOf(bench)).slice(0, 3)).toEqual([
      [0, 1, false],
      [1, 2, false],
      [2, 3, true],
    ]);
    // And is put once, where it is looked for.
    const puts = bench.commits.map(({ key }) => (key.id as { S: string }).S).filter((key) => key.includes('/body/'));
    expect(puts).toEqual([`${name}/body/${one.journal.instance}/3`]);
  });

  it('are committed in order, whatever the order of the calls: what was passed over is put again', async () => {
    const bench = await openBench();
    const one = openJournal(bench);
    await addEach(one, 0, 1);
    const texts = [event('a'), event('b'), event('c')] as const;
    const [a, b] = [await one.journal.prepare(texts[0]), await one.journal.prepare(texts[1])];
    const append = (text: string, body?: typeof a) =>
      one.journal.append(
        { bodyText: text, decide: () => ({ text, count: 1 }), adopt: (commit) => one.replica.take(commit, text) },
        body,
      );
    await bench.run(append(texts[1], b));
    await bench.run(append(texts[2]));
    await bench.run(append(texts[0], a));
    const numbers = await numbersOf(bench);
    for (const [prev, n] of numbers) expect(prev).toBeLessThan(n);
    const { replica } = await freshReader(bench);
    expect(replica.events.slice(1, 4)).toEqual([event('b'), event('c'), event('a')]);
  });

  it('of what was not committed are used again where nothing stands under them', async () => {
    const bench = await openBench();
    const one = openJournal(bench);
    await addEach(one, 0, 1);
    for (let count = 0; count < 5; count += 1) await bench.run(add(one, [event('x')], { draft: () => undefined }));
    await bench.run(add(one, [event('y')], { body: true }));
    // Neither a gap nor another first word.
    expect((await numbersOf(bench)).slice(0, 2)).toEqual([
      [0, 1, false],
      [1, 2, true],
    ]);
  });

  it('at most two bodies are ahead of the last commit, none before the first', async () => {
    const bench = await openBench();
    const one = openJournal(bench);
    const first = await bench.run(one.journal.prepare('1'));
    expect(one.journal.cursor.place).toBe(1);
    expect(first.n).toBe(2);
    const bodies = [first, await one.journal.prepare('2'), await bench.run(one.journal.prepare('3'))];
    // The third had to wait for a commit, and none was under way.
    expect(bodies.map(({ n }) => n)).toEqual([2, 3, 5]);
    expect(one.journal.cursor.writers.get(one.journal.instance)).toBe(4);
  });
});
