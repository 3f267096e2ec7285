// Goal: the tail is trimmed by what a page is known to hold, whoever put it and whatever answer was lost; and no page stays behind.
// Method: the spiller by itself, on an engine that loses, refuses and holds; then journals that freeze while they put a page.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { WriteOnceItems } from '../../lib/atom/index.js';
import type { EngineFaultRule } from '../../lib/engine/index.js';
import type { Commit } from '../../lib/journal/commit.js';
import { emptyHead, type Head } from '../../lib/journal/head.js';
import { journalKeys } from '../../lib/journal/keys.js';
import { decodePage, encodePage } from '../../lib/journal/page.js';
import { Spiller } from '../../lib/journal/spiller.js';
import { type Bench, openBench, overridden } from '../atom/bench.js';
import { add, addEach, event, Floors, freshReader, keysOf, openJournal } from './bench.js';
import { FrozenEngine } from './frozen-engine.js';

const keys = journalKeys('log');
const commit = (place: number): Commit => ({
  ...{ place, first: place, count: 1, time: 5, writer: 'w', n: place, prev: place - 1, text: `{"at":${place}}` },
  ...{ body: undefined, skip: [], retires: false, handlerVersion: undefined, stateDigest: undefined, marks: [] },
});

/** A head with this page next, and so many commits in its tail. */
function headAt(pages: number, count: number): Head {
  const from = pages * 10;
  const tail = Array.from({ length: count }, (_, index) => commit(from + index + 1));
  return { ...emptyHead('j', ''), pages, tail, place: from + count, seq: from + count };
}
const pageOf = (key: string, head: Head) =>
  encodePage({ kind: 'page', journalId: 'j', key }, { commits: head.tail, chain: head.chain });

let bench: Bench;
let floors: Floors;
let spiller: Spiller;
let items: WriteOnceItems;
let failures: unknown[];
beforeEach(async () => {
  bench = await openBench();
  floors = new Floors();
  failures = [];
  items = bench.calm().writeOnce();
  spiller = open(bench.table().writeOnce());
});
function open(through: WriteOnceItems): Spiller {
  const readFloor = async () => {
    floors.reads += 1;
    return floors;
  };
  return new Spiller({ name: 'log', items: through, keys, readFloor, onFailure: (error) => failures.push(error) });
}
async function begun(head: Head, looksFirst = false): Promise<Spiller['known']> {
  spiller.begin(head, looksFirst);
  await bench.run(spiller.close());
  return spiller.known;
}
const requests = () => bench.faulty.spent().requests;
const faults = (kind: 'reset-before' | 'reset-after', on: EngineFaultRule['on'] = 'writes') =>
  bench.faulty.setRules([{ fault: { kind }, on, times: 1 }]);

