// Goal: the events of an ordered category have one order, dense and without gaps, that no append slips past; reading and following it
// gives each of them once, in that order, during writes too.
// Method: stores as processes of their own on one memory engine; time is a virtual clock's.
import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../../lib/engine/index.js';
import { AggregateType, type PlacedEvent, transientEventStore } from '../../../lib/events/index.js';
import { breathe, openBench, outcomeOf } from '../../atom/bench.js';
import { all, first, happened, idsIn, openStore } from './stores.js';

const ordered = ['account'] as const;
const category = 'account';
const at = (event: { position?: number; stream: string; seq: number }) => [event.position, event.stream, event.seq];

describe('an ordered category', () => {
  it('numbers the events of its streams as they are appended, and those of no other', async () => {
    const bench = await openBench();
    const store = openStore(bench, { ordered });
    await store.append('account-a', [happened(1), happened(2)]);
    await store.append('order-1', [happened('other')]);
    await store.append('account-b', [happened(3)]);
    await store.appendAll([
      { stream: 'account-b', events: [happened(4)] },
      { stream: 'order-1', events: [happened('other')] },
      { stream: 'account-a', events: [happened(5), happened(6)] },
    ]);
    const events = await all(store.readAll({ category }));
    expect(events.map(at)).toEqual([
      [1, 'account-a', 1],
      [2, 'account-a', 2],
      [3, 'account-b', 1],
      [4, 'account-b', 2],
      [5, 'account-a', 3],
      [6, 'account-a', 4],
    ]);
    expect(events.every((event) => Object.isFrozen(event))).toBe(true);
    for (let from = 0; from <= 8; from += 1) {
      expect((await all(store.readAll({ category, from }))).map(at)).toEqual(
        events.slice(Math.max(0, from - 1)).map(at),
      );
    }
    // Events that are read from their stream have no position.
    expect('position' in ((await first(1, store.read('account-a')))[0] ?? {})).toBe(false);
  });

  it('takes as many waiting streams as there are into one transaction', async () => {
    const bench = await openBench({ latency: () => 1 });
    const store = openStore(bench, { ordered: true });
    const streams = Array.from({ length: 250 }, (_, index) => `account-${index}`);
    const round = (id: number) => bench.run(Promise.all(streams.map((stream) => store.append(stream, [happened(id)]))));
    await round(0);
    const before = bench.memory.spent().requests;
    await round(1);
    // 99 at once, so three; what more there is are pages of the category's journal.
    expect(bench.memory.spent().requests - before).toBeLessThan(15);
    const events = await bench.run(all(store.readAll({ category })));
    expect(events.map(({ position }) => position)).toEqual(Array.from({ length: 500 }, (_, index) => index + 1));
  });

  it('costs an append 1 request and 4 write units, two heads in a transaction', async () => {
    const bench = await openBench();
    const store = openStore(bench, { ordered });
    for (let id = 0; id < 3; id += 1) await store.append('account-a', [happened(id)]);
    const before = bench.memory.spent();
    await store.append('account-a', [happened(4)]);
    const { requests, readUnits, writeUnits } = bench.memory.spent();
    expect([requests - before.requests, readUnits - before.readUnits, writeUnits - before.writeUnits]).toEqual([
      1, 0, 4,
    ]);
  });

  it('lets the others go on when one of them lost its race, is closed, or is not as expected', async () => {
    const bench = await openBench({ latency: () => 1 });
    const [store, other] = [openStore(bench, { ordered }), openStore(bench, { ordered })];
    const streams = ['account-a', 'account-b', 'account-c', 'account-d'];
    await bench.run(Promise.all(streams.map((stream) => store.append(stream, [happened(`${stream} 1`)]))));
    await bench.run(other.append('account-a', [happened('faster')]));
    await bench.run(other.archive('account-b'));
    const calls = [
      store.append('account-a', [happened('late')], { expected: 1 }),
      store.append('account-b', [happened('late')]),
      store.append('account-c', [happened('c 2')], { expected: 1 }),
      store.append('account-d', [happened('d 2')]),
    ];
    const outcomes = calls.map((call) => outcomeOf(call));
    await bench.run(Promise.all(outcomes.map(({ done }) => done)));
    expect(outcomes.map(({ error }) => (error as { code?: string } | undefined)?.code)).toEqual([
      'ERR_CONFLICT',
      'ERR_STREAM_CLOSED',
      undefined,
      undefined,
    ]);
    const ids = await bench.run(idsIn(store.readAll({ category, from: 5 })));
    expect([ids[0], ...ids.slice(1).sort()]).toEqual(['faster', 'c 2', 'd 2']);
  });

  it('refuses one that was begun without an order, and not those that wait with it', async () => {
    const bench = await openBench();
    await openStore(bench).append('account-old', [happened(0)]);
    const store = openStore(bench, { ordered });
    const streams = ['account-a', 'account-old', 'account-b'];
    const outcomes = streams.map((stream) => outcomeOf(store.append(stream, [happened(1)])));
    await bench.run(Promise.all(outcomes.map(({ done }) => done)));
    expect(outcomes.map(({ error }) => (error as { code?: string } | undefined)?.code)).toEqual([
      undefined,
      'ERR_CATEGORY_ORDER',
      undefined,
    ]);
  });

  it('takes transactions that are too large in smaller ones', async () => {
    const bench = await openBench();
    const store = openStore(bench, { ordered });
    const random = seededRandom(1);
    const noise = Buffer.from(Array.from({ length: 62_000 }, () => random.int(256))).toString('base64');
    const large = new AggregateType<string, number, { type: 'grown'; data: number }>({
      name: 'account',
      initial: '',
      truth: 'aggregate',
      handle: (_, seed) => ({ type: 'grown', data: seed }),
      // Nearly as much as a head keeps of a state.
      apply: (_, { data }) => `${data}${noise}`,
    });
    const ids = Array.from({ length: 80 }, (_, index) => String(index));
    await bench.run(Promise.all(ids.map((id) => store.execute(large, id, 1))));
    expect((await all(store.readAll({ category }))).length).toBe(80);
  });

  it('is bypassed by no store that was opened without the order, and read by those', async () => {
    const bench = await openBench();
    const [store, plain] = [openStore(bench, { ordered }), openStore(bench)];
    await store.append('account-a', [happened(1)]);
    const refused = { code: 'ERR_CATEGORY_ORDER', outcome: 'not-done', stream: 'account-a', category };
    await expect(plain.append('account-a', [happened(2)])).rejects.toMatchObject(refused);
    await expect(
      plain.appendAll(['account-a', 'b'].map((stream) => ({ stream, events: [happened(2)] }))),
    ).rejects.toMatchObject(refused);
    expect(await idsIn(plain.read('account-a'))).toEqual([1]);
    expect(await idsIn(plain.readAll())).toEqual([1]);
    expect(await plain.exists('b')).toBe(false);
    await expect(all(plain.readAll({ category, from: 1 }))).rejects.toThrow(TypeError);
    expect(() => plain.subscribeAll({ category })).toThrow(TypeError);
  });

  it('takes in streams that were begun without an order, once that is asked for', async () => {
    const bench = await openBench();
    const plain = openStore(bench);
    for (let id = 0; id < 30; id += 1)
      await plain.append('account-old', [happened(id, String(Math.imul(id, 2_654_435_761)))]);
    await plain.append('account-archived', [happened('archived')]);
    await plain.archive('account-archived');
    await plain.append('account-deleted', [happened('deleted')]);
    await plain.delete('account-deleted');
    await plain.append('order-1', [happened('other')]);
    const store = openStore(bench, { ordered });
    await expect(store.append('account-old', [happened('new')])).rejects.toMatchObject({ code: 'ERR_CATEGORY_ORDER' });
    await store.append('account-new', [happened('new')]);
    await expect(plain.append('account-old', [happened(30)])).resolves.toBeDefined();
    expect(await store.order(category)).toBe(2);
    expect(await store.order(category)).toBe(0);
    await expect(plain.append('account-old', [happened(31)])).rejects.toMatchObject({ code: 'ERR_CATEGORY_ORDER' });
    await store.append('account-old', [happened('last')]);
    const events = await all(store.readAll({ category }));
    expect(events.map(({ position }) => position)).toEqual(Array.from({ length: 34 }, (_, index) => index + 1));
    expect(events.filter(({ stream }) => stream === 'account-old').map(({ seq }) => seq)).toEqual(
      Array.from({ length: 32 }, (_, index) => index + 1),
    );
    expect(events[0]?.stream).toBe('account-new');
    expect(await idsIn(store.readAll({ category, from: 34 }))).toEqual(['last']);
    await expect(store.order('order')).rejects.toThrow(TypeError);
  });

  it('passes over deleted streams', async () => {
    const store = openStore(await openBench(), { ordered });
    await store.append('account-a', [happened(1)]);
    await store.append('account-b', [happened(2)]);
    await store.append('account-a', [happened(3)]);
    await store.delete('account-b');
    await store.append('account-a', [happened(4)]);
    expect((await all(store.readAll({ category }))).map(at)).toEqual([
      [1, 'account-a', 1],
      [3, 'account-a', 2],
      [4, 'account-a', 3],
    ]);
  });

  it('is read window by window, whatever has moved to pages and bodies, large appends too', async () => {
    const bench = await openBench();
    const store = openStore(bench, { ordered, headBytesMax: 512 });
    const wanted: (string | number)[] = [];
    for (let round = 0; round < 60; round += 1) {
      const count = round % 13 === 0 ? 250 : 1 + (round % 4);
      const events = Array.from({ length: count }, (_, index) => happened(`${round}-${index}`, 'x'.repeat(index % 50)));
      wanted.push(...events.map(({ data }) => data.id));
      await store.append(`account-${round % 7}`, events);
    }
    expect(await idsIn(store.readAll({ category }))).toEqual(wanted);
    for (const from of [2, 100, 251, 700]) {
      expect(await idsIn(store.readAll({ category, from }))).toEqual(wanted.slice(from - 1));
    }
  });

  it('may be all categories, or those that a function tells', async () => {
    const store = openStore(await openBench(), { ordered: true, categoryOf: (stream) => stream.at(-1) as string });
    await store.append('a1', [happened(1)]);
    await store.append('a2', [happened(2)]);
    await store.append('b1', [happened(3)]);
    expect(await idsIn(store.readAll({ category: '1' }))).toEqual([1, 3]);
  });

  it('needs transactions', async () => {
    const store = openStore(await openBench({ transactions: false }), { ordered });
    await expect(store.append('account-a', [happened(1)])).rejects.toMatchObject({
      code: 'ERR_ENGINE_LACKS_TRANSACTIONS',
    });
    await store.append('order-a', [happened(1)]);
    expect(await store.exists('account-a')).toBe(false);
  });

  it('is refused with options that are none', async () => {
    const bench = await openBench();
    for (const wrong of ['account', 1, {}])
      expect(() => openStore(bench, { ordered: wrong as never })).toThrow(TypeError);
    expect(() => openStore(bench, { categoryOf: 'x' as never })).toThrow(TypeError);
    const store = openStore(bench, { ordered });
    await expect(all(store.readAll({ category, from: -1 }))).rejects.toThrow(RangeError);
    expect(() => store.subscribeAll({ category, from: 0.5 })).toThrow(RangeError);
    expect(() => store.subscribeAll({ scanEveryMs: 0 })).toThrow(RangeError);
  });
});

