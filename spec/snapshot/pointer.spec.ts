// Goal: the pointer says what is there and what may go, and never says anything that somebody could regret.
// Method: pointers of several processes on one memory engine and a virtual clock; items written by hand where they are bad.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { itemBytes } from '../../lib/codec/index.js';
import { SnapshotPointer } from '../../lib/snapshot/pointer.js';
import { plan } from '../../lib/snapshot/pointer-rules.js';
import { noSnap, readersMax, type SnapValue, snapshotsMax } from '../../lib/snapshot/pointer-value.js';
import { type Bench, openBench } from '../atom/bench.js';
import { entryAt, idsOf, journalId, key, openPointer, publish } from './pointer-bench.js';

const hourMs = 3_600_000;

let bench: Bench;
let pointer: SnapshotPointer;
let other: SnapshotPointer;
beforeEach(async () => {
  bench = await openBench();
  pointer = openPointer(bench);
  other = openPointer(bench);
});
const run = <T>(promise: Promise<T>) => bench.run(promise);
const read = () => run(other.read());
const store = (value: unknown) => run(bench.calm().atom(key).reset(value));

describe('a snapshot', () => {
  it('is under way, then kept, and everything is in the item as it is', async () => {
    expect(await read()).toEqual(noSnap);
    await run(pointer.begin({ id: 's7', parts: 2 }));
    expect(await read()).toMatchObject({
      journalId,
      making: [{ id: 's7', parts: 2, at: bench.clock.now() }],
      kept: [],
    });
    const entry = entryAt(7, { handlerVersion: 'v2' });
    expect(await run(pointer.move(entry))).toBe('moved');
    expect(await read()).toMatchObject({ format: 1, journalId, making: [], kept: [entry] });
    const { d } = (await bench.item(key)) as { d: { M: { kept: { L: { M: object }[] } } } };
    expect(d.M.kept.L[0]?.M).toMatchObject({ id: { S: 's7' }, seq: { N: '21' }, handlerVersion: { S: 'v2' } });
  });

  it('that was given up cannot be published, nor grow', async () => {
    await run(publish(pointer, entryAt(3)));
    await run(pointer.begin({ id: 's7', parts: 2 }));
    await bench.clock.advance(hourMs);
    await run(other.plan({}));
    expect(await run(pointer.grow({ id: 's7', parts: 4 }))).toBe('swept');
    expect(await run(pointer.move(entryAt(7)))).toBe('swept');
    expect(await read()).toMatchObject({ making: [], dropping: [{ id: 's7', parts: 2 }], kept: [{ id: 's3' }] });
  });

  it('that is not newer never moves the pointer, and its parts are dropped', async () => {
    await run(pointer.begin({ id: 'late', parts: 2 }));
    await run(pointer.begin({ id: 'same', parts: 2 }));
    await run(publish(other, entryAt(8)));
    expect(await run(pointer.move(entryAt(7, { id: 'late' })))).toBe('overtaken');
    expect(await run(pointer.move(entryAt(8, { id: 'same' })))).toBe('overtaken');
    const { kept, making, dropping } = await read();
    expect([idsOf(kept), idsOf(making), idsOf(dropping)]).toEqual([['s8'], [], ['late', 'same']]);
  });

  it('moves the pointer once, however often it is told to', async () => {
    await run(publish(pointer, entryAt(7)));
    await run(publish(pointer, entryAt(8)));
    expect(await run(pointer.move(entryAt(7)))).toBe('moved');
    expect(idsOf((await read()).kept)).toEqual(['s7', 's8']);
  });

  it('has no more parts than the pointer knows of, and never fewer after it grew', async () => {
    await run(pointer.begin({ id: 's7', parts: 2 }));
    await expect(run(pointer.move(entryAt(7, { parts: 3 })))).rejects.toThrow('it has 3 parts, the pointer knows of 2');
    expect(await run(pointer.grow({ id: 's7', parts: 8 }))).toBe('grown');
    expect(await run(pointer.grow({ id: 's7', parts: 4 }))).toBe('grown');
    expect((await read()).making).toMatchObject([{ parts: 8 }]);
    expect(await run(pointer.move(entryAt(7, { parts: 3 })))).toBe('moved');
  });

  it('lives as long as it grows', async () => {
    await run(publish(pointer, entryAt(3)));
    await run(pointer.begin({ id: 's7', parts: 2 }));
    await bench.clock.advance(hourMs - 1);
    await run(pointer.grow({ id: 's7', parts: 4 }));
    await bench.clock.advance(hourMs - 1);
    await run(other.plan({}));
    expect(await run(pointer.move(entryAt(7)))).toBe('moved');
  });

  it('of a machine whose clock is far ahead is given up like any other', async () => {
    const ahead = openPointer(bench, { clock: bench.clock.skewed(1e11) });
    await run(ahead.begin({ id: 's7', parts: 2 }));
    await run(other.plan({}));
    expect((await read()).making).toEqual([]);
  });

  it('of a clock that tells fractions of a millisecond is stored in whole ones', async () => {
    await run(openPointer(bench, { clock: bench.clock.skewed(0.5) }).begin({ id: 's7', parts: 2 }));
    expect((await read()).making).toMatchObject([{ at: bench.clock.now() }]);
  });

  it('that its maker gave up is dropped', async () => {
    await run(pointer.begin({ id: 's7', parts: 2 }));
    await run(pointer.abandon('s7'));
    await run(pointer.abandon('unheard-of'));
    expect(await read()).toMatchObject({ making: [], dropping: [{ id: 's7', parts: 2 }] });
  });

  it('that is pinned stays until it is not', async () => {
    for (const place of [1, 2, 3, 4]) await run(publish(pointer, entryAt(place)));
    expect(await run(pointer.pin('s1', true))).toBe(true);
    expect(await run(pointer.pin('s9', true))).toBe(false);
    await run(pointer.plan({ keep: 1 }));
    expect(idsOf((await read()).kept)).toEqual(['s1', 's4']);
    await run(pointer.pin('s1', false));
    expect((await read()).kept[0]).toEqual(entryAt(1));
    await run(pointer.plan({ keep: 1 }));
    expect(idsOf((await read()).kept)).toEqual(['s4']);
  });

  it('is made by one of many instances that find it due at the same time', async () => {
    const all = Array.from({ length: 8 }, () => openPointer(bench));
    const begin = (one: SnapshotPointer, index: number) => one.beginIfDue({ id: `i${index}`, parts: 1 }, undefined);
    const answers = await run(Promise.all(all.map(begin)));
    expect(answers.filter((answer) => answer === 'begun')).toHaveLength(1);
    expect(answers.filter((answer) => answer === 'busy')).toHaveLength(7);
    const { making } = await read();
    await run(pointer.move(entryAt(7, { id: making[0]?.id as string, parts: 1 })));
    expect(await run(pointer.beginIfDue({ id: 'again', parts: 1 }, undefined))).toBe('overtaken');
    expect(await run(pointer.beginIfDue({ id: 'next', parts: 1 }, making[0]?.id))).toBe('begun');
    expect(await run(pointer.beginIfDue({ id: 'more', parts: 1 }, making[0]?.id))).toBe('busy');
    await bench.clock.advance(hourMs);
    expect(await run(pointer.beginIfDue({ id: 'more', parts: 1 }, making[0]?.id))).toBe('begun');
  });
});

