// Goal: on every engine a watch sees what another process does, and a closed table has left nothing behind.
// Method: real time, intervals of a few milliseconds; each fact waits for what it asks for, and for nothing else.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { describeEngine, engines, type OpenEngine } from '../support/engines.js';

for (const row of engines) {
  describeEngine(row, () => {
    let opened: OpenEngine;
    let tableName: string;
    const open = () => new AtomTable({ engine: opened.engine, tableName, watch: { pollMsMin: 10, pollMsMax: 40 } });
    beforeAll(async () => {
      opened = await row.open();
      tableName = opened.uniqueTable();
      await open().create();
    });
    afterAll(() => opened.close());

    it('a loop sees another process create, change and delete an atom', async () => {
      const rival = open().atom<{ n: number }>('watched', { initial: { n: 0 } });
      const seen: number[] = [];
      const next = [() => rival.reset({ n: 1 }), () => rival.swap(({ n }) => ({ n: n + 1 })), () => rival.delete()];
      for await (const { n } of open()
        .atom<{ n: number }>('watched', { initial: { n: 0 } })
        .watch()) {
        seen.push(n);
        const step = next.shift();
        if (step === undefined) break;
        await step();
      }
      expect(seen).toEqual([0, 1, 2, 0]);
    });

    it('110 atoms in a table with a sort key share their requests, and each sees its own change', async () => {
      const name = opened.uniqueTable();
      const composite = { engine: opened.engine, tableName: name, keyName: 'p', sortKeyName: 's' };
      const table = new AtomTable({ ...composite, watch: { pollMsMin: 10, pollMsMax: 40 } });
      await table.create();
      const keys = Array.from({ length: 110 }, (_, index) => ({ pk: 'all', sk: index }));
      const rival = new AtomTable(composite);
      const before = table.spent().requests;
      const waiting = keys.map((key) => table.atom<number>(key, { initial: 0 }).waitFor((n) => n > 0));
      const startedAt = performance.now();
      await Promise.all(keys.map((key) => rival.atom<number>(key).reset(key.sk + 1)));
      expect(await Promise.all(waiting)).toEqual(keys.map(({ sk }) => sk + 1));
      const looks = Math.ceil((performance.now() - startedAt) / 5);
      // The rival's requests are counted by the same engine: two for each atom.
      expect(table.spent().requests - before - 220).toBeLessThanOrEqual(4 + 4 * looks);
      expect(await table.close()).toBe(true);
    });

    it('a table is closed after its writes, and its loops end', async () => {
      const table = open();
      const atom = table.atom<number>('closing', { initial: 0 });
      const loop = atom.watch();
      expect((await loop.next()).value).toBe(0);
      const end = loop.next();
      const writes = Promise.all([
        atom.swap((n) => n + 1),
        table.atom<number>('other', { initial: 0 }).swap((n) => n + 1),
      ]);
      expect(await table.close()).toBe(true);
      expect(await writes).toEqual([1, 1]);
      expect((await end).done).toBe(true);
      await expect(atom.deref()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
      expect(await open().atom<number>('closing').deref()).toBe(1);
    });
  });
}