describe('readAll without an order', () => {
  it('reads stream after stream, each in its order', async () => {
    const store = openStore(await openBench());
    for (let id = 0; id < 12; id += 1) await store.append(`s${id % 3}-x`, [happened(id)]);
    await store.delete('s2-x');
    const events = await all(store.readAll());
    expect(events.length).toBe(8);
    for (const name of ['s0-x', 's1-x']) {
      expect(events.filter(({ stream }) => stream === name).map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
    }
    expect((await all(store.readAll({ category: 's1' }))).length).toBe(4);
  });
});

describe('subscribeAll of an ordered category', () => {
  it('gives what there is, and what comes; tells when it is caught up; goes on from a position', async () => {
    const bench = await openBench();
    const [store, other] = [openStore(bench, { ordered }), openStore(bench, { ordered })];
    for (let id = 1; id <= 5; id += 1) await store.append(`account-${id % 2}`, [happened(id)]);
    const caughtUp: number[] = [];
    const feed = store.subscribeAll({ category, from: 2, onCaughtUp: ({ position }) => caughtUp.push(position) });
    const seen: PlacedEvent[] = [];
    const reading = (async () => {
      for await (const event of feed) {
        seen.push(event);
        if (event.position === 8) break;
      }
    })();
    await bench.clock.advance(5_000);
    await breathe();
    expect(seen.map(({ position }) => position)).toEqual([2, 3, 4, 5]);
    expect(caughtUp[0]).toBe(5);
    const looks = caughtUp.length;
    // 20 ms, 40 ms, … up to a second.
    expect(looks).toBeLessThan(15);
    await bench.run(other.append('account-9', [happened(6), happened(7)]));
    feed.nudge();
    await breathe();
    expect(feed.position).toBe(7);
    await bench.run(other.append('account-9', [happened(8)]));
    await bench.run(reading);
    expect(feed.position).toBe(8);
    const again = store.subscribeAll({ category, from: feed.position + 1 });
    await bench.run(other.append('account-9', [happened(9)]));
    expect((await bench.run(first(1, again)))[0]?.position).toBe(9);
  });

  it('ends with its signal’s reason, and without an error when the store is closed', async () => {
    const bench = await openBench();
    const store = openStore(bench, { ordered });
    const controller = new AbortController();
    const left = outcomeOf(all(store.subscribeAll({ category, signal: controller.signal })));
    const ended = outcomeOf(all(store.subscribeAll({ category })));
    await bench.clock.advance(100);
    controller.abort('enough');
    await bench.run(left.done);
    expect(left.error).toBe('enough');
    await bench.run(store.close());
    await bench.run(ended.done);
    expect([ended.value, ended.error]).toEqual([[], undefined]);
  });

  it('passes over the end of a category that was deleted', async () => {
    const bench = await openBench();
    const store = openStore(bench, { ordered });
    await store.append('account-a', [happened(1)]);
    await store.append('account-b', [happened(2)]);
    await store.delete('account-b');
    const feed = store.subscribeAll({ category });
    const seen = outcomeOf(first(2, feed));
    await bench.clock.advance(100);
    expect(feed.position).toBe(2);
    await bench.run(store.append('account-a', [happened(3)]));
    await bench.run(seen.done);
    expect(seen.value?.map(at)).toEqual([
      [1, 'account-a', 1],
      [3, 'account-a', 2],
    ]);
  });
});

describe('subscribeAll without an order', () => {
  it('by scans: each event once, streams in order', async () => {
    const bench = await openBench();
    const store = openStore(bench);
    await store.append('a-1', [happened(1), happened(2)]);
    let rounds = 0;
    const feed = store.subscribeAll({ scanEveryMs: 500, onCaughtUp: () => (rounds += 1), seen: new Map([['a-1', 1]]) });
    const seen = outcomeOf(first(3, feed));
    await bench.clock.advance(600);
    await bench.run(store.append('b-1', [happened(3)]));
    await bench.run(store.append('a-1', [happened(4)]));
    await bench.run(seen.done);
    expect(seen.value?.map(({ stream, seq }) => [stream, seq]).slice(0, 1)).toEqual([['a-1', 2]]);
    expect(seen.settled && seen.value?.map(({ stream, seq }) => `${stream} ${seq}`).sort()).toEqual([
      'a-1 2',
      'a-1 3',
      'b-1 1',
    ]);
    expect(rounds).toBeGreaterThan(1);
  });

  it('by a source of names: what they have more than was given, and nothing for other items', async () => {
    const store = transientEventStore();
    await store.append('a-1', [happened(1)]);
    async function* source() {
      yield 'events/a-1/head';
      yield 'events/a-1/head';
      yield 'events/a-1/page/0';
      yield 'else';
      await store.append('a-1', [happened(2)]);
      await store.append('b-1', [happened(3)]);
      yield 'events/b-1/head';
      yield 'events/a-1/head';
      yield 'events/nothing/head';
    }
    expect(await idsIn(store.subscribeAll({ source: source() }))).toEqual([1, 3, 2]);
    expect(await idsIn(store.subscribeAll({ source: source(), category: 'b' }))).toEqual([3, 3]);
  });
});
