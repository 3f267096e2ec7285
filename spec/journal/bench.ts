/**
 * What the specs of the journal work on: journals as if each were in a process of its own, on one memory engine and one
 * virtual clock, and a pointer in memory in the place of the one to the snapshots.
 *
 *   Journal ─► AtomTable ─► engine of its own (faults, crashes, counts) ─┐
 *   Journal ─► AtomTable ─► engine of its own ──────────────────────────┴► MemoryEngine
 */
import { createHash } from 'node:crypto';
import type { AtomTable, AtomTableOptions } from '../../lib/atom/index.js';
import { type Item, itemBytes } from '../../lib/codec/index.js';
import type { Engine } from '../../lib/engine/index.js';
import type { Appended, Draft } from '../../lib/journal/batch.js';
import type { Commit } from '../../lib/journal/commit.js';
import type { CursorFacts } from '../../lib/journal/cursor.js';
import { Journal, type JournalOptions } from '../../lib/journal/journal.js';
import type { ReadCommit } from '../../lib/journal/reader.js';
import type { Bench } from '../atom/bench.js';

export const name = 'log';

/** The events of a journal in order, as one instance has them; refuses what is not the next. */
export class Replica {
  events: string[] = [];
  /** Digest chain by place; what an instance wrote itself has none. */
  readonly chains: Map<number, string> = new Map();
  place = 0;

  apply({ commit, text, chain }: ReadCommit): void {
    if (chain !== '') this.chains.set(commit.place, chain);
    this.take(commit, text);
  }

  take({ place, first, count, skip }: Commit, text: string): void {
    const events = text === '' ? [] : text.split('\n').filter((_, index) => !skip.includes(index));
    // What an instance itself commits without events (its first word, a retirement) is not handed to it.
    if (place <= this.place) throw new Error(`commit ${place} after ${this.place}`);
    if (first !== this.events.length + 1 || count !== events.length) {
      throw new Error(
        `commit ${place}: ${count} events from ${first}, found ${events.length} after ${this.events.length}`,
      );
    }
    this.place = place;
    this.events.push(...events);
  }
}

/** In the place of the pointer: what was pruned, and the newest snapshot. */
export class Floors {
  prunedTo = 0;
  prunedFrom = 1;
  sweptTo = 0;
  reads = 0;
  loads = 0;
  snapshot: { readonly facts: CursorFacts; readonly events: readonly string[] } | undefined;

  /** Takes a snapshot of what an instance has, and says that what comes before it may go. */
  move({ journal, replica }: Instance): void {
    const image = journal.image;
    if (image === undefined) throw new Error('the instance is in the middle of a fold');
    if (image.place <= (this.snapshot?.facts.place ?? 0)) return;
    this.snapshot = { facts: { ...journal.cursor.facts(), page: image.pages }, events: [...replica.events] };
    this.prunedTo = image.pages;
    this.prunedFrom = image.place - image.tail.length + 1;
  }

  async prune(instance: Instance): Promise<void> {
    const from = this.sweptTo;
    this.move(instance);
    await instance.journal.sweep({ from, to: this.prunedTo, prunedFrom: this.prunedFrom });
    this.sweptTo = this.prunedTo;
  }
}

export interface Instance {
  readonly journal: Journal;
  readonly replica: Replica;
  readonly table: AtomTable;
  readonly warnings: unknown[];
}

export interface OpenOptions extends Partial<JournalOptions> {
  readonly engine?: Engine;
  readonly table?: AtomTable;
  readonly tableOptions?: Partial<Omit<AtomTableOptions, 'client' | 'engine'>>;
  readonly floors?: Floors;
  readonly name?: string;
}

export function openJournal(bench: Bench, options: OpenOptions = {}): Instance {
  const { engine = bench.memory, floors, tableOptions, name: own = name, ...rest } = options;
  const table = options.table ?? bench.table({ engine, ...tableOptions });
  const replica = new Replica();
  const warnings: unknown[] = [];
  const journal: Journal = new Journal(table, own, {
    consumer: replica,
    onWarning: (error) => warnings.push(error),
    // A fold that lets others in does so by a timer of the machine, which a virtual clock does not see: here it never need.
    clock: {
      now: () => bench.clock.now(),
      monotonicMs: () => 0,
      sleep: (ms, how) => bench.clock.sleep(ms, how),
      elsewhere: (work) => bench.clock.elsewhere(work),
    },
    ...(floors !== undefined && {
      readFloor: async () => {
        floors.reads += 1;
        return { prunedTo: floors.prunedTo, sweptTo: floors.sweptTo };
      },
      recover: async () => {
        if (floors.snapshot === undefined) throw new Error('no snapshot');
        floors.loads += 1;
        if (floors.loads > 1_000) throw new Error('the snapshot is loaded without end');
        const { facts, events } = floors.snapshot;
        replica.events = [...events];
        replica.place = facts.place;
        journal.restore(facts);
      },
    }),
    ...rest,
  });
  return { journal, replica, table, warnings };
}

/** Appends events, in the head or in a body. `draft`: other facts of the commit, or `undefined` for nothing to commit. */
export async function add(
  { journal, replica }: Instance,
  events: readonly string[],
  options: {
    readonly body?: boolean;
    readonly draft?: (events: readonly string[]) => Partial<Draft> | undefined;
  } = {},
): Promise<Appended> {
  const text = events.join('\n');
  const prepared = options.body ? await journal.prepare(text) : undefined;
  return journal.append(
    {
      bodyText: text,
      decide: ({ seq }) => {
        if (replica.events.length !== seq) throw new Error(`decided on ${replica.events.length} events, not ${seq}`);
        const facts = options.draft === undefined ? {} : options.draft(replica.events);
        return facts && { text: prepared === undefined ? text : '', count: events.length, ...facts };
      },
      adopt: (commit) => replica.take(commit, text),
    },
    prepared,
  );
}

/** An event with a name of its own. */
export const event = (id: string | number, more = ''): string => JSON.stringify({ id, more });

/** Text that does not compress, so that a head is soon full. */
const noise = (id: number): string => createHash('sha256').update(String(id)).digest('base64url').slice(0, 30);

/** `count` events, one commit each. */
export async function addEach(instance: Instance, from: number, count: number): Promise<void> {
  for (let id = from; id < from + count; id += 1) await add(instance, [event(id, noise(id))]);
}

/** A reader that has just come. */
export async function freshReader(bench: Bench, options: OpenOptions = {}): Promise<Instance> {
  const reader = openJournal(bench, options);
  const { snapshot } = options.floors ?? {};
  if (snapshot !== undefined) {
    reader.replica.events = [...snapshot.events];
    reader.replica.place = snapshot.facts.place;
    reader.journal.restore(snapshot.facts);
  }
  await bench.run(reader.journal.catchUp('strong'));
  return reader;
}

export async function headBytes(bench: Bench): Promise<number> {
  return itemBytes((await bench.item(`${name}/head`)) as Item);
}

/** Keys of this kind that stand in the store, of those that were ever written. */
export async function keysOf(bench: Bench, kind: 'page' | 'body' | 'volume'): Promise<string[]> {
  const keys = new Set(bench.commits.map(({ key }) => (key.id as { S: string }).S));
  const wanted = [...keys].filter((key) => key.startsWith(`${name}/${kind}/`));
  const items = await Promise.all(wanted.map((key) => bench.item(key)));
  return wanted.filter((_, index) => items[index] !== undefined);
}
