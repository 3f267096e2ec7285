/**
 * Writers, readers and sweepers of one atom with a large value, each a process of its own on one memory engine, whose requests go
 * through one at a time, in an order that the test chooses.
 *
 *     process A ─► request waits ─┐
 *     process B ─► request waits ─┼─ choose ─► engine
 *     process C ─► request waits ─┘
 *
 * `everyOrder` runs a case in every order that there is, or in some of them by seed; a process may be killed at any of its requests.
 * A process has requests of its own go in the order in which it sent them.
 */
import { setImmediate } from 'node:timers/promises';
import { AtomTable } from '../../lib/atom/index.js';
import { partNotesOf } from '../../lib/atom/large/parts-format.js';
import type { Item } from '../../lib/codec/index.js';
import { type Engine, MemoryEngine, type Random, seededRandom } from '../../lib/engine/index.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';

/** Sizes at which a value of some hundred letters takes two parts. */
export const tiny = { itemBytesMax: 1_024, partBytesMax: 1_024, bytesMax: 100_000 } as const;
export const tableName = 'state';

/** A value of two parts that no compression makes smaller, and that shows a mixture. */
export function letters(letter: string, seed: number = letter.charCodeAt(0)): readonly string[] {
  const random = seededRandom(seed);
  return Array.from({ length: 250 }, () => `${letter}${random.int(1e9).toString(36)}`);
}

/** What is wrong with a process: its engine does something else than it is told. */
export type Bend = (engine: Engine) => Engine;

/** Time stands still: nobody is ever late. */
const still = new VirtualClock();
const requests: ReadonlySet<string> = new Set(['get', 'scan', 'put', 'update', 'delete']);

export class Actor {
  readonly name: string;
  readonly engine: Engine;
  readonly #waiting: (() => void)[] = [];
  #isGated = false;
  isOver = false;
  isDead = false;
  /** Requests sent, by kind. */
  readonly sent: string[] = [];
  result: unknown;
  error: unknown;

  constructor(name: string, memory: Engine, bend: Bend = (engine) => engine) {
    this.name = name;
    const gated = new Proxy(memory, {
      get: (target, kind) => {
        const own = Reflect.get(target, kind) as unknown;
        if (typeof own !== 'function') return own;
        if (!requests.has(String(kind))) return own.bind(target);
        return (...request: unknown[]) => {
          const send = () => {
            this.sent.push(String(kind));
            return own.apply(target, request) as Promise<unknown>;
          };
          if (!this.#isGated) return send();
          return new Promise((resolve) => this.#waiting.push(() => resolve(send())));
        };
      },
    });
    this.engine = bend(gated);
  }

  table(): AtomTable {
    return new AtomTable({ engine: this.engine, tableName, large: tiny, clock: still });
  }

  /** From now on requests wait. */
  start(run: () => Promise<unknown>): void {
    this.#isGated = true;
    run().then(
      (result) => {
        this.isOver = true;
        this.result = result;
      },
      (error: unknown) => {
        this.isOver = true;
        this.error = error;
      },
    );
  }

  get isWaiting(): boolean {
    return !this.isDead && this.#waiting.length > 0;
  }

  go(): void {
    this.#waiting.shift()?.();
  }
}

/** What stands in the table: which parts, and what the item names. */
export async function partsIn(memory: MemoryEngine): Promise<{ ids: Map<string, number>; marked: Set<string> }> {
  const { items } = await memory.scan({ table: tableName, consistent: true });
  const ids = new Map<string, number>();
  const marked = new Set<string>();
  for (const item of items) {
    const notes = partNotesOf(item, layout);
    if (notes === undefined) continue;
    if ('x' in item) marked.add(notes.id);
    else ids.set(notes.id, (ids.get(notes.id) ?? 0) + 1);
  }
  return { ids, marked };
}

const layout = {
  keyNames: ['id'],
  names: { data: 'd', codec: 'c', annotations: 't', expiresAt: 'x' },
} as unknown as Parameters<typeof partNotesOf>[1];

export async function idNamed(memory: MemoryEngine): Promise<string | undefined> {
  const item = await memory.get({ table: tableName, key: { id: { S: 'a' } }, consistent: true });
  const { c, d } = (item ?? {}) as { c?: { S: string }; d?: { S: string } } & Item;
  return c?.S === 'parts' ? (JSON.parse((d as { S: string }).S) as { id: string }).id : undefined;
}

/** One case, in one order. */
export interface Case {
  readonly actors: readonly Actor[];
  /** Who may be killed. */
  readonly mortal?: Actor;
  /** Called when nobody has anything left to do. Returns what is wrong. */
  verdict(): Promise<string | undefined>;
}

export interface Orders {
  readonly ran: number;
  readonly wrong: string | undefined;
  /** The choices that led there. */
  readonly path: readonly string[];
}

/** Runs a case in every order, or, with `random`, in `most` of them. */
export async function everyOrder(
  open: () => Promise<Case>,
  { random, most = Number.POSITIVE_INFINITY }: { readonly random?: Random; readonly most?: number } = {},
): Promise<Orders> {
  let choices: { taken: number; of: number }[] = [];
  let ran = 0;
  for (;;) {
    const run = await open();
    const path: string[] = [];
    let depth = 0;
    await settle();
    for (;;) {
      const waiting = run.actors.filter((one) => one.isWaiting);
      if (waiting.length === 0) break;
      const canDie = run.mortal?.isWaiting === true;
      const of = waiting.length + (canDie ? 1 : 0);
      const taken = random === undefined ? (choices[depth]?.taken ?? 0) : random.int(of);
      if (depth === choices.length) choices.push({ taken, of });
      depth += 1;
      const actor = waiting[taken];
      if (actor === undefined) {
        (run.mortal as Actor).isDead = true;
        path.push('kill');
      } else {
        actor.go();
        path.push(actor.name);
      }
      await settle();
    }
    ran += 1;
    const wrong = await run.verdict();
    if (wrong !== undefined) return { ran, wrong, path };
    if (random !== undefined) choices = [];
    else {
      while (choices.length > 0 && (choices.at(-1) as { taken: number; of: number }).taken + 1 === choices.at(-1)?.of)
        choices.pop();
      const last = choices.at(-1);
      if (last === undefined) return { ran, wrong: undefined, path: [] };
      last.taken += 1;
    }
    if (ran >= most) return { ran, wrong: undefined, path: [] };
  }
}

/** Comes back when all that can happen has. */
async function settle(): Promise<void> {
  await setImmediate();
  await setImmediate();
}

export function openMemory(): Promise<MemoryEngine> {
  const memory = new MemoryEngine();
  return memory
    .createTable({ table: tableName, partitionKey: { name: 'id', type: 'S' }, billing: { mode: 'on-demand' } })
    .then(() => memory);
}
