// Goal: old events are read from volumes, and nothing depends on them: what is missing, damaged or wrong is read from the pages, and a
// crash at any step leaves no more than a volume to be bound again. Nothing of a volume is left when its pages were pruned.
// Method: a journal of several volumes, of which each in turn is removed, exchanged or made wrongly; a writer that stops at each request
// of the binder; commits of random sizes from writers that bind and writers that do not.
import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AttributeValue, Item } from '../../lib/codec/index.js';
import { seededRandom } from '../../lib/engine/index.js';
import { chainAfter } from '../../lib/journal/chain.js';
import { headCodec } from '../../lib/journal/head.js';
import type { Page } from '../../lib/journal/page.js';
import { nameVolumes } from '../../lib/journal/protocol.js';
import { decodeVolume, encodeVolume, volumePages } from '../../lib/journal/volume.js';
import { type Bench, openBench, overridden } from '../atom/bench.js';
import { add, addEach, event, Floors, freshReader, type Instance, keysOf, name, openJournal } from './bench.js';
import { FrozenEngine } from './frozen-engine.js';
import { meddlingWith, page } from './meddling.js';

const options = { headBytesMax: 512, volumes: true } as const;
let bench: Bench;
let writer: Instance;
beforeEach(async () => {
  bench = await openBench();
  writer = openJournal(bench, options);
});
const volume = (j: number) => `${name}/volume/${j}`;

let ids = 0;
/** Appends single events until so many pages are trimmed, and then until as many volumes are named as there can be. */
async function fill(instance: Instance, pages: number, names = true): Promise<void> {
  const wanted = Math.floor(pages / volumePages);
  for (;;) {
    const { image } = instance.journal;
    const isNamed = !names || (image?.volumes ?? 0) >= wanted;
    if (image !== undefined && image.pages >= pages && isNamed) return;
    if ((image?.pages ?? 0) > pages + volumePages) throw new Error('no volume is named');
    ids += 1;
    await bench.run(addEach(instance, ids, 1));
    if (ids % 20 === 0 || (image?.pages ?? 0) >= pages) await bench.run(instance.journal.close());
  }
}

const { bytesOf, put, remove, contentOf, remake } = meddlingWith(() => ({ bench, writer }));
const volumePlace = (j: number) => {
  const journalId = writer.journal.image?.journalId as string;
  return { kind: 'volume' as const, journalId, key: volume(j) };
};
async function volumeContentOf(j: number): Promise<Page> {
  const content = decodeVolume(volumePlace(j), await bytesOf(volume(j)));
  if (typeof content === 'string') throw new Error(content);
  return content;
}
const remakeVolume = async (j: number, content: Page) =>
  put(volume(j), (await encodeVolume(volumePlace(j), content)) as Uint8Array);
const remakePage = async (k: number, change: (made: Page) => Page) => remake(k, change(await contentOf(k)));

/** Keys that were asked for, by a reader that has just come. */
function watched(): { readonly keys: string[]; readonly reader: Instance } {
  const keys: string[] = [];
  const engine = overridden(bench.memory, {
    batchGet: (request) => {
      keys.push(...request.keys.map(({ id }) => (id as { S: string }).S.slice(name.length + 1)));
      return bench.memory.batchGet(request);
    },
  });
  return { keys, reader: openJournal(bench, { engine }) };
}

async function readAll({ journal }: Instance, from = 1): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of journal.read(from)) if (text !== '') texts.push(text);
  return texts;
}
async function readDown({ journal }: Instance, from = Number.POSITIVE_INFINITY): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of journal.readBackwards(from)) if (text !== '') texts.push(text);
  return texts.reverse();
}

/** All of it, forwards, backwards, and folded. */
async function expectWhole(events = writer.replica.events): Promise<void> {
  expect((await freshReader(bench)).replica.events).toEqual(events);
  expect(await bench.run(readAll(openJournal(bench)))).toEqual(events);
  expect(await bench.run(readDown(openJournal(bench)))).toEqual(events);
}

