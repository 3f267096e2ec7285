// Goal: watches that a stream feeds see the newest value sooner, never an older one after a newer, and none too late, whatever becomes of the
// reader. Method: a reader that the spec speaks for, on a memory engine and a virtual clock; it leaves out, repeats, fails and is lost.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AtomTable, AtomWatch } from '../../lib/atom/index.js';
import type { Item } from '../../lib/codec/index.js';
import type { Engine } from '../../lib/engine/port.js';
import { Lock, Session } from '../../lib/recipes/index.js';
import { StreamWatchSource, type StreamWatchSourceOptions, type WatchHint } from '../../lib/streams/index.js';
import type { ReaderEvent } from '../../lib/streams/reader-events.js';
import { type Bench, breathe, openBench, overridden } from '../atom/bench.js';
import { arn, FakeFeed } from './fake-feed.js';

let bench: Bench;
let feed: FakeFeed;
let errors: unknown[];
let source: StreamWatchSource;
let table: AtomTable;
let coordination: AtomTable;
let isCut = false;

beforeEach(async () => {
  bench = await openBench();
  await bench.run(
    bench.memory.createTable({
      table: 'places',
      partitionKey: { name: 'id', type: 'S' },
      billing: { mode: 'on-demand' },
    }),
  );
  isCut = false;
  const put: Engine['put'] = (request, options) => {
    if (!isCut) return bench.memory.put(request, options);
    const error = Object.assign(new Error('cut off'), { name: 'TimeoutError' });
    return Promise.resolve({ status: 'not-applied', kind: 'unreachable', error });
  };
  coordination = bench.calm({ tableName: 'places', engine: overridden(bench.memory, { put }) });
  errors = [];
  open({ via: 'stream' });
});

function open(options: Partial<StreamWatchSourceOptions>, facts: ConstructorParameters<typeof FakeFeed>[1] = {}): void {
  feed = new FakeFeed(bench.clock, facts);
  source = new StreamWatchSource({ stream: feed.stream, onError: (error) => errors.push(error), ...options });
  table = bench.table({ watchSource: source, onWatchError: (error) => errors.push(error) });
}

const atom = (key = 'n') => table.atom<number>(key, { initial: 0 });
const rival = (key = 'n') => bench.calm().atom<number>(key, { initial: 0 });

describe('who is told of obstacles', () => {
  it.each([
    () => {
      throw new Error('of no interest');
    },
    async () => Promise.reject(new Error('of no interest')),
  ])('may fail, and the stream is read all the same', async (onError) => {
    open({ via: 'stream', onError: onError as never });
    feed.obstacle = new Error('not yet');
    const seen = logOf(atom().watch());
    await breathe();
    feed.obstacle = undefined;
    await bench.clock.advance(5_000);
    feed.reader.isReady();
    await breathe();
    expect(source.status.state).toBe('live');
    await source.close();
    expect(seen).toEqual([0]);
  });
});

function logOf<V>(watch: AtomWatch<V>): V[] {
  const seen: V[] = [];
  const run = async () => {
    for await (const value of watch) seen.push(value);
  };
  run().catch((error: unknown) => seen.push(error as never));
  return seen;
}

/** Writes as another process, and gives the images. */
async function write(value: number, key = 'n'): Promise<{ before: Item | undefined; after: Item | undefined }> {
  const before = await bench.item(key);
  await bench.run(rival(key).reset(value));
  return { before, after: await bench.item(key) };
}

const spentBy = async (body: () => Promise<unknown>) => {
  const before = bench.faulty.spent();
  await body();
  const after = bench.faulty.spent();
  return { requests: after.requests - before.requests, readUnits: after.readUnits - before.readUnits };
};

/** Watched, with a reader that is ready and past its soft beginning. */
async function live(key = 'n'): Promise<number[]> {
  const seen = logOf(atom(key).watch());
  await breathe();
  // In a new place there is a pause first.
  if (feed.readers.length === 0) await bench.clock.advance(3_500);
  feed.reader.isReady();
  await bench.clock.advance(4_000);
  return seen;
}