describe('a page', () => {
  it('that is stored is known without a read', async () => {
    expect(await begun(headAt(0, 4))).toEqual({ page: 0, count: 4 });
    expect(requests()).toBe(1);
    const bytes = await items.get(keys.page(0));
    expect(decodePage({ kind: 'page', journalId: 'j', key: keys.page(0) }, bytes as Uint8Array)).toMatchObject({
      commits: headAt(0, 4).tail,
    });
  });

  it('of somebody else counts as it stands there, longer or shorter', async () => {
    for (const count of [3, 6]) {
      const page = count;
      await items.put(keys.page(page), pageOf(keys.page(page), headAt(page, count)));
      expect(await begun(headAt(page, 4))).toEqual({ page, count });
    }
    expect(requests()).toBe(4);
  });

  it('whose answer is lost is read: there it counts', async () => {
    faults('reset-after');
    expect(await begun(headAt(0, 4))).toEqual({ page: 0, count: 4 });
    expect(requests()).toBe(2);
  });

  it('whose answer is lost is read: not there it is forgotten, and put again at the next need', async () => {
    faults('reset-before');
    expect(await begun(headAt(0, 4))).toBeUndefined();
    expect(await begun(headAt(0, 5))).toEqual({ page: 0, count: 5 });
    expect(failures).toEqual([]);
  });

  it('that was put late counts by what stands there, not by what was put last', async () => {
    bench.faulty.hold(['put']);
    spiller.begin(headAt(0, 3), false);
    const late = await bench.message(0);
    late.lose();
    await bench.run(spiller.close());
    expect(spiller.known).toBeUndefined();
    await late.deliver();
    bench.faulty.release();
    expect(await begun(headAt(0, 5))).toEqual({ page: 0, count: 3 });
  });

  it('that stood there and is gone when it is read is forgotten', async () => {
    await items.put(keys.page(0), pageOf(keys.page(0), headAt(0, 3)));
    const gone = overridden(bench.memory, { get: async () => undefined });
    spiller = open(bench.table({ engine: gone }).writeOnce());
    expect(await begun(headAt(0, 4))).toBeUndefined();
    expect(failures).toEqual([]);
  });

  it('that somebody else has probably put is read first, and put if it is not there', async () => {
    await items.put(keys.page(0), pageOf(keys.page(0), headAt(0, 3)));
    expect(await begun(headAt(0, 4), true)).toEqual({ page: 0, count: 3 });
    expect(requests()).toBe(1);
    expect(await begun(headAt(1, 4), true)).toEqual({ page: 1, count: 4 });
    expect(requests()).toBe(3);
  });

  it('that is known, or on its way, is not put again; an empty tail is no page', async () => {
    await begun(headAt(0, 4));
    await begun(headAt(0, 6));
    spiller.begin(headAt(1, 4), false);
    await begun(headAt(1, 5));
    await begun(headAt(2, 0));
    expect(requests()).toBe(2);
    await bench.run(spiller.wait(headAt(1, 5)));
    expect([requests(), spiller.known]).toEqual([2, { page: 1, count: 4 }]);
  });

  it.each([
    ['damaged', 'under another key', () => pageOf(keys.page(1), headAt(0, 3))],
    ['damaged', 'of no format', () => Buffer.from('?')],
  ])('that is %s, %s, is told: to nobody who waits, and to who waits', async (reason, _what, bytes) => {
    await items.put(keys.page(0), bytes());
    const damaged = { code: 'ERR_JOURNAL_GAP', key: keys.page(0), reason, outcome: 'not-done' };
    expect(await begun(headAt(0, 4))).toBeUndefined();
    expect(failures).toMatchObject([damaged]);
    await expect(bench.run(spiller.wait(headAt(0, 4)))).rejects.toMatchObject(damaged);
    await bench.run(spiller.close());
    expect(failures).toHaveLength(1);
  });

  it('that the store refuses is told, and tried again at the next need', async () => {
    spiller = open(bench.table({ retry: { timeoutMs: 50 } }).writeOnce());
    bench.faulty.setRules([{ fault: { kind: 'throttle' } }]);
    expect(await begun(headAt(0, 4))).toBeUndefined();
    expect(failures).toMatchObject([{ code: 'ERR_DEADLINE' }]);
    bench.faulty.setRules([]);
    expect(await begun(headAt(0, 4))).toEqual({ page: 0, count: 4 });
  });
});

describe('a page that was put here and trimmed by somebody else', () => {
  const settle = () => bench.clock.advance(10);

  it('is looked back at once: removed if the pruner has gone by, left if not', async () => {
    await begun(headAt(3, 4));
    floors.sweptTo = 3;
    spiller.saw(headAt(4, 0), undefined);
    await settle();
    expect([floors.reads, await items.get(keys.page(3))]).toEqual([1, expect.anything()]);
    spiller.saw(headAt(5, 0), undefined);
    await settle();
    expect(floors.reads).toBe(1);

    await begun(headAt(6, 4));
    floors.sweptTo = 7;
    spiller.saw(headAt(9, 0), undefined);
    await settle();
    expect([floors.reads, await items.get(keys.page(6))]).toEqual([2, undefined]);
  });

  it('is looked back at as well when its answer was lost', async () => {
    faults('reset-after');
    await begun(headAt(3, 4));
    floors.sweptTo = 4;
    spiller.saw(headAt(4, 0), undefined);
    await settle();
    expect(await items.get(keys.page(3))).toBeUndefined();
  });

  it('is not, when it was trimmed here, or is still the next, or was put by others', async () => {
    floors.sweptTo = 9;
    await begun(headAt(3, 4));
    spiller.saw(headAt(3, 5), undefined);
    spiller.saw(headAt(4, 0), 3);
    await items.put(keys.page(4), pageOf(keys.page(4), headAt(4, 3)));
    await begun(headAt(4, 4));
    spiller.saw(headAt(5, 0), undefined);
    await settle();
    expect(floors.reads).toBe(0);
  });

  it('a failure to look back is told to who is told of failures', async () => {
    const broken = new Spiller({
      ...{ name: 'log', items, keys, onFailure: (error: unknown) => failures.push(error) },
      readFloor: () => Promise.reject(new Error('no pointer')),
    });
    broken.begin(headAt(0, 2), false);
    await bench.run(broken.close());
    broken.saw(headAt(1, 0), undefined);
    await settle();
    expect(failures).toMatchObject([{ message: 'no pointer' }]);
  });
});

const isPage = (request: object) => (request as { item: { id: { S: string } } }).item.id.S.includes('/page/');

