// Goal: the journal does on each engine, with or without a wire, what it does on the one in memory.
// Method: two writers, commits in the head and in bodies of one and of several items, pages, a follower, a reader from each
// place, a sweep; in a table that has a sort key.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { seededRandom } from '../../lib/engine/index.js';
import { Journal } from '../../lib/journal/index.js';
import { journalKeys } from '../../lib/journal/keys.js';
import { volumePages } from '../../lib/journal/volume.js';
import { describeEngine, engines, type OpenEngine } from '../support/engines.js';
import { add, event, Floors, type Instance, Replica } from './bench.js';
import { landings } from './events.js';

const keys = journalKeys('log');
const keysOfBound = journalKeys('bound');
const random = seededRandom(5);
/** More than one item holds, however it is packed. */
const large = Array.from({ length: 9_000 }, (_, id) =>
  event(id, Array.from({ length: 12 }, () => random.int(2 ** 32).toString(36)).join('')),
);

for (const row of engines) {
  describeEngine(row, () => {
    let opened: OpenEngine;
    let tableName: string;
    let one: Instance;
    let other: Instance;
    const floors = new Floors();
    const tableOf = () => new AtomTable({ engine: opened.engine, tableName, sortKeyName: 'sort' });

    /** As if in a process of its own. */
    const open = (name = 'log', volumes = false): Instance => {
      const [table, replica, warnings] = [tableOf(), new Replica(), [] as unknown[]];
      const onWarning = (error: unknown) => warnings.push(error);
      const readFloor = async () => floors;
      const options = { consumer: replica, headBytesMax: 600, onWarning, readFloor, volumes };
      const journal = new Journal(table, name, options);
      return { journal, replica, table, warnings };
    };
    const itemsOf = (wanted: readonly string[]) => tableOf().writeOnce().getMany(wanted);
    const pagesUpTo = (end: number) => Array.from({ length: end }, (_, page) => keys.page(page));

    beforeAll(async () => {
      opened = await row.open();
      tableName = opened.uniqueTable();
      await tableOf().create();
      [one, other] = [open(), open()];
    });
    afterAll(async () => {
      await opened.engine.deleteTable(tableName);
      await opened.close();
    });

    it('two writers at once, inline and in bodies: all is there once, for both', async () => {
      const work = [one, other].map(async (instance, index) => {
        for (let round = 0; round < 12; round += 1) {
          await Promise.all([
            add(instance, landings(100 * index + round, 1)),
            add(instance, landings(1_000 * (index + 1) + 5 * round, 5), { body: true }),
          ]);
        }
        await instance.journal.close();
      });
      await Promise.all(work);
      expect((await add(one, large, { body: true })).status).toBe('applied');
      for (const { journal } of [one, other]) await journal.catchUp('strong');
      expect(one.replica.events).toHaveLength(2 * 12 * 6 + large.length);
      expect(new Set(one.replica.events).size).toBe(2 * 12 * 6 + large.length);
      expect(other.replica.events).toEqual(one.replica.events);
      expect([one.warnings, other.warnings]).toEqual([[], []]);
      const tail = one.journal.image?.tail.at(-1);
      expect(tail?.body?.parts).toBeGreaterThan(1);
      expect(one.journal.image?.pages).toBeGreaterThan(3);
    });

    it('one that comes later reads it all, and from each place', async () => {
      const reader = open();
      await reader.journal.catchUp('strong');
      expect(reader.replica.events).toEqual(one.replica.events);
      expect(reader.journal.cursor.chain).toBe(one.journal.cursor.chain);
      for (const from of [1, 40, 100, one.journal.cursor.seq]) {
        const { value } = await reader.journal.read(from).next();
        const { commit } = value as { commit: { first: number; count: number } };
        expect([commit.first <= from, commit.first + commit.count > from]).toEqual([true, true]);
      }
    });

    it('a follower gets what is new', async () => {
      await add(one, [event('new')]);
      await other.journal.catchUp('eventual');
      await other.journal.catchUp('strong');
      expect(other.replica.events.at(-1)).toBe(event('new'));
    });

    it('old events are read from a volume, forwards and backwards', async () => {
      const writer = open('bound', true);
      while (writer.journal.image?.volumes === undefined) {
        await add(writer, landings(writer.replica.events.length, 5));
        if ((writer.journal.image?.pages ?? 0) >= volumePages) await writer.journal.close();
      }
      const reader = open('bound');
      const first = keysOfBound.page(0);
      await tableOf().writeOnce().delete(first);
      await reader.journal.catchUp('strong');
      expect(reader.replica.events).toEqual(writer.replica.events);
      const seqs: number[] = [];
      for await (const { commit } of reader.journal.readBackwards(writer.replica.events.length))
        seqs.push(commit.first);
      expect(seqs).toEqual(seqs.map((_, index) => writer.replica.events.length - 4 - 5 * index));
      expect(seqs.at(-1)).toBe(1);
      expect(writer.warnings).toEqual([]);
    });

    it('what was pruned is swept with its bodies, and what was not is read', async () => {
      const before = other.journal.image?.pages as number;
      const bodies: string[] = [];
      for await (const { commit } of one.journal.read(1)) {
        if (commit.body !== undefined) bodies.push(keys.body(commit.writer, commit.n, 0));
      }
      await floors.prune(one);
      expect(floors.prunedTo).toBe(before);
      expect((await itemsOf(pagesUpTo(before))).size).toBe(0);
      const left = await itemsOf(bodies);
      expect(left.size).toBeLessThan(6);
      expect(left.size).toBeLessThan(bodies.length);
      await add(other, [event('after')]);
      await one.journal.catchUp('strong');
      expect(one.replica.events.at(-1)).toBe(event('after'));
      await expect(open().journal.catchUp('strong')).rejects.toMatchObject({ code: 'ERR_JOURNAL_COMPACTED' });
    });

    it('one alone holds it', async () => {
      await one.journal.hold();
      await expect(add(other, [event('no')])).rejects.toMatchObject({ code: 'ERR_NOT_WRITER' });
      await one.journal.release();
      expect((await add(other, [event('yes')])).status).toBe('applied');
    });
  });
}