describe('StreamWatchSource', () => {
  it('tells of a change as soon as it is read, without a read of the table', async () => {
    await write(1);
    const seen = await live();
    const change = await write(2);
    const { requests } = await spentBy(() => feed.reader.bring([change]));
    expect([seen, requests]).toEqual([[1, 2], 0]);
  });

  it('opens one reader for all watched atoms of all tables, however many', async () => {
    const other = bench.table({ watchSource: source });
    const logs = Array.from({ length: 200 }, (_, n) => logOf(atom(`a${n}`).watch()));
    const twin = logOf(other.atom<number>('a7', { initial: 0 }).watch());
    await breathe();
    feed.reader.isReady();
    await bench.clock.advance(4_000);
    await write(1, 'a7');
    await feed.reader.bring([await write(2, 'a7')]);
    await bench.clock.advance(200);
    expect([logs[7]?.at(-1), twin.at(-1), logs[8]]).toEqual([2, 2, [0]]);
    expect(feed.readers.length).toBe(1);
    expect(source.status).toEqual({ state: 'live', slot: undefined, watchedAtoms: 200 });
  });

  it('polls at the safety interval alone while it is healthy', async () => {
    await live();
    const { requests, readUnits } = await spentBy(() => bench.clock.advance(3_600_000));
    expect(requests).toBeGreaterThanOrEqual(57);
    expect(requests).toBeLessThanOrEqual(61);
    expect(readUnits).toBe(0.5 * requests);
  });

  it('is not healthy before the reader is ready: polling goes on as without it', async () => {
    const seen = logOf(atom().watch());
    await bench.clock.advance(1_000);
    expect(source.status.state).toBe('starting');
    await write(1);
    await bench.clock.advance(1_000);
    expect(seen).toEqual([0, 1]);
  });

  it('reads each atom consistently once the reader is ready: what was written before is not missed', async () => {
    const seen = logOf(atom().watch());
    await bench.clock.advance(30_000);
    await write(1);
    feed.reader.isReady();
    await breathe();
    expect(seen).toEqual([0, 1]);
  });

  it('reads once more a little later: what a soft tip left out is found', async () => {
    const seen = logOf(atom().watch());
    await bench.clock.advance(30_000);
    feed.reader.isReady();
    await bench.clock.advance(200);
    await write(1); // and no record of it comes
    await bench.clock.advance(3_000);
    expect(seen).toEqual([0, 1]);
  });

  it('of many changes of an atom in a page tells the newest', async () => {
    await write(1);
    const seen = await live();
    const changes = [await write(2), await write(3), await write(4)];
    await feed.reader.bring(changes);
    expect(seen).toEqual([1, 4]);
  });

  it('repeated and late records do not take a watch back', async () => {
    await write(1);
    const seen = await live();
    const [two, three] = [await write(2), await write(3)];
    await feed.reader.bring([two, three]);
    await feed.reader.bring([two]);
    await bench.clock.advance(1_000);
    expect(seen).toEqual([1, 3]);
  });

  it('a removed item is read consistently', async () => {
    await write(1);
    const seen = await live();
    const before = await bench.item('n');
    await bench.memory.delete({ table: 'state', key: { id: { S: 'n' } } });
    await feed.reader.bring([{ before }]);
    await bench.clock.advance(200);
    expect(seen).toEqual([1, 0]);
  });

  it('without images in the stream each change is one consistent read', async () => {
    open({ via: 'stream' }, { viewType: 'KEYS_ONLY' });
    await write(1);
    const seen = await live();
    const change = await write(2);
    const { readUnits } = await spentBy(async () => {
      await feed.reader.bring([change]);
      await bench.clock.advance(200);
    });
    expect(seen).toEqual([1, 2]);
    expect(readUnits).toBe(1);
  });

  it('after a gap every watched atom is read, and the reader goes on', async () => {
    const seen = await live();
    await write(1);
    expect(feed.reader.gap({ shardId: 'shard-1', reason: 'trimmed' })).toBe('continue');
    await breathe();
    expect(seen).toEqual([0, 1]);
    expect(source.status.state).toBe('live');
  });

  it('a shard that only fails for too long ends its health until it answers', async () => {
    const seen = await live();
    feed.reader.answers = false;
    const tellOf = async (type: 'read' | 'retry', rounds: number) => {
      for (let round = 0; round < rounds; round += 1) {
        feed.reader.tell({ type: 'read', shardId: 'shard-2', records: 0, bytes: 0 });
        feed.reader.tell({ type, shardId: 'shard-1' } as ReaderEvent);
        await bench.clock.advance(1_000);
      }
    };
    await tellOf('retry', 4);
    expect(source.status.state).toBe('live');
    await tellOf('retry', 4);
    expect(source.status.state).toBe('down');
    await write(1);
    await bench.clock.advance(2_000);
    expect(seen).toEqual([0, 1]);
    await tellOf('read', 2);
    expect(source.status.state).toBe('live');
  });
});

