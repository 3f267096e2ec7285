// Goal: an append to several streams takes effect in all of them or in none, at the expected versions, once under a command id, and
// gets along with whatever else is under way on these streams.
// Method: stores as processes of their own on one memory engine; what others do in between is done by hand.
import { describe, expect, it } from '@jest/globals';
import { AggregateType } from '../../../lib/events/index.js';
import { openBench, outcomeOf } from '../../atom/bench.js';
import { happened, idsIn, openStore } from './stores.js';

const counter = new AggregateType<number, number, { type: 'happened'; data: { id: number } }>({
  name: 'counter',
  initial: 0,
  handle: (_, id) => ({ type: 'happened', data: { id } }),
  apply: (state) => state + 1,
});

describe('appendAll', () => {
  it('appends to all streams, and answers for each', async () => {
    const store = openStore(await openBench());
    await store.append('b', [happened('b1')]);
    const appended = await store.appendAll(
      [
        { stream: 'a', events: [happened('a1'), happened('a2')], expected: 'no-stream' },
        { stream: 'b', events: [happened('b2')], expected: 1 },
        { stream: 'c', events: [], expected: 'no-stream' },
      ],
      { metadata: { by: 'me' } },
    );
    expect(appended.map(({ version, repeated }) => [version, repeated])).toEqual([
      [2, false],
      [2, false],
      [0, false],
    ]);
    expect(appended[0]?.events.map(({ seq, stream, metadata }) => [seq, stream, metadata])).toEqual([
      [1, 'a', { by: 'me' }],
      [2, 'a', { by: 'me' }],
    ]);
    expect(await idsIn(store.read('b'))).toEqual(['b1', 'b2']);
    expect(await store.exists('c')).toBe(false);
  });

  it('costs one request and two units for each head when the streams are at hand', async () => {
    const bench = await openBench();
    const store = openStore(bench);
    const streams = ['a', 'b', 'c'];
    await store.appendAll(streams.map((stream) => ({ stream, events: [happened(1)] })));
    const before = bench.memory.spent();
    await store.appendAll(streams.map((stream) => ({ stream, events: [happened(2)], expected: 1 })));
    const { requests, readUnits, writeUnits } = bench.memory.spent();
    expect([requests - before.requests, readUnits - before.readUnits, writeUnits - before.writeUnits]).toEqual([
      1, 0, 6,
    ]);
  });

  it.each([
    ['no-stream', 0],
    ['exists', 'no-stream'],
    [7, 1],
  ] as const)('is refused as a whole when one stream is not as expected: %s, %s', async (a, b) => {
    const store = openStore(await openBench());
    const other = openStore(await openBench());
    await other.close();
    if (a === 'no-stream') await store.append('b', [happened('there')]);
    const refused = store.appendAll([
      { stream: 'a', events: [happened('x')], expected: a },
      { stream: 'b', events: [happened('y')], expected: b },
    ]);
    await expect(refused).rejects.toMatchObject({ code: 'ERR_CONFLICT', outcome: 'not-done' });
    expect(await store.exists('a')).toBe(false);
    expect(await idsIn(store.read('b'))).toEqual(a === 'no-stream' ? ['there'] : []);
  });

  it('tells of a conflict with the stream and the events that were faster, another process’s too', async () => {
    const bench = await openBench();
    const [store, other] = [openStore(bench), openStore(bench)];
    await store.appendAll(['a', 'b'].map((stream) => ({ stream, events: [happened('first')] })));
    await other.append('b', [happened('faster'), happened('faster still')]);
    const refused = store.appendAll([
      { stream: 'a', events: [happened('x')], expected: 1 },
      { stream: 'b', events: [happened('y')], expected: 1 },
    ]);
    const error = await refused.then(
      () => undefined,
      (reason) => reason,
    );
    expect(error).toMatchObject({ code: 'ERR_CONFLICT', stream: 'b', expected: 1, actual: 3 });
    expect(error.events.map(({ data }: { data: { id: string } }) => data.id)).toEqual(['faster', 'faster still']);
    expect(await idsIn(other.read('a'))).toEqual(['first']);
  });

  it('checks a stream that it gives no events, at the instant of the others', async () => {
    const bench = await openBench();
    const [store, other] = [openStore(bench), openStore(bench)];
    await store.append('limit', [happened(1)]);
    const call = (version: number) =>
      store.appendAll([
        { stream: 'limit', events: [], expected: version },
        { stream: 'a', events: [happened(version)] },
      ]);
    expect((await call(1)).map(({ version }) => version)).toEqual([1, 1]);
    await other.append('limit', [happened(2)]);
    await expect(call(1)).rejects.toMatchObject({ code: 'ERR_CONFLICT', stream: 'limit' });
    await call(2);
    expect(await idsIn(store.read('a'))).toEqual([1, 2]);
    expect((await store.info('limit'))?.version).toBe(2);
  });

  it('refuses what can’t be, and sends nothing', async () => {
    const bench = await openBench();
    const store = openStore(bench, { ordered: ['x'] });
    const { requests } = bench.memory.spent();
    const many = (count: number, category: string) =>
      Array.from({ length: count }, (_, index) => ({ stream: `${category}-${index}`, events: [happened(index)] }));
    await expect(store.appendAll(many(101, 'a'))).rejects.toThrow(RangeError);
    await expect(store.appendAll(many(100, 'x'))).rejects.toThrow(RangeError);
    await expect(store.appendAll([...many(1, 'a'), ...many(1, 'a')])).rejects.toThrow(TypeError);
    await expect(store.appendAll(undefined as never)).rejects.toThrow(TypeError);
    await expect(store.appendAll([{ stream: 'a', events: {} as never }])).rejects.toThrow(TypeError);
    await expect(store.appendAll([{ stream: 'a', events: [], expected: -1 }])).rejects.toThrow(RangeError);
    await expect(store.appendAll(many(2, 'a'), { signal: AbortSignal.abort('left') })).rejects.toBe('left');
    expect(bench.memory.spent().requests).toBe(requests);
    expect((await store.appendAll(many(100, 'a'))).length).toBe(100);
    expect((await store.appendAll(many(99, 'x'))).length).toBe(99);
    expect(await store.appendAll([])).toEqual([]);
    await store.close();
    await expect(store.appendAll(many(1, 'a'))).rejects.toMatchObject({ code: 'ERR_EVENT_STORE_CLOSED' });
  });

  it('writes nothing on a store without transactions; one stream needs none', async () => {
    const store = openStore(await openBench({ transactions: false }));
    const both = ['a', 'b'].map((stream) => ({ stream, events: [happened(1)] }));
    await expect(store.appendAll(both)).rejects.toMatchObject({ code: 'ERR_ENGINE_LACKS_TRANSACTIONS' });
    await store.appendAll(both.slice(0, 1));
    expect([await store.exists('a'), await store.exists('b')]).toEqual([true, false]);
  });

  it('refuses closed streams by their name', async () => {
    const store = openStore(await openBench());
    await store.append('b', [happened(1)]);
    await store.archive('b');
    const both = ['a', 'b'].map((stream) => ({ stream, events: [happened(2)] }));
    await expect(store.appendAll(both)).rejects.toMatchObject({
      code: 'ERR_STREAM_CLOSED',
      stream: 'b',
      closed: 'archived',
    });
    expect(await store.exists('a')).toBe(false);
  });

  it('takes its turn among other calls of the process on the same streams', async () => {
    const bench = await openBench();
    const store = openStore(bench);
    const calls: Promise<unknown>[] = [];
    for (let round = 0; round < 10; round += 1) {
      calls.push(store.append('counter-a', [happened(`a${round}`)]));
      calls.push(
        store.appendAll(
          (round % 2 ? ['counter-a', 'counter-b'] : ['counter-b', 'counter-a']).map((stream) => ({
            stream,
            events: [happened(`both${round}`)],
          })),
        ),
      );
      calls.push(store.execute(counter, 'a', round), store.execute(counter, 'b', round));
    }
    await bench.run(Promise.all(calls));
    const [inA, inB] = [await idsIn(store.read('counter-a')), await idsIn(store.read('counter-b'))];
    expect([inA.length, inB.length]).toEqual([30, 20]);
    const both = (ids: (string | number)[]) => ids.filter((id) => String(id).startsWith('both'));
    expect(both(inA)).toEqual(both(inB));
    expect([(await store.load(counter, 'a')).state, (await store.load(counter, 'b')).state]).toEqual([30, 20]);
    // And what is decided next is decided on all of it.
    expect((await store.execute(counter, 'a', 99)).state).toBe(31);
    expect(await openStore(bench).load(counter, 'a')).toEqual({ state: 31, version: 31 });
  });

  it('appends large events and many', async () => {
    const store = openStore(await openBench());
    const large = Array.from({ length: 300 }, (_, id) => happened(id, 'words '.repeat((id * 7) % 30)));
    await store.appendAll(['a', 'b'].map((stream) => ({ stream, events: large })));
    await store.appendAll([
      { stream: 'a', events: large },
      { stream: 'b', events: [happened('small')] },
    ]);
    expect((await idsIn(store.read('a'))).length).toBe(600);
    expect((await idsIn(store.read('b'))).at(-1)).toBe('small');
  });
});

