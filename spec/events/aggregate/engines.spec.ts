// Goal: storing, loading and pruning states works on every engine, and costs what is said.
// Method: requests are counted at the engine; units where the engine tells them.
import { expect, it } from '@jest/globals';
import { AtomTable } from '../../../lib/atom/index.js';
import type { Engine } from '../../../lib/engine/index.js';
import { EventStore } from '../../../lib/events/index.js';
import { tableOn } from '../../support/engine-table.js';
import { describeEngine, engines } from '../../support/engines.js';
import { counter } from './counting.js';

for (const row of engines) {
  describeEngine(row, () => {
    const place = tableOn(row);
    const open = (engine: Engine = place.engine) =>
      new EventStore(new AtomTable({ engine, tableName: place.tableName }));

    const spentBy = async (work: () => Promise<unknown>) => {
      const before = place.engine.spent();
      await work();
      const { requests, readUnits, writeUnits } = place.engine.spent();
      return {
        requests: requests - before.requests,
        readUnits: readUnits - before.readUnits,
        writeUnits: writeUnits - before.writeUnits,
      };
    };

    it('a small aggregate: one request to load it, one for each command', async () => {
      const type = counter(undefined);
      const store = open();
      for (let n = 0; n < 10; n += 1) await store.execute(type, 'small', [1]);
      expect(await spentBy(() => open().load(type, 'small'))).toEqual({ requests: 1, readUnits: 1, writeUnits: 0 });
      expect(await spentBy(() => store.execute(type, 'small', [1]))).toMatchObject({ requests: 1, writeUnits: 1 });
    });

    it('a state of 200 KB: two requests to load it, and the units of what it packs to', async () => {
      const type = counter({ snapshotEvery: 40 }, 200_000);
      const store = open();
      for (let n = 0; n < 41; n += 1) {
        await store.execute(type, 'large', [1]);
        await store.settled();
      }
      const spent = await spentBy(async () => {
        const { state, version } = await open().load(type, 'large');
        expect([state.sum, version]).toEqual([41, 41]);
      });
      expect(spent.requests).toBe(2);
      // 200,000 characters of base64 hold 150,000 bytes: 37 units, and one for the head.
      expect(spent.readUnits).toBeLessThanOrEqual(40);
      expect(await spentBy(() => store.execute(type, 'large', [1]))).toMatchObject({ requests: 1, writeUnits: 1 });
    });

    it('a pruned stream: the same requests, and what is gone is told', async () => {
      const type = counter({ snapshotEvery: 40 }, 8_000);
      const store = open();
      for (let n = 0; n < 60; n += 1) await store.execute(type, 'pruned', [1]);
      await store.settled();
      const { floor, pagesRemoved } = await open().prune(type, 'pruned', { keepSnapshots: 1 });
      expect(pagesRemoved).toBeGreaterThan(3);
      expect((await spentBy(() => open().load(type, 'pruned'))).requests).toBe(2);
      expect(await open().load(type, 'pruned')).toMatchObject({ version: 60, state: { sum: 60 } });
      expect((await open().info('counter-pruned'))?.floor).toBe(floor);
      await expect(open().load(counter('events'), 'pruned')).rejects.toMatchObject({
        code: 'ERR_STREAM_PRUNED',
        floor,
      });
      expect((await store.execute(type, 'pruned', [1])).version).toBe(61);
    });
  });
}
