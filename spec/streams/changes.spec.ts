// Goal: changes() tells every version, in order, once, or says loudly that it can't. Method: a reader that the spec speaks for, which
// leaves out, repeats, comes late and is lost, on a memory engine and a virtual clock.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AtomReader, AtomTable } from '../../lib/atom/index.js';
import type { Item } from '../../lib/codec/index.js';
import type { Clock } from '../../lib/engine/index.js';
import {
  type AtomChanges,
  type ChangesOptions,
  changes,
  StreamGapError,
  StreamWatchSource,
  type StreamWatchSourceOptions,
} from '../../lib/streams/index.js';
import { type Bench, breathe, openBench } from '../atom/bench.js';
import { type Brought, FakeFeed } from './fake-feed.js';

let bench: Bench;
let feed: FakeFeed;
let source: StreamWatchSource;
let table: AtomTable;
let errors: unknown[];

beforeEach(async () => {
  bench = await openBench();
  open();
});

function open(
  options: Partial<StreamWatchSourceOptions> = {},
  facts: ConstructorParameters<typeof FakeFeed>[1] = {},
): void {
  errors = [];
  feed = new FakeFeed(bench.clock, facts);
  source = new StreamWatchSource({
    stream: feed.stream,
    via: 'stream',
    onError: (error) => errors.push(error),
    ...options,
  });
  table = bench.table({ watchSource: source });
}

const atom = (key = 'n') => table.atom<number>(key, { initial: 0 });

/** Writes as another process, and gives the images. */
async function write(value: number | undefined, key = 'n'): Promise<Brought> {
  const before = await bench.item(key);
  const writer = bench.calm().atom<number>(key);
  await bench.run<unknown>(value === undefined ? writer.delete() : writer.reset(value));
  return { before, after: await bench.item(key) };
}

async function remove(key = 'n'): Promise<Brought> {
  const before = await bench.item(key);
  await bench.memory.delete({ table: 'state', key: { id: { S: key } } });
  return { before };
}

type Log = unknown[];

function logOf<T>(loop: AtomChanges<T>): Log {
  const seen: Log = [];
  const run = async () => {
    for await (const { change } of loop) {
      seen.push(change.deleted ? `${change.keyText} deleted` : `${change.keyText}=${change.value}`);
    }
    seen.push('end');
  };
  run().catch((error: unknown) => seen.push(error));
  return seen;
}

async function follow(of: AtomReader<number> | AtomTable, options: Partial<ChangesOptions> = {}) {
  const loop = changes<number>(of, { source, ...options });
  const log = logOf(loop);
  await breathe();
  feed.reader.isReady();
  await breathe();
  return { loop, log };
}

describe('changes() that come to nothing', () => {
  it('leave no timer and no listener behind: ended before they began', async () => {
    const before = bench.clock.pending;
    const loop = changes<number>(atom(), { source });
    await loop.return();
    expect(await loop.next()).toMatchObject({ done: true });
    expect(bench.clock.pending).toBe(before);
    expect(source.status.state).toBe('idle');
  });

  it('leave none behind: the atom could not be read', async () => {
    await bench.memory.put({ table: 'state', item: { id: { S: 'n' }, other: { S: 'no atom' } } });
    const ready = changes<number>(atom(), { source }).ready();
    ready.catch(() => {});
    await breathe();
    feed.reader.isReady();
    await breathe();
    await expect(ready).rejects.toMatchObject({ code: 'ERR_DECODE' });
    await bench.clock.advance(31_000);
    expect(source.status.state).toBe('idle');
    expect(bench.clock.pending).toBe(0);
  });
});

