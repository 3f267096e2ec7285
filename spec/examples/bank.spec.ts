// Goal: a bank on event streams, as one would write it: accounts, transfers that survive any crash, views. Read bank/*.ts first.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Engine, MemoryEngine } from '../../lib/engine/index.js';
import { EventStore } from '../../lib/events/index.js';
import { AtomTable } from '../../lib/index.js';
import { createStreamsClient, TableStream } from '../../lib/streams/index.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { FrozenEngine } from '../journal/frozen-engine.js';
import { describeEngine, engines, type OpenEngine } from '../support/engines.js';
import { account } from './bank/account.js';
import { balances, statements } from './bank/bank-views.js';
import { transfer } from './bank/transfer.js';
import { TransferManager } from './bank/transfer-manager.js';

/** Two customers, 100.00 in the bank, and three transfers: one that goes, one without the money for it, one to nobody. */
async function setUp(store: EventStore): Promise<void> {
  await store.execute(account, 'ada', { do: 'open', owner: 'Ada' });
  await store.execute(account, 'bob', { do: 'open', owner: 'Bob' });
  await store.execute(account, 'ada', { do: 'deposit', cents: 100_00 }, { commandId: 'deposit-1' });
  // The answer was lost, and the customer has tried again: nothing happens.
  await store.execute(account, 'ada', { do: 'deposit', cents: 100_00 }, { commandId: 'deposit-1' });
  await store.execute(transfer, 'rent', { request: { from: 'ada', to: 'bob', cents: 60_00 } });
  await store.execute(transfer, 'too-much', { request: { from: 'bob', to: 'ada', cents: 1_000_00 } });
  await store.execute(transfer, 'typo', { request: { from: 'ada', to: 'bbo', cents: 10_00 } });
}

/** Dies before and after each request, and not by turns. */
const isFull = process.env.LEYDEN_SIZE === 'full';
const transfers = ['rent', 'too-much', 'typo'];

async function isSettled(store: EventStore): Promise<boolean> {
  const ends = await Promise.all(transfers.map(async (id) => (await store.load(transfer, id)).state.at));
  return ends.every((at) => at === 'given' || at === 'not-taken' || at === 'returned');
}

/** What the bank has to look like when everything has come to its end. */
async function expectAllRight(store: EventStore): Promise<void> {
  const ends = await Promise.all(transfers.map(async (id) => (await store.load(transfer, id)).state.at));
  expect(ends).toEqual(['given', 'not-taken', 'returned']);
  const projections = [store.project(balances), store.project(statements)];
  await Promise.all(projections.map((projection) => projection.refresh()));
  await Promise.all(projections.map((projection) => projection.stop()));
  expect(await store.view(balances).getMany(['ada', 'bob', 'bbo'])).toEqual([
    { owner: 'Ada', cents: 40_00 },
    { owner: 'Bob', cents: 60_00 },
    undefined,
  ]);
  expect(await store.view(statements).get('bob')).toEqual([{ what: 'given', cents: 60_00, transfer: 'rent' }]);
  const lines = (await store.view(statements).get('ada')) ?? [];
  expect(lines.map(({ cents }) => cents).reduce((sum, cents) => sum + cents, 0)).toBe(40_00);
  expect(lines.filter((line) => line.transfer === 'typo').map(({ cents }) => cents)).toEqual([-10_00, 10_00]);
}

for (const row of engines) {
  describeEngine(row, () => {
    let opened: OpenEngine;
    beforeAll(async () => {
      opened = await row.open();
    });
    afterAll(() => opened.close());

    it('moves money by transfers, told by looking at all streams now and then', async () => {
      const table = new AtomTable({ engine: opened.engine, tableName: opened.uniqueTable() });
      await table.create();
      const store = new EventStore(table);
      await setUp(store);
      const manager = new TransferManager(store);
      // In a process of its own this loop never ends.
      for await (const event of store.subscribeAll({ category: 'transfer', scanEveryMs: 1_000 })) {
        await manager.react(event);
        if (await isSettled(store)) break;
      }
      await expectAllRight(store);
    });

    if (!row.supports.streams) return;

    it('moves money by transfers, told by the table’s stream', async () => {
      const table = new AtomTable({ engine: opened.engine, tableName: opened.uniqueTable() });
      await table.create({ streamViewType: 'NEW_IMAGE' });
      const store = new EventStore(table);
      await setUp(store);
      const manager = new TransferManager(store);
      const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
      const local = { endpoint: opened.endpoint as string, region: 'local', credentials };
      const client = createStreamsClient(row.name === 'dynamodb-local' ? local : {});
      const stream = new TableStream({ client, table });
      // Or a ConsumerGroup with several processes. Views are fed by the same records: store.projector(balances, statements).
      const project = store.projector(balances, statements);
      for await (const batch of stream.read({ from: 'trim-horizon', parser: store.parser() })) {
        await project(batch);
        for (const { value } of batch.records) await manager.react(value);
        if (await isSettled(store)) break;
      }
      await expectAllRight(store);
      client.destroy();
    });
  });
}

describe('a transfer manager', () => {
  const clock = new VirtualClock({ runMsMax: Number.MAX_SAFE_INTEGER });
  const storeOn = (engine: Engine) => new EventStore(new AtomTable({ engine, tableName: 'bank', clock }));
  const bank = async () => {
    const engine = new MemoryEngine({ clock });
    await new AtomTable({ engine, tableName: 'bank', clock }).create();
    await setUp(storeOn(engine));
    return engine;
  };
  const settle = async (store: EventStore): Promise<'settled'> => {
    for (const id of transfers) await new TransferManager(store).advance(id);
    return 'settled';
  };

  it('may die at any of its steps: another one goes on, and no cent is lost or moved twice', async () => {
    await clock.run(
      (async () => {
        for (let request = 1; ; request += 1) {
          for (const delivers of isFull ? [true, false] : [request % 2 === 0]) {
            const engine = await bank();
            const dying = new FrozenEngine(engine, { request, delivers });
            const outcome = await Promise.race([settle(storeOn(dying.engine)), dying.frozen]);
            if (outcome === 'settled') {
              expect(request).toBeGreaterThan(15);
              return;
            }
            const store = storeOn(engine);
            await settle(store);
            await expectAllRight(store);
          }
        }
      })(),
    );
  });

  it('may wake up when another one has done its work', async () => {
    await clock.run(
      (async () => {
        for (let request = 1; request <= 30; request += isFull ? 1 : 3) {
          const engine = await bank();
          const asleep = new FrozenEngine(engine, { request, delivers: false });
          const sleeper = settle(storeOn(asleep.engine));
          await Promise.race([sleeper, asleep.frozen]);
          await settle(storeOn(engine));
          asleep.thaw();
          await sleeper;
          await expectAllRight(storeOn(engine));
        }
      })(),
    );
  });

  it('may work beside others', async () => {
    await clock.run(
      (async () => {
        const engine = await bank();
        await Promise.all(Array.from({ length: 5 }, () => settle(storeOn(engine))));
        await expectAllRight(storeOn(engine));
      })(),
    );
  });
});
