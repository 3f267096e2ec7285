// Goal: what the head keeps beside its commits (a note, why it is closed, marks), what is awaited before commits leave it, and jumps
// over what nobody wants to read.
// Method: journals over the memory engine, two instances on one table; counts of requests.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryEngine } from '../../lib/engine/index.js';
import { AtomTable } from '../../lib/index.js';
import { type Commit, type Consumer, Journal, type JournalOptions } from '../../lib/journal/index.js';

let engine: MemoryEngine;
let table: AtomTable;
beforeEach(async () => {
  engine = new MemoryEngine();
  table = new AtomTable({ engine, tableName: 'notes' });
  await table.create();
});

interface Instance {
  readonly journal: Journal;
  readonly texts: string[];
  readonly jumps: number[];
}

function open(options: Partial<JournalOptions> & { readonly jumps?: boolean } = {}): Instance {
  const [texts, jumps]: [string[], number[]] = [[], []];
  const { jumps: mayJump = true, ...rest } = options;
  const consumer: Consumer = {
    apply: ({ text }) => void texts.push(text),
    ...(mayJump && { jumped: ({ place }) => void jumps.push(place) }),
  };
  return {
    journal: new Journal(new AtomTable({ engine, tableName: 'notes' }), 'log', { consumer, ...rest }),
    texts,
    jumps,
  };
}

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const line = (n: number) => JSON.stringify({ n, noise: Math.imul(n + 1, 2_654_435_761) >>> 0 });
const add = ({ journal }: Instance, n: number, draft = {}) =>
  journal.append({ decide: () => ({ text: line(n), count: 1, ...draft }) });
const addMany = async (instance: Instance, from: number, count: number) => {
  for (let n = from; n < from + count; n += 1) await add(instance, n);
};

describe('a note', () => {
  it('stands in the head until another one comes, or none', async () => {
    const one = open();
    await add(one, 0, { note: bytes('state') });
    await add(one, 1);
    expect((await open().journal.readHead())?.note).toEqual(bytes('state'));
    await add(one, 2, { note: bytes('later') });
    expect((await open().journal.readHead())?.note).toEqual(bytes('later'));
    await add(one, 3, { note: null });
    expect((await open().journal.readHead())?.note).toBeUndefined();
  });

  it('counts into the room of the head, and a large one leaves room for some commits', async () => {
    const one = open();
    await addMany(one, 0, 30);
    const before = (await one.journal.readHead())?.tail.length as number;
    expect(before).toBeGreaterThan(5);
    await add(one, 30, { note: new Uint8Array(3_000).map((_, index) => index * 7) });
    engine.spent();
    const { writeUnits } = engine.spent();
    await addMany(one, 31, 30);
    // 30 heads of 4 KB each, and pages of 1 KB.
    expect(engine.spent().writeUnits - writeUnits).toBeLessThanOrEqual(30 * 4 + 12);
    expect((await one.journal.readHead())?.tail.length).toBeGreaterThan(2);
  });
});

describe('marks', () => {
  it('come back with their commits, from the tail and from pages, and are covered by the digest chain', async () => {
    const one = open();
    await add(one, 0, { marks: [{ count: 1, id: 'command-1', at: 0 }] });
    const read = async () => {
      const all: Commit[] = [];
      for await (const { commit } of open().journal.read(1)) all.push(commit);
      return all;
    };
    expect((await read())[0]?.marks).toEqual([{ id: 'command-1', at: 0, count: 1 }]);
    await addMany(one, 1, 60);
    expect((await one.journal.readHead())?.pages).toBeGreaterThan(0);
    expect((await read())[0]?.marks).toEqual([{ id: 'command-1', at: 0, count: 1 }]);
    expect((await read())[1]?.marks).toEqual([]);
  });
});