describe('a journal', () => {
  const options = { headBytesMax: 512 } as const;

  it.each([true, false])(
    'frozen while it puts a page, removes it when it comes back after the sweep; its answer lost: %s',
    async (loses) => {
      const probe = new FrozenEngine(bench.memory, { request: 1e9, delivers: true });
      const early = openJournal(bench, { ...options, engine: probe.engine, name: 'probe' });
      await bench.run(addEach(early, 0, 12));
      const request = probe.requests.findIndex((text) => text.startsWith('put probe/page/0')) + 1;
      expect(request).toBeGreaterThan(0);

      const frozen = new FrozenEngine(bench.memory, { request, delivers: false, loses });
      const one = openJournal(bench, { ...options, floors, engine: frozen.engine });
      const work = addEach(one, 0, 12);
      await bench.run(Promise.race([work, frozen.frozen]));
      const other = openJournal(bench, { ...options, floors });
      await bench.run(other.journal.catchUp('strong'));
      await bench.run(addEach(other, 100, 30));
      await bench.run(floors.prune(other));
      expect(await bench.item('log/page/0')).toBeUndefined();
      frozen.thaw();
      await bench.run(work);
      await bench.run(one.journal.close());
      await bench.clock.advance(1_000);
      expect((await keysOf(bench, 'page')).filter((key) => Number(key.split('/').at(-1)) < floors.prunedTo)).toEqual(
        [],
      );
      expect(
        bench.commits.some(({ key, after }) => (key.id as { S: string }).S === 'log/page/0' && after === undefined),
      ).toBe(true);
      const reader = await freshReader(bench, { ...options, floors });
      await bench.run(one.journal.catchUp('strong'));
      expect(one.replica.events).toEqual(reader.replica.events);
    },
  );

  it('that came back and puts the next page at once still looks back at the one before', async () => {
    const probe = new FrozenEngine(bench.memory, { request: 1e9, delivers: true });
    await bench.run(addEach(openJournal(bench, { ...options, engine: probe.engine, name: 'probe' }), 0, 12));
    const request = probe.requests.findIndex((text) => text.startsWith('put probe/page/0')) + 1;
    const frozen = new FrozenEngine(bench.memory, { request, delivers: false });
    const one = openJournal(bench, { ...options, floors, engine: frozen.engine });
    const work = addEach(one, 0, 12);
    await bench.run(Promise.race([work, frozen.frozen]));
    const other = openJournal(bench, { ...options, floors, engine: bench.faulty });
    await bench.run(other.journal.catchUp('strong'));
    await bench.run(addEach(other, 100, 30));
    await bench.run(floors.prune(other));
    // The tail is long, and nobody has spilled it.
    bench.faulty.setRules([{ fault: { kind: 'reset-before' }, on: ['put'], when: isPage }]);
    await bench.run(addEach(other, 200, 10));
    frozen.thaw();
    await bench.run(work);
    await bench.run(one.journal.close());
    await bench.clock.advance(1_000);
    expect(await bench.item('log/page/0')).toBeUndefined();
    expect(
      bench.commits.some(({ key, after }) => (key.id as { S: string }).S === 'log/page/0' && after === undefined),
    ).toBe(true);
  });

  it('goes on with a longer head when no page can be told', async () => {
    bench.faulty.setRules([
      {
        fault: { kind: 'reset-before' },
        on: ['put'],
        when: isPage,
      },
    ]);
    const one = openJournal(bench, { ...options, engine: bench.faulty });
    await bench.run(addEach(one, 0, 40));
    expect(one.journal.image).toMatchObject({ pages: 0, seq: 40 });
    bench.faulty.setRules([]);
    await bench.run(addEach(one, 40, 2));
    expect(one.journal.image).toMatchObject({ pages: 1, seq: 42 });
    expect((await freshReader(bench)).replica.events).toHaveLength(42);
  });

  it('with what a deleted one of its name has left behind, stops before it writes over it', async () => {
    const old = openJournal(bench, options);
    await bench.run(addEach(old, 0, 20));
    const calm = bench.calm();
    await bench.run(calm.writeOnce().delete('log/head'));
    const one = openJournal(bench, options);
    await bench.run(addEach(one, 0, 1));
    const failure = await bench.run(addEach(one, 1, 40).catch((error: unknown) => error));
    expect(failure).toMatchObject({
      code: 'ERR_JOURNAL_GAP',
      key: 'log/page/0',
      reason: 'damaged',
      outcome: 'not-done',
    });
    const { replica } = await freshReader(bench);
    expect(replica.events).toEqual(one.replica.events);
  });

  it('two writers that spill one tail at once lose nothing', async () => {
    const [one, other] = [openJournal(bench, options), openJournal(bench, options)] as const;
    const texts: string[] = [];
    for (let round = 0; round < 30; round += 1) {
      const pair = [event(`a${round}`), event(`b${round}`)] as const;
      texts.push(...pair);
      await bench.run(Promise.all([add(one, [pair[0]]), add(other, [pair[1]])]));
    }
    const { replica, journal } = await freshReader(bench);
    expect([...replica.events].sort()).toEqual(texts.sort());
    expect(journal.image?.pages).toBeGreaterThan(3);
  });
});