describe('a writer that binds volumes', () => {
  it('puts the commits of each 32 pages together, and names them in the head one after the other', async () => {
    const seen: (number | undefined)[] = [];
    while ((writer.journal.image?.volumes ?? 0) < 3) {
      await fill(writer, (writer.journal.image?.pages ?? 0) + 1, false);
      await bench.run(writer.journal.close());
      seen.push(writer.journal.image?.volumes);
    }
    expect([...new Set(seen)]).toEqual([undefined, 1, 2, 3]);
    expect(await keysOf(bench, 'volume')).toEqual([
      volume(0),
      volume(1),
      volume(2),
      ...(await keysOf(bench, 'volume')).slice(3),
    ]);
    expect((await keysOf(bench, 'page')).length).toBeGreaterThanOrEqual(3 * volumePages);
    const { commits } = await volumeContentOf(1);
    const texts = commits.map(({ text }) => text);
    expect(texts).toEqual(writer.replica.events.slice((commits[0]?.first as number) - 1, commits.at(-1)?.first));
    await expectWhole();
    expect(writer.warnings).toEqual([]);
  });

  it('names no volume that nobody has put, and leaves the head as it was where nobody binds', async () => {
    const other = openJournal(bench, { headBytesMax: 512 });
    await fill(other, 70, false);
    expect(other.journal.image?.volumes).toBeUndefined();
    expect(((await bench.item(`${name}/head`)) as Item).d).not.toHaveProperty('M.volumes');
    expect(await keysOf(bench, 'volume')).toEqual([]);
  });

  it('catches up with a journal that had none, one with each commit', async () => {
    await fill(openJournal(bench, { headBytesMax: 512 }), 4 * volumePages, false);
    const before = bench.commits.length;
    await fill(writer, 4 * volumePages + 1);
    expect(writer.journal.image?.volumes).toBe(4);
    const puts = bench.commits.slice(before).map(({ key }) => (key.id as { S: string }).S);
    expect(puts.filter((key) => key.includes('/volume/'))).toEqual([0, 1, 2, 3].map(volume));
    await expectWhole();
  });

  it('binds again what a release that knows of no volumes has left out of the head', async () => {
    await fill(writer, 2 * volumePages);
    const item = (await bench.item(`${name}/head`)) as Item;
    const { volumes: _, ...members } = (item.d as { M: Record<string, AttributeValue> }).M;
    await bench.put({ ...item, d: { M: members } });
    await expectWhole();
    const other = openJournal(bench, options);
    await fill(other, 2 * volumePages + 1);
    expect(other.journal.image?.volumes).toBe(2);
    await expectWhole(other.replica.events);
  });

  it('tells of a volume that it could not put, and tries again at the next trim', async () => {
    let isRefused = true;
    const engine = overridden(bench.memory, {
      put: async (request) => {
        if (!isRefused || !(request.item.id as { S: string }).S.includes('/volume/')) return bench.memory.put(request);
        return {
          status: 'not-applied',
          error: Object.assign(new Error('no'), { name: 'AccessDeniedException' }),
        } as never;
      },
    });
    writer = openJournal(bench, { ...options, engine });
    for (let pages = volumePages - 1; pages < volumePages + 4; pages += 1) {
      await fill(writer, pages, false);
      await bench.run(writer.journal.close());
    }
    // At each trim, and at no other commit.
    expect(writer.warnings.length).toBe(4);
    expect(writer.journal.image?.volumes).toBeUndefined();
    isRefused = false;
    await fill(writer, volumePages + 6);
    expect(writer.journal.image?.volumes).toBe(1);
    await expectWhole();
  });

  it.each([
    ['missing', (k: number) => remove(page(k))],
    ['damaged', async (k: number) => put(page(k), (await bytesOf(page(k))).subarray(0, 40))],
    ['gap', (k: number) => remakePage(k, ({ commits, chain }) => ({ commits: commits.slice(1), chain }))],
    [
      'diverged',
      (k: number) =>
        remakePage(k, ({ commits, chain }) => ({
          commits: commits.map((commit) => ({ ...commit, handlerVersion: 'other' })),
          chain,
        })),
    ],
  ] as const)('puts nothing of pages of which one is wrong (%s)', async (reason, harm) => {
    await fill(writer, 20);
    const bytes = await bytesOf(page(7));
    await harm(7);
    await fill(writer, volumePages + 2, false);
    await bench.run(writer.journal.close());
    expect(writer.warnings[0]).toMatchObject({ code: 'ERR_JOURNAL_GAP', key: page(7), reason });
    expect(await keysOf(bench, 'volume')).toEqual([]);
    await put(page(7), bytes);
    await fill(writer, volumePages + 5);
    await expectWhole();
  });

  it('reads again what an eventually consistent read does not see yet', async () => {
    const engine = overridden(bench.memory, {
      batchGet: async (request) => {
        const answer = await bench.memory.batchGet(request);
        return request.consistent ? answer : { ...answer, items: answer.items.slice(3) };
      },
    });
    writer = openJournal(bench, { ...options, engine });
    await fill(writer, volumePages + 3);
    expect([writer.journal.image?.volumes, writer.warnings]).toEqual([1, []]);
  });

  it('makes no volume that would not fit in an item, nor any later one', async () => {
    let tries = 0;
    const engine = overridden(bench.memory, {
      batchGet: (request) => {
        if (request.keys.length === volumePages) tries += 1;
        return bench.memory.batchGet(request);
      },
    });
    writer = openJournal(bench, { ...options, headBytesMax: 40_000, engine });
    const random = seededRandom(7);
    const noise = () => Array.from({ length: 3_500 }, () => random.int(2 ** 32).toString(36)).join('');
    for (let count = 0; (writer.journal.image?.pages ?? 0) < volumePages + 2; count += 1) {
      await bench.run(add(writer, [event(count, noise())]));
      await bench.run(writer.journal.close());
    }
    const { volumes } = writer.journal.image as { volumes?: number };
    expect([await keysOf(bench, 'volume'), volumes, writer.warnings, tries]).toEqual([[], undefined, [], 1]);
    await expectWhole();
  });
});

