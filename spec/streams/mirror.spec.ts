/**
 * A view that is built from `mirror` is what a scan of the table gives, whatever is written, deleted and split meanwhile.
 *
 * The seam is where it can go wrong, so the worlds here are small (few keys, versions remembered of a handful) and everything happens
 * while the scan runs. Seeds are printed; LEYDEN_SEED runs one.
 */
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { seededRandom } from '../../lib/engine/index.js';
import { type MirrorEvent, type MirrorOptions, mirror, TableStream } from '../../lib/streams/index.js';
import { openSimulator } from '../support/stream-engines.js';

const seeds =
  process.env.LEYDEN_SEED === undefined
    ? Array.from({ length: 10 }, (_, n) => n + 1)
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
});
