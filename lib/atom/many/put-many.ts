/**
 * Many atoms written at once: `AtomTable.putMany` and `deleteMany`.
 *
 * Each is the ordinary write of its atom, through its lane: under a condition, with evidence in the item, combined with other
 * calls that wait there, seen by its watches. BatchWriteItem is never used: its puts have no conditions, so it would overwrite what
 * other processes wrote meanwhile, drop the lineage that orders writes, and leave no way to tell what became of a lost answer.
 * What is shared is the reading: bases that this process does not know are read a hundred at a time, one hundred ahead.
 */

import { type Trace, traced } from '../diagnostics/trace.js';
import type { ItemAtom } from '../item-atom.js';
import { isThenable } from '../value-rules.js';
import type { Cells } from './cells.js';
import { type Named, name, nameAll, type Refused, refusal, requireIterable } from './many-keys.js';
import { type Job, ManyWrites } from './many-writes.js';

/** Options of `AtomTable.deleteMany`. */
export interface DeleteManyOptions {
  /**
   * Writes under way at a time.
   * @defaultValue 32
   */
  readonly concurrency?: number;
  /**
   * Deadline of the whole call.
   * @defaultValue none for the call; each write has `retry.timeoutMs` of its atom, from when its turn comes
   */
  readonly timeoutMs?: number;
  /**
   * Gives up: what has not begun is not done. The call rejects with `signal.reason` when nothing was written, else with
   * `BatchError`.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `AtomTable.putMany`. */
export interface PutManyOptions extends DeleteManyOptions {
  /**
   * `skip`: a value that equals the stored one is not written. `write`: it is, and the version moves.
   * @defaultValue 'skip'
   */
  readonly noop?: 'skip' | 'write';
}

/** An entry of `putMany` whose value is that of the handle it names. */
export type PutEntry<E> = E extends readonly [ItemAtom<infer T, infer _V>, unknown] ? readonly [E[0], T] : E;

export function putMany(
  cells: Cells,
  entries: Iterable<readonly [key: unknown, value: unknown]>,
  options: PutManyOptions = {},
): Promise<void> {
  return underWay(cells, 'putMany', async (trace) => {
    requireIterable('put', entries);
    const jobs = await admitAll(cells, entries);
    await new ManyWrites(cells, 'put', jobs, options, trace).run();
  });
}

export function deleteMany(cells: Cells, keys: Iterable<unknown>, options: DeleteManyOptions = {}): Promise<boolean[]> {
  return underWay(cells, 'deleteMany', async (trace) => {
    const { named, places } = nameAll(cells, 'delete', keys);
    const jobs = named.map((one): Job => ({ ...one, held: undefined, codec: undefined, calledAt: 0 }));
    const reports = await new ManyWrites(cells, 'delete', jobs, options, trace).run();
    return places.map((place) => reports[place]?.value === true);
  });
}

/** Runs a call, which `close()` waits for from its beginning to its end. */
function underWay<R>(cells: Cells, action: string, run: (trace: Trace | undefined) => Promise<R>): Promise<R> {
  const { events, life } = cells.ground;
  return traced('batch', action, events, undefined, (trace) => life.during(() => run(trace)));
}

/** Copies all values before anything is sent, and refuses all if one of them can't be stored. */
async function admitAll(cells: Cells, entries: Iterable<readonly [unknown, unknown]>): Promise<Job[]> {
  const jobs = new Map<string, Job>();
  const refused: Refused[] = [];
  for (const entry of entries) {
    if (!Array.isArray(entry)) throw new TypeError(`Cannot put atoms: an entry must be [key, value]: ${typeof entry}`);
    const [given, value] = entry as [unknown, unknown];
    let named: Named | undefined;
    try {
      named = name(cells, given);
      const { cell, key } = named;
      if (value === undefined) throw new TypeError('undefined is not a value; use deleteMany()');
      const held = cell === undefined ? cells.hold(value) : cell.hold(value);
      const admitted = cell?.rules.admit(held);
      if (isThenable(admitted)) await admitted;
      // The first place, the last value.
      jobs.set(key.text, { ...named, held, codec: cell === undefined ? cells.codec : cell.rules.codec, calledAt: 0 });
    } catch (error) {
      refused.push({ given, error, at: jobs.size, ...(named && { keyText: named.key.text }) });
    }
  }
  if (refused.length === 0) return [...jobs.values()];
  throw refusal(cells, 'put', refused, [...jobs.values()]);
}
