// Goal: a view has every event once, on every engine, however it is fed.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventStore, View } from '../../../lib/events/index.js';
import { AtomTable } from '../../../lib/index.js';
import { describeEngine, engines, type OpenEngine } from '../../support/engines.js';

type Event = { type: 'added'; data: number; metadata?: { to?: string[] } } | { type: 'cleared' };

const sums = new View<number, Event>({
  name: 'sums',
  initial: 0,
  apply: (sum, event) => (event.type === 'added' ? sum + event.data : undefined),
});
/** Whatever is added goes into the documents that the event names. */
const shared = new View<readonly number[], Event>({
  name: 'shared',
  initial: [],
  id: ({ metadata }) => metadata.to as string[] | undefined,
  apply: (all, event) => (event.type === 'added' ? [...all, event.data] : undefined),
});
const added = (data: number, ...to: string[]): Event => ({ type: 'added', data, metadata: { to } });

for (const row of engines) {
  describeEngine(row, () => {
    let opened: OpenEngine;
    let table: AtomTable;
    let names = 0;
    const open = (name = `store-${++names}`, options = {}) => new EventStore(table, { name, ...options });
    beforeAll(async () => {
      opened = await row.open();
      table = new AtomTable({ engine: opened.engine, tableName: opened.uniqueTable() });
      await table.create();
    });
    afterAll(() => opened.close());

    describe('EventStore.project', () => {
      it('brings what was there, and what comes', async () => {
        await using store = open();
        await store.append('a', [added(1), added(2)]);
        await store.append(
          'b',
          Array.from({ length: 300 }, () => added(1)),
        );
        const projection = store.project(sums);
        await projection.caughtUp;
        const view = store.view(sums);
        expect(await view.getMany(['a', 'b', 'c'])).toEqual([3, 300, undefined]);
        await store.append('a', [added(10)]);
        expect(await view.lag()).toMatchObject({ events: 1, streams: 1 });
        expect(await view.lag({ streams: ['b', 'none'] })).toEqual({ events: 0, streams: 0, ageMs: 0 });
        await projection.refresh();
        expect(await view.get('a')).toBe(13);
        expect(await projection.lag()).toEqual({ events: 0, streams: 0, ageMs: 0 });
        await projection.stop();
      });

      it('deletes a document, which begins anew, and has seen what it has seen', async () => {
        await using store = open();
        await store.append('a', [added(1), { type: 'cleared' }]);
        const projection = store.project(sums);
        await projection.refresh();
        const view = store.view(sums);
        expect(await view.get('a')).toBeUndefined();
        await store.append('a', [added(2)]);
        await projection.refresh();
        expect(await view.get('a')).toBe(2);
        await projection.stop();
      });

      it('feeds documents from many streams', async () => {
        await using store = open();
        for (let n = 0; n < 20; n += 1) await store.append(`s-${n % 5}`, [added(n, 'all', n % 2 ? 'odd' : 'even')]);
        const projection = store.project(shared);
        await projection.refresh();
        const [all, odd, even] = await store.view(shared).getMany(['all', 'odd', 'even']);
        expect([all, odd, even].map((one) => [...(one ?? [])].sort((a, b) => a - b))).toEqual([
          Array.from({ length: 20 }, (_, n) => n),
          Array.from({ length: 10 }, (_, n) => 2 * n + 1),
          Array.from({ length: 10 }, (_, n) => 2 * n),
        ]);
        const found: Record<string, number> = {};
        for await (const { id, state } of store.view(shared).entries()) found[id] = state.length;
        expect(found).toEqual({ all: 20, odd: 10, even: 10 });
        await projection.stop();
      });
    });

    describe('EventStore.rebuild', () => {
      it('makes a view anew, and leaves nothing of the old one', async () => {
        await using store = open();
        for (let n = 0; n < 10; n += 1) await store.append(`s-${n}`, [added(n)]);
        const first = store.project(sums);
        await first.refresh();
        await first.stop();
        const doubled = new View<number, Event>({
          ...sums,
          version: 2,
          apply: (sum, e) => sum + (e.type === 'added' ? 2 * e.data : 0),
        });
        expect(await store.view(doubled).get('s-4')).toBe(4);
        expect(await store.rebuild(doubled)).toMatchObject({ events: 10, resumed: false });
        expect(await store.view(doubled).get('s-4')).toBe(8);
        expect(await store.view(sums).get('s-4')).toBe(8);
        const prefix = `${store.name}/@view/sums/`;
        const left = [];
        for await (const { name } of table.scanNamed(prefix, { namesOnly: true })) left.push(name.slice(prefix.length));
        expect(left.sort()).toEqual(Array.from({ length: 10 }, (_, n) => `2/doc/s-${n}`));
      });
    });
  });
}
