/** A view built from `mirror` equals a scan, on a real stream, while eight writers write. */
import { expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { seededRandom } from '../../lib/engine/index.js';
import { mirror, TableStream } from '../../lib/streams/index.js';
import { describeStreams, streamEngines } from '../support/stream-engines.js';

const seed = Number(process.env.LEYDEN_SEED ?? 1);

for (const row of streamEngines.filter(({ name }) => name === 'dynamodb-local' || name === 'aws')) {
  describeStreams(row, () => {
    it(`builds what a scan gives (seed ${seed})`, async () => {
      const opened = await row.open();
      const { tableName } = await opened.createTable();
      const table = new AtomTable({ engine: opened.engine, tableName, keyName: 'pk' });
      const stream = new TableStream({ port: opened.port(), table, pace: { shardReadsPerSecondMax: 50 } });
      const random = seededRandom(seed);
      const write = async () => {
        const atom = table.atom<number>(`k${Math.floor(random.next() * 200)}`);
        if (random.next() < 0.2) await atom.delete();
        else await atom.swap((n) => (n ?? 0) + 1);
      };
      for (let n = 0; n < 100; n += 1) await write();

      const view = new Map<unknown, string>();
      const versions = new Map<string, number>();
      const stop = new AbortController();
      let isSynced = false;
      const building = (async () => {
        const events = mirror<number>(table, { stream, rememberedMax: 120, settleMs: 100, signal: stop.signal });
        for await (const event of events) {
          if (event.type === 'synced') isSynced = true;
          if (event.type === 'snapshot') view.set(event.entry.key, `${event.entry.value} at ${event.entry.version}`);
          if (event.type !== 'change') continue;
          const { key, keyText, incarnation, version, value, deleted } = event.change;
          const life = keyText + incarnation;
          expect(version).toBeGreaterThan(versions.get(life) ?? 0);
          versions.set(life, version);
          if (deleted) view.delete(key);
          else view.set(key, `${value} at ${version}`);
        }
      })();
      building.catch(() => {});
      const writer = async () => {
        for (let n = 0; n < 40; n += 1) await write();
      };
      await Promise.all(Array.from({ length: 8 }, writer));
      const scanned = async () => {
        const rows = new Map<unknown, string>();
        for await (const { key, value, version } of table.scan<number>()) rows.set(key, `${value} at ${version}`);
        return [...rows].sort();
      };
      const expected = await scanned();
      const isEqual = () => isSynced && JSON.stringify([...view].sort()) === JSON.stringify(expected);
      const deadline = Date.now() + 20_000;
      while (!isEqual() && Date.now() < deadline) await opened.clock.sleep(50);
      expect([...view].sort()).toEqual(expected);
      expect(isSynced).toBe(true);
      stop.abort(new Error('enough'));
      await expect(building).rejects.toThrow('enough');
      await opened.close();
    }, 60_000);
  });
}