describe('a writer that stops while it binds', () => {
  it('at any request leaves a journal that is read and bound by others, and goes on itself', async () => {
    const probe = new FrozenEngine(bench.memory, { request: 1e9, delivers: true });
    await fill(openJournal(bench, { ...options, engine: probe.engine }), volumePages + 1);
    const first = probe.requests.findIndex((text) => text.startsWith('batchGet'));
    const last = probe.requests.findIndex((text) => text.startsWith(`put ${volume(0)}`)) + 3;
    expect(first).toBeGreaterThan(0);
    const start = ids;
    for (let request = first; request <= last; request += 1) {
      for (const delivers of process.env.LEYDEN_SIZE === 'full' ? [true, false] : [request % 3 > 0]) {
        bench = await openBench();
        const frozen = new FrozenEngine(bench.memory, { request, delivers, loses: request % 2 === 0 });
        writer = openJournal(bench, { ...options, engine: frozen.engine });
        ids = start;
        const work = fill(writer, volumePages + 2).catch((error: unknown) => error);
        expect(await Promise.race([work, frozen.frozen])).toBe('frozen');
        const other = openJournal(bench, options);
        await bench.run(other.journal.catchUp('strong'));
        await fill(other, volumePages + 4);
        await expectWhole(other.replica.events);
        frozen.thaw();
        await bench.run(writer.journal.close());
        await bench.run(writer.journal.catchUp('strong'));
        await fill(writer, 2 * volumePages + 1);
        expect(writer.journal.image?.volumes).toBe(2);
        await expectWhole();
      }
    }
  });

  it('and another one that binds the same volume put the same, and name it once', async () => {
    await fill(openJournal(bench, { headBytesMax: 512 }), volumePages + 1, false);
    const two = [writer, openJournal(bench, options)] as const;
    for (let round = 0; (two[0].journal.image?.volumes ?? 0) < 1; round += 1) {
      for (const one of two) await bench.run(addEach(one, round * 2, 4));
      await bench.run(Promise.all(two.map(({ journal }) => journal.close())));
    }
    for (const one of two) await bench.run(one.journal.catchUp('strong'));
    expect(two.map(({ journal }) => journal.image?.volumes)).toEqual([1, 1]);
    await expectWhole(two[0].replica.events);
  });
});

describe('naming volumes', () => {
  it('is done only to a head that names those before, whoever named them', () => {
    expect(nameVolumes({}, { from: 0, to: 1 })).toEqual({ volumes: 1 });
    expect(nameVolumes({ volumes: 1 }, { from: 1, to: 4 })).toEqual({ volumes: 4 });
    for (const bound of [undefined, { from: 0, to: 1 }, { from: 2, to: 3 }]) {
      expect(nameVolumes({ volumes: 1 }, bound)).toEqual({ volumes: 1 });
    }
  });
});

