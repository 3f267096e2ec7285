/**
 * Goal: what the adapter costs is what its documentation says: the requests of the store below, and one more for the version where a part
 * is read.
 */
import { CommandHandler } from '@event-driven-io/emmett';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { getLeydenEventStore, type LeydenEventStore, leydenCheckpointer } from '../../../lib/adapters/emmett/index.js';
import { MemoryEngine } from '../../../lib/engine/index.js';
import { EventStore } from '../../../lib/events/index.js';
import { AtomTable } from '../../../lib/index.js';
import { added, type Cart, type CartEvent, evolve, initialState } from './shopping-cart.js';

let table: AtomTable;
let store: LeydenEventStore;
beforeEach(async () => {
  table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
  await table.create();
  store = getLeydenEventStore(new EventStore(table));
  await store.appendToStream<CartEvent>('cart', [added, added, added]);
});

async function requestsOf(call: () => Promise<unknown>): Promise<number> {
  const before = table.spent().requests;
  await call();
  return table.spent().requests - before;
}

describe('requests', () => {
  it.each([
    ['readStream() of all', 1, () => store.readStream('cart')],
    ['readStream() of a part', 2, () => store.readStream('cart', { from: 1n, maxCount: 1n })],
    ['readStream() behind the end', 1, () => store.readStream('cart', { from: 3n })],
    ['aggregateStream()', 1, () => store.aggregateStream('cart', { evolve, initialState })],
    ['streamExists()', 1, () => store.streamExists('cart')],
    ['appendToStream()', 1, () => store.appendToStream<CartEvent>('cart', [added], { expectedStreamVersion: 3n })],
    ['a command', 2, () => CommandHandler<Cart, CartEvent>({ evolve, initialState })(store, 'cart', () => added)],
    ['read() of a checkpoint', 1, () => leydenCheckpointer(table).read({ processorId: 'one' }, {})],
  ] as const)('%s: %i', async (_name, count, call) => {
    expect(await requestsOf(call)).toBe(count);
  });

  it('store() of a checkpoint: 1 for each message, after the first', async () => {
    const { read, store: keep } = leydenCheckpointer(table);
    await read({ processorId: 'one' }, {});
    for (const position of [1n, 2n, 3n]) {
      const message = { metadata: { streamPosition: position } } as never;
      const facts = { processorId: 'one', version: 1, message, lastCheckpoint: position === 1n ? null : position - 1n };
      expect(await requestsOf(async () => keep(facts, {}))).toBe(1);
    }
  });
});
