// Goal: calls on many atoms keep their promises and their price on every engine, at the limits of the service.
// Method: the same specs on each engine that is to be had; requests and units are counted.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AtomTable, type BatchError } from '../../lib/atom/index.js';
import { type Clock, systemClock } from '../../lib/engine/index.js';
import { describeEngine, engines, type OpenEngine } from '../support/engines.js';

/** Nothing gets lost here, and a busy machine must not change the counts: whatever waits for an answer waits until it comes. */
const patient: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, options) => systemClock.sleep(ms >= 150 ? 600_000 : ms, { ...options, background: true }),
};

for (const row of engines) {
  describeEngine(row, () => {
    let open: OpenEngine;
    let tableName: string;
    let table: AtomTable;
    beforeAll(async () => {
      open = await row.open();
      tableName = open.uniqueTable();
      table = fresh();
      await table.create();
    });
    afterAll(async () => {
      await open.engine.deleteTable(tableName);
      await open.close();
    });
    /** As if in a process of its own. */
    const fresh = () => new AtomTable({ engine: open.engine, tableName, clock: patient });
    const names = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix}${n}`);
    const pairs = (prefix: string, count: number, value: (n: number) => unknown = (n) => n) =>
      names(prefix, count).map((name, n) => [name, value(n)] as const);
    const spentBy = async <R>(body: () => Promise<R>) => {
      const before = open.engine.spent();
      const result = await body();
      const after = open.engine.spent();
      return {
        result,
        requests: after.requests - before.requests,
        readUnits: after.readUnits - before.readUnits,
        writeUnits: after.writeUnits - before.writeUnits,
      };
    };
    const all = async <T>(walk: AsyncIterable<T>) => {
      const found: T[] = [];
      for await (const one of walk) found.push(one);
      return found;
    };

    it('H-FA10: 101 atoms are put, read and deleted by a hundred and one, with nothing left over', async () => {
      const put = await spentBy(() => fresh().putMany(pairs('a', 101)));
      expect(put).toMatchObject({ requests: 103, writeUnits: 101 });
      const keys = [...names('a', 101), 'none'].reverse();
      const strong = await spentBy(() => fresh().getMany<number>(keys));
      expect(strong).toMatchObject({ requests: 2, writeUnits: 0 });
      // What is not there costs a unit each, to those engines that count it.
      expect([101, 102]).toContain(strong.readUnits);
      expect(strong.result).toEqual(keys.map((key) => (key === 'none' ? undefined : Number(key.slice(1)))));
      const eventual = await spentBy(() => fresh().getMany(keys.slice(1, 101), { consistency: 'eventual' }));
      expect(eventual).toMatchObject({ requests: 1, readUnits: 50 });
      const deleted = await spentBy(() => fresh().deleteMany(keys));
      expect(deleted).toMatchObject({ requests: 103, writeUnits: 101 });
      expect(deleted.result).toEqual(keys.map((key) => key !== 'none'));
      expect(await fresh().getMany(keys)).toEqual(keys.map(() => undefined));
    });

    it('contending processes put the same keys: each value is that of one of them, each version counts', async () => {
      const writers = [1, 2, 3];
      await Promise.all(writers.map((writer) => fresh().putMany(pairs('c', 15, (n) => ({ writer, n })))));
      const found = await all(fresh().scan<{ writer: number; n: number }>({ prefix: 'c' }));
      expect(found).toHaveLength(15);
      for (const { value, version, key } of found) {
        expect([`c${value.n}`, version]).toEqual([key, 3]);
        expect(writers).toContain(value.writer);
      }
    });

    it('A11: keys of 2,048 bytes are taken, of 2,049 refused before anything is sent', async () => {
      const long = `long-${'ж'.repeat(1_021)}x`;
      expect(Buffer.byteLength(long)).toBe(2_048);
      await fresh().putMany([[long, 1]]);
      expect(await fresh().getMany([long])).toEqual([1]);
      expect(await all(fresh().keys({ prefix: 'long-' }))).toEqual([long]);
      for (const call of [
        () => fresh().getMany([`${long}x`]),
        () =>
          fresh().putMany([
            ['b', 1],
            [`${long}x`, 1],
          ]),
        () => fresh().deleteMany(['b', `${long}x`]),
      ]) {
        const { result, requests } = await spentBy(() => call().catch((error: unknown) => error));
        expect(requests).toBe(0);
        expect(
          (result as BatchError).failures.map(({ error }) => (error as { code?: string } | undefined)?.code),
        ).toContain('ERR_KEY');
      }
      expect(await fresh().deleteMany([long])).toEqual([true]);
    });

    it('A11: what does not fit one page of 1 MB comes in several', async () => {
      const large = 'x'.repeat(390_000);
      const keys = names('large', 6);
      await fresh().putMany(keys.map((key) => [key, large] as const));
      const scanned = await spentBy(() => all(fresh().scan<string>({ prefix: 'large', consistency: 'eventual' })));
      expect(scanned.result.map(({ key, value }) => [key, value.length]).sort()).toEqual(
        keys.map((key) => [key, large.length]),
      );
      expect(scanned.requests).toBeGreaterThanOrEqual(2);
      expect(await all(fresh().keys({ prefix: 'large', segments: 3 }))).toHaveLength(6);
      await open.engine.batchWrite({ table: tableName, deletes: keys.map((id) => ({ id: { S: id } })) });
    });

    it('A11: what does not fit one answer of 16 MB comes in several', async () => {
      // dynalite cuts no answer.
      if (row.name === 'dynalite') return;
      const large = new Uint8Array(400_000);
      const keys = names('huge', 44);
      await fresh().putMany(keys.map((key) => [key, large] as const));
      const read = await spentBy(() => fresh().getMany<Uint8Array>([...keys, 'none']));
      expect(read.result.map((value) => value?.length)).toEqual([...keys.map(() => large.length), undefined]);
      expect(read.requests).toBe(2);
      await open.engine.batchWrite({ table: tableName, deletes: keys.slice(0, 22).map((id) => ({ id: { S: id } })) });
      await open.engine.batchWrite({ table: tableName, deletes: keys.slice(22).map((id) => ({ id: { S: id } })) });
    });

    it('a walk passes over what is no value and no atom, and stands at a cursor that another goes on from', async () => {
      const mine = fresh();
      await mine.putMany(pairs('w', 40));
      await mine.deleteMany(['w1', 'w2']);
      await mine.writeOnce().put('w-page', Uint8Array.of(1));
      const walk = mine.scan<number>({ prefix: 'w', segments: 2, pageItemsMax: 9 });
      const found: unknown[] = [];
      for await (const { key, value, version } of walk) {
        expect([key, version]).toEqual([`w${value}`, 1]);
        found.push(key);
        if (found.length === 15) break;
      }
      const rest = fresh().scan({ prefix: 'w', segments: 2, cursor: walk.cursor });
      for await (const { key } of rest) found.push(key);
      const expected = names('w', 40).filter((name) => name !== 'w1' && name !== 'w2');
      expect(found.sort()).toEqual(expected.sort());
    });
  });
}

describe('tables with a sort key', () => {
  for (const row of engines) {
    describeEngine(row, () => {
      it('put, read, walk through and delete many', async () => {
        const open = await row.open();
        const tableName = open.uniqueTable();
        const table = new AtomTable({ engine: open.engine, tableName, keyName: 'room', sortKeyName: 'day' });
        await table.create();
        const keys = Array.from({ length: 60 }, (_, n) => ({
          pk: `room-${n % 2}`,
          sk: `day-${String(n).padStart(2, '0')}`,
        }));
        await table.putMany(keys.map((key, n) => [key, n] as const));
        expect(await table.getMany(keys)).toEqual(keys.map((_, n) => n));
        const partition: unknown[] = [];
        for await (const { key } of table.scan({ pk: 'room-1', prefix: 'day-0', pageItemsMax: 2 })) partition.push(key);
        expect(partition).toEqual(keys.filter((_, n) => n < 10 && n % 2 === 1));
        let count = 0;
        for await (const _ of table.keys()) count += 1;
        expect(count).toBe(60);
        expect(await table.deleteMany([...keys.slice(0, 2), { pk: 'x', sk: 'y' }])).toEqual([true, true, false]);
        await open.engine.deleteTable(tableName);
        await open.close();
      });
    });
  }
});
