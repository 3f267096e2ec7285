// Goal: a command that was there before is told so, and is not done again: whoever gives it again, however old what is known there is,
// wherever its events are, and whatever goes with it.
// Method: stores as if each were in a process of its own, on one memory engine and a virtual clock.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { EventStore } from '../../lib/events/index.js';
import { Journal } from '../../lib/journal/index.js';
import { type Bench, outcomeOf } from '../atom/bench.js';
import { noise, openStage, type Stage, sum } from './stage.js';

let stage: Stage;
let bench: Bench;
beforeEach(async () => {
  stage = await openStage();
  bench = stage.bench;
});

describe('a command that was there before', () => {
  it('is told so by a receipt that is newer than what is known here', async () => {
    const [store, other] = [stage.open(), stage.open()];
    await stage.fill(store, 'a');
    await bench.run(other.append('a', [{ type: 'x' }], { commandId: 'first' }));
    await stage.fill(other, 'a');
    const again = await bench.run(store.append('a', [{ type: 'x' }], { commandId: 'first' }));
    expect(again).toMatchObject({ repeated: true, version: 31 });
    expect(again.events.map(({ type }) => type)).toEqual(['x']);
  });

  it('is told so, though it was not known here', async () => {
    const [store, other] = [stage.open(), stage.open()];
    await bench.run(store.execute(sum, '1', { add: 1 }));
    await bench.run(other.execute(sum, '1', { add: 10 }, { commandId: 'x' }));
    // The first try meets a conflict, and may not be followed by another one.
    const again = await bench.run(store.execute(sum, '1', { add: 10 }, { commandId: 'x', retries: 0 }));
    expect(again).toMatchObject({ repeated: true, version: 2, state: 11 });
    await bench.run(other.execute(sum, '1', { add: 100 }, { commandId: 'y' }));
    // What is expected can't be met any more, as it is what was there before the command.
    const late = await bench.run(store.execute(sum, '1', { add: 100 }, { commandId: 'y', expected: 1 }));
    expect(late).toMatchObject({ repeated: true, version: 3, state: 111 });
  });

  it('is told so, though what goes with it meets a conflict', async () => {
    const [store, other] = [stage.open(), stage.open()];
    await bench.run(store.execute(sum, '1', { add: 1 }, { commandId: 'a' }));
    await bench.run(other.execute(sum, '1', { add: 10 }));
    const again = store.execute(sum, '1', { add: 1 }, { commandId: 'a', retries: 0 });
    const more = store.execute(sum, '1', { add: 100 });
    expect(await bench.run(again)).toMatchObject({ repeated: true, version: 1 });
    expect((await bench.run(more)).state).toBe(111);
  });

  it('is told so of an archived stream as well', async () => {
    const store = stage.open();
    await bench.run(store.append('a', [{ type: 'x' }], { commandId: 'first' }));
    const options = { consumer: { apply: () => {} }, label: 'events' };
    const journal = new Journal(bench.table({ engine: bench.memory }), 'events/a', options);
    await bench.run(journal.append({ claims: true, decide: () => ({ text: '', count: 0, closes: 'archived' }) }));
    for (const one of [store, stage.open()]) {
      const again = one.append('a', [{ type: 'x' }], { commandId: 'first' });
      expect(await bench.run(again)).toMatchObject({ repeated: true, version: 1 });
      await expect(bench.run(one.append('a', [{ type: 'y' }]))).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
    }
  });

  it('is told so when the stream is archived between its look and the commit of others', async () => {
    const store = stage.open();
    await bench.run(store.append('a', [{ type: 'x' }], { commandId: 'first' }));
    const options = { consumer: { apply: () => {} }, label: 'events' };
    const journal = new Journal(bench.table({ engine: bench.memory }), 'events/a', options);
    await bench.run(journal.append({ claims: true, decide: () => ({ text: '', count: 0, closes: 'archived' }) }));
    const again = store.append('a', [{ type: 'x' }], { commandId: 'first' });
    const late = outcomeOf(store.append('a', [{ type: 'late' }]));
    expect(await bench.run(again)).toMatchObject({ repeated: true, version: 1 });
    await bench.run(late.done);
    expect(late.error).toMatchObject({ code: 'ERR_STREAM_CLOSED', closed: 'archived' });
  });

  it('has an id that no other id is taken for', async () => {
    const store = stage.open();
    for (const commandId of ['\ud800', 'a\udfff']) {
      await expect(store.append('a', [{ type: 'x' }], { commandId })).rejects.toThrow(RangeError);
      await expect(store.execute(sum, '1', { add: 1 }, { commandId })).rejects.toThrow(RangeError);
    }
  });
});

