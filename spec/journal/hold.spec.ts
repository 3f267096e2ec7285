// Goal: who holds a journal alone is the only one that writes; who was deposed is told so, however long it slept.
// Method: instances that hold, release, take over, and append in all orders; a holder that freezes in mid-append.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { type Bench, openBench, outcomeOf } from '../atom/bench.js';
import { add, addEach, event, freshReader, type Instance, openJournal } from './bench.js';

let bench: Bench;
let one: Instance;
let other: Instance;
beforeEach(async () => {
  bench = await openBench();
  one = openJournal(bench, { engine: bench.faulty });
  other = openJournal(bench);
});
const notWriter = (holder: Instance | undefined, epoch: number) => ({
  ...{ code: 'ERR_NOT_WRITER', outcome: 'not-done', retryable: false, journal: 'log', epoch },
  holder: holder?.journal.instance,
});
const append = (instance: Instance, id: string) => bench.run(add(instance, [event(id)]));
const events = async () => (await freshReader(bench)).replica.events;

describe('one that holds a journal', () => {
  it('writes; others do not, inline or with a body, nor do they retire anybody', async () => {
    await bench.run(addEach(other, 0, 1));
    await bench.run(one.journal.hold());
    await append(one, 'a');
    const { requests } = bench.memory.spent();
    await expect(append(other, 'b')).rejects.toMatchObject(notWriter(one, 1));
    expect(bench.memory.spent().requests).toBeGreaterThan(requests);
    await expect(bench.run(add(other, [event('c')], { body: true }))).rejects.toMatchObject(notWriter(one, 1));
    await bench.clock.advance(100);
    await bench.run(other.journal.catchUp('strong'));
    await expect(bench.run(other.journal.retire(0))).rejects.toMatchObject(notWriter(one, 1));
    expect((await events()).slice(1)).toEqual([event('a')]);
    expect(other.replica.events).toEqual(await events());
  });

  it('is named in the head, with the time', async () => {
    await bench.run(one.journal.hold());
    expect(one.journal.image).toMatchObject({
      epoch: 1,
      holder: { writer: one.journal.instance, since: bench.clock.now() },
    });
  });

  it('keeps others from holding it, until they take over', async () => {
    await bench.run(one.journal.hold());
    await expect(bench.run(other.journal.hold())).rejects.toMatchObject(notWriter(one, 1));
    await bench.run(other.journal.hold({ takeOver: true }));
    await append(other, 'b');
    await expect(append(one, 'a')).rejects.toMatchObject(notWriter(other, 2));
    expect(await events()).toEqual([event('b')]);
  });

  it('gives it back: then anybody writes, but not one that was deposed', async () => {
    await bench.run(one.journal.hold());
    await bench.run(other.journal.hold({ takeOver: true }));
    await bench.run(other.journal.release());
    await append(other, 'b');
    await append(openJournal(bench), 'c');
    // It does not know that it was, and wrote under the epoch before.
    await expect(append(one, 'a')).rejects.toMatchObject(notWriter(undefined, 2));
    await bench.run(one.journal.release());
    await append(one, 'd');
    expect(await events()).toEqual(['b', 'c', 'd'].map((id) => event(id)));
  });

  it('that was deposed takes nothing from its successor by giving back', async () => {
    await bench.run(one.journal.hold());
    await bench.run(other.journal.hold({ takeOver: true }));
    await bench.run(one.journal.release());
    await expect(append(one, 'a')).rejects.toMatchObject(notWriter(other, 2));
    await append(other, 'b');
    expect(other.journal.image?.holder?.writer).toBe(other.journal.instance);
  });

  it('keeps it under its new name, after it was retired', async () => {
    await append(one, 'a');
    await bench.run(one.journal.hold());
    const { instance } = one.journal;
    await bench.run(
      one.journal.append({ decide: () => ({ text: '', count: 0, retires: { writer: instance, n: 2 } }) }),
    );
    await append(one, 'b');
    expect(one.journal.cursor.writers.has(instance)).toBe(false);
    expect(one.journal.instance).toBe(instance);
    await expect(append(other, 'c')).rejects.toMatchObject(notWriter(one, 1));
    await bench.run(one.journal.release());
    await append(other, 'd');
  });

  it('and takes it again from itself, with a higher epoch', async () => {
    await bench.run(one.journal.hold());
    await expect(bench.run(one.journal.hold())).rejects.toMatchObject(notWriter(one, 1));
    await bench.run(one.journal.hold({ takeOver: true }));
    expect(one.journal.image?.epoch).toBe(2);
    await append(one, 'a');
  });

  it.each([true, false])(
    'and is deposed in mid-append: its event is there before the other’s, or never; delivered: %s',
    async (delivered) => {
      await bench.run(one.journal.hold());
      bench.faulty.hold(['put']);
      const late = outcomeOf(add(one, [event('late')]));
      const message = await bench.message(0);
      if (delivered) await message.deliver();
      await bench.run(other.journal.hold({ takeOver: true }));
      await append(other, 'b');
      message.lose();
      bench.faulty.release();
      for (const held of bench.faulty.messages) if (!held.answered) held.lose();
      await bench.run(late.done);
      if (delivered) expect(late.value).toMatchObject({ status: 'applied', commit: { place: 2 } });
      else expect(late.error).toMatchObject(notWriter(other, 2));
      // A copy that comes now finds another head.
      await message.deliver();
      expect(await events()).toEqual([...(delivered ? [event('late')] : []), event('b')]);
    },
  );

  it('holds it for what waits behind the call, and gives it back so', async () => {
    await bench.run(Promise.all([one.journal.hold(), add(one, [event('a')]), one.journal.release()]));
    await bench.run(Promise.all([add(one, [event('b')]), add(other, [event('c')])]));
    expect((await events()).slice(0, 1)).toEqual([event('a')]);
    expect(await events()).toHaveLength(3);
  });

  it('two that would hold it at once: one does', async () => {
    const asked = await bench.run(Promise.allSettled([one, other].map(({ journal }) => journal.hold())));
    expect(asked.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const [holder, loser] = asked[0]?.status === 'fulfilled' ? [one, other] : [other, one];
    await append(holder, 'a');
    await expect(append(loser, 'b')).rejects.toMatchObject(notWriter(holder, 1));
  });
});

describe('two journals of one table object', () => {
  it('append at once: one commit a swap, each decided on the one before', async () => {
    const table = bench.calm();
    const [left, right] = [openJournal(bench, { table }), openJournal(bench, { table })] as const;
    await bench.run(Promise.all([left, right, left, right].map((each, index) => add(each, [event(index)]))));
    const { replica, journal } = await freshReader(bench);
    expect([...replica.events].sort()).toEqual([0, 1, 2, 3].map((id) => event(id)));
    const swaps = bench.commits.filter(({ key }) => (key.id as { S: string }).S === 'log/head').length;
    expect([journal.cursor.place, swaps]).toEqual([4, 4]);
  });
});

describe('what cannot be a journal', () => {
  it.each([
    ['', RangeError],
    ['x'.repeat(513), RangeError],
    [7, TypeError],
  ])('a name such as %p is refused', (bad, kind) => {
    expect(() => openJournal(bench, { name: bad as string })).toThrow(kind as ErrorConstructor);
  });

  it.each([{ headBytesMax: 100 }, { headBytesMax: 0.5 }, { appendBytesMax: 10 }])(
    'options such as %j are refused',
    (bad) => {
      expect(() => openJournal(bench, bad)).toThrow(RangeError);
    },
  );

  it('more than one commit may have is refused, before anything is sent', () => {
    const { journal } = openJournal(bench, { appendBytesMax: 2_000 });
    expect(() => journal.requireSize(2_000)).not.toThrow();
    expect(() => journal.requireSize(2_001)).toThrow(
      expect.objectContaining({ code: 'ERR_APPEND_TOO_LARGE', bytes: 2_001, bytesMax: 2_000 }),
    );
  });

  it.each([
    ['fewer lines than events', { text: '1', count: 2 }],
    ['more lines than events', { text: '1\n2', count: 1 }],
    ['no text for an event', { text: '', count: 1 }],
    ['a time before the last commit’s', { text: '1', count: 1, time: 5 }],
    ['a fraction of a millisecond', { text: '1', count: 1, time: Date.UTC(2030, 0, 1) + 0.5 }],
    ['a place that is none', { text: '1', count: 1, skip: [-1] }],
  ])('a commit with %s is refused, since nobody could read on', async (_what, draft) => {
    await append(one, 'a');
    await expect(bench.run(one.journal.append({ decide: () => draft }))).rejects.toThrow(TypeError);
    await append(one, 'b');
    expect(await events()).toEqual([event('a'), event('b')]);
  });
});

describe('time', () => {
  it('never goes back, whatever the clocks say', async () => {
    await bench.run(one.journal.append({ decide: () => ({ text: '1', count: 1 }) }));
    bench.clock.step(-60_000);
    await append(other, 'b');
    bench.clock.step(90_000);
    await append(openJournal(bench), 'c');
    const times: number[] = [];
    for await (const { commit } of other.journal.read(1)) times.push(commit.time);
    expect(times[1]).toBe(times[0]);
    expect(times[2]).toBe((times[0] as number) + 30_000);
  });
});
