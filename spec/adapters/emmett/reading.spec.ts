/**
 * Goal: what Emmett's own specs say of reading (0.42 line: aggregates, time travel, ranges, expected versions, metadata) holds of our
 * store as of its in-memory store.
 * Method: each behaviour on each store.
 */
import { randomUUID } from 'node:crypto';
import {
  type EventStore as EmmettStore,
  type Event,
  ExpectedVersionConflictError,
  isExpectedVersionConflictError,
  NO_CONCURRENCY_CHECK,
  STREAM_DOES_NOT_EXIST,
  STREAM_EXISTS,
} from '@event-driven-io/emmett';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { added, type CartEvent, discounted, evolve, evolveRead, initialState, tea } from './shopping-cart.js';
import { describeStores } from './stores.js';

const nameOf = () => `cart-${randomUUID()}`;

describeStores((make) => {
  let store: EmmettStore;
  beforeAll(() => {
    store = make();
  });

  describe('aggregateStream()', () => {
    it.each([
      ['an event', evolve],
      ['an event with its metadata', evolveRead],
    ])('travels in time by `to`, with an evolve that takes %s', async (_form, form) => {
      const cart = nameOf();
      for (const event of [added, added, discounted]) await store.appendToStream<CartEvent>(cart, [event]);
      const at = (to: bigint) => store.aggregateStream(cart, { evolve: form, initialState, read: { to } });
      expect(await at(1n)).toEqual(stateOf(1n, { items: [tea], total: 30 }));
      expect(await at(2n)).toEqual(stateOf(2n, { items: [tea, tea], total: 60 }));
      expect(await at(3n)).toEqual(stateOf(3n, { items: [tea, tea], total: 54 }));
      expect(await at(9n)).toEqual(stateOf(3n, { items: [tea, tea], total: 54 }));
    });

    const stateOf = (currentStreamVersion: bigint, state: unknown) => ({
      ...{ currentStreamVersion, state, streamExists: true },
    });

    it('sees all events without a range', async () => {
      const cart = nameOf();
      await store.appendToStream<CartEvent>(cart, [added, added, discounted]);
      expect(await store.aggregateStream(cart, { evolve, initialState })).toEqual(
        stateOf(3n, { items: [tea, tea], total: 54 }),
      );
    });

    it('gives the initial state of a stream that there is not', async () => {
      expect(await store.aggregateStream(nameOf(), { evolve, initialState })).toEqual({
        ...{ currentStreamVersion: 0n, state: initialState(), streamExists: false },
      });
    });

    it('refuses another version than the one that is expected', async () => {
      const cart = nameOf();
      await store.appendToStream<CartEvent>(cart, [added]);
      const read = { expectedStreamVersion: 2n };
      await expect(store.aggregateStream(cart, { evolve, initialState, read })).rejects.toThrow(
        ExpectedVersionConflictError,
      );
    });
  });

  describe('readStream()', () => {
    let cart: string;
    beforeAll(async () => {
      cart = nameOf();
      await store.appendToStream<CartEvent>(
        cart,
        Array.from({ length: 10 }, () => added),
      );
    });

    it.each([
      [{}, 1, 10],
      [{ from: 0n }, 1, 10],
      [{ from: 3n }, 4, 10],
      [{ to: 5n }, 1, 5],
      [{ to: 0n }, 0, -1],
      [{ from: 2n, to: 6n }, 3, 6],
      [{ from: 6n, to: 2n }, 0, -1],
      [{ from: 2n, to: 2n }, 0, -1],
      [{ maxCount: 3n }, 1, 3],
      [{ maxCount: 0n }, 1, 10],
      [{ from: 2n, maxCount: 3n }, 3, 5],
      [{ from: 8n, maxCount: 9n }, 9, 10],
      [{ from: 2n, to: 8n, maxCount: 3n }, 3, 8],
      [{ from: 10n }, 0, -1],
      [{ from: 20n }, 0, -1],
      [{ from: 2n ** 70n }, 0, -1],
      [{ to: 2n ** 70n }, 1, 10],
    ])('reads with %p events %i to %i, and tells the version of the whole stream', async (range, first, last) => {
      const { events, ...rest } = await store.readStream(cart, range);
      expect(rest).toEqual({ currentStreamVersion: 10n, streamExists: true });
      const positions = Array.from({ length: last - first + 1 }, (_, index) => BigInt(first + index));
      expect(events.map(({ metadata }) => metadata.streamPosition)).toEqual(positions);
    });

    it('tells of a stream that there is not', async () => {
      for (const range of [undefined, {}, { from: 2n }, { to: 3n }, { from: 2n, maxCount: 2n }]) {
        const read = await store.readStream(nameOf(), range);
        expect(read).toEqual({ events: [], currentStreamVersion: 0n, streamExists: false });
      }
    });

    it.each([
      [undefined, true, true],
      [NO_CONCURRENCY_CHECK, true, true],
      [STREAM_EXISTS, true, false],
      [STREAM_DOES_NOT_EXIST, false, true],
      [10n, true, false],
      [9n, false, false],
      [0n, false, true],
    ])(
      'with %p expected, reads a stream of ten events: %p, and one that there is not: %p',
      async (expected, ...reads) => {
        for (const [index, stream] of [cart, nameOf()].entries()) {
          for (const range of [{}, { to: 2n }, { from: 1n }]) {
            const options = { ...range, ...(expected !== undefined && { expectedStreamVersion: expected }) };
            const read = (async () => store.readStream(stream, options))().then(
              () => true,
              (error) => !isExpectedVersionConflictError(error) && error,
            );
            expect([range, await read]).toEqual([range, reads[index]]);
          }
        }
      },
    );

    it('gives each message its stream, its position, an id of its own, and what its writer said', async () => {
      const stream = nameOf();
      const event = {
        type: 'noted',
        data: { n: 1 },
        metadata: { by: 'me', streamName: 'another', streamPosition: 9n },
      };
      await store.appendToStream<Event>(stream, [event, { type: 'noted', data: { n: 2 } }]);
      await store.appendToStream<Event>(stream, [event]);
      const { events } = await store.readStream(stream);
      expect(events).toMatchObject([
        {
          kind: 'Event',
          type: 'noted',
          data: { n: 1 },
          metadata: { by: 'me', streamName: stream, streamPosition: 1n },
        },
        { kind: 'Event', type: 'noted', data: { n: 2 }, metadata: { streamName: stream, streamPosition: 2n } },
        {
          kind: 'Event',
          type: 'noted',
          data: { n: 1 },
          metadata: { by: 'me', streamName: stream, streamPosition: 3n },
        },
      ]);
      const ids = events.map(({ metadata }) => metadata.messageId);
      expect(ids.every((id) => typeof id === 'string' && id !== '')).toBe(true);
      expect(new Set(ids).size).toBe(3);
      const again = await store.readStream(stream);
      expect(again.events.map(({ metadata }) => metadata.messageId)).toEqual(ids);
    });

    it('gives back bigint, Date, Map and undefined in data and metadata', async () => {
      const stream = nameOf();
      const values = {
        ...{ big: 2n ** 80n, when: new Date(86_400_000), map: new Map([[1n, new Date(0)]]), none: undefined },
        list: [1n, null],
      };
      await store.appendToStream<Event>(stream, [{ type: 'noted', data: values, metadata: values } as Event]);
      const [event] = (await store.readStream(stream)).events;
      expect(event?.data).toStrictEqual(values);
      expect(event?.metadata).toMatchObject(values);
    });
  });
});
