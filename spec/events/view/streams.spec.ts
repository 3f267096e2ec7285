// Goal: views are fed from the table's stream by readers, single passes and groups, with nothing twice and nothing missing.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventStore, type StreamCommit } from '../../../lib/events/index.js';
import { AtomTable } from '../../../lib/index.js';
import { ConsumerGroup, TableStream } from '../../../lib/streams/index.js';
import { describeStreams, type OpenStreams, streamEngines } from '../../support/stream-engines.js';
import { added, expectedOf, foundIn, named, perStream } from './sample.js';

for (const row of streamEngines.filter(({ name }) => name !== 'aws')) {
  describeStreams(row, () => {
    let opened: OpenStreams;
    beforeAll(async () => {
      opened = await row.open();
    });
    afterAll(() => opened.close());

    const world = async () => {
      const { engine, clock } = opened;
      const { tableName } = await opened.createTable();
      const open = () => new AtomTable({ engine, clock, tableName, keyName: 'pk' });
      const table = open();
      const store = new EventStore(table);
      const groups = new AtomTable({ engine, clock, tableName: opened.uniqueTable(), sortKeyName: 'sk' });
      await groups.create();
      const streamAs = (name: string) => new TableStream({ port: opened.port(name), table, clock });
      return { table, open, store, groups, streamAs };
    };

    describe('EventStore.parser', () => {
      it('makes of the table’s records the events of this store, and passes over all else', async () => {
        await opened.run(async () => {
          const { table, store, streamAs } = await world();
          const other = new EventStore(table, { name: 'other' });
          await table.atom('events/x').reset(1);
          await store.append('a', [added(1), added(2)]);
          await other.append('a', [added(7)]);
          await store.append('strange/@%name', [added(3)]);
          await store.append('a', [{ type: 'large', data: Array.from({ length: 2_000 }, (_, n) => n ** 2) }]);
          const seen: unknown[] = [];
          const options = { from: 'trim-horizon', parser: store.parser() } as const;
          for await (const { records } of streamAs('pass').singlePass(options)) {
            for (const { value } of records as readonly { readonly value: StreamCommit }[]) {
              seen.push([value.stream, value.version, value.events.map(({ seq, type }) => `${seq} ${type}`)]);
            }
          }
          expect(seen.filter((one) => (one as string[])[0] === 'a')).toEqual([
            ['a', 2, ['1 added', '2 added']],
            ['a', 3, ['3 large']],
          ]);
          expect(seen.filter((one) => (one as string[])[0] !== 'a')).toEqual([['strange/@%name', 1, ['1 added']]]);
        });
      });
    });

    describe('EventStore.projector', () => {
      it('feeds views in a group of two, of which one leaves in the middle', async () => {
        await opened.run(async () => {
          const { store, open, groups, streamAs } = await world();
          for (let n = 0; n < 40; n += 1) await store.append(`s-${n % 7}`, [added(n, `d-${n % 3}`, 'all')]);
          const member = (name: string) => {
            const own = new EventStore(open());
            const feed = own.projector(perStream, named);
            return new ConsumerGroup<StreamCommit>({
              ...{ name: 'views', stream: streamAs(name), table: groups, from: 'trim-horizon', parser: own.parser() },
              handler: async (batch, context) => {
                await feed(batch, context);
                handled += batch.records.length;
                if (handled >= 20 && !hasLeft) {
                  hasLeft = true;
                  void members[0]?.stop();
                }
              },
              batch: { recordsMax: 5 },
              member: { leaseMs: 3_000 },
            });
          };
          let handled = 0;
          let hasLeft = false;
          const members = [member('one'), member('two')];
          const runs = members.map((one) => one.run());
          for (let n = 40; n < 80; n += 1) await store.append(`s-${n % 7}`, [added(n, `d-${n % 3}`, 'all')]);
          const view = store.view(named);
          while ((await view.lag()).events > 0 || (await store.view(perStream).lag()).events > 0) {
            await opened.clock.sleep(200);
          }
          await Promise.all(members.map((one) => one.stop()));
          await Promise.all(runs);
          for (const one of [perStream, named]) expect(await foundIn(store, one)).toEqual(await expectedOf(store, one));
        });
      });

      it('reads from the log what was never delivered', async () => {
        await opened.run(async () => {
          const { store } = await world();
          const feed = store.projector(perStream, named);
          const { events } = await store.append(
            'a',
            Array.from({ length: 30 }, (_, n) => added(n, 'd')),
          );
          await store.append('a', [added(30, 'd')]);
          // The newest one first, then what is old.
          const commit = async (from: number) => {
            const given = [];
            for await (const event of store.read('a', { from })) given.push(event);
            return { value: { stream: 'a', events: given, version: 31, time: 0 } };
          };
          await feed({ records: [await commit(31)] });
          await feed({ records: [{ value: { stream: 'a', events, version: 30, time: 0 } }, await commit(31)] });
          for (const one of [perStream, named]) expect(await foundIn(store, one)).toEqual(await expectedOf(store, one));
        });
      });
    });

    describe('EventStore.project', () => {
      it('takes what a reader of the stream brings', async () => {
        await opened.run(async () => {
          const { store, streamAs } = await world();
          await store.append('a', [added(1, 'd')]);
          const stopping = new AbortController();
          const { signal } = stopping;
          const source = streamAs('reader').read({ from: 'trim-horizon', parser: store.parser(), signal });
          const projection = store.project(named, { source, signal });
          await projection.caughtUp;
          for (let n = 0; n < 10; n += 1) await store.append('b', [added(n, 'd')]);
          while ((await projection.lag()).events > 0) await opened.clock.sleep(100);
          stopping.abort();
          await projection.done;
          expect(await foundIn(store, named)).toEqual(await expectedOf(store, named));
        });
      });
    });
  });
}