describe('a prune', () => {
  it('without a kept snapshot lets nothing go', async () => {
    expect(await run(pointer.plan({}))).toMatchObject({ prunedTo: 0, prunedFrom: 1, dropping: [] });
  });

  it('keeps the newest snapshots, the journal from the oldest of them on, and sweeps each range twice', async () => {
    for (const place of [12, 25, 38]) await run(publish(pointer, entryAt(place)));
    const planned = await run(pointer.plan({ keep: 2 }));
    expect(planned).toMatchObject({ prunedTo: 2, prunedFrom: 21, sweptFrom: 0, dropping: [{ id: 's12', parts: 2 }] });
    expect(await read()).toMatchObject({ prunedTo: 2, sweptTo: 0 });
    await run(pointer.finish(planned));
    expect(await read()).toMatchObject({ prunedTo: 2, sweptTo: 2, sweptFrom: 0, dropping: [] });
    const again = await run(pointer.plan({ keep: 2 }));
    expect(again).toMatchObject({ sweptFrom: 0, prunedTo: 2 });
    await run(pointer.finish(again));
    expect(await read()).toMatchObject({ sweptTo: 2, sweptFrom: 2 });
  });

  it('never drops the newest, whoever says so', () => {
    const snap = { ...noSnap, kept: [entryAt(12), entryAt(25)] };
    const planned = plan(snap, { keeps: () => false, isDead: () => true });
    expect(idsOf(planned.kept)).toEqual(['s25']);
  });

  it('that died is taken up by the next', async () => {
    for (const place of [12, 25]) await run(publish(pointer, entryAt(place)));
    await run(pointer.plan({ keep: 1 }));
    const planned = await run(other.plan({ keep: 1 }));
    expect(planned).toMatchObject({ sweptFrom: 0, prunedTo: 2, dropping: [{ id: 's12' }] });
  });

  it('that finishes late takes nothing back and lets nothing be forgotten', async () => {
    for (const place of [12, 25]) await run(publish(pointer, entryAt(place)));
    const early = await run(pointer.plan({ keep: 1 }));
    await run(publish(other, entryAt(38)));
    const late = await run(other.plan({ keep: 1 }));
    await run(other.finish(late));
    await run(publish(other, entryAt(41)));
    await run(other.plan({ keep: 1 }));
    await run(pointer.finish(early));
    // What the third one dropped is still to be deleted; pages 0 to 2 are gone, whoever says so last.
    expect(await read()).toMatchObject({ prunedTo: 4, sweptTo: 3, sweptFrom: 0, dropping: [{ id: 's38' }] });
  });

  it('lets a registered reader have its snapshot and its pages, until its time is over', async () => {
    await run(publish(pointer, entryAt(12)));
    const reader = { id: 'slow', page: 1, from: 11, forMs: 60_000, snapshot: 's12' };
    expect(await run(other.register(reader))).toBe('registered');
    for (const place of [25, 38]) await run(publish(pointer, entryAt(place)));
    expect(await run(pointer.plan({ keep: 1 }))).toMatchObject({ prunedTo: 1, prunedFrom: 11, dropping: [] });
    expect(await run(other.register(reader))).toBe('registered');
    await bench.clock.advance(59_999);
    expect(await run(pointer.plan({ keep: 1 }))).toMatchObject({ prunedTo: 1, readers: [{ id: 'slow' }] });
    await bench.clock.advance(1);
    expect(await run(pointer.plan({ keep: 1 }))).toMatchObject({ prunedTo: 3, readers: [], kept: [{ id: 's38' }] });
  });

  it('lets a reader that follows have its pages, although it started from no snapshot that is kept', async () => {
    for (const place of [25, 38]) await run(publish(pointer, entryAt(place)));
    await run(other.register({ id: 'follower', page: 1, from: 11, forMs: 60_000 }));
    expect(await run(pointer.plan({ keep: 1 }))).toMatchObject({ prunedTo: 1, prunedFrom: 11 });
  });

  it('goes on when a reader is released, and a reader that comes too late is told', async () => {
    for (const place of [12, 25]) await run(publish(pointer, entryAt(place)));
    await run(other.register({ id: 'slow', page: 1, from: 11, forMs: 60_000 }));
    await run(other.release('slow'));
    await run(other.release('unheard-of'));
    await run(pointer.plan({ keep: 1 }));
    expect(await run(other.register({ id: 'slow', page: 1, from: 11, forMs: 60_000 }))).toBe('pruned');
    const started = { id: 'slow', page: 2, from: 21, forMs: 60_000 };
    expect(await run(other.register({ ...started, snapshot: 's12' }))).toBe('pruned');
    expect(await run(other.register({ ...started, snapshot: 's25' }))).toBe('registered');
  });

  it('keeps the journal from a bound on, and an old bound takes nothing back', async () => {
    for (const place of [25, 38]) await run(publish(pointer, entryAt(place)));
    const bounded = (page: number, from: number) => run(pointer.plan({ keep: 1, bound: { page, from } }));
    expect(await bounded(1, 11)).toMatchObject({ prunedTo: 1, prunedFrom: 11, kept: [{ id: 's38' }] });
    expect(await bounded(0, 1)).toMatchObject({ prunedTo: 1, prunedFrom: 11 });
    expect(await bounded(9, 91)).toMatchObject({ prunedTo: 3, prunedFrom: 31 });
  });

  it('of a machine whose clock is wrong takes a registration from its reader, and nothing else', async () => {
    await run(publish(pointer, entryAt(12)));
    const ahead = openPointer(bench, { clock: bench.clock.skewed(1e11) });
    await run(ahead.register({ id: 'ahead', page: 1, from: 11, forMs: 60_000 }));
    await run(other.register({ id: 'right', page: 1, from: 11, forMs: 60_000 }));
    expect(await run(other.plan({}))).toMatchObject({ readers: [{ id: 'right' }], kept: [{ id: 's12' }] });
  });
});