describe('changes() of an atom', () => {
  it('tells each version, in order, from the state that ready() gives', async () => {
    await write(7);
    const { loop, log } = await follow(atom());
    expect((await loop.ready())?.version).toBe(1);
    await feed.reader.bring([await write(1), await write(2), await write(2, 'other')]);
    await feed.reader.bring([await write(undefined), await write(3)]);
    expect(log).toEqual(['n=1', 'n=2', 'n deleted', 'n=3']);
  });

  it('passes over what the first state contains, however late it comes', async () => {
    await write(1);
    const loop = changes<number>(atom(), { source });
    const log = logOf(loop);
    await breathe();
    const [two, three] = [await write(2), await write(3)];
    feed.reader.isReady();
    await breathe();
    expect((await loop.ready())?.version).toBe(3);
    await feed.reader.bring([two, three, await write(4)]);
    expect(log).toEqual(['n=4']);
  });

  it('of which nothing is there yet tells its creation', async () => {
    const { loop, log } = await follow(atom());
    expect((await loop.ready())?.exists).toBe(false);
    await feed.reader.bring([await write(1), await write(2)]);
    expect(log).toEqual(['n=1', 'n=2']);
  });

  it('that is removed and made again is told through', async () => {
    await write(1);
    const { log } = await follow(atom());
    await feed.reader.bring([await write(2), await remove(), await write(3)]);
    await feed.reader.bring([await write(4)]);
    expect(log).toEqual(['n=2', 'n deleted', 'n=3', 'n=4']);
  });

  it('ends with a gap when a version did not come', async () => {
    await write(1);
    const { log } = await follow(atom());
    const two = await write(2);
    await write(3);
    await feed.reader.bring([two, await write(4), await write(5)]);
    expect(log).toEqual(['n=2', expect.any(StreamGapError)]);
    expect((log[1] as StreamGapError).gap).toMatchObject({ reason: 'missed', shardId: 'shard-1' });
  });

  it('ends with a gap when the first version after the state did not come, or the creation', async () => {
    await write(1);
    for (const key of ['n', 'nothing']) {
      open();
      const { log } = await follow(atom(key));
      await write(2, key);
      await feed.reader.bring([await write(3, key)]);
      expect(log).toEqual([expect.any(StreamGapError)]);
    }
  });

  it('ends with a gap when the removal between two lives did not come', async () => {
    await write(1);
    const { log } = await follow(atom());
    const two = await write(2);
    await remove();
    await feed.reader.bring([two, await write(3)]);
    expect(log).toEqual(['n=2', expect.any(StreamGapError)]);
  });

  it('repeated records are told once', async () => {
    await write(1);
    const { log } = await follow(atom());
    const [two, three] = [await write(2), await write(3)];
    await feed.reader.bring([two, three]);
    await feed.reader.again(2);
    await feed.reader.bring([await write(4)]);
    expect(log).toEqual(['n=2', 'n=3', 'n=4']);
  });

  it('writes of another program beside the value are no change, and no gap', async () => {
    await write(1);
    const { log } = await follow(atom());
    const before = (await bench.item('n')) as Item;
    const after = { ...before, note: { S: 'theirs' } };
    await bench.put(after);
    await feed.reader.bring([{ before, after }, await write(2)]);
    expect(log).toEqual(['n=2']);
  });

  it('tells how long ago it was written', async () => {
    await write(1);
    const loop = changes<number>(atom(), { source });
    const next = loop.next();
    await breathe();
    feed.reader.isReady();
    await breathe();
    const change = await write(2);
    await bench.clock.advance(1_234);
    await feed.reader.bring([change]);
    expect((await next).value?.writeToHandlerMs).toBe(1_234);
    await loop.return();
    await bench.clock.advance(31_000);
    expect(bench.clock.pending).toBe(0);
  });
});

