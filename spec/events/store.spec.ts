// Goal: the calls of a store do what they say, on every engine.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { AggregateType, EventStore } from '../../lib/events/index.js';
import { AtomTable } from '../../lib/index.js';
import { describeEngine, engines, type OpenEngine } from '../support/engines.js';

type Event = { type: 'incremented'; data: number };
const counter = new AggregateType<number, { add: number }, Event>({
  name: 'counter',
  initial: 0,
  handle: (state, { add }) => {
    if (state + add < 0) throw new RangeError('below zero');
    return { type: 'incremented', data: add };
  },
  apply: (state, { data }) => state + data,
});

for (const row of engines) {
  describeEngine(row, () => {
    let opened: OpenEngine;
    let table: AtomTable;
    beforeAll(async () => {
      opened = await row.open();
      table = new AtomTable({ engine: opened.engine, tableName: opened.uniqueTable() });
      await table.create();
    });
    afterAll(() => opened.close());

    it('appends, reads, conflicts', async () => {
      const store = new EventStore(table, { name: 'one' });
      const { version } = await store.append('a', [{ type: 'x', data: 1 }, { type: 'y' }], { expected: 'no-stream' });
      expect(version).toBe(2);
      await expect(store.append('a', [{ type: 'z' }], { expected: 1 })).rejects.toMatchObject({
        code: 'ERR_CONFLICT',
        actual: 2,
      });
      const seen = [];
      for await (const { seq, type } of store.read('a')) seen.push([seq, type]);
      expect(seen).toEqual([
        [1, 'x'],
        [2, 'y'],
      ]);
      await store.append('a', [], { expected: 2 });
    });

    it('executes', async () => {
      const [one, other] = [new EventStore(table, { name: 'two' }), new EventStore(table, { name: 'two' })];
      const all = [];
      for (let n = 0; n < 60; n += 1)
        all.push((n % 2 ? one : other).execute(counter, '1', { add: 1 }, { commandId: `c${n}`, retries: 100 }));
      await Promise.all(all);
      expect(await one.load(counter, '1')).toEqual({ state: 60, version: 60 });
      for (let n = 0; n < 60; n += 1) {
        const again = await other.execute(counter, '1', { add: 1 }, { commandId: `c${n}` });
        expect(again).toMatchObject({ repeated: true, state: 60 });
        expect(again.events.length).toBe(1);
      }
      await expect(one.execute(counter, '1', { add: -100 })).rejects.toThrow('below zero');
    });

    it('takes 10,000 events at once', async () => {
      const store = new EventStore(table, { name: 'three' });
      const events = Array.from({ length: 10_000 }, (_, index) => ({ type: 'n', data: index }));
      await store.append('many', events);
      let count = 0;
      for await (const { data } of store.read('many')) expect(data).toBe(count++);
      expect(count).toBe(10_000);
    });
  });
}
