/**
 * Goal: Emmett's processors are told each event after their position, in order, and go on where they were left.
 */
import {
  type AnyEvent,
  EmmettError,
  type Event,
  getInMemoryDatabase,
  inMemoryProjector,
  inMemorySingleStreamProjection,
  MessageProcessor,
  projector,
  type RecordedMessage,
  reactor,
} from '@event-driven-io/emmett';
import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  getLeydenEventStore,
  type LeydenConsumerOptions,
  leydenCheckpointer,
  leydenEventStoreConsumer,
} from '../../../lib/adapters/emmett/index.js';
import { MemoryEngine } from '../../../lib/engine/index.js';
import { EventStore } from '../../../lib/events/index.js';
import { AtomTable } from '../../../lib/index.js';

let table: AtomTable;
let store: EventStore;
beforeEach(async () => {
  table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
  await table.create();
  store = new EventStore(table);
});

const append = (count: number) =>
  store.append(
    'notes',
    Array.from({ length: count }, (_, index) => ({ type: index % 2 === 0 ? 'even' : 'odd', data: { index } })),
  );
/** What there is, and no more. */
const events: LeydenConsumerOptions['events'] = (after, signal) => store.read('notes', { from: after + 1, signal });

/** A reactor that notes the positions that it is told. */
function noting(facts: Partial<Parameters<typeof reactor>[0]> = {}, each = (_position: number): unknown => undefined) {
  const seen: number[] = [];
  const eachMessage = async ({ metadata }: RecordedMessage) => {
    const position = Number(metadata.streamPosition);
    seen.push(position);
    return (await each(position)) as undefined;
  };
  return { seen, processor: reactor({ processorId: 'noting', ...facts, eachMessage } as never) };
}