describe('changes() of a table', () => {
  it('tells of all its atoms, or of those whose keys begin alike', async () => {
    const all = await follow(table);
    const some = logOf(changes<number>(table, { source, prefix: 'order#' }));
    await breathe();
    await feed.reader.bring([await write(1, 'order#1'), await write(2, 'x'), await write(3, 'order#2')]);
    expect(all.log).toEqual(['order#1=1', 'x=2', 'order#2=3']);
    expect(some).toEqual(['order#1=1', 'order#2=3']);
    expect(feed.readers.length).toBe(1);
  });

  it('ends with a gap when a version of one of them did not come', async () => {
    const { log } = await follow(table);
    await feed.reader.bring([await write(1, 'a'), await write(1, 'b')]);
    await write(2, 'a');
    await feed.reader.bring([await write(2, 'b'), await write(3, 'a')]);
    expect(log).toEqual(['a=1', 'b=1', 'b=2', expect.any(StreamGapError)]);
  });

  it('what is no atom is passed over', async () => {
    const { log } = await follow(table);
    await feed.reader.bring([{ after: { id: { S: 'theirs' }, n: { N: '1' } } }, await write(1)]);
    expect(log).toEqual(['n=1']);
  });
});

describe('when the reader is lost', () => {
  it('goes on where it stood: nothing is missed, nothing is told twice', async () => {
    await write(1);
    const { log } = await follow(atom());
    const two = await write(2);
    await feed.reader.bring([two]);
    const at = feed.sequence;
    feed.reader.fail(Object.assign(new Error('broken'), { name: 'InternalServerError' }));
    const three = await write(3);
    await bench.clock.advance(2_000);
    expect(feed.reader.options.from).toEqual(feed.tokenAt(at));
    feed.reader.isReady();
    await feed.reader.again(1);
    await feed.reader.bring([three]);
    expect(log).toEqual(['n=2', 'n=3']);
  });

  it('ends with the gap that the next reader finds, after all that came before it', async () => {
    await write(1);
    const { log } = await follow(atom());
    await feed.reader.bring([await write(2)]);
    feed.reader.gap({ shardId: 'shard-1', reason: 'trimmed' });
    await feed.reader.bring([await write(3)]);
    expect(log).toEqual(['n=2', expect.any(StreamGapError)]);
    expect((log[1] as StreamGapError).gap.reason).toBe('trimmed');
  });

  it('ends when the stream can not be read any more', async () => {
    await write(1);
    const { log } = await follow(atom());
    const gone = Object.assign(new Error('not allowed'), { name: 'AccessDeniedException' });
    feed.reader.fail(gone);
    await breathe();
    expect(log).toEqual([gone]);
  });
});

describe('a loop that is slow', () => {
  it('on the shared reader ends with a gap, after what waited: nobody else waits for it', async () => {
    const loop = changes<number>(table, { source, bufferedBytesMax: 500 });
    const begun = loop.ready();
    const watched = (async () => {
      for await (const n of atom().watch()) if (n === 9) return 'seen';
      return 'ended';
    })();
    await breathe();
    feed.reader.isReady();
    await begun;
    for (let n = 1; n <= 9; n += 1) await feed.reader.bring([await write(n)]);
    await bench.clock.advance(200);
    expect(await watched).toBe('seen');
    const log = logOf(loop);
    await breathe();
    expect(log).toEqual(['n=1', 'n=2', 'n=3', 'n=4', 'n=5', expect.any(StreamGapError)]);
    expect((log.at(-1) as StreamGapError).gap.reason).toBe('too-slow');
  });

  it('from a position lets its own reader wait', async () => {
    const loop = changes<number>(table, { source, from: 'trim-horizon', bufferedBytesMax: 500 });
    const first = loop.next();
    await breathe();
    feed.reader.isReady();
    for (let n = 1; n <= 20; n += 1) await feed.reader.bring([await write(n)]);
    expect(feed.reader.waiting).toBeGreaterThan(10);
    expect((await first).value?.change.value).toBe(1);
    const log = logOf(loop);
    await breathe();
    expect(log.length).toBe(19);
  });
});

