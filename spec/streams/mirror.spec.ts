/**
 * A view that is built from `mirror` is what a scan of the table gives, whatever is written, deleted and split meanwhile.
 *
 * The seam is where it can go wrong, so the worlds here are small (few keys, versions remembered of a handful) and everything happens
 * while the scan runs. Seeds are printed; LEYDEN_SEED runs one.
 */
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { seededRandom } from '../../lib/engine/index.js';
import {
  type MirrorEvent,
  type MirrorOptions,
  mirror,
  type RecordMeta,
  type StreamsPort,
  TableStream,
} from '../../lib/streams/index.js';
import { SeenAtoms } from '../../lib/streams/seen-atoms.js';
import { openSimulator } from '../support/stream-engines.js';

const seeds =
  process.env.LEYDEN_SEED === undefined
    ? Array.from({ length: 5 }, (_, n) => n + 1)
    : [Number(process.env.LEYDEN_SEED)];

/** Of an atom, as it was handed out last. */
interface State {
  readonly value: unknown;
  readonly version: number;
  readonly incarnation: string | undefined;
}

/** A table, its stream, and what a user would build of them. */
class World {
  readonly opened;
  readonly random;
  readonly view = new Map<string, State>();
  readonly stale: string[] = [];
  readonly events: MirrorEvent<unknown>[] = [];
  readonly #stop = new AbortController();
  table!: AtomTable;
  stream!: TableStream;
  isSynced = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(seed: number, profile: 'calm' | 'service' = 'service') {
    this.opened = openSimulator({ seed, profile, partitions: 2 });
    this.random = seededRandom(seed);
  }

  async open(): Promise<void> {
    const { clock, engine } = this.opened;
    const { tableName } = await this.opened.createTable();
    this.table = new AtomTable({ engine, clock, random: this.random, tableName, keyName: 'pk' });
    this.stream = new TableStream({ port: this.opened.port(), clock, random: this.random, table: this.table });
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.random.next() * from.length)] as T;
  }

  async write(keys: number): Promise<void> {
    const key = `k${Math.floor(this.random.next() * keys)}`;
    const atom = this.table.atom<number>(key);
    if (this.random.next() < 0.3) await atom.delete();
    else await atom.swap((n) => (n ?? 0) + 1);
  }

  start(options: Partial<MirrorOptions> = {}): void {
    const run = async () => {
      for await (const event of mirror(this.table, { stream: this.stream, signal: this.#stop.signal, ...options })) {
        this.take(event);
      }
    };
    this.#loop = run().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) throw error;
    });
  }

  take(event: MirrorEvent<unknown>): void {
    this.events.push(event);
    if (event.type === 'restart') {
      this.view.clear();
      this.isSynced = false;
    } else if (event.type === 'synced') this.isSynced = true;
    else if (event.type === 'snapshot') {
      const { key, value, version, incarnation } = event.entry;
      this.put(String(key), { value, version, incarnation }, false);
    } else {
      const { keyText, value, version, incarnation, deleted } = event.change;
      this.put(keyText, { value: deleted ? undefined : value, version, incarnation }, true);
    }
  }

  put(key: string, state: State, isChange: boolean): void {
    const seen = this.view.get(key);
    if (
      seen?.incarnation === state.incarnation &&
      seen !== undefined &&
      (state.version < seen.version || (isChange && state.version === seen.version))
    ) {
      this.stale.push(`${key}: version ${state.version} after ${seen.version} in ${isChange ? 'a change' : 'a row'}`);
    }
    this.view.set(key, state);
  }

  /** Until the view is what the table is; the stream is never much behind. */
  async agreed(): Promise<void> {
    const { clock } = this.opened;
    for (let second = 0; second < 600 && !(this.isSynced && (await this.isEqual())); second += 1)
      await clock.sleep(1_000);
    expect(this.isSynced).toBe(true);
    expect(this.shown()).toEqual(await this.scanned());
  }

  async isEqual(): Promise<boolean> {
    return JSON.stringify(this.shown()) === JSON.stringify(await this.scanned());
  }

  shown(): unknown[] {
    const live = [...this.view].filter(([, { value }]) => value !== undefined);
    return live.map(([key, { value, version }]) => [key, value, version]).sort();
  }

  async scanned(): Promise<unknown[]> {
    const rows: unknown[] = [];
    for await (const { key, value, version } of this.table.scan()) rows.push([key, value, version]);
    return rows.sort();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('enough'));
    await this.#loop;
  }
}

