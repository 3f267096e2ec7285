/**
 * Goal: Emmett's `CommandHandler` and `DeciderCommandHandler` do on our store what their own specs say (0.42 line), as they do on its
 * in-memory store; and many handlers at once lose nothing.
 * Method: each behaviour on each store.
 */
import { randomUUID } from 'node:crypto';
import {
  CommandHandler,
  DeciderCommandHandler,
  type EventStore as EmmettStore,
  type Event,
  ExpectedVersionConflictError,
  isExpectedVersionConflictError,
} from '@event-driven-io/emmett';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { added, type Cart, type CartEvent, discounted, evolve, initialState, tea } from './shopping-cart.js';
import { describeStores } from './stores.js';

const nameOf = () => `cart-${randomUUID()}`;
const add = (): CartEvent => added;
/** Retries that hardly wait. */
const soon = (retries: number) => ({
  onVersionConflict: {
    retries,
    minTimeout: 1,
    maxTimeout: 4,
    factor: 1.1,
    shouldRetryError: isExpectedVersionConflictError,
  },
});

describeStores((make) => {
  let store: EmmettStore;
  beforeAll(() => {
    store = make();
  });

  describe('CommandHandler()', () => {
    const handle = CommandHandler<Cart, CartEvent>({ evolve, initialState });

    it('answers with the new state of one event', async () => {
      expect(await handle(store, nameOf(), add)).toEqual({
        ...{ newState: { items: [tea], total: 30 }, newEvents: [added] },
        ...{ nextExpectedStreamVersion: 1n, createdNewStream: true },
      });
    });

    it('answers so where the stream is expected not to exist', async () => {
      const cart = nameOf();
      const options = { expectedStreamVersion: 'STREAM_DOES_NOT_EXIST' } as const;
      expect(await handle(store, cart, add, options)).toMatchObject({
        ...{ newState: { total: 30 }, nextExpectedStreamVersion: 1n, createdNewStream: true },
      });
      let tried = 0;
      const again = handle(store, cart, () => [added, discounted].slice(tried++), options);
      await expect(again).rejects.toThrow(ExpectedVersionConflictError);
      expect(tried).toBe(0);
    });

    it('answers with the new state of several events, of a promise, and of several handlers', async () => {
      const cart = nameOf();
      expect(await handle(store, cart, () => [added, discounted])).toMatchObject({
        ...{ newState: { items: [tea], total: 27 }, newEvents: [added, discounted], nextExpectedStreamVersion: 2n },
      });
      expect(await handle(store, cart, async () => added)).toMatchObject({
        ...{ newState: { items: [tea, tea], total: 57 }, nextExpectedStreamVersion: 3n, createdNewStream: false },
      });
      const ifMany = ({ items }: Cart): CartEvent[] => (items.length > 2 ? [discounted] : []);
      expect(await handle(store, cart, [add, ifMany, () => []])).toMatchObject({
        ...{ newEvents: [added, discounted], nextExpectedStreamVersion: 5n },
      });
      expect((await store.readStream(cart)).events).toHaveLength(5);
    });

    it('answers with the same state when there are no events', async () => {
      const cart = nameOf();
      const nothing = {
        newState: initialState(),
        newEvents: [],
        nextExpectedStreamVersion: 0n,
        createdNewStream: false,
      };
      expect(await handle(store, cart, () => [])).toMatchObject(nothing);
      expect(await store.streamExists(cart)).toBe(false);
      await handle(store, cart, add);
      expect(await handle(store, cart, () => [])).toMatchObject({
        ...{
          newState: { items: [tea], total: 30 },
          newEvents: [],
          nextExpectedStreamVersion: 1n,
          createdNewStream: false,
        },
      });
    });

    it('maps ids to names of streams', async () => {
      const id = randomUUID();
      const mapped = CommandHandler<Cart, CartEvent>({ evolve, initialState, mapToStreamId: (one) => `mapped-${one}` });
      await mapped(store, id, add);
      expect([await store.streamExists(`mapped-${id}`), await store.streamExists(id)]).toEqual([true, false]);
    });

    it('passes on what a handler throws, and appends nothing', async () => {
      const cart = nameOf();
      const refusal = new RangeError('no more tea');
      const refused = handle(store, cart, () => Promise.reject(refusal), { retry: soon(3) });
      await expect(refused).rejects.toBe(refusal);
      expect(await store.streamExists(cart)).toBe(false);
    });

    /** Adds behind the back of the handler, the first `times` that it is asked. */
    const behind = (cart: string, times: number) => {
      let tried = 0;
      const handler = async (): Promise<CartEvent> => {
        tried += 1;
        if (tried <= times) await store.appendToStream<CartEvent>(cart, [added]);
        return added;
      };
      return { handler, tried: () => tried };
    };

    it('tells a conflict at once without retries', async () => {
      const cart = nameOf();
      const { handler, tried } = behind(cart, 1);
      const error = await handle(store, cart, handler).catch((reason) => reason);
      expect(isExpectedVersionConflictError(error)).toBe(true);
      expect([tried(), error.current, error.expected]).toEqual([1, '1', 'STREAM_DOES_NOT_EXIST']);
      expect((await store.readStream(cart)).currentStreamVersion).toBe(1n);
    });

    it('decides again on a conflict, on the state that there is then', async () => {
      const cart = nameOf();
      const { handler, tried } = behind(cart, 2);
      const answer = await handle(store, cart, handler, { retry: soon(5) });
      expect(tried()).toBe(3);
      expect(answer).toMatchObject({ newState: { total: 90 }, nextExpectedStreamVersion: 3n, createdNewStream: false });
    });

    it('gives up when the retries are used up', async () => {
      const cart = nameOf();
      const { handler, tried } = behind(cart, 9);
      await expect(handle(store, cart, handler, { retry: soon(2) })).rejects.toThrow(ExpectedVersionConflictError);
      expect(tried()).toBe(3);
    });

    it("decides again on a conflict that the handler throws, by the handler's own retries", async () => {
      const cart = nameOf();
      const retrying = CommandHandler<Cart, CartEvent>({ evolve, initialState, retry: soon(3) });
      let tried = 0;
      await retrying(store, cart, () => {
        tried += 1;
        if (tried === 1) throw new ExpectedVersionConflictError(0n, 1n);
        return added;
      });
      expect(tried).toBe(2);
    });

    it('loses nothing when many handle at once', async () => {
      const cart = nameOf();
      const all = await Promise.all(Array.from({ length: 10 }, () => handle(store, cart, add, { retry: soon(200) })));
      const versions = all.map(({ nextExpectedStreamVersion }) => Number(nextExpectedStreamVersion));
      expect(versions.sort((one, other) => one - other)).toEqual(Array.from({ length: 10 }, (_, index) => index + 1));
      const { state } = await store.aggregateStream(cart, { evolve, initialState });
      expect(state.total).toBe(300);
    });

    it('decides on events in the shape that upcast gives', async () => {
      type Stored = Event<'ItemAdded', { product: string }>;
      const upcast = ({ data }: Stored): CartEvent => ({
        ...{ type: 'ItemAdded', data: { item: { ...tea, productId: data.product } } },
      });
      const schema = { versioning: { upcast } };
      const versioned = CommandHandler<Cart, CartEvent, Stored>({ evolve, initialState, schema });
      const cart = nameOf();
      await store.appendToStream<Stored>(cart, [{ type: 'ItemAdded', data: { product: 'cups' } }]);
      const { newState } = await versioned(store, cart, add);
      expect(newState.items.map(({ productId }) => productId)).toEqual(['cups', 'tea']);
    });
  });

  describe('DeciderCommandHandler()', () => {
    type Add = { type: 'Add'; data: { times: number } };
    const handle = DeciderCommandHandler<Cart, Add, CartEvent>({
      ...{ evolve, initialState },
      decide: ({ data }, { items }) => {
        if (items.length + data.times > 4) throw new RangeError('too many');
        return Array.from({ length: data.times }, () => added);
      },
    });

    it('decides one command or several, each on the state after those before', async () => {
      const cart = nameOf();
      const commandOf = (times: number): Add => ({ type: 'Add', data: { times } });
      expect(await handle(store, cart, commandOf(1))).toMatchObject({ nextExpectedStreamVersion: 1n });
      expect(await handle(store, cart, [commandOf(1), commandOf(2)])).toMatchObject({
        ...{ newState: { total: 120 }, nextExpectedStreamVersion: 4n, createdNewStream: false },
      });
      await expect(handle(store, cart, commandOf(1))).rejects.toThrow('too many');
      expect((await store.readStream(cart)).currentStreamVersion).toBe(4n);
    });
  });
});
