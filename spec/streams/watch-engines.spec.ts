// Goal: watches and changes() through real streams: newest values, each version, through shards that close, with a sort key, with values
// that do not fit their item. Method: all engines that have streams; processes are tables of their own.
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { changes, StreamWatchSource, TableStream, watchPrefix } from '../../lib/streams/index.js';
import {
  describeStreams,
  type OpenStreams,
  streamEngines,
  type WatchedTableOptions,
} from '../support/stream-engines.js';

for (const row of streamEngines) {
  describeStreams(row, () => {
    let opened: OpenStreams;
    let closing: (() => Promise<unknown>)[];
    beforeEach(async () => {
      opened = await row.open();
      closing = [];
    });
    afterEach(async () => {
      await opened.run(() => Promise.all(closing.map((close) => close())));
      await opened.close();
    });

    /** A process that writes, and one that watches through the stream. */
    async function processes(options: WatchedTableOptions = {}) {
      const { engine, clock } = opened;
      const { tableName } = await opened.createTable(options);
      const names = { tableName, keyName: 'pk', ...(options.sortKey && { sortKeyName: 'sk' }) };
      const stream = new TableStream({ port: opened.port('watcher'), table: tableName, clock });
      const source = new StreamWatchSource({ stream, via: 'stream', slowMs: 60_000 });
      const writer = new AtomTable({ engine, clock, ...names });
      const table = new AtomTable({ engine, clock, watchSource: source, ...names });
      closing.push(
        () => table.close(),
        () => writer.close(),
        () => source.close(),
      );
      return { writer, table, source };
    }

    it('tells watches the newest value, and changes() each version', async () => {
      await opened.run(async () => {
        const { writer, table, source } = await processes();
        const keys = ['a', 'b', 'c', 'd', 'e'];
        const atom = (of: AtomTable, key: string) => of.atom<number>(key, { initial: 0 });
        const loop = changes<number>(table, { source });
        await loop.ready();
        expect(source.status.state).toBe('live');
        const reached = keys.map((key) => atom(table, key).waitFor((n) => n === 24));
        for (let n = 0; n < 24; n += 1) {
          for (const key of keys) await atom(writer, key).swap((v) => v + 1);
        }
        await Promise.all(reached);
        const told = new Map<string, number[]>();
        let count = 0;
        for await (const { change } of loop) {
          told.set(change.keyText, [...(told.get(change.keyText) ?? []), change.value as number]);
          count += 1;
          if (count === 24 * keys.length) break;
        }
        const all = Array.from({ length: 24 }, (_, n) => n + 1);
        expect(Object.fromEntries(told)).toEqual(Object.fromEntries(keys.map((key) => [key, all])));
      });
    });

    it('goes on from a token: each version is told by one loop or the next', async () => {
      await opened.run(async () => {
        const { writer, table, source } = await processes();
        const n = writer.atom<number>('n', { initial: 0 });
        await n.reset(1);
        const first = changes<number>(table.atom<number>('n'), { source, from: 'trim-horizon' });
        const values: unknown[] = [(await first.next()).value?.change.value];
        await n.reset(2);
        values.push((await first.next()).value?.change.value);
        const token = first.token();
        await first.return();
        await n.reset(3);
        await n.delete();
        const second = changes<number>(table.atom<number>('n'), { source, from: token as never });
        const later: unknown[] = [];
        for await (const { change } of second) {
          later.push(change.deleted ? 'deleted' : change.value);
          if (change.deleted) break;
        }
        expect(values).toEqual([1, 2]);
        expect(later.slice(-2)).toEqual([3, 'deleted']);
        expect([1, 2, 3, 'deleted'].join()).toContain(later.join());
      });
    });

    it('with a sort key, and with values that do not fit their item', async () => {
      await opened.run(async () => {
        const { writer, table, source } = await processes({ sortKey: true });
        const key = { pk: 'order', sk: 'item#1' };
        const loop = changes<string>(table, { source, pk: 'order', prefix: 'item#' });
        await loop.ready();
        const large = Array.from({ length: 60_000 }, (_, n) => (n * 7_919).toString(36)).join();
        const seen = table.atom<string>(key).waitFor((text) => text === large);
        await writer.atom<string>({ pk: 'order', sk: 'other' }).reset('not this');
        await writer.atom<string>(key).reset(large);
        expect(await seen).toBe(large);
        const { value } = await loop.next();
        expect([value?.change.key, value?.change.value === large]).toEqual([key, true]);
        await loop.return();
      });
    });

    it('watches all keys that begin alike', async () => {
      await opened.run(async () => {
        const { writer, table, source } = await processes();
        await writer.putMany([
          ['job-1', 'open'],
          ['job-2', 'open'],
          ['x', 1],
        ]);
        const seen = new Map<unknown, unknown>();
        const watch = watchPrefix<string>(table, { source, prefix: 'job-' });
        const until = async (size: number, key?: string, value?: string) => {
          for await (const entry of { [Symbol.asyncIterator]: () => ({ next: () => watch.next() }) }) {
            if (entry.exists) seen.set(entry.key, entry.value);
            else seen.delete(entry.key);
            if (seen.size === size && (key === undefined || seen.get(key) === value)) return;
          }
        };
        await until(2);
        await writer.atom<string>('job-3').reset('open');
        await until(3);
        await writer.atom<string>('job-1').reset('done');
        await until(3, 'job-1', 'done');
        await writer.atom<string>('job-2').delete();
        await until(2);
        expect(Object.fromEntries(seen as Map<string, string>)).toEqual({ 'job-1': 'done', 'job-3': 'open' });
        await watch.return();
      });
    });
  });
}
