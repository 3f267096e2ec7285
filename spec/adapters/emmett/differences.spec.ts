/**
 * Goal: where our store differs from Emmett's in-memory store, it does so on purpose; and what Emmett's store has no word for.
 */
import { type Event, getInMemoryEventStore, STREAM_EXISTS } from '@event-driven-io/emmett';
import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { getLeydenEventStore, type LeydenEventStore } from '../../../lib/adapters/emmett/index.js';
import { type EventStore, transientEventStore } from '../../../lib/events/index.js';
import { added, type Cart, type CartEvent, evolve, initialState } from './shopping-cart.js';

let events: EventStore;
let ours: LeydenEventStore;
beforeEach(() => {
  events = transientEventStore();
  ours = getLeydenEventStore(events);
});

describe('differences', () => {
  it('aggregateStream() with `from` tells the version that the state is at, so that a handler can append on it', async () => {
    const theirs = getInMemoryEventStore();
    const versions = [];
    for (const store of [theirs, ours]) {
      await store.appendToStream<CartEvent>('cart', [added, added, added]);
      for (const read of [{ from: 1n }, { from: 1n, to: 2n }, { from: 3n }]) {
        versions.push((await store.aggregateStream(`cart`, { evolve, initialState, read })).currentStreamVersion);
      }
    }
    expect(versions).toEqual([2n, 1n, 0n, 3n, 2n, 3n]);
  });

  it('an append of no events tells the version, and checks what is expected', async () => {
    await expect(getInMemoryEventStore().appendToStream('cart', [])).rejects.toThrow(TypeError);
    expect(await ours.appendToStream('cart', [])).toEqual({ nextExpectedStreamVersion: 0n, createdNewStream: false });
    await ours.appendToStream<CartEvent>('cart', [added]);
    expect(await ours.appendToStream('cart', [])).toEqual({ nextExpectedStreamVersion: 1n, createdNewStream: false });
    const options = { expectedStreamVersion: 2n };
    await expect(ours.appendToStream('cart', [], options)).rejects.toMatchObject({ errorCode: 412, current: '1' });
    expect(await ours.streamExists('other')).toBe(false);
  });

  it('a read with a number below 0, or with one that is no bigint, is refused', async () => {
    for (const name of ['from', 'to', 'maxCount']) {
      await expect(ours.readStream('cart', { [name]: -1n })).rejects.toThrow(RangeError);
      await expect(ours.readStream('cart', { [name]: 1 })).rejects.toThrow(TypeError);
    }
    await expect(ours.readStream('cart', { from: -1n })).rejects.toThrow(
      'Cannot read a stream: from must not be negative: -1n',
    );
    await expect(
      ours.appendToStream<CartEvent>('cart', [added], { expectedStreamVersion: 0 as never }),
    ).rejects.toThrow(TypeError);
  });

  it('what is read is frozen, so that no evolve changes what is stored', async () => {
    const theirs = getInMemoryEventStore();
    const spoil = (cart: Cart, event: CartEvent): Cart => {
      (event.data as { item?: unknown }).item = 'spoilt';
      return cart;
    };
    const event = (): CartEvent => structuredClone(added);
    await theirs.appendToStream('cart', [event()]);
    await theirs.aggregateStream('cart', { evolve: spoil, initialState });
    expect((await theirs.readStream('cart')).events[0]?.data).toEqual({ item: 'spoilt' });
    await ours.appendToStream('cart', [event()]);
    await expect(ours.aggregateStream('cart', { evolve: spoil, initialState })).rejects.toThrow(TypeError);
    expect((await ours.readStream('cart')).events[0]?.data).toEqual(added.data);
  });

  it('downcast sees an event as it was given', async () => {
    const seen: unknown[] = [];
    const downcast = (event: Event) => {
      seen.push(structuredClone(event));
      return event;
    };
    const event = { type: 'noted', data: {}, metadata: { by: 'me' } };
    await ours.appendToStream<Event>('notes', [event], { schema: { versioning: { downcast } } });
    expect(seen).toEqual([event]);
  });

  it('members beside type, data and metadata are not kept, and what is no event is refused', async () => {
    await ours.appendToStream<Event>('notes', [{ type: 'noted', data: {}, extra: 1 } as Event]);
    expect((await ours.readStream('notes')).events[0]).not.toHaveProperty('extra');
    for (const [wrong, error] of [
      [{ type: 'note', data: {}, kind: 'Command' }, "kind of a message must be 'Event'"],
      [{ type: '', data: {} }, 'type of an event must have 1 to'],
      [{ data: {} }, 'type of an event must be a string'],
      [{ type: 'noted', data: {}, metadata: [] }, 'metadata must be an object'],
      [null, 'an event must be an object'],
    ]) {
      await expect(ours.appendToStream<Event>('notes', [wrong as Event])).rejects.toThrow(error as string);
    }
    expect((await ours.readStream('notes')).currentStreamVersion).toBe(1n);
  });

  it('there are no inline projections, and nobody is told there were', () => {
    expect(() => getLeydenEventStore(events, { projections: [] } as never)).toThrow('it has no inline projections');
  });
});