describe('a reader of watches', () => {
  it('that fails is opened again after a pause that grows; meanwhile watches poll, and it is reported once', async () => {
    const seen = await live();
    const broken = new Error('broken');
    feed.reader.fail(broken);
    await bench.clock.advance(100);
    expect(source.status.state).toBe('down');
    await write(1);
    await bench.clock.advance(300);
    expect(seen).toEqual([0, 1]);
    for (let round = 0; round < 6; round += 1) {
      await bench.clock.advance(60_000);
      if (!feed.reader.isStopped) feed.reader.fail(broken);
    }
    expect([errors, feed.readers.length > 4]).toEqual([[broken], true]);
    await bench.clock.advance(61_000);
    feed.reader.isReady();
    await bench.clock.advance(10);
    expect(source.status.state).toBe('live');
  });

  it('that is opened again begins at the tip, and each atom is read: nothing that was missed is waited for', async () => {
    const seen = await live();
    feed.reader.fail(new Error('broken'));
    await breathe();
    await write(1);
    const started = bench.clock.monotonicMs();
    await bench.clock.advance(1_000);
    feed.reader.isReady();
    await breathe();
    expect([seen, feed.reader.options.from]).toEqual([[0, 1], 'latest']);
    expect(bench.clock.monotonicMs() - started).toBe(1_000);
  });

  it('of a stream that can not be found is asked for again; watches poll', async () => {
    feed.obstacle = new Error('no stream');
    const seen = logOf(atom().watch());
    await bench.clock.advance(2_000);
    await write(1);
    await bench.clock.advance(4_000);
    expect([seen, errors]).toEqual([[0, 1], [feed.obstacle]]);
    expect(feed.isAskedAnew).toBe(true);
    feed.obstacle = undefined;
    await bench.clock.advance(30_000);
    feed.reader.isReady();
    await bench.clock.advance(10);
    expect(source.status.state).toBe('live');
  });

  it('of another table feeds nobody: that is reported, and watches poll', async () => {
    open({ via: 'stream' }, { tableName: 'other' });
    const seen = await live();
    expect(String(errors)).toMatch(/watches of table state from the stream of other/);
    await bench.clock.advance(20_000);
    await write(1);
    await bench.clock.advance(16_000);
    expect(seen).toEqual([0, 1]);
  });

  it('goes on for a while after the last watch, and is the same for the next', async () => {
    const watch = atom().watch();
    await bench.run(watch.next());
    feed.reader.isReady();
    await watch.return();
    await bench.clock.advance(29_000);
    const seen = logOf(atom().watch());
    await bench.clock.advance(100);
    expect([feed.readers.length, feed.reader.isStopped, seen]).toEqual([1, false, [0]]);
  });

  it('ends some time after the last watch; another watch opens another', async () => {
    const watch = atom().watch();
    await bench.run(watch.next());
    await watch.return();
    await bench.clock.advance(31_000);
    expect([feed.reader.isStopped, source.status]).toEqual([true, { state: 'idle', slot: undefined, watchedAtoms: 0 }]);
    expect(bench.clock.pending).toBe(0);
    await live();
    expect([feed.readers.length, source.status.state]).toEqual([2, 'live']);
  });

  it('that was opened anew for a later watch is no healthier than the first: it polls until that is ready', async () => {
    const watch = atom().watch();
    await bench.run(watch.next());
    feed.reader.isReady();
    await bench.clock.advance(4_000);
    await watch.return();
    await bench.clock.advance(31_000);
    const seen = logOf(atom().watch());
    await bench.clock.advance(1_000);
    await write(1);
    await bench.clock.advance(1_000);
    expect([seen, source.status.state]).toEqual([[0, 1], 'starting']);
    await write(2);
    feed.reader.isReady();
    await breathe();
    expect(seen).toEqual([0, 1, 2]);
  });

  it('is not relied on while nothing is read in the place of a shard that ended', async () => {
    const seen = await live();
    feed.reader.tell({ type: 'shard-end', shardId: 'shard-0' });
    await bench.clock.advance(4_000);
    expect(source.status.state).toBe('live');
    await bench.clock.advance(4_000);
    expect(source.status.state).toBe('down');
    await write(1);
    feed.reader.tell({ type: 'shard-open', shardId: 'shard-2' });
    await bench.clock.advance(2_000);
    expect([seen, source.status.state]).toEqual([[0, 1], 'live']);
    feed.reader.tell({ type: 'shard-end', shardId: 'shard-2' });
    await bench.clock.advance(125_000);
    expect(source.status.state).toBe('live');
  });

  it('ends with close(), and watches go on by polling', async () => {
    const seen = await live();
    await bench.run(source.close());
    expect([feed.reader.isStopped, source.status.state]).toEqual([true, 'closed']);
    await write(1);
    await bench.clock.advance(300);
    expect(seen).toEqual([0, 1]);
    const later = logOf(atom('later').watch());
    await bench.clock.advance(100);
    expect([later, feed.readers.length]).toEqual([[0], 1]);
    await bench.run(source.close());
  });

  it('wakes waitFor', async () => {
    const done = atom().waitFor((n) => n === 2);
    await breathe();
    feed.reader.isReady();
    await bench.clock.advance(4_000);
    await write(1);
    const change = await write(2);
    await feed.reader.bring([change]);
    expect(await done).toBe(2);
  });
});