describe('a reader', () => {
  beforeEach(async () => {
    await fill(writer, 3 * volumePages + 5);
  });

  it('reads volumes where there are any, pages behind them, and the tail of the head', async () => {
    const { keys, reader } = watched();
    await bench.run(reader.journal.catchUp('strong'));
    const { pages } = writer.journal.image as { pages: number };
    expect(keys.slice(0, 3)).toEqual(['volume/0', 'volume/1', 'volume/2']);
    expect(keys.slice(3)).toEqual(
      Array.from({ length: pages - 3 * volumePages }, (_, k) => `page/${3 * volumePages + k}`),
    );
    expect(reader.replica.events).toEqual(writer.replica.events);
    expect(reader.journal.cursor.facts()).toEqual(writer.journal.cursor.facts());
  });

  it('that begins in the middle reads the volume that it is in, unless only its last pages are wanted', async () => {
    const image = writer.journal.image as NonNullable<typeof writer.journal.image>;
    for (const [k, first] of [
      [volumePages + 3, 'volume/1'],
      [2 * volumePages - 3, `page/${2 * volumePages - 3}`],
    ] as const) {
      const before = await bench.run(writer.journal.pageEnd(k - 1));
      const { place, first: seq, count } = before as unknown as { place: number; first: number; count: number };
      const { keys, reader } = watched();
      const start = { place, seq: seq + count - 1, chain: undefined, page: k };
      const texts: string[] = [];
      for await (const { text } of reader.journal.readFrom(start, seq + count, image)) texts.push(text);
      expect(texts).toEqual(writer.replica.events.slice(start.seq));
      expect(keys[0]).toBe(first);
      expect(keys).toContain('volume/2');
    }
  });

  it('finds all from each event on, and down from each', async () => {
    const { events } = writer.replica;
    for (let from = 1; from <= events.length; from += 7) {
      expect(await bench.run(readAll(writer, from))).toEqual(events.slice(from - 1));
      expect(await bench.run(readDown(writer, from))).toEqual(events.slice(0, from));
    }
  });

  it('takes the pages of a volume that is missing, damaged, another one, or of another journal', async () => {
    const other = openJournal(bench, { ...options, name: 'other' });
    await fill(other, volumePages + 1);
    for (const j of [0, 1, 2]) {
      const bytes = await bytesOf(volume(j));
      const flipped = Uint8Array.from(bytes);
      flipped[60] = (flipped[60] as number) ^ 1;
      const wrongs = [
        bytes.subarray(0, -1),
        flipped,
        await bytesOf(volume((j + 1) % 3)),
        await bytesOf('other/volume/0'),
      ];
      await remove(volume(j));
      await expectWhole();
      for (const wrong of wrongs) {
        await put(volume(j), wrong);
        await expectWhole();
      }
      // And goes on with the next volume.
      const { keys, reader } = watched();
      await bench.run(reader.journal.catchUp('strong'));
      expect(keys.filter((key) => key.startsWith('page/')).length).toBeLessThan(2 * volumePages);
      await put(volume(j), bytes);
    }
  });

  it('takes the pages of a volume that is sound and does not join on, or ends elsewhere, or says something else', async () => {
    for (const j of [0, 1, 2]) {
      const made = await volumeContentOf(j);
      const { commits, chain } = made;
      const before = j === 0 ? undefined : (await volumeContentOf(j - 1)).chain;
      let short = before ?? Buffer.alloc(16).toString('base64url');
      for (const commit of commits.slice(0, -3)) short = chainAfter(short, commit);
      const changed = commits.map((commit, index) => (index === 4 ? { ...commit, text: event('false') } : commit));
      const wrongs: Page[] = [
        { commits: commits.slice(3), chain },
        { commits: commits.slice(0, -3), chain },
        // With a chain that is right for it: what comes next does not join on.
        { commits: commits.slice(0, -3), chain: short },
        { commits: changed, chain },
        await volumeContentOf((j + 1) % 3),
      ];
      for (const wrong of wrongs) {
        await remakeVolume(j, wrong);
        await expectWhole();
      }
      await remakeVolume(j, made);
    }
  });

  it('needs no page that a volume has', async () => {
    for (let k = 0; k < 3 * volumePages; k += 1) await remove(page(k));
    await expectWhole();
  });

  it('tells of a page that is missing where its volume is as well, and hands on nothing else than what was', async () => {
    await remove(volume(1));
    await remove(page(volumePages + 4));
    const gap = { code: 'ERR_JOURNAL_GAP', key: page(volumePages + 4), reason: 'missing' };
    const reader = openJournal(bench);
    await expect(bench.run(reader.journal.catchUp('strong'))).rejects.toMatchObject(gap);
    const { events } = reader.replica;
    expect(events).toEqual(writer.replica.events.slice(0, events.length));
    await expect(bench.run(readDown(openJournal(bench)))).rejects.toMatchObject(gap);
  });

  it('is not let down by eventually consistent reads that see nothing, or an earlier journal of the name', async () => {
    const textOf = ({ id }: Item) => (id as { S: string }).S;
    const old = new Map<string, Item>();
    for (const key of [volume(0), page(3 * volumePages + 1)]) {
      const item = (await bench.item(key)) as Item;
      old.set(key, { ...item, d: { B: await bytesOf(volume(1)) } });
    }
    for (const seen of [undefined, old]) {
      const engine = overridden(bench.memory, {
        batchGet: async (request) => {
          const answer = await bench.memory.batchGet(request);
          if (request.consistent) return answer;
          const items = seen && answer.items.map((item) => seen.get(textOf(item)) ?? item);
          return { ...answer, items: items ?? [] };
        },
      });
      const reader = openJournal(bench, { engine });
      await bench.run(reader.journal.catchUp('strong'));
      expect(reader.replica.events).toEqual(writer.replica.events);
    }
  });
});

