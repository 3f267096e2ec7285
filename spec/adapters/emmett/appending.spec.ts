/**
 * Goal: what Emmett's own specs say of appending (0.42 line: expected versions, existence, the hook after a commit, versions of
 * schemas) holds of our store as of its in-memory store.
 * Method: each behaviour on each store.
 */
import { randomUUID } from 'node:crypto';
import {
  canCreateEventStoreSession,
  type EventStore as EmmettStore,
  type Event,
  ExpectedVersionConflictError,
  forwardToMessageBus,
  getInMemoryMessageBus,
  isExpectedVersionConflictError,
  NO_CONCURRENCY_CHECK,
  type ReadEvent,
  STREAM_DOES_NOT_EXIST,
  STREAM_EXISTS,
  WrapEventStore,
} from '@event-driven-io/emmett';
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { added, type CartEvent, discounted, evolve, initialState } from './shopping-cart.js';
import { describeStores } from './stores.js';

const nameOf = () => `cart-${randomUUID()}`;

describeStores((make) => {
  let store: EmmettStore;
  beforeAll(() => {
    store = make();
  });

  describe('appendToStream()', () => {
    it.each([
      [undefined, 0, true],
      [undefined, 2, true],
      [NO_CONCURRENCY_CHECK, 0, true],
      [NO_CONCURRENCY_CHECK, 2, true],
      [STREAM_EXISTS, 0, false],
      [STREAM_EXISTS, 2, true],
      [STREAM_DOES_NOT_EXIST, 0, true],
      [STREAM_DOES_NOT_EXIST, 2, false],
      [0n, 0, true],
      [0n, 2, false],
      [1n, 0, false],
      [1n, 2, false],
      [2n, 2, true],
      [3n, 2, false],
      [-1n, 0, false],
      [-1n, 2, false],
      [2n ** 70n, 2, false],
    ])('with %p expected, on a stream of %i events: %p', async (expected, count, isDone) => {
      const stream = nameOf();
      if (count > 0)
        await store.appendToStream<CartEvent>(
          stream,
          Array.from({ length: count }, () => added),
        );
      const options = expected === undefined ? {} : { expectedStreamVersion: expected };
      const appended = store.appendToStream<CartEvent>(stream, [added, discounted], options);
      if (isDone) {
        const next = { nextExpectedStreamVersion: BigInt(count + 2), createdNewStream: count === 0 };
        expect(await appended).toEqual(next);
        return;
      }
      const error = await appended.then(
        () => undefined,
        (reason) => reason,
      );
      expect(error).toBeInstanceOf(ExpectedVersionConflictError);
      expect(isExpectedVersionConflictError(error)).toBe(true);
      expect(error).toMatchObject({ errorCode: 412, current: `${count}`, expected: `${expected}` });
      expect(error.message).toBe(`Expected version ${expected} does not match current ${count}`);
      expect((await store.readStream(stream)).currentStreamVersion).toBe(BigInt(count));
    });

    it('lets one of several writers with one expectation through', async () => {
      const stream = nameOf();
      const options = { expectedStreamVersion: STREAM_DOES_NOT_EXIST };
      const told = await Promise.allSettled(
        Array.from({ length: 5 }, () => store.appendToStream<CartEvent>(stream, [added], options)),
      );
      expect(told.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect((await store.readStream(stream)).events).toHaveLength(1);
    });
  });

  describe('streamExists()', () => {
    it('is true of a stream with events alone, whatever other streams there are', async () => {
      const fresh = make();
      const [one, other] = [nameOf(), nameOf()];
      expect(await fresh.streamExists(one)).toBe(false);
      await fresh.appendToStream<CartEvent>(one, [added]);
      expect([await fresh.streamExists(one), await fresh.streamExists(other)]).toEqual([true, false]);
      await fresh.appendToStream<CartEvent>(other, [added]);
      expect([await fresh.streamExists(one), await fresh.streamExists(other)]).toEqual([true, true]);
    });
  });

  describe('hooks.onAfterCommit', () => {
    const noted = (n: number) => ({ type: 'noted', data: { n }, metadata: { odd: n % 2 === 1 } });

    it('is told the events of each append once, as they were recorded', async () => {
      const calls: ReadEvent[][] = [];
      const hooked = make({ hooks: { onAfterCommit: (events) => void calls.push(events as ReadEvent[]) } });
      const stream = nameOf();
      await hooked.appendToStream<Event>(stream, [noted(1), noted(2)]);
      await hooked.appendToStream<Event>(stream, [noted(3)]);
      expect(calls.map((events) => events.length)).toEqual([2, 1]);
      const { events } = await hooked.readStream(stream);
      expect(calls.flat()).toEqual(events);
    });

    it('is told nothing of an append that was refused', async () => {
      const onAfterCommit = jest.fn(() => {});
      const hooked = make({ hooks: { onAfterCommit } });
      const options = { expectedStreamVersion: STREAM_EXISTS };
      await expect(hooked.appendToStream<Event>(nameOf(), [noted(1)], options)).rejects.toThrow();
      expect(onAfterCommit).not.toHaveBeenCalled();
    });

    it('fails no append', async () => {
      const said = jest.spyOn(console, 'error').mockImplementation(() => {});
      const onAfterCommit = jest.fn(() => Promise.reject(new Error('on purpose')));
      const hooked = make({ hooks: { onAfterCommit } });
      const stream = nameOf();
      const next = await hooked.appendToStream<Event>(stream, [noted(1), noted(2)]);
      expect(said).toHaveBeenCalledTimes(1);
      said.mockRestore();
      expect(next).toEqual({ nextExpectedStreamVersion: 2n, createdNewStream: true });
      expect(onAfterCommit).toHaveBeenCalledTimes(1);
      expect((await hooked.readStream(stream)).events).toHaveLength(2);
    });

    it('forwards to a message bus', async () => {
      const bus = getInMemoryMessageBus();
      const seen: unknown[] = [];
      bus.subscribe((event: Event) => void seen.push(event.data), 'noted');
      const hooked = make({ hooks: { onAfterCommit: forwardToMessageBus(bus) } });
      await hooked.appendToStream<Event>(nameOf(), [noted(1), noted(2)]);
      expect(seen).toEqual([{ n: 1 }, { n: 2 }]);
    });
  });

  describe('schema.versioning', () => {
    type Stored = Event<'paid', { cents: string; at: string }, { by: string }>;
    type Paid = Event<'paid', { cents: bigint; at: Date }, { by: string; known?: true }>;
    const at = '2024-03-01T09:00:00.000Z';
    const paid: Paid = { type: 'paid', data: { cents: 250n, at: new Date(at) }, metadata: { by: 'me' } };
    const upcast = ({ type, data, metadata }: Stored): Paid => ({
      ...{ type, data: { cents: BigInt(data.cents), at: new Date(data.at) } },
      metadata: { ...metadata, known: true },
    });
    const downcast = ({ type, data, metadata }: Paid): Stored => ({
      ...{ type, data: { cents: `${data.cents}`, at: data.at.toISOString() }, metadata },
    });

    it('stores what downcast gives, and reads what upcast gives', async () => {
      const stream = nameOf();
      await store.appendToStream<Paid, Stored>(stream, [paid], { schema: { versioning: { downcast } } });
      const stored = await store.readStream<Stored>(stream);
      expect(stored.events).toMatchObject([{ data: { cents: '250', at }, metadata: { by: 'me', streamPosition: 1n } }]);
      const read = { schema: { versioning: { upcast } } };
      const { events } = await store.readStream<Paid, Stored>(stream, read);
      expect(events).toMatchObject([{ ...paid, metadata: { by: 'me', known: true, streamPosition: 1n } }]);
      const { state } = await store.aggregateStream<bigint, Paid, Stored>(stream, {
        ...{ read, initialState: () => 0n, evolve: (sum: bigint, { data }: Paid) => sum + data.cents },
      });
      expect(state).toBe(250n);
    });

    it('tells the hook the event as it was given', async () => {
      const seen: unknown[] = [];
      const hooked = make({ hooks: { onAfterCommit: (events) => void seen.push(...events) } });
      await hooked.appendToStream<Paid, Stored>(nameOf(), [paid], { schema: { versioning: { downcast } } });
      expect(seen).toMatchObject([{ ...paid, kind: 'Event' }]);
    });
  });

  it('can be wrapped for a test', async () => {
    const wrapped = WrapEventStore(store);
    const stream = nameOf();
    await wrapped.setup<CartEvent>(stream, [added]);
    await wrapped.appendToStream<CartEvent>(stream, [discounted]);
    expect(wrapped.appendedEvents.get(stream)).toEqual([stream, [discounted]]);
    expect((await wrapped.aggregateStream(stream, { evolve, initialState })).currentStreamVersion).toBe(2n);
  });

  it('has no sessions', () => {
    expect(canCreateEventStoreSession(store)).toBe(false);
  });
});