describe('what cannot be used', () => {
  const refused = (reason: string) => ({ code: 'ERR_SNAPSHOT_POINTER', outcome: 'not-done', reason });

  it('a later format is refused, whatever else is in it, and stays as it is', async () => {
    await store({ format: 2, all: 'new' });
    await expect(run(pointer.read())).rejects.toMatchObject(refused('format'));
    await expect(run(pointer.plan({}))).rejects.toMatchObject(refused('format'));
    expect(await run(bench.calm().atom(key).deref())).toEqual({ format: 2, all: 'new' });
  });

  it.each([
    ['no format', { ...noSnap, format: undefined }, 'format is missing'],
    ['no map', 7, 'format is missing'],
    ['a list that is none', { ...noSnap, kept: {} }, 'kept is no list'],
    ['an entry without its page', { ...noSnap, kept: [{ ...entryAt(1), page: null }] }, 'kept[0].page'],
    ['a place below 0', { ...noSnap, kept: [entryAt(1), { ...entryAt(2), place: -1 }] }, 'kept[1].place'],
    ['a reader without a name', { ...noSnap, readers: [{ page: 1, from: 1, until: 1 }] }, 'readers[0].id'],
    ['a page that is no number', { ...noSnap, prunedTo: '3' }, 'value.prunedTo'],
  ])('%s is damage', async (_name, value, flaw) => {
    await store(JSON.parse(JSON.stringify(value)));
    await expect(run(pointer.read())).rejects.toMatchObject(refused('damaged'));
    await expect(run(pointer.plan({}))).rejects.toThrow(flaw);
  });

  it('a pointer of a journal that was made anew is refused, else its pages would be taken for old ones', async () => {
    await run(publish(pointer, entryAt(25)));
    const anew = new SnapshotPointer(bench.calm(), key, { clock: bench.clock });
    expect(await run(anew.read())).toMatchObject({ journalId });
    await expect(run(anew.plan({}))).rejects.toThrow('call bind() first');
    anew.bind('journal-2');
    await expect(run(anew.read())).rejects.toMatchObject(refused('other-journal'));
    await expect(run(anew.plan({}))).rejects.toMatchObject(refused('other-journal'));
    await expect(run(anew.begin({ id: 'x', parts: 1 }))).rejects.toMatchObject(refused('other-journal'));
    expect(() => anew.bind('journal-3')).toThrow(TypeError);
  });

  it('a full pointer takes no more, until something was pruned', async () => {
    const kept = Array.from({ length: snapshotsMax }, (_, index) => entryAt(index + 1));
    await store({ ...noSnap, journalId, kept });
    await expect(run(pointer.begin({ id: 'more', parts: 1 }))).rejects.toMatchObject({
      ...refused('full'),
      retryable: true,
    });
    const planned = await run(pointer.plan({}));
    await expect(run(pointer.begin({ id: 'more', parts: 1 }))).rejects.toMatchObject(refused('full'));
    await run(pointer.finish(planned));
    await run(pointer.begin({ id: 'more', parts: 1 }));
  });

  it('as many readers as there may be take the place of nobody but those whose time is over', async () => {
    const readers = Array.from({ length: readersMax }, (_, index) => ({
      id: `r${index}`,
      page: 0,
      from: 1,
      until: bench.clock.now() + 1_000,
    }));
    await store({ ...noSnap, journalId, readers });
    const more = { id: 'more', page: 0, from: 1, forMs: 1_000 };
    await expect(run(pointer.register(more))).rejects.toMatchObject(refused('full'));
    expect(await run(pointer.register({ ...more, id: 'r5' }))).toBe('registered');
    await bench.clock.advance(1_000);
    expect(await run(pointer.register(more))).toBe('registered');
    expect((await read()).readers).toHaveLength(1);
  });

  it('the fullest pointer with the longest texts fits in an item', async () => {
    const number = Number.MAX_SAFE_INTEGER;
    const date = 8_640_000_000_000_000;
    const numbers = { place: number, seq: number, page: number, from: number, parts: number, bytes: number };
    const texts = {
      id: 'i'.repeat(64),
      digest: 'd'.repeat(96),
      chain: 'c'.repeat(96),
      handlerVersion: 'v'.repeat(128),
    };
    const entry = { ...numbers, ...texts, time: date, madeAt: date, pinned: true };
    const reader = { id: 'r'.repeat(64), page: number, from: number, until: number };
    const value: SnapValue = {
      ...noSnap,
      journalId: 'j'.repeat(64),
      kept: Array.from({ length: snapshotsMax }, () => entry),
      readers: Array.from({ length: readersMax }, () => reader),
      prunedTo: number,
      prunedFrom: number,
      sweptTo: number,
      sweptFrom: number,
    };
    await store(value);
    // The evidence of other writers, and what others may have added to the item, need room as well.
    expect(itemBytes((await bench.item(key)) ?? {})).toBeLessThan(350_000);
    const accepted = { ...entry, digest: texts.digest, id: 'one' };
    await expect(run(publish(openPointer(await openBench()), accepted))).resolves.toBe('moved');
  });

  it.each([
    [{ id: 'a/b' }, RangeError],
    [{ id: 'i'.repeat(65) }, RangeError],
    [{ digest: 'd'.repeat(97) }, RangeError],
    [{ chain: 'c'.repeat(97) }, RangeError],
    [{ handlerVersion: 'ö'.repeat(65) }, RangeError],
    [{ time: 8_640_000_000_000_001 }, RangeError],
    [{ place: -1 }, TypeError],
    [{ bytes: 1.5 }, TypeError],
  ])('an entry with %j is refused before anything is sent', async (facts, kind) => {
    expect(() => pointer.move(entryAt(7, facts))).toThrow(kind);
  });

  it.each([0, -1, 86_400_001, Number.NaN])('a registration for %d ms is refused', async (forMs) => {
    await expect(pointer.register({ id: 'r', page: 0, from: 1, forMs })).rejects.toThrow(RangeError);
  });
});