describe('pruning', () => {
  let floors: Floors;
  beforeEach(() => {
    floors = new Floors();
    writer = openJournal(bench, { ...options, floors });
  });

  it('removes volumes that lie below as a whole, and reads go on in the middle of one', async () => {
    await fill(writer, volumePages + 9);
    await bench.run(floors.prune(writer));
    const { prunedTo } = floors;
    expect(prunedTo % volumePages).toBeGreaterThan(5);
    await fill(writer, 3 * volumePages + 2);
    expect(await keysOf(bench, 'volume')).not.toContain(volume(0));
    // Its first pages were gone when it was to be bound.
    expect(await keysOf(bench, 'volume')).toEqual([volume(2)]);
    const reader = await freshReader(bench, { floors });
    expect(reader.replica.events).toEqual(writer.replica.events);
    const { seq } = (floors.snapshot as NonNullable<typeof floors.snapshot>).facts;
    expect(await bench.run(readAll(openJournal(bench, { floors }), seq + 1))).toEqual(writer.replica.events.slice(seq));
    await expect(bench.run(readAll(openJournal(bench, { floors })))).rejects.toMatchObject({
      code: 'ERR_JOURNAL_COMPACTED',
    });
  });

  it('in the middle of a volume that stands leaves it, for what lies above', async () => {
    await fill(writer, volumePages + 9, false);
    floors.move(writer);
    const { prunedTo, prunedFrom } = floors;
    await fill(writer, 2 * volumePages + 2);
    await bench.run(writer.journal.sweep({ from: 0, to: prunedTo, prunedFrom }));
    floors.sweptTo = prunedTo;
    expect(await keysOf(bench, 'volume')).toEqual([volume(1)]);
    const reader = await freshReader(bench, { floors });
    expect(reader.replica.events).toEqual(writer.replica.events);
    await bench.run(writer.journal.sweep({ from: prunedTo, to: 2 * volumePages, prunedFrom }));
    expect(await keysOf(bench, 'volume')).toEqual([]);
  });

  it('lets a writer that begins to bind pass over what is gone', async () => {
    const other = openJournal(bench, { headBytesMax: 512, floors });
    await fill(other, 3 * volumePages + 4, false);
    await bench.run(floors.prune(other));
    await bench.run(writer.journal.catchUp('strong').catch(() => {}));
    await fill(writer, 3 * volumePages + 8);
    expect([writer.journal.image?.volumes, await keysOf(bench, 'volume'), writer.warnings]).toEqual([3, [], []]);
    await fill(writer, 5 * volumePages + 2);
    expect(await keysOf(bench, 'volume')).toEqual([volume(4)]);
  });

  it('is looked back at by a writer that put a volume late: nothing of it is left', async () => {
    const probe = new FrozenEngine(bench.memory, { request: 1e9, delivers: true });
    const start = ids;
    await fill(
      openJournal(bench, { ...options, floors: new Floors(), engine: probe.engine, name: 'probe' }),
      volumePages + 1,
    );
    const request = probe.requests.findIndex((text) => text.startsWith('put probe/volume/0')) + 1;
    ids = start;
    const frozen = new FrozenEngine(bench.memory, { request, delivers: false });
    const late = openJournal(bench, { ...options, floors, engine: frozen.engine });
    void fill(late, volumePages + 1).catch(() => {});
    await frozen.frozen;
    const other = openJournal(bench, { headBytesMax: 512, floors });
    await bench.run(other.journal.catchUp('strong'));
    await fill(other, volumePages + 9, false);
    await bench.run(floors.prune(other));
    expect(await keysOf(bench, 'volume')).toEqual([]);
    frozen.thaw();
    await bench.run(late.journal.close());
    expect(bench.commits.map(({ key }) => (key.id as { S: string }).S)).toContain(volume(0));
    expect(await keysOf(bench, 'volume')).toEqual([]);
  });
});