describe('places for readers', () => {
  const auto = (options: Partial<StreamWatchSourceOptions> = {}) =>
    open({ via: 'auto', coordination, slotRetryMs: 10_000, ...options });
  const session = () => new Session(bench.calm({ tableName: 'places' }), { leaseMs: 30_000 });
  const take = async (from: Session, number: number) => {
    const grant = await bench.run(new Lock(from, `stream ${arn} slot ${number}`).tryAcquire());
    if (grant === undefined) throw new Error('It is taken');
    return grant;
  };

  it('are two: a third process polls, and reads when one is given back', async () => {
    const others = session();
    const [first] = [await take(others, 1), await take(others, 2)];
    auto();
    const seen = logOf(atom().watch());
    await bench.clock.advance(60_000);
    expect([source.status.state, feed.readers.length]).toEqual(['waiting', 0]);
    await write(1);
    await bench.clock.advance(16_000);
    expect(seen).toEqual([0, 1]);
    await bench.run(first?.release() as Promise<boolean>);
    await bench.clock.advance(13_000);
    feed.reader.isReady();
    await bench.clock.advance(100);
    expect(source.status).toEqual({ state: 'live', slot: 1, watchedAtoms: 1 });
  });

  it('of a process that died are taken after its lease', async () => {
    const dead = new Session(coordination, { leaseMs: 30_000 });
    await take(dead, 1);
    await take(dead, 2);
    // Its heartbeats arrive no more, as those of a dead process.
    isCut = true;
    auto({ coordination: bench.calm({ tableName: 'places' }) });
    logOf(atom().watch());
    await bench.clock.advance(20_000);
    expect(feed.readers.length).toBe(0);
    await bench.clock.advance(40_000);
    expect(feed.readers.length).toBe(1);
  });

  it('that is lost stops the reader at once: watches poll, and it asks for another', async () => {
    auto({ slots: 1 });
    const seen = await live();
    expect(source.status).toEqual({ state: 'live', slot: 1, watchedAtoms: 1 });
    const reader = feed.reader;
    const cut = bench.faulty.spent().requests;
    expect(cut).toBeGreaterThan(0);
    // Nothing of its heartbeats arrives any more.
    isCut = true;
    await bench.clock.advance(30_000);
    expect([reader.isStopped, source.status.slot]).toEqual([true, undefined]);
    await write(1);
    await bench.clock.advance(16_000);
    expect(seen.at(-1)).toBe(1);
    isCut = false;
    await bench.clock.advance(80_000);
    feed.reader.isReady();
    await bench.clock.advance(100);
    expect([feed.reader !== reader, source.status.state]).toEqual([true, 'live']);
  });

  it('with slots: 1 there is one', async () => {
    const others = session();
    const grant = await take(others, 1);
    auto({ slots: 1 });
    logOf(atom().watch());
    await bench.clock.advance(60_000);
    expect(feed.readers.length).toBe(0);
    await bench.run(grant.release());
    await bench.clock.advance(16_000);
    expect(feed.readers.length).toBe(1);
  });

  it('are given back with close(), and when nobody watches any longer', async () => {
    auto({ slots: 1 });
    const holder = () => bench.run(new Lock(session(), `stream ${arn} slot 1`).holder());
    const watch = atom().watch();
    await bench.run(watch.next());
    await bench.clock.advance(1_000);
    expect((await holder())?.purpose).toBe('reads a stream for watches');
    await watch.return();
    await bench.clock.advance(31_000);
    expect(await holder()).toBeUndefined();
    await live();
    await bench.run(source.close());
    expect(await holder()).toBeUndefined();
    expect(bench.clock.pending).toBeLessThanOrEqual(1);
  });

  it('in the watched table itself are refused: that would feed on itself', async () => {
    auto({ coordination: bench.calm() });
    const seen = logOf(atom().watch());
    await bench.clock.advance(1_000);
    expect(String(errors)).toMatch(/each heartbeat .* would be a record of the stream/);
    expect([feed.readers.length, seen]).toEqual([0, [0]]);
  });

  it("are not asked for with via: 'stream', and nothing is read with via: 'poll' or slots: 0", async () => {
    const spent = () => bench.memory.spent().writeUnits;
    const before = spent();
    await live();
    expect([spent(), feed.readers.length]).toEqual([before, 1]);
    for (const options of [{ via: 'poll' }, { slots: 0 }] as const) {
      open(options);
      logOf(atom().watch());
      await bench.clock.advance(60_000);
      expect([feed.readers.length, source.status.state]).toEqual([0, 'polling']);
    }
  });
});