describe('a command id of appendAll', () => {
  const transfer = (amount: number) => [
    { stream: 'a', events: [happened(`sent ${amount}`)] },
    { stream: 'b', events: [happened(`got ${amount}`)] },
    { stream: 'c', events: [] },
  ];

  it.each([false, true])('gives the first outcome again, in whatever process; out of the head: %s', async (isOld) => {
    const bench = await openBench();
    const [store, other] = [openStore(bench), openStore(bench)];
    const once = await store.appendAll(transfer(5), { commandId: 'transfer-5' });
    for (let round = 0; isOld && round < 40; round += 1) {
      await other.append('a', [happened(round, String(Math.imul(round, 2_654_435_761)))]);
    }
    for (const one of [store, other, openStore(bench)]) {
      const again = await one.appendAll(transfer(5), { commandId: 'transfer-5' });
      expect(again.map(({ repeated }) => repeated)).toEqual([true, true, true]);
      expect(again.map(({ events }) => events)).toEqual(once.map(({ events }) => events));
    }
    expect((await idsIn(store.read('b'))).length).toBe(1);
    await expect(store.appendAll(transfer(6), { commandId: 'transfer-5' })).rejects.toMatchObject({
      code: 'ERR_COMMAND_ID_REUSED',
    });
    await expect(
      store.appendAll([...transfer(5), { stream: 'd', events: [happened('more')] }], { commandId: 'transfer-5' }),
    ).rejects.toMatchObject({ code: 'ERR_COMMAND_ID_REUSED' });
    expect(await store.exists('d')).toBe(false);
  });

  it('is known by calls on one stream, and those of one stream by it', async () => {
    const store = openStore(await openBench());
    await store.append('a', [happened('sent 5')], { commandId: 'one' });
    await expect(store.appendAll(transfer(5), { commandId: 'one' })).rejects.toMatchObject({
      code: 'ERR_COMMAND_ID_REUSED',
    });
    await store.appendAll(transfer(7), { commandId: 'two' });
    expect((await store.append('b', [happened('got 7')], { commandId: 'two' })).repeated).toBe(true);
  });

  it('is found when it was committed by somebody else while this call was under way', async () => {
    const bench = await openBench();
    const store = openStore(bench, { engine: bench.faulty });
    const other = openStore(bench);
    await bench.run(store.appendAll(transfer(1), { commandId: 'first' }));
    bench.faulty.hold();
    const late = outcomeOf(store.appendAll(transfer(2), { commandId: 'second' }));
    const message = await bench.message(0);
    await bench.run(other.appendAll(transfer(2), { commandId: 'second' }));
    bench.faulty.release();
    await message.pass();
    await bench.run(late.done);
    expect(late.value?.map(({ repeated }) => repeated)).toEqual([true, true, true]);
    expect(await idsIn(other.read('a'))).toEqual(['sent 1', 'sent 2']);
  });

  it('may be the id of the first event', async () => {
    const store = openStore(await openBench());
    const entries = ['a', 'b'].map((stream) => ({ stream, events: [{ ...happened(1), id: `${stream}-id` }] }));
    await store.appendAll(entries);
    expect((await store.appendAll(entries)).map(({ repeated }) => repeated)).toEqual([true, true]);
    expect(await idsIn(store.read('a'))).toEqual([1]);
  });
});

describe('a caller of appendAll who leaves', () => {
  it('in mid-flight is told that the outcome is unknown, and can ask for it', async () => {
    for (const delivered of [true, false]) {
      const bench = await openBench();
      const store = openStore(bench, { engine: bench.faulty });
      await bench.run(store.appendAll(['a', 'b'].map((stream) => ({ stream, events: [happened(0)] }))));
      bench.faulty.hold();
      const controller = new AbortController();
      const call = outcomeOf(
        store.appendAll(
          ['a', 'b'].map((stream) => ({ stream, events: [happened(1)] })),
          { signal: controller.signal },
        ),
      );
      const message = await bench.message(0);
      controller.abort('enough');
      await bench.run(call.done);
      expect(call.error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', outcome: 'unknown' });
      const settled = outcomeOf((call.error as { settle(): Promise<{ outcome: string }> }).settle());
      bench.faulty.release();
      if (delivered) await message.deliver();
      message.lose();
      await bench.run(settled.done);
      expect(settled.value?.outcome).toBe('done');
      const [inA, inB] = [await bench.run(idsIn(store.read('a'))), await bench.run(idsIn(store.read('b')))];
      expect(inA).toEqual([0, 1]);
      expect(inB).toEqual(inA);
    }
  });
});