describe('a head', () => {
  it('has the number of volumes as an attribute when there are any, and refuses what is none', async () => {
    await fill(writer, volumePages + 1);
    const { M } = headCodec.encode(writer.journal.image) as { M: Record<string, AttributeValue> };
    expect(M.volumes).toEqual({ N: '1' });
    expect(headCodec.decode({ M })).toEqual(writer.journal.image);
    expect(() => headCodec.decode({ M: { ...M, volumes: { N: '-1' } } })).toThrow('volumes');
    const { volumes: _, ...old } = M;
    expect(headCodec.decode({ M: old })).not.toHaveProperty('volumes');
    expect(headCodec.encode({ ...(writer.journal.image as object), volumes: 0 })).not.toHaveProperty('M.volumes');
  });
});

describe('commits of random sizes', () => {
  const sizes = fc.array(fc.record({ by: fc.nat({ max: 2 }), events: fc.nat({ max: 9 }), body: fc.boolean() }), {
    minLength: 200,
    maxLength: 300,
  });

  it('are read as they were written, forwards and backwards, from anywhere, whoever binds', async () => {
    const seed = Number(process.env.LEYDEN_SEED ?? Date.now() % 1e9);
    let bound = 0;
    await fc.assert(
      fc.asyncProperty(sizes, fc.double({ min: 0, max: 1, noNaN: true }), async (all, part) => {
        bench = await openBench();
        const writers = [options, { ...options, headBytesMax: 700 }, { headBytesMax: 600 }].map((one) =>
          openJournal(bench, one),
        );
        for (const [index, { by, events, body }] of all.entries()) {
          const one = writers[by] as Instance;
          const texts = Array.from({ length: events }, (_, k) => event(`${index}-${k}`, 'some words'));
          if (events > 0) await bench.run(add(one, texts, { body: body && index % 5 === 0 }));
          if (index % 16 === 0) await bench.run(one.journal.close());
        }
        const reader = await freshReader(bench);
        const { events } = reader.replica;
        if (reader.journal.image?.volumes !== undefined) bound += 1;
        const from = Math.max(1, Math.ceil(part * events.length));
        const up: string[] = [];
        for await (const { commit, text } of openJournal(bench).journal.read(from)) {
          if (text !== '') up.push(...text.split('\n').slice(Math.max(0, from - commit.first)));
        }
        expect(up).toEqual(events.slice(from - 1));
        const down: string[] = [];
        for await (const { commit, text, chain } of openJournal(bench).journal.readBackwards(from)) {
          if (text !== '')
            down.push(
              ...text
                .split('\n')
                .slice(0, from - commit.first + 1)
                .reverse(),
            );
          if (chain !== '') expect(chain).toBe(reader.replica.chains.get(commit.place));
        }
        expect(down.reverse()).toEqual(events.slice(0, from));
      }),
      { seed, numRuns: process.env.LEYDEN_SIZE === 'full' ? 50 : 3, endOnFailure: true },
    );
    expect(bound).toBeGreaterThan(0);
  });
});
