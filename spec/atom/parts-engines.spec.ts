// Goal: large values of real sizes on every engine: written, read by another process, replaced, contended for, swept.
// Method: 5 MB that no compression makes much smaller, with the times in the report; larger ones are in the chaos script.
import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { AtomTable, type AtomTableOptions } from '../../lib/atom/index.js';
import { compressed, encrypted, type Item, keyRing } from '../../lib/codec/index.js';
import { type Clock, systemClock } from '../../lib/engine/index.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { describeEngine, engines, type OpenEngine } from '../support/engines.js';

const report: string[] = [];
afterAll(() => console.log(report.join('\n')));

const megabyte = 1_000_000;
const row = () => ({
  id: randomBytes(9).toString('base64'),
  at: Date.now(),
  bytes: randomBytes(1_200).toString('base64'),
});
const rowsOf = (bytes: number) => Array.from({ length: Math.ceil(bytes / JSON.stringify(row()).length) }, row);
const keys = keyRing({ current: 'k1', keys: { k1: randomBytes(32) } });
const codec = encrypted({ keys, inner: compressed({ level: 1 }) });

for (const engine of engines) {
  describeEngine(engine, () => {
    let opened: OpenEngine;
    let tableName: string;
    const open = (options: Partial<AtomTableOptions> = {}) =>
      new AtomTable({ engine: opened.engine, tableName, ...options } as AtomTableOptions);
    beforeAll(async () => {
      opened = await engine.open();
      tableName = opened.uniqueTable();
      await open().create();
    });
    afterAll(async () => {
      await opened.engine.deleteTable(tableName);
      await opened.close();
    });

    it('holds megabytes, plain and encrypted', async () => {
      for (const [name, megabytes, options] of [
        ['plain', engine.name === 'memory' ? 1 : 5, {}],
        ['encrypted', 1, { codec }],
      ] as const) {
        const value = rowsOf(megabytes * megabyte);
        const table = open(options);
        const startedAt = performance.now();
        await table.atom<typeof value>(name).reset(value);
        const writtenAt = performance.now();
        const back = await open(options).atom<typeof value>(name).deref();
        const readAt = performance.now();
        expect(JSON.stringify(back) === JSON.stringify(value)).toBe(true);
        report.push(
          `${engine.name}: ${megabytes} MB ${name}: written in ${Math.round(writtenAt - startedAt)} ms, read in ${Math.round(readAt - writtenAt)} ms`,
        );
      }
    }, 60_000);

    it('replaces, deletes and sweeps in a table with a sort key, and counts what that costs', async () => {
      const sorted = opened.uniqueTable();
      const options = { tableName: sorted, keyName: 'pk', sortKeyName: 'sk' };
      const table = open(options);
      await table.create();
      const atom = table.atom<unknown>({ pk: 'p', sk: [1] });
      const large = randomBytes(900_000).toString('latin1');
      await atom.reset(large);
      const before = table.spent();
      await atom.reset('small');
      await table.settled();
      // The item, and the marks on its parts.
      expect(table.spent().requests - before.requests).toBeGreaterThanOrEqual(4);
      expect(await atom.deref()).toBe('small');
      await atom.reset(large);
      expect(await atom.delete()).toBe(true);
      await table.settled();
      expect(
        await open(options)
          .atom({ pk: 'p', sk: [1] })
          .deref(),
      ).toBeUndefined();
      // By a clock that is two hours ahead.
      const clock: Clock = { ...systemClock, now: () => Date.now() + 2 * 3_600_000 };
      expect(await open({ ...options, clock }).sweep()).toBeGreaterThanOrEqual(7);
      expect(await table.sweepParts({ graceMs: 0 })).toEqual({ removed: 0, kept: 0, moved: 0, skipped: [] });
      await opened.engine.deleteTable(sorted);
    }, 60_000);

    it('is contended for by two processes: each write is there, once', async () => {
      const rounds = 3;
      const swaps = [open(), open()].map(async (table, process) => {
        const atom = table.atom<{ readonly log: readonly string[]; readonly ballast: string }>('contended', {
          initial: { log: [], ballast: '' },
        });
        for (let round = 0; round < rounds; round += 1) {
          const ballast = randomBytes(450_000).toString('base64');
          await atom.swap(({ log }) => ({ log: [...log, `${process}.${round}`], ballast }), { timeoutMs: 60_000 });
        }
        await table.settled();
      });
      await Promise.all(swaps);
      const { log } = (await open().atom<{ log: readonly string[] }>('contended').deref()) ?? { log: [] };
      expect(log).toHaveLength(2 * rounds);
      expect(new Set(log).size).toBe(2 * rounds);
    }, 60_000);

    it('has its orphans swept', async () => {
      const table = open();
      const { put } = opened.engine;
      const dying = new Proxy(opened.engine, {
        get(target, name) {
          const own = Reflect.get(target, name) as unknown;
          if (name !== 'put') return typeof own === 'function' ? own.bind(target) : own;
          return (request: Parameters<typeof put>[0], ...rest: unknown[]) =>
            request.item.c !== undefined && request.item.l !== undefined
              ? new Promise(() => {})
              : put.call(target, request, ...(rest as []));
        },
      });
      await table.atom<string>('orphaned').reset('small');
      void open({ engine: dying, clock: new VirtualClock() })
        .atom<string>('orphaned')
        .reset(randomBytes(450_000).toString('base64'));
      const isThere = async () => {
        const filter = { expression: 'contains(#t, :o)', names: { '#t': 't' }, values: { ':o': { S: '"orphaned"' } } };
        const scan = { table: tableName, consistent: true, filter, projection: ['id'] };
        let found = 0;
        let startKey: Item | undefined;
        do {
          const page = await opened.engine.scan({ ...scan, startKey });
          found += page.items.length;
          startKey = page.nextKey;
        } while (startKey !== undefined);
        return found === 2;
      };
      const deadlineAt = Date.now() + 20_000;
      while (!(await isThere()) && Date.now() < deadlineAt) await setImmediate();
      const { removed } = await table.sweepParts({ graceMs: 0 });
      expect(removed).toBe(2);
      expect(await table.atom<string>('orphaned').deref()).toBe('small');
    }, 60_000);
  });
}