describe('mirror()', () => {
  it.each(seeds)('gives what a scan gives, and no version after a newer one (seed %i)', async (seed) => {
    const world = new World(seed);
    await world.opened.run(async () => {
      await world.open();
      for (let n = 0; n < 40; n += 1) await world.write(30);
      world.start({
        rememberedMax: world.pick([1, 3, 10, 100]),
        settleMs: world.pick([0, 1_000]),
        segments: world.pick([1, 3]),
      });
      const { simulator, clock } = world.opened;
      for (let n = 0; n < 300; n += 1) {
        await world.write(30);
        if (world.random.next() < 0.4) await clock.sleep(world.random.next() * 300);
        if (world.random.next() < 0.02) {
          const open = simulator.shards(world.table.tableName).filter(({ lastSequence }) => lastSequence === undefined);
          const { shardId } = world.pick(open);
          if (world.random.next() < 0.5) simulator.roll(shardId);
          else simulator.split(shardId);
        }
      }
      await world.agreed();
      await world.stop();
    });
    expect(world.stale).toEqual([]);
    expect(world.events.filter(({ type }) => type === 'synced')).toHaveLength(1);
  });

  it('tells a gap, and begins anew under another epoch', async () => {
    const world = new World(3, 'calm');
    await world.opened.run(async () => {
      await world.open();
      const { simulator, clock } = world.opened;
      await world.table.putMany([
        ['kept', 1],
        ['lost', 1],
      ]);
      world.start();
      await world.agreed();
      // Nothing can be read for longer than records are kept.
      simulator.set({ serverFaults: 1 });
      await world.table.atom<number>('lost').delete();
      await world.table.atom<number>('new').reset(2);
      await clock.sleep(30 * 3_600_000);
      simulator.set({ serverFaults: 0 });
      await clock.sleep(120_000);
      await world.agreed();
      await world.stop();
    });
    const types = world.events.map(({ type, epoch }) => `${type} ${epoch}`);
    expect(types.filter((one) => !one.startsWith('change'))).toEqual([
      'snapshot 1',
      'snapshot 1',
      'synced 1',
      'restart 2',
      'snapshot 2',
      'snapshot 2',
      'synced 2',
    ]);
    expect(world.events.find(({ type }) => type === 'restart')).toMatchObject({ epoch: 2, gap: {} });
  });

  it('has what is written while its reader still looks for the tip', async () => {
    const world = new World(1, 'calm');
    await world.opened.run(async () => {
      await world.open();
      const { clock } = world.opened;
      const port = world.opened.port();
      const slow: StreamsPort = {
        name: 'slow',
        streamsOf: (...given) => port.streamsOf(...given),
        describe: (...given) => port.describe(...given),
        records: (...given) => port.records(...given),
        spent: () => port.spent(),
        async iterator(...given) {
          await clock.sleep(5_000);
          return port.iterator(...given);
        },
      };
      world.stream = new TableStream({ port: slow, clock, random: world.random, table: world.table });
      await world.table.putMany([['before', 1]]);
      world.start({ settleMs: 0 });
      await clock.sleep(2_000);
      await world.table.putMany([['meanwhile', 1]]);
      await clock.sleep(60_000);
      await world.agreed();
      await world.stop();
    });
    expect([...world.view.keys()].sort()).toEqual(['before', 'meanwhile']);
  });

  it('comes to synced where writing never ends', async () => {
    const world = new World(2, 'calm');
    await world.opened.run(async () => {
      await world.open();
      await world.table.putMany([
        ['a', 1],
        ['b', 1],
      ]);
      world.start();
      for (let n = 0; n < 600 && !world.isSynced; n += 1) {
        await world.table.putMany(Array.from({ length: 8 }, (_, key) => [`busy-${key}`, n] as const));
        await world.opened.clock.sleep(100);
      }
      expect(world.isSynced).toBe(true);
      await world.agreed();
      await world.stop();
    });
    expect(world.stale).toEqual([]);
  });

  it('ends with what stands in its way, and leaves no reader behind', async () => {
    const world = new World(1, 'calm');
    await world.opened.run(async () => {
      await world.open();
      await world.table.putMany([['a', 1]]);
      for await (const { type } of mirror(world.table, { stream: world.stream })) if (type === 'synced') break;
      const { reads } = world.stream.port.spent();
      await world.opened.clock.sleep(60_000);
      expect(world.stream.port.spent().reads).toBe(reads);
      const aborted = mirror(world.table, { stream: world.stream, signal: AbortSignal.abort(new Error('enough')) });
      await expect(aborted.next()).rejects.toThrow('enough');
    });
  });

  it('tells the token that a reader goes on from, and the value before', async () => {
    const world = new World(1, 'calm');
    await world.opened.run(async () => {
      await world.open();
      const atom = world.table.atom<number>('a');
      await atom.reset(1);
      for await (const event of mirror<number>(world.table, { stream: world.stream })) {
        if (event.type === 'change') {
          expect(event.change).toMatchObject({ value: 2, previous: 1 });
          break;
        }
        if (event.type !== 'synced') continue;
        expect(event.token.stream).toBe((await world.stream.resolve()).arn);
        await atom.reset(2);
      }
    });
  });

  it('leaves out what a prefix leaves out, in rows and in changes', async () => {
    const world = new World(1, 'calm');
    await world.opened.run(async () => {
      await world.open();
      await world.table.putMany([
        ['a#1', 1],
        ['b#1', 1],
      ]);
      world.start({ prefix: 'a#' });
      await world.opened.clock.sleep(30_000);
      await world.table.putMany([
        ['b#2', 1],
        ['a#2', 1],
      ]);
      await world.opened.clock.sleep(30_000);
      await world.stop();
    });
    expect([...world.view.keys()].sort()).toEqual(['a#1', 'a#2']);
  });

  it('passes over rows that can not be decoded, and tells such changes, if it is told to', async () => {
    const world = new World(1, 'calm');
    await world.opened.run(async () => {
      await world.open();
      const { engine, clock } = world.opened;
      const damage = {
        table: world.table.tableName,
        item: { pk: { S: 'bad' }, l: { S: 'x:1' }, v: { S: 'no' }, d: { N: '1' } },
      };
      await world.table.atom<number>('good').reset(1);
      await engine.put(damage);
      const refused = mirror(world.table, { stream: world.stream });
      await expect(
        (async () => {
          for await (const { type } of refused) if (type === 'synced') break;
        })(),
      ).rejects.toThrow('ERR_DECODE');
      world.start({ onUndecodable: 'tell' });
      await clock.sleep(30_000);
      await world.stop();
    });
    expect([...world.view.keys()]).toEqual(['good']);
    expect(world.isSynced).toBe(true);
  });

  it('refuses wrong options at once, and the stream of another table or view before anything is read', async () => {
    const world = new World(1, 'calm');
    await world.opened.run(async () => {
      await world.open();
      const { table, stream, opened } = world;
      expect(() => mirror(table, {} as never)).toThrow(TypeError);
      expect(() => mirror('state' as never, { stream })).toThrow(TypeError);
      expect(() => mirror(table, { stream, rememberedMax: 0 })).toThrow(RangeError);
      expect(() => mirror(table, { stream, settleMs: -1 })).toThrow(RangeError);
      expect(() => mirror(table, { stream, segments: 0 })).toThrow(RangeError);
      expect(() => mirror(table, { stream, pk: 'a' })).toThrow(TypeError);
      const { tableName } = await opened.createTable({ viewType: 'NEW_IMAGE' });
      const other = new TableStream({ port: opened.port(), clock: opened.clock, table: tableName });
      await expect(mirror(table, { stream: other }).next()).rejects.toThrow(/stream is that of table/);
      const newImages = new AtomTable({ engine: opened.engine, clock: opened.clock, tableName, keyName: 'pk' });
      await expect(mirror(newImages, { stream: other }).next()).rejects.toThrow(/NEW_AND_OLD_IMAGES.*\[ERR_STREAM\]/);
      expect(opened.port().spent().reads).toBe(0);
    });
  });
});

