// Goal: a watch of many atoms tells the newest state of each in the end, and takes none back, from two sources that know nothing of each
// other: records that come late or not at all, and walks that take their time. Method: a reader that the spec speaks for; and, for what
// is kept of them, random histories.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AtomTable } from '../../lib/atom/index.js';
import { seededRandom } from '../../lib/engine/random.js';
import { type AtomsWatch, type SeenAtom, StreamWatchSource, watchPrefix } from '../../lib/streams/index.js';
import { SeenAtoms } from '../../lib/streams/watch/seen-atoms.js';
import { type Bench, breathe, openBench } from '../atom/bench.js';
import { type Brought, FakeFeed } from './fake-feed.js';

let bench: Bench;
let feed: FakeFeed;
let source: StreamWatchSource;
let table: AtomTable;

beforeEach(async () => {
  bench = await openBench();
  open();
});

function open(facts: ConstructorParameters<typeof FakeFeed>[1] = {}): void {
  feed = new FakeFeed(bench.clock, facts);
  source = new StreamWatchSource({ stream: feed.stream, via: 'stream', onError: () => {} });
  table = bench.table({ watchSource: source });
}

async function write(value: number | undefined, key: string): Promise<Brought> {
  const before = await bench.item(key);
  const writer = bench.calm().atom<number>(key);
  await bench.run<unknown>(value === undefined ? writer.delete() : writer.reset(value));
  return { before, after: await bench.item(key) };
}

function logOf<T>(watch: AtomsWatch<T>): string[] {
  const seen: string[] = [];
  const run = async () => {
    for await (const { key, exists, value } of watch) seen.push(`${key}${exists ? `=${value}` : ' gone'}`);
    seen.push('end');
  };
  run().catch((error: unknown) => seen.push(String(error)));
  return seen;
}

async function live(): Promise<string[]> {
  const log = logOf(watchPrefix<number>(table, { source, prefix: 'job#' }));
  await breathe();
  feed.reader.isReady();
  await bench.clock.advance(5_000);
  return log;
}

const walks = async (body: () => Promise<unknown>) => {
  const before = bench.faulty.spent().requests;
  await body();
  return bench.faulty.spent().requests - before;
};

describe('watchPrefix()', () => {
  it('tells what is there, then what changes, is made and is deleted, without a walk', async () => {
    await write(1, 'job#1');
    await write(2, 'job#2');
    await write(3, 'x');
    const log = await live();
    expect(log.sort()).toEqual(['job#1=1', 'job#2=2']);
    const made = [
      await write(9, 'job#1'),
      await write(5, 'job#3'),
      await write(undefined, 'job#2'),
      await write(1, 'x'),
    ];
    const requests = await walks(async () => {
      for (const change of made) await feed.reader.bring([change]);
      await bench.clock.advance(10_000);
    });
    expect([log.slice(2), requests]).toEqual([['job#1=9', 'job#3=5', 'job#2 gone'], 0]);
  });

  it('conflates: whoever is slow gets the newest of each', async () => {
    const watch = watchPrefix<number>(table, { source, prefix: 'job#' });
    const first = watch.next();
    await breathe();
    feed.reader.isReady();
    await bench.clock.advance(5_000);
    for (let n = 1; n <= 5; n += 1) await feed.reader.bring([await write(n, 'job#1'), await write(n, 'job#2')]);
    expect((await first).value?.value).toBe(1);
    const rest = logOf(watch);
    await breathe();
    expect(rest.sort()).toEqual(['job#1=5', 'job#2=5']);
  });

  it('without a source, or before the stream is read, walks now and then', async () => {
    const alone = logOf(watchPrefix<number>(table, { prefix: 'job#', pollMs: 10_000 }));
    const early = logOf(watchPrefix<number>(table, { source, prefix: 'job#', pollMs: 10_000 }));
    await bench.clock.advance(100);
    await write(1, 'job#1');
    await bench.clock.advance(10_000);
    await write(undefined, 'job#1');
    await bench.clock.advance(10_000);
    expect([alone, early]).toEqual([
      ['job#1=1', 'job#1 gone'],
      ['job#1=1', 'job#1 gone'],
    ]);
  });

  it('after a doubt walks once, consistently', async () => {
    const log = await live();
    await write(1, 'job#1');
    feed.reader.gap({ shardId: 'shard-1', reason: 'trimmed' });
    await bench.clock.advance(1_100);
    expect(log).toEqual(['job#1=1']);
  });

  it('a late record does not bring back what a walk found gone', async () => {
    await write(1, 'job#1');
    const log = await live();
    const [two, three] = [await write(2, 'job#1'), await write(undefined, 'job#1')];
    feed.reader.gap({ shardId: 'shard-1', reason: 'trimmed' });
    await bench.clock.advance(1_100);
    await feed.reader.bring([two]);
    await feed.reader.bring([three]);
    await bench.clock.advance(5_000);
    expect(log).toEqual(['job#1=1', 'job#1 gone']);
  });

  it('a stream without both images is none: it walks', async () => {
    open({ viewType: 'KEYS_ONLY' });
    const log = await live();
    await feed.reader.bring([await write(1, 'job#1')]);
    await bench.clock.advance(31_000);
    expect(log).toEqual(['job#1=1']);
  });

  it('ends with its signal, and leaves nothing behind', async () => {
    const leaving = new AbortController();
    const log = logOf(watchPrefix<number>(table, { source, prefix: 'job#', signal: leaving.signal }));
    await bench.clock.advance(2_000);
    leaving.abort(new Error('enough'));
    await breathe();
    await bench.run(source.close());
    expect([log, bench.clock.pending]).toEqual([['Error: enough'], 0]);
  });

  it('goes on by walks when its source is closed', async () => {
    const log = await live();
    await bench.run(source.close());
    await write(1, 'job#1');
    await bench.clock.advance(31_000);
    expect(log).toEqual(['job#1=1']);
  });

  it.each([
    [() => watchPrefix(undefined as never, {}), /must be given an AtomTable/],
    [() => watchPrefix(table, { source: {} as never }), /source must be/],
    [() => watchPrefix(table, { pollMs: 0 }), /pollMs must be/],
    [() => watchPrefix(table, { safetyMs: Number.NaN }), /safetyMs must be/],
    [() => watchPrefix(table, { prefix: 1 as never }), /prefix must be a text/],
  ])('refuses what is no option: %#', (call, message) => {
    expect(call).toThrow(message);
  });
});

