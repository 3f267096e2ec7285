/** What specs of aggregates work on: an aggregate that counts what it was given, and stores as if each were in a process of its own. */
import { AtomTable } from '../../../lib/atom/index.js';
import { type Engine, MemoryEngine } from '../../../lib/engine/index.js';
import {
  AggregateType,
  EventStore,
  type EventStoreOptions,
  type RecordedEvent,
  type Truth,
} from '../../../lib/events/index.js';
import { SnapshotPointer } from '../../../lib/snapshot/index.js';
import { noise } from '../../support/prevalent.js';

export const tableName = 'state';
/** Bytes of a state that is too large for a head. */
export const large = 8_000;

export async function openMemory(): Promise<MemoryEngine> {
  const engine = new MemoryEngine();
  await new AtomTable({ engine, tableName }).create();
  return engine;
}

/** A store in a process of its own, and what it has warned of. */
export interface Process {
  readonly store: EventStore;
  readonly warnings: unknown[];
}

export function openProcess(engine: Engine, options: EventStoreOptions = {}): Process {
  const warnings: unknown[] = [];
  const onWarning = (warning: unknown) => warnings.push(warning);
  return { store: new EventStore(new AtomTable({ engine, tableName }), { onWarning, ...options }), warnings };
}

export interface Added {
  readonly type: 'added';
  readonly data: { readonly by: number; readonly mark?: string };
}

export interface Count {
  /** Sums: an event that is applied twice, or not at all, shows. */
  readonly sum: number;
  /** The order shows, too. */
  readonly hash: number;
  /** The numbers of events are dense. */
  readonly seq: number;
  readonly pad: string;
}

export function addTo(count: Count, { data, seq }: Pick<RecordedEvent<Added>, 'data' | 'seq'>): Count {
  if (seq !== count.seq + 1) throw new Error(`event ${seq} on a state of ${count.seq}`);
  return { ...count, sum: count.sum + data.by, hash: (count.hash * 31 + data.by + seq) % 1_000_000_007, seq };
}

export const emptyCount = (padBytes = 0): Count => ({ sum: 0, hash: 7, seq: 0, pad: noise(padBytes) });

/** Adds each number of the command as an event of its own; with a large state events are larger, too, so that they leave the head. */
export function counter(
  truth: Truth | undefined,
  padBytes = 0,
  stateVersion = 1,
): AggregateType<Count, readonly number[], Added> {
  return new AggregateType<Count, readonly number[], Added>({
    name: 'counter',
    initial: emptyCount(padBytes),
    handle: ({ seq }, numbers) =>
      numbers.map((by, at) => ({ type: 'added', data: { by, ...(padBytes > 0 && { mark: noise(90, seq + at) }) } })),
    apply: addTo,
    stateVersion,
    ...(truth !== undefined && { truth }),
  });
}

/** What a stream gives by itself, read by somebody else. */
export async function foldOf(engine: Engine, stream: string, padBytes = 0): Promise<Count> {
  let count = emptyCount(padBytes);
  for await (const event of openProcess(engine).store.read<Added>(stream)) count = addTo(count, event);
  return count;
}

/** What the pointer to the snapshots of counter 1 says. */
export function pointerOf(engine: Engine): ReturnType<SnapshotPointer['read']> {
  const table = new AtomTable({ engine, tableName });
  return new SnapshotPointer(table, table.keyNamed('events/counter-1/snap')).read();
}

export async function keysIn(engine: Engine): Promise<string[]> {
  const { items } = await engine.scan({ table: tableName, consistent: true });
  return items.map(({ id }) => (id as { readonly S: string }).S).sort();
}

/** Engines that begin with what `fill` has put into one. */
export async function copier(fill: (engine: MemoryEngine) => Promise<void>): Promise<() => Promise<MemoryEngine>> {
  const filled = await openMemory();
  await fill(filled);
  const { items } = await filled.scan({ table: tableName, consistent: true });
  return async () => {
    const engine = await openMemory();
    for (const item of items) await engine.put({ table: tableName, item });
    return engine;
  };
}