describe('what Emmett has no word for', () => {
  it('an append that is made again by its command id changes nothing, and gives the first outcome', async () => {
    const onAfterCommit = jest.fn(() => {});
    const store = getLeydenEventStore(events, { hooks: { onAfterCommit } });
    const options = { commandId: 'add-tea', expectedStreamVersion: 0n };
    const first = await store.appendToStream<CartEvent>('cart', [added], options);
    await store.appendToStream<CartEvent>('cart', [added]);
    expect(await store.appendToStream<CartEvent>('cart', [added], options)).toEqual(first);
    expect(first).toEqual({ nextExpectedStreamVersion: 1n, createdNewStream: true });
    expect((await store.readStream('cart')).events).toHaveLength(2);
    expect(onAfterCommit).toHaveBeenCalledTimes(2);
  });

  it('an append can be left', async () => {
    const reason = new Error('enough');
    const left = ours.appendToStream<CartEvent>('cart', [added], { signal: AbortSignal.abort(reason) });
    await expect(left).rejects.toBe(reason);
    await expect(ours.appendToStream<CartEvent>('cart', [added], { timeoutMs: 0 })).rejects.toThrow(RangeError);
  });

  it('a conflict has ours as its cause, with the events that were faster', async () => {
    await ours.appendToStream<CartEvent>('cart', [added, added]);
    const error = await ours.appendToStream<CartEvent>('cart', [added], { expectedStreamVersion: 1n }).catch((e) => e);
    expect(error.cause).toMatchObject({ code: 'ERR_CONFLICT', actual: 2, events: [{ seq: 2, type: 'ItemAdded' }] });
  });

  it('a deleted stream does not exist, and is neither read nor appended to; an archived one is read', async () => {
    for (const stream of ['cart', 'old']) await ours.appendToStream<CartEvent>(stream, [added]);
    await events.delete('cart');
    await events.archive('old');
    const closed = { code: 'ERR_STREAM_CLOSED' };
    for (const range of [{}, { from: 1n }, { to: 1n }]) {
      await expect(ours.readStream('cart', range)).rejects.toMatchObject(closed);
      expect(await ours.readStream('old', range)).toMatchObject({ currentStreamVersion: 1n, streamExists: true });
    }
    expect([await ours.streamExists('cart'), await ours.streamExists('old')]).toEqual([false, true]);
    for (const stream of ['cart', 'old']) {
      await expect(ours.appendToStream<CartEvent>(stream, [added])).rejects.toMatchObject(closed);
    }
  });

  it('what is no conflict comes as it is', async () => {
    await events.close();
    const options = { expectedStreamVersion: STREAM_EXISTS };
    const closed = { code: 'ERR_EVENT_STORE_CLOSED' };
    await expect(ours.appendToStream<CartEvent>('cart', [added], options)).rejects.toMatchObject(closed);
    await expect(ours.readStream('cart')).rejects.toMatchObject(closed);
    await expect(ours.streamExists('cart')).rejects.toMatchObject(closed);
  });
});