describe('SeenAtoms', () => {
  /** An atom's history: lives of versions, each life ended by a tombstone, or removed at once. */
  function historyOf(random: ReturnType<typeof seededRandom>): SeenAtom<number>[] {
    const states: SeenAtom<number>[] = [];
    let life = 0;
    let version = 0;
    let exists = false;
    for (let at = 0; at < 12; at += 1) {
      if (version === 0 || (!exists && random.int(2) === 0)) {
        life += 1;
        version = 0;
      }
      version += 1;
      exists = version === 1 || random.int(3) > 0;
      states.push({ key: 'k', keyText: 'k', exists, value: at, version, incarnation: `life-${life}` });
    }
    return states;
  }

  it('never goes back, and ends with the newest, whenever records come and walks look', () => {
    const seed = Number(process.env.LEYDEN_SEED ?? 1);
    for (let round = 0; round < 1_500; round += 1) {
      const random = seededRandom(seed * 100_000 + round);
      const history = historyOf(random);
      const told: number[] = [];
      const indexOf = ({ exists, value, version, incarnation }: SeenAtom<number>) =>
        exists
          ? (value as number)
          : history.findIndex((one) => one.incarnation === incarnation && one.version >= version);
      let newest: SeenAtom<number> | undefined;
      const seen = new SeenAtoms<number>((state) => {
        newest = state;
        told.push(indexOf(state));
      });
      let [written, read, isUnclear] = [0, 0, true];
      let walk:
        | {
            readonly name: number;
            readonly found: Set<string>;
            hasLooked: boolean;
            page?: SeenAtom<number> | undefined;
          }
        | undefined;
      while (written < history.length || read < written || walk !== undefined || isUnclear) {
        const step = random.int(4);
        if (step === 0 && written < history.length) written += 1;
        else if (step === 1 && read < written) {
          if (!seen.record(history[read] as SeenAtom<number>)) isUnclear = true;
          read += 1;
        } else if (step === 2 && walk === undefined) {
          walk = { name: seen.beginWalk(), found: new Set(), hasLooked: false };
          isUnclear = false;
        } else if (step === 3 && walk !== undefined) {
          // A page is looked up at one step, and comes at a later one.
          if (!walk.hasLooked) {
            walk.page = history[written - 1];
            walk.hasLooked = true;
          } else {
            const { page, name, found } = walk;
            if (page?.exists) {
              found.add('k');
              if (!seen.found(page, name)) isUnclear = true;
            }
            seen.endWalk(name, found);
            walk = undefined;
          }
        }
      }
      const last = history.at(-1) as SeenAtom<number>;
      const isForward = told.every((value, at) => at === 0 || value >= (told[at - 1] as number));
      expect({ round, isForward, told, history }).toMatchObject({ isForward: true });
      expect([round, newest?.exists ?? false]).toEqual([round, last.exists]);
      if (last.exists) expect([round, newest?.value]).toEqual([round, last.value]);
    }
  });
});