describe('leydenEventStoreConsumer()', () => {
  it('tells each processor what it can handle, in order', async () => {
    await append(5);
    const all = noting();
    const odd = noting({ processorId: 'odd', canHandle: ['odd'] });
    const consumer = leydenEventStoreConsumer({ events, processors: [all.processor, odd.processor], consumerId: 'me' });
    expect([consumer.consumerId, consumer.isRunning]).toEqual(['me', false]);
    const started = consumer.start();
    expect(consumer.isRunning).toBe(true);
    expect(consumer.start()).toBe(started);
    await started;
    expect(consumer.isRunning).toBe(false);
    expect(all.seen).toEqual([1, 2, 3, 4, 5]);
    expect(odd.seen).toEqual([2, 4]);
    await consumer.close();
    expect(all.processor.isActive).toBe(false);
  });

  it('tells messages as a reader finds them', async () => {
    const emmett = getLeydenEventStore(store);
    await emmett.appendToStream('notes', [{ type: 'noted', data: { big: 1n }, metadata: { by: 'me' } } as AnyEvent]);
    const told: unknown[] = [];
    const eachMessage = (message: RecordedMessage) => void told.push(message);
    const consumer = leydenEventStoreConsumer({ events, processors: [reactor({ processorId: 'all', eachMessage })] });
    await consumer.start();
    await consumer.close();
    expect(told).toEqual((await emmett.readStream('notes')).events);
  });

  it('goes on where a processor of an earlier process was left, by its checkpoint', async () => {
    await append(3);
    const seen = [];
    for (const more of [0, 2, 0]) {
      await append(more);
      const one = noting({ checkpoints: leydenCheckpointer(table) as never });
      const consumer = leydenEventStoreConsumer({ events, processors: [one.processor] });
      await consumer.start();
      await consumer.close();
      seen.push(one.seen);
    }
    expect(seen).toEqual([[1, 2, 3], [4, 5], []]);
  });

  it('starts each processor where it is to start, whatever the others need', async () => {
    await append(4);
    const at = (startFrom: unknown) => noting({ processorId: `at ${startFrom}`, startFrom } as never);
    const [first, third, end] = [at('BEGINNING'), at({ lastCheckpoint: 2n }), at('END')];
    const processors = [first.processor, third.processor, end.processor];
    const consumer = leydenEventStoreConsumer({
      ...{ events, processors, end: async () => (await store.info('notes'))?.version ?? 0 },
    });
    await consumer.start();
    expect([first.seen, third.seen, end.seen]).toEqual([[1, 2, 3, 4], [3, 4], []]);
    await append(1);
    await consumer.start();
    expect([first.seen, third.seen, end.seen]).toEqual([[1, 2, 3, 4, 5], [3, 4, 5], [5]]);
    await consumer.close();
  });

  it('refuses a processor that starts at an end that nobody knows, and a consumer without processors', async () => {
    const consumer = leydenEventStoreConsumer({ events, processors: [noting({ startFrom: 'END' }).processor] });
    await expect(consumer.start()).rejects.toThrow('give the consumer the option end');
    await consumer.close();
    expect(() => leydenEventStoreConsumer({ events })).toThrow('processors must have one processor or more');
  });

  it('ends with what a processor throws, once the others are done with the event; started again, it goes on with that event', async () => {
    await append(3);
    const failure = new Error('on purpose');
    let fails = true;
    const failing = noting({ processorId: 'failing' }, (position) => {
      if (position === 2 && fails) throw failure;
    });
    const other = noting({ processorId: 'other' }, () => new Promise((done) => setImmediate(done)));
    const consumer = leydenEventStoreConsumer({ events, processors: [failing.processor, other.processor] });
    await expect(consumer.start()).rejects.toBe(failure);
    expect([failing.seen, other.seen]).toEqual([
      [1, 2],
      [1, 2],
    ]);
    fails = false;
    await consumer.start();
    await consumer.close();
    expect([failing.seen, other.seen]).toEqual([
      [1, 2, 2, 3],
      [1, 2, 3],
    ]);
  });

  it('ends when all processors have stopped', async () => {
    await append(5);
    const two = noting({
      processorId: 'two',
      stopAfter: ({ metadata }: RecordedMessage) => metadata.streamPosition === 2n,
    } as never);
    const three = noting({ processorId: 'three' }, (position) =>
      position === 3 ? MessageProcessor.result.stop({ reason: 'enough' }) : undefined,
    );
    let left = false;
    const endless: LeydenConsumerOptions['events'] = async function* (after, signal) {
      try {
        yield* events(after, signal);
        await new Promise(() => {});
      } finally {
        left = true;
      }
    };
    const consumer = leydenEventStoreConsumer({ events: endless, processors: [two.processor, three.processor] });
    await consumer.start();
    expect([two.seen, three.seen, left]).toEqual([[1, 2], [1, 2, 3], true]);
    await consumer.close();
  });

  it('ends with the error that a processor stops with', async () => {
    await append(2);
    const error = new EmmettError('no more');
    const one = noting({}, () => MessageProcessor.result.stop({ error }));
    const consumer = leydenEventStoreConsumer({ events, processors: [one.processor] });
    await expect(consumer.start()).rejects.toBe(error);
    expect(one.seen).toEqual([1]);
    await consumer.close();
  });

  it('follows a subscription until it is stopped, and goes on when it is started again', async () => {
    await append(2);
    let told = (_position: number) => {};
    const one = noting({}, (position) => told(position));
    const until = (position: number) =>
      new Promise<void>((done) => {
        told = (at) => at === position && done();
      });
    const consumer = leydenEventStoreConsumer({
      events: (after, signal) => store.subscribe('notes', { from: after + 1, signal }),
      processors: [one.processor],
    });
    let arrived = until(2);
    const running = consumer.start();
    await arrived;
    arrived = until(3);
    await append(1);
    await arrived;
    await consumer.stop();
    await running;
    expect([one.seen, consumer.isRunning]).toEqual([[1, 2, 3], false]);
    await append(1);
    arrived = until(4);
    const again = consumer.start();
    await arrived;
    await consumer.close();
    await again;
    expect(one.seen).toEqual([1, 2, 3, 4]);
  });

  it('passes on what the events fail with', async () => {
    await append(1);
    await store.delete('notes');
    const consumer = leydenEventStoreConsumer({ events, processors: [noting().processor] });
    await expect(consumer.start()).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
    await consumer.close();
  });

  it('follows an ordered category by its positions, which are the checkpoints', async () => {
    const ordered = new EventStore(table, { name: 'ordered', ordered: ['cart'] });
    const add = (stream: string) => ordered.append(stream, [{ type: 'added' }, { type: 'added' }]);
    await add('cart-1');
    await add('cart-2');
    const seen: unknown[] = [];
    for (const count of [4, 6]) {
      if (count === 6) await add('cart-1');
      const consumer = leydenEventStoreConsumer({
        events: (after, signal) => ordered.subscribeAll({ category: 'cart', from: after + 1, signal }),
        processors: [
          reactor({
            processorId: 'carts',
            checkpoints: leydenCheckpointer(table),
            stopAfter: ({ metadata }) => metadata.globalPosition === BigInt(count),
            eachMessage: ({ metadata }) => void seen.push([metadata.globalPosition, metadata.streamName]),
          }),
        ],
      });
      await consumer.start();
      await consumer.close();
    }
    const names = ['cart-1', 'cart-1', 'cart-2', 'cart-2', 'cart-1', 'cart-1'];
    expect(seen).toEqual(names.map((name, index) => [BigInt(index + 1), name]));
    await ordered.close();
  });

  it('refuses events of several streams without positions', async () => {
    await append(1);
    await store.append('others', [{ type: 'even' }]);
    const consumer = leydenEventStoreConsumer({
      events: async function* () {
        yield* store.read('notes');
        yield* store.read('others');
      },
      processors: [noting().processor],
    });
    await expect(consumer.start()).rejects.toThrow('events of several streams need positions');
    await consumer.close();
  });

  it("runs Emmett's projections, and takes processors of any type", async () => {
    type Counted = Event<'even' | 'odd', { index: number }>;
    await append(5);
    const database = getInMemoryDatabase();
    const projection = inMemorySingleStreamProjection<{ count: number }, Counted>({
      ...{ collectionName: 'counts', canHandle: ['even', 'odd'] },
      initialState: () => ({ count: 0 }),
      evolve: ({ count }: { count: number }) => ({ count: count + 1 }),
    });
    const own: number[] = [];
    const consumer = leydenEventStoreConsumer({
      events,
      processors: [
        inMemoryProjector({ projection, connectionOptions: { database } }),
        projector<Counted>({
          checkpoints: leydenCheckpointer(table),
          projection: {
            name: 'own',
            canHandle: ['odd'],
            handle: (all) => void own.push(...all.map(({ data }) => data.index)),
          },
        }),
        reactor<Counted>({
          processorId: 'typed',
          checkpoints: leydenCheckpointer(table),
          eachMessage: ({ data, metadata }) => void own.push(data.index - Number(metadata.streamPosition)),
        }),
      ],
    });
    await consumer.start();
    await consumer.close();
    expect(await database.collection<{ _id: string; count: number }>('counts').findOne()).toMatchObject({ count: 5 });
    expect(own).toEqual([-1, 1, -1, -1, 3, -1, -1]);
  });
});

