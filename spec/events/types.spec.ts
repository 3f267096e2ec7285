// Goal: a forgotten or misspelt argument is found by the compiler, and what is read has the types of its events. Compiled, and hardly run.
import { describe, expect, it } from '@jest/globals';
import { AggregateType, type EventStore, transientEventStore } from '../../lib/events/index.js';

type Event = { type: 'priced'; data: { cents: number } } | { type: 'closed' };
interface Services {
  priceOf(sku: string): number;
}

const order = new AggregateType<number, string, Event, Services>({
  name: 'order',
  initial: 0,
  handle: (_total, sku, { priceOf }) => ({ type: 'priced', data: { cents: priceOf(sku) } }),
  apply: (total, event) => (event.type === 'priced' ? total + event.data.cents : total),
});
const plain = new AggregateType<number, string>({ name: 'plain', initial: 0, handle: () => [], apply: (n) => n });
const services: Services = { priceOf: () => 5 };

/** Compiled, never run. */
async function wrong(store: EventStore): Promise<void> {
  // @ts-expect-error the type needs services
  await store.execute(order, '1', 'tea');
  // @ts-expect-error it still does
  await store.execute(order, '1', 'tea', { commandId: 'c' });
  // @ts-expect-error a version is no options
  await store.append('order-1', [], 3);
  // @ts-expect-error there is no such option
  await store.append('order-1', [], { expectedVersion: 3 });
  // @ts-expect-error the version of a stream that there may not be
  await store.append('order-1', [], { expected: (await store.info('order-1'))?.version });
}

describe('EventStore', () => {
  it('has the types of events wherever they are read', async () => {
    const store = transientEventStore({ ordered: ['order'] });
    await store.execute(plain, '1', 'nothing');
    const { events } = await store.execute(order, '1', 'tea', { services });
    const found: number[] = [];
    const centsOf = (event: (typeof events)[number]): number => (event.type === 'priced' ? event.data.cents : 0);
    for await (const event of store.read<Event>('order-1')) found.push(centsOf(event));
    for await (const event of store.readAll<Event>({ category: 'order' })) found.push(centsOf(event));
    for await (const event of store.subscribeAll<Event>({ category: 'order' })) {
      found.push(centsOf(event), event.position);
      break;
    }
    expect(found).toEqual([5, 5, 5, 1]);
    expect(wrong).toBeInstanceOf(Function);
    await store.close();
  });
});
