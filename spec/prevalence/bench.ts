/**
 * What the specs of prevalent systems work on: one table in a memory engine, and any number of instances on it, each with a table
 * object of its own as if it were a process of its own.
 *
 *     openPrevayler ─► atomStorage ─► AtomTable ─► engine of the process (stepped, dying, faulty) ─┐
 *                                                                                                  ├─► MemoryEngine
 *     openPrevayler ─► atomStorage ─► AtomTable ───────────────────────────────────────────────────┘
 *
 * Instances neither follow nor make snapshots in the background unless a spec asks for it, so that requests are counted.
 */
import { AtomTable, type AtomTableBaseOptions, type WriteOnceItems } from '../../lib/atom/index.js';
import type { Item } from '../../lib/codec/index.js';
import { type Engine, MemoryEngine, type MemoryEngineOptions, seededRandom } from '../../lib/engine/index.js';
import {
  type AtomStorageOptions,
  atomStorage,
  openPrevayler,
  type Prevayler,
  type PrevaylerOptions,
  type Storage,
} from '../../lib/prevalence/index.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { catchThreadWork } from '../histories/thread-work.js';

const tableName = 'state';
const idleTurns = 6;
/** Of the one system. */
const name = 'bank';

/** A system as specs open it. */
export type SystemOptions<S, E, R> = Pick<PrevaylerOptions<S, E, R>, 'initialState' | 'handler'> &
  Partial<PrevaylerOptions<S, E, R>>;

/** How one process is made. */
export interface ProcessOptions extends AtomStorageOptions {
  readonly engine?: Engine;
  readonly table?: Partial<AtomTableBaseOptions>;
}

export class Bench {
  readonly memory: MemoryEngine;
  readonly clock: VirtualClock;
  readonly warnings: unknown[] = [];
  readonly #opened: Prevayler<never, never, never>[] = [];
  readonly #threads: ReturnType<typeof catchThreadWork>;
  #processes = 0;

  constructor(options: Omit<MemoryEngineOptions, 'clock'> = {}) {
    this.#threads = catchThreadWork();
    this.clock = new VirtualClock({ elsewhere: () => this.#elsewhere() });
    this.memory = new MemoryEngine({ ...options, clock: this.clock });
  }

  /** Compression is done by other threads; and a machine that is busy has long work let others in several times. */
  async #elsewhere(): Promise<boolean> {
    for (let turn = 0; turn < idleTurns; turn += 1) {
      if (await this.#threads.next()) return true;
      await new Promise(setImmediate);
    }
    return false;
  }

  /** The table as a process of its own has it. */
  table(): AtomTable {
    return new AtomTable({ engine: this.memory, tableName, clock: this.clock });
  }

  /** What stands beside the atoms. */
  storageItems(): WriteOnceItems {
    return this.table().writeOnce();
  }

  /** A storage as another process has it. */
  storage({ engine = this.memory, table, ...options }: ProcessOptions = {}): Storage {
    this.#processes += 1;
    const random = seededRandom(this.#processes);
    const randomBytes = (count: number) => Uint8Array.from({ length: count }, () => random.int(256));
    const { clock } = this;
    return atomStorage(new AtomTable({ engine, tableName, clock, random, randomBytes, ...table }), name, options);
  }

  /** Another instance, in a process of its own. */
  async open<S, E, R = unknown>(
    system: SystemOptions<S, E, R>,
    process: ProcessOptions = {},
  ): Promise<Prevayler<S, E, R>> {
    const opened = await this.clock.run(this.start(system, process));
    this.#opened.push(opened as unknown as Prevayler<never, never, never>);
    return opened;
  }

  /** As `open`, for one that may never be open, or die on the way: nobody waits for it, nor closes it. */
  start<S, E, R = unknown>(system: SystemOptions<S, E, R>, process: ProcessOptions = {}): Promise<Prevayler<S, E, R>> {
    const onWarning = (warning: unknown) => this.warnings.push(warning);
    const storage = this.storage(process);
    return openPrevayler({ storage, follow: false, snapshots: false, onWarning, ...system });
  }

  /** Lets virtual time pass until `work` is done. */
  run<T>(work: Promise<T>): Promise<T> {
    return this.clock.run(work);
  }

  /** Keys of the items that are there. */
  async keys(): Promise<string[]> {
    const { items } = await this.memory.scan({ table: tableName, consistent: true });
    return items.map((item) => (item.id as { S: string }).S).sort();
  }

  /** Removes an item behind everybody's back. */
  async remove(key: string): Promise<void> {
    await this.memory.delete({ table: tableName, key: { id: { S: key } } });
  }

  item(key: string): Promise<Item | undefined> {
    return this.memory.get({ table: tableName, key: { id: { S: key } }, consistent: true });
  }

  /** Puts an item behind everybody's back. */
  async put(item: Item): Promise<void> {
    await this.memory.put({ table: tableName, item });
  }

  /** Changes the bytes of an item that was written once, behind everybody's back. */
  async damage(key: string, change: (bytes: Uint8Array) => Uint8Array): Promise<void> {
    const item = await this.item(key);
    if (item?.d === undefined || !('B' in item.d)) throw new Error(`no bytes under ${key}`);
    await this.put({ ...item, d: { B: change(Uint8Array.from(item.d.B)) } });
  }

  async close(): Promise<void> {
    for (const opened of this.#opened.splice(0)) await this.run(opened.close());
    this.#threads.end();
  }
}

/** Call it at the beginning of a spec, and `close` at its end. All that is awaited goes through `run`. */
export async function openBench(options: Omit<MemoryEngineOptions, 'clock'> = {}): Promise<Bench> {
  const bench = new Bench(options);
  await bench.run(new AtomTable({ engine: bench.memory, tableName }).create().then(() => {}));
  return bench;
}
