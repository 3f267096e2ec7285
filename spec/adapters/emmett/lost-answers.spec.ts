/**
 * Goal: an answer that gets lost is neither taken for a conflict nor makes events twice; the hook is told once, a command is handled
 * once.
 * Method: a part of all writes is answered by nothing, judged twice, or judged late.
 */
import { CommandHandler, isExpectedVersionConflictError } from '@event-driven-io/emmett';
import { describe, expect, it } from '@jest/globals';
import { getLeydenEventStore } from '../../../lib/adapters/emmett/index.js';
import { FaultyEngine, MemoryEngine } from '../../../lib/engine/index.js';
import { EventStore } from '../../../lib/events/index.js';
import { AtomTable } from '../../../lib/index.js';
import { added, type Cart, type CartEvent, evolve, initialState } from './shopping-cart.js';

const kinds = ['reset-after', '5xx-after', 'duplicate'] as const;

async function openFaulty(kind: (typeof kinds)[number]) {
  const engine = new FaultyEngine(new MemoryEngine(), { seed: 7 });
  const table = new AtomTable({ engine, tableName: 'state' });
  await table.create();
  engine.setRules([{ fault: { kind }, on: 'writes', probability: 0.4 }]);
  return table;
}

describe.each(kinds)('getLeydenEventStore() where writes meet %s', (kind) => {
  it('appends exactly once, and tells the hook once', async () => {
    const told: bigint[] = [];
    const store = getLeydenEventStore(new EventStore(await openFaulty(kind)), {
      hooks: { onAfterCommit: (events) => void told.push(...events.map(({ metadata }) => metadata.streamPosition)) },
    });
    for (let version = 0n; version < 20n; version += 1n) {
      const next = await store.appendToStream<CartEvent>('cart', [added], { expectedStreamVersion: version });
      expect(next).toEqual({ nextExpectedStreamVersion: version + 1n, createdNewStream: version === 0n });
    }
    expect((await store.readStream('cart')).events).toHaveLength(20);
    expect(told).toEqual(Array.from({ length: 20 }, (_, index) => BigInt(index + 1)));
  });

  it('handles each of many commands once, by several stores', async () => {
    const table = await openFaulty(kind);
    const stores = Array.from({ length: 3 }, () => getLeydenEventStore(new EventStore(table)));
    const onVersionConflict = {
      retries: 200,
      minTimeout: 1,
      maxTimeout: 4,
      shouldRetryError: isExpectedVersionConflictError,
    };
    const handle = CommandHandler<Cart, CartEvent>({ evolve, initialState, retry: { onVersionConflict } });
    await Promise.all(
      Array.from({ length: 15 }, (_, index) => handle(stores[index % 3] as never, 'cart', () => added)),
    );
    for (const store of stores)
      expect((await store.aggregateStream('cart', { evolve, initialState })).state.total).toBe(450);
  });
});