describe('leydenCheckpointer()', () => {
  const message = (position: number) => ({ metadata: { streamPosition: BigInt(position) } }) as never;
  const facts = { processorId: 'one', version: 1, partition: 'emt:default' };

  it('stores a checkpoint in the place of the last one alone', async () => {
    const { read, store: keep } = leydenCheckpointer(table);
    const stored = async (position: number, lastCheckpoint: bigint | null) => {
      const answer = await keep({ ...facts, message: message(position), lastCheckpoint }, {});
      return answer.success ? answer.newCheckpoint : answer.reason;
    };
    expect(await read(facts, {})).toEqual({ lastCheckpoint: null });
    expect(await stored(2, null)).toBe(2n);
    expect(await stored(2, null)).toBe('IGNORED');
    expect(await stored(2, 2n)).toBe('IGNORED');
    expect(await stored(1, null)).toBe('CURRENT_AHEAD');
    expect(await stored(3, 1n)).toBe('MISMATCH');
    expect(await stored(3, 2n)).toBe(3n);
    expect(await read(facts, {})).toEqual({ lastCheckpoint: 3n });
    expect(await leydenCheckpointer(table).read(facts, {})).toEqual({ lastCheckpoint: 3n });
  });

  it('keeps processors, partitions and names apart, whatever is in them', async () => {
    const all = [
      leydenCheckpointer(table, { name: 'a/b' }),
      leydenCheckpointer(table, { name: 'a' }),
      leydenCheckpointer(table),
    ].flatMap((one) =>
      [['c', 'b/c'], ['b/c', 'c'], ['b', 'c/c'], ['c']].map(([processorId, partition]) => ({
        one,
        processorId,
        partition,
      })),
    );
    for (const [index, { one, processorId, partition }] of all.entries()) {
      const place = { processorId, ...(partition !== undefined && { partition }) } as { processorId: string };
      await one.store({ ...place, version: 1, message: message(index + 1), lastCheckpoint: null }, {});
    }
    for (const [index, { one, processorId, partition }] of all.entries()) {
      const place = { processorId, ...(partition !== undefined && { partition }) } as { processorId: string };
      expect(await one.read(place, {})).toEqual({ lastCheckpoint: BigInt(index + 1) });
    }
  });

  it('takes tables alone', () => {
    expect(() => leydenCheckpointer({} as never)).toThrow('table must be an AtomTable');
  });
});