describe('a command that is given twice at once', () => {
  it('is done once, and both are told', async () => {
    const store = stage.open();
    const twice = [1, 2].map(() => store.execute(sum, '1', { add: 1 }, { commandId: 'a' }));
    expect((await bench.run(Promise.all(twice))).map(({ repeated, version }) => [repeated, version])).toEqual([
      [false, 1],
      [true, 1],
    ]);
    expect((await stage.eventsOf('sum-1')).length).toBe(1);
  });

  it('by two processes, likewise, though an append goes on a later head than was known', async () => {
    const [store, other] = [stage.open(), stage.open()];
    const append = (one: EventStore) => bench.run(one.append('a', [{ type: 'x' }], { commandId: 'a' }));
    await bench.run(store.append('a', [{ type: 'first' }]));
    await append(other);
    expect(await append(store)).toMatchObject({ repeated: true, version: 2 });
  });

  it('likewise when the first one has left the head meanwhile', async () => {
    const [store, other] = [stage.open(), stage.open()];
    const append = (one: EventStore) => bench.run(one.append('a', [{ type: 'x' }], { commandId: 'a' }));
    await bench.run(store.append('a', [{ type: 'first' }]));
    await append(other);
    await stage.fill(other, 'a');
    expect(await append(store)).toMatchObject({ repeated: true, version: 2 });
    expect((await stage.typesOf('a')).filter((type) => type === 'x')).toEqual(['x']);
  });

  it('likewise when it has to be given up, and its receipt is newer than what is known here', async () => {
    const [store, other] = [stage.open({ stepped: true }), stage.open()];
    await stage.fill(store, 'sum-1');
    let isFirst = true;
    // Between the read of the head and that of the receipt.
    stage.onStep = (step) => {
      if (!isFirst || !step.text.includes('/command/')) return undefined;
      isFirst = false;
      const meanwhile = async () => {
        await other.append('sum-1', [{ type: 'stepped', data: { by: 5 } }], { commandId: 'a' });
        for (let n = 0; n < 30; n += 1)
          await other.append('sum-1', [{ type: 'filled', data: { by: 0, pad: noise(60, n) } }]);
        return step.send();
      };
      return meanwhile();
    };
    const again = await bench.run(store.execute(sum, '1', { add: 5 }, { commandId: 'a', retries: 0 }));
    expect(again).toMatchObject({ repeated: true, version: 31, state: 5 });
    expect(again.events.length).toBe(1);
  });
});

describe('an append to several streams that was there before', () => {
  const both = ['a', 'b'].map((stream) => ({ stream, events: [{ type: 'x' }] }));
  const versionsOf = async (store: EventStore) => {
    const appended = await bench.run(store.appendAll(both, { commandId: 'first' }));
    return appended.map(({ version, repeated }) => [version, repeated]);
  };

  it('is told so, though it is known here of one of them alone', async () => {
    const [store, other] = [stage.open(), stage.open()];
    await stage.fill(store, 'a', 1);
    await bench.run(other.appendAll(both, { commandId: 'first' }));
    expect(await versionsOf(store)).toEqual([
      [2, true],
      [1, true],
    ]);
  });

  it('is told so by receipts that are newer than what is known here', async () => {
    const [store, other] = [stage.open(), stage.open()];
    for (const { stream } of both) await stage.fill(store, stream);
    await bench.run(other.appendAll(both, { commandId: 'first' }));
    for (const { stream } of both) await stage.fill(other, stream);
    expect(await versionsOf(store)).toEqual([
      [31, true],
      [31, true],
    ]);
  });
});