describe('a change that another process tells of', () => {
  it('reaches the watches of a process that does not read', async () => {
    const bus: WatchHint[] = [];
    open({ via: 'stream', publish: (hint) => bus.push(structuredClone(hint)) });
    const reading = { feed, source };
    reading.source.start();
    await breathe();
    reading.feed.reader.isReady();
    await breathe();
    await write(1);
    open({ via: 'poll' });
    const seen = logOf(atom().watch());
    await bench.clock.advance(60_000);
    await reading.feed.reader.bring([await write(2), await write(3)]);
    expect(bus.length).toBe(1);
    const { requests } = await spentBy(async () => {
      for (const hint of bus) source.receive(hint);
      await breathe();
    });
    expect([seen, requests]).toEqual([[1, 3], 0]);
  });

  it('without its image is a consistent read; what nobody watches is nothing', async () => {
    open({ via: 'poll' });
    const seen = logOf(atom().watch());
    await bench.clock.advance(60_000);
    await write(1);
    source.receive({ tableName: 'state', key: { id: { S: 'other' } } });
    source.receive({ tableName: 'elsewhere', key: { id: { S: 'n' } } });
    await bench.clock.advance(10);
    expect(seen).toEqual([0]);
    source.receive({ tableName: 'arn:aws:dynamodb:eu-central-1:1:table/state', key: { id: { S: 'n' } } });
    await bench.clock.advance(10);
    expect(seen).toEqual([0, 1]);
  });

  it('of a stream without images is told without one', async () => {
    const bus: WatchHint[] = [];
    open({ via: 'stream', publish: (hint) => bus.push(hint) }, { viewType: 'KEYS_ONLY' });
    await live();
    await feed.reader.bring([await write(1)]);
    expect(bus).toEqual([{ tableName: 'state', key: { id: { S: 'n' } } }]);
  });

  it('is told also when the bus throws: that is reported', async () => {
    open({
      via: 'stream',
      publish: () => {
        throw new Error('no bus');
      },
    });
    const seen = await live();
    await feed.reader.bring([await write(1)]);
    await bench.clock.advance(200);
    expect([seen, String(errors)]).toEqual([[0, 1], 'Error: no bus']);
  });

  it('a source with publish reads unwatched from start() to close()', async () => {
    open({ via: 'stream', publish: () => {} });
    source.start();
    source.start();
    await bench.clock.advance(120_000);
    expect([feed.readers.length, feed.reader.isStopped]).toEqual([1, false]);
    await bench.run(source.close());
    expect(feed.reader.isStopped).toBe(true);
    expect(() => open({ via: 'stream' })).not.toThrow();
    expect(() => source.start()).toThrow(/only one that has publish/);
  });
});

describe('what is no option', () => {
  it.each([
    [{ stream: undefined }, /stream must be a TableStream/],
    [{ via: 'push' }, /via must be/],
    [{ slots: 3 }, /slots must be 0, 1 or 2/],
    [{ slots: 1.5 }, /slots must be 0, 1 or 2/],
    [{ via: 'auto' }, /give coordination/],
    [{ via: 'auto', coordination: {} }, /coordination must be an AtomTable/],
    [{ slowMs: 0 }, /slowMs must be/],
    [{ lingerMs: Number.NaN }, /lingerMs must be/],
    [{ slotRetryMs: '1' }, /slotRetryMs must be/],
    [{ publish: 'bus' }, /publish must be a function/],
    [{ onError: 1 }, /onError must be a function/],
  ])('%j is refused', (options, message) => {
    expect(() => open({ via: 'stream', ...options } as never)).toThrow(message);
  });

  it('what is no hint is refused', () => {
    for (const hint of [undefined, {}, { tableName: 'state' }, { key: {} }, { tableName: 'state', key: null }]) {
      expect(() => source.receive(hint as never)).toThrow(TypeError);
    }
  });
});