describe('beforeTrim', () => {
  it('is done with each commit before it leaves the head', async () => {
    const told = new Set<number>();
    const one = open({ beforeTrim: async (commits) => void commits.map(({ place }) => told.add(place)) });
    for (let n = 0; n < 60; n += 1) {
      await add(one, n);
      const head = await one.journal.readHead();
      const first = head?.tail[0]?.place ?? 0;
      for (let place = 1; place < first; place += 1) expect(told.has(place)).toBe(true);
    }
    expect(told.size).toBeGreaterThan(10);
  });

  it('that fails keeps them there', async () => {
    const warnings: unknown[] = [];
    const beforeTrim = async () => {
      throw new Error('no receipt');
    };
    const one = open({ beforeTrim, onWarning: (error) => warnings.push(error) });
    const outcomes: string[] = [];
    for (let n = 0; n < 40; n += 1)
      await add(one, n).then(
        ({ status }) => outcomes.push(status),
        () => outcomes.push('failed'),
      );
    const head = await open().journal.readHead();
    expect(head?.pages).toBe(0);
    expect(head?.tail.length).toBe(outcomes.filter((status) => status === 'applied').length);
    expect(warnings.length).toBeGreaterThan(0);
  });

  it('is done as well by who finds the page put by another', async () => {
    const [mine, theirs]: [number[], number[]] = [[], []];
    const one = open({ beforeTrim: async (commits) => void mine.push(...commits.map(({ place }) => place)) });
    const other = open({ beforeTrim: async (commits) => void theirs.push(...commits.map(({ place }) => place)) });
    for (let n = 0; n < 60; n += 1) await add(n % 7 < 3 ? one : other, n);
    const { tail, place } = (await one.journal.readHead()) as { tail: readonly Commit[]; place: number };
    const trimmed = place - tail.length;
    expect(trimmed).toBeGreaterThan(10);
    const all = new Set([...mine, ...theirs]);
    for (let at = 1; at <= trimmed; at += 1) expect(all.has(at)).toBe(true);
  });
});

describe('a journal that is closed', () => {
  it('refuses appends until it is opened again; claims go through', async () => {
    const [one, other] = [open(), open()];
    await add(one, 0);
    await add(other, 1);
    await one.journal.append({ claims: true, decide: () => ({ text: '', count: 0, closes: 'archived' }) });
    const refusal = {
      code: 'ERR_JOURNAL_CLOSED',
      outcome: 'not-done',
      retryable: false,
      journal: 'log',
      closed: 'archived',
    };
    await expect(add(one, 2)).rejects.toMatchObject(refusal);
    await expect(add(other, 2)).rejects.toMatchObject(refusal);
    await one.journal.append({ claims: true, decide: () => ({ text: '', count: 0, closes: null }) });
    expect((await add(other, 2)).status).toBe('applied');
    expect((await one.journal.readHead())?.closed).toBeUndefined();
  });

  it('for good keeps nothing of its tail and its note, and says so to whoever was behind', async () => {
    const [one, other] = [open(), open()];
    await add(other, 0, { note: bytes('secret') });
    await add(one, 1);
    await one.journal.append({ claims: true, decide: () => ({ text: '', count: 0, closes: 'deleted', erases: true }) });
    const head = await open().journal.readHead();
    expect(head).toMatchObject({ closed: 'deleted', seq: 2, tail: [] });
    expect(head?.note).toBeUndefined();
    await expect(add(other, 2)).rejects.toMatchObject({ code: 'ERR_JOURNAL_CLOSED', closed: 'deleted' });
    await other.journal.append({
      claims: true,
      decide: () => ({ text: '', count: 0, closes: 'deleted', erases: true }),
    });
    expect(other.jumps.length).toBe(1);
  });
});

describe('jump()', () => {
  it('goes on from a head without reading pages; what comes after is told', async () => {
    const [one, other] = [open(), open()];
    await addMany(one, 0, 100);
    const image = await other.journal.readHead();
    other.journal.jump(image as NonNullable<typeof image>);
    const { requests } = engine.spent();
    await add(other, 100);
    expect(engine.spent().requests - requests).toBeLessThanOrEqual(2);
    await one.journal.catchUp('strong');
    expect(one.texts.at(-1)).toBe(line(100));
    await add(one, 101);
    await other.journal.catchUp('strong');
    expect(other.texts).toEqual([line(101)]);
    expect(other.journal.cursor.chain).toBe(one.journal.cursor.chain);
  });

  it('is made by an append that has far to go, if the consumer can take it', async () => {
    const [one, other, whole] = [open(), open(), open({ jumps: false })];
    for (const instance of [other, whole]) await add(instance, 0);
    await addMany(one, 1, 300);
    await add(other, 301);
    expect(other.jumps.length).toBe(1);
    expect(other.texts.length).toBeLessThan(20);
    await add(whole, 302);
    expect(whole.texts.length).toBeGreaterThan(150);
  });

  it('is not made to settle an outcome: it would hide the commit that is looked for', async () => {
    const one = open();
    await addMany(one, 0, 3);
    await addMany(open(), 3, 200);
    await one.journal.catchUp('strong');
    expect(one.jumps).toEqual([]);
    expect(one.texts.length).toBe(200);
  });
});
