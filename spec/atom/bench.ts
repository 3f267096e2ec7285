/**
 * What the specs of atoms work on: a memory engine on a virtual clock, seen through a faulty engine, and any number of
 * `AtomTable`s on it, each as if it were a process of its own.
 *
 *     AtomTable A --> FaultyEngine --+
 *                                    +--> MemoryEngine, with a log of all commits
 *     AtomTable B -------------------+
 *
 * All that is random is drawn from `seed`.
 */
import { AtomTable, type AtomTableOptions } from '../../lib/atom/index.js';
import type { AttributeValue, Item } from '../../lib/codec/index.js';
import type { EngineFaultRule } from '../../lib/engine/fault-plan.js';
import { FaultyEngine } from '../../lib/engine/faults.js';
import type { HeldMessage } from '../../lib/engine/held-message.js';
import { type Commit, MemoryEngine, type MemoryEngineOptions } from '../../lib/engine/memory.js';
import type { Engine, PutRequest } from '../../lib/engine/port.js';
import { seededRandom } from '../../lib/engine/random.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';

const tableName = 'state';

export interface BenchOptions extends Omit<MemoryEngineOptions, 'clock' | 'onCommit'> {
  readonly rules?: readonly EngineFaultRule[];
}

type TableOptions = Partial<Omit<AtomTableOptions, 'client'>>;

export class Bench {
  readonly seed: number;
  readonly clock: VirtualClock = new VirtualClock();
  readonly commits: Commit[] = [];
  readonly memory: MemoryEngine;
  readonly faulty: FaultyEngine;
  #tables = 0;

  constructor(options: BenchOptions = {}) {
    const { rules = [], seed = Number(process.env.LEYDEN_SEED ?? 1), ...rest } = options;
    const { clock } = this;
    this.seed = seed;
    this.memory = new MemoryEngine({ ...rest, seed, clock, onCommit: (commit) => this.commits.push(commit) });
    this.faulty = new FaultyEngine(this.memory, { rules, seed, clock });
  }

  /** A process of its own: through the faults unless another engine is given. */
  table(options: TableOptions = {}): AtomTable {
    this.#tables += 1;
    const random = seededRandom(this.seed * 1_000 + this.#tables);
    const randomBytes = (count: number) => Uint8Array.from({ length: count }, () => random.int(256));
    return new AtomTable({ tableName, engine: this.faulty, clock: this.clock, random, randomBytes, ...options });
  }

  /** A process whose requests and answers all arrive. */
  calm(options: TableOptions = {}): AtomTable {
    return this.table({ engine: this.memory, ...options });
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.run(promise);
  }

  /** The next message, however much time its sender takes. */
  message(index: number): Promise<HeldMessage> {
    return this.clock.run(this.faulty.message(index));
  }

  item(key: string): Promise<Item | undefined> {
    return this.memory.get({ table: tableName, key: { id: { S: key } }, consistent: true });
  }

  /** Another program's write. */
  async put(item: Item): Promise<void> {
    const answer = await this.memory.put({ table: tableName, item });
    if (answer.status !== 'applied') throw new Error(`Cannot put an item: ${answer.status}`);
  }
}

/** Half of the writes are late, doubled, or answered by nothing. */
export const writesDisturbed: readonly EngineFaultRule[] = [
  { fault: { kind: 'late', delayMs: [0, 1_500] }, on: 'writes', probability: 0.3 },
  { fault: { kind: 'reset-after' }, on: 'writes', probability: 0.05 },
  { fault: { kind: 'duplicate', gapMs: [0, 500] }, on: 'writes', probability: 0.1 },
  { fault: { kind: 'throttle' }, probability: 0.02 },
  { fault: { kind: '5xx-after' }, probability: 0.05 },
];

export async function openBench(options: BenchOptions = {}): Promise<Bench> {
  const bench = new Bench(options);
  const created = bench.memory.createTable({
    table: tableName,
    partitionKey: { name: 'id', type: 'S' },
    billing: { mode: 'on-demand' },
  });
  await bench.run(created);
  return bench;
}

/** Lets everything happen that needs no time. */
export async function breathe(): Promise<void> {
  for (let round = 0; round < 3; round += 1) await new Promise((resolve) => setImmediate(resolve));
}

export function tokenIn(message: HeldMessage): string {
  return textOf((message.request as PutRequest).item.l);
}

/** `writer:seq` apart. */
export function partsOf(token: string): { readonly writer: string; readonly seq: number } {
  const at = token.lastIndexOf(':');
  return { writer: token.slice(0, at), seq: Number(token.slice(at + 1)) };
}

export function textOf(attribute: AttributeValue | undefined): string {
  return (attribute as { readonly S: string }).S;
}

export function numberOf(attribute: AttributeValue | undefined): number {
  return Number((attribute as { readonly N: string }).N);
}

/** What a promise came to, without waiting for it to be looked at. */
export function outcomeOf<T>(promise: Promise<T>): {
  value?: T;
  error?: unknown;
  settled: boolean;
  done: Promise<void>;
} {
  const seen: { value?: T; error?: unknown; settled: boolean; done: Promise<void> } = {
    settled: false,
    done: promise.then(
      (value) => {
        seen.value = value;
        seen.settled = true;
      },
      (error: unknown) => {
        seen.error = error;
        seen.settled = true;
      },
    ),
  };
  return seen;
}

/** `engine` with some of its methods replaced. */
export function overridden(engine: Engine, methods: Partial<Engine>): Engine {
  return new Proxy(engine, {
    get(target, name) {
      const own = methods[name as keyof Engine];
      if (own !== undefined) return own;
      const value: unknown = target[name as keyof Engine];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