describe('a loop', () => {
  it('from a token goes on there, with a reader of its own; token() says where', async () => {
    const { loop, log } = await follow(table);
    await feed.reader.bring([await write(1)]);
    await feed.reader.bring([await write(2)]);
    expect(log).toEqual(['n=1', 'n=2']);
    const token = loop.token();
    expect(token).toEqual(feed.tokenAt(2));
    const later = changes<number>(table, { source, from: token as never });
    const told = logOf(later);
    await breathe();
    expect([feed.readers.length, feed.reader.options.from]).toEqual([2, token]);
    feed.reader.isReady();
    await feed.reader.bring([await write(3)]);
    expect(told).toEqual(['n=3']);
    await later.return();
    await breathe();
    expect(feed.reader.isStopped).toBe(true);
  });

  it('a change in hand is not done: a loop from token() tells it again', async () => {
    const { loop } = { loop: changes<number>(table, { source }) };
    const first = loop.next();
    await breathe();
    feed.reader.isReady();
    await breathe();
    await feed.reader.bring([await write(1)]);
    await first;
    expect(loop.token()).toEqual(feed.tokenAt(0));
    void loop.next();
    await breathe();
    expect(loop.token()).toEqual(feed.tokenAt(1));
    await loop.return();
  });

  it('ends with its signal, with close() of the source, and when it is left', async () => {
    const leaving = new AbortController();
    const reason = new Error('enough');
    const { log } = await follow(atom(), { signal: leaving.signal });
    leaving.abort(reason);
    await breathe();
    expect(log).toEqual([reason]);
    const other = logOf(changes<number>(atom(), { source }));
    await breathe();
    await bench.run(source.close());
    expect(other).toEqual(['end']);
    expect(() => changes(atom(), { source })).toThrow(/was closed/);
    expect(bench.clock.pending).toBe(0);
  });

  it('wakes the reader when this process writes to the table', async () => {
    const { loop } = await follow(atom());
    await bench.run(bench.table().atom<number>('z').reset(1));
    expect(feed.reader.nudges).toBe(1);
    await loop.return();
    await bench.run(bench.table().atom<number>('z').reset(2));
    expect(feed.reader.nudges).toBe(1);
  });

  it('keeps the process alive while it waits, and no longer', async () => {
    let keepers = 0;
    const clock: Clock = {
      now: () => bench.clock.now(),
      monotonicMs: () => bench.clock.monotonicMs(),
      sleep(ms, options) {
        if (options?.background === true) return bench.clock.sleep(ms, options);
        keepers += 1;
        return bench.clock.sleep(ms, options).finally(() => {
          keepers -= 1;
        });
      },
    };
    feed = new FakeFeed(clock);
    source = new StreamWatchSource({ stream: feed.stream, via: 'stream' });
    const { loop } = await follow(atom());
    expect(keepers).toBe(1);
    await bench.clock.advance(2 * 86_400_000);
    expect(keepers).toBe(1);
    await loop.return();
    await breathe();
    expect(keepers).toBe(0);
    await bench.run(source.close());
    expect(bench.clock.pending).toBe(0);
  });

  it('needs both images', async () => {
    open({}, { viewType: 'NEW_IMAGE' });
    const { log } = await follow(atom());
    expect(log).toEqual([expect.objectContaining({ code: 'ERR_STREAM', reason: 'view-type' })]);
  });

  it('ends with the failure of a record that can not be read', async () => {
    await write(1);
    const { log } = await follow(atom());
    const { before, after } = await write(2);
    await feed.reader.bring([{ before, after: { ...after, d: { S: '{' }, c: { S: 'strange' } } }]);
    expect(log).toEqual([expect.objectContaining({ code: 'ERR_STREAM_PARSE' })]);
  });

  it.each([
    [() => changes(undefined as never, { source }), /an atom or an AtomTable/],
    [() => changes(table, {} as never), /source must be a StreamWatchSource/],
    [() => changes(table, { source, bufferedBytesMax: 0 }), /bufferedBytesMax/],
    [() => changes(atom(), { source, prefix: 'x' }), /pk and prefix are for a table/],
    [() => changes(table, { source, pk: 1 }), /pk is for tables with a sort key/],
  ])('refuses what is no option: %#', (call, message) => {
    expect(call).toThrow(message);
  });

  it('needs a source that reads', () => {
    open({ via: 'poll' });
    expect(() => changes(atom(), { source })).toThrow(/polling sees the newest values only/);
  });
});