describe('SeenAtoms', () => {
  const at = (ms: number) => ({ approximateCreationTime: new Date(ms) }) as RecordMeta;
  const state = (version: number, incarnation = 'e1', removed = false) => ({
    keyText: 'a',
    version,
    incarnation,
    removed,
  });

  it('tells new from late within one life, the end of an item too', () => {
    const seen = new SeenAtoms(10);
    expect(seen.noveltyOf(state(1), at(0))).toBe('new');
    seen.takeChange(state(3));
    expect([2, 3, 4].map((version) => seen.noveltyOf(state(version), at(0)))).toEqual(['late', 'late', 'new']);
    expect(seen.noveltyOf(state(3, 'e1', true), at(0))).toBe('new');
    seen.takeChange(state(3, 'e1', true));
    expect(seen.noveltyOf(state(3, 'e1', true), at(0))).toBe('late');
    expect(seen.noveltyOf(state(9, 'e2'), at(0))).toBe('doubtful');
  });

  it('doubts what was made before something was forgotten, and nothing else', () => {
    const seen = new SeenAtoms(1);
    seen.takeChange({ ...state(1), keyText: 'b' });
    expect(seen.isFull).toBe(true);
    seen.turn(10_000);
    expect(seen.noveltyOf(state(1), at(0))).toBe('new');
    seen.turn(20_000);
    expect(seen.noveltyOf(state(1), at(11_000))).toBe('doubtful');
    expect(seen.noveltyOf(state(1), at(13_000))).toBe('new');
  });
});
