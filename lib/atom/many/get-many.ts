/**
 * Many atoms read at once: `AtomTable.getMany`, and the reading half of all other calls on many atoms.
 *
 * What comes goes through the cells of open atoms, as if each had been read by itself: their codec and schema, and their caches
 * learn. The clock of a cell ticks for each copy of a request that asks for its item, so a batch that began before a write of
 * this process can't put the older state back. Keys whose atom nobody holds are decoded in passing and leave nothing behind.
 */
import type { Held, Item } from '../../codec/index.js';
import { type Known, liveHeld, type Start } from '../cache.js';
import type { Consistency } from '../cell.js';
import { type Trace, traced } from '../diagnostics/trace.js';
import { DeadlineError } from '../errors.js';
import type { ItemAtom } from '../item-atom.js';
import { BatchError, type BatchReport } from './batch-errors.js';
import { type BatchReading, type LeftOver, readBatches } from './batch-read.js';
import type { Cells } from './cells.js';
import { type Named, nameAll, requireLimits } from './many-keys.js';

/** Options of `AtomTable.getMany`. */
export interface GetManyOptions {
  /**
   * How current the values must be, as of `deref`. What a handle remembers counts for `session`, `cached` and `maxStalenessMs`;
   * all else is read.
   * @defaultValue 'strong'
   */
  readonly consistency?: Consistency;
  /**
   * Requests under way at a time, of up to 100 keys each.
   * @defaultValue 4
   */
  readonly concurrency?: number;
  /**
   * Deadline of the whole call. At least one attempt is made.
   * @defaultValue none for the call; each request is tried for `retry.timeoutMs`
   */
  readonly timeoutMs?: number;
  /** Gives up; the call rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

/** What `getMany` finds for a key or a handle. */
export type Found<K> = K extends ItemAtom<infer _T, infer V> ? V : unknown;

/** One key of a call, and what a look at its item gave. */
export interface Look extends Named {
  start?: Start;
  /** As it came. */
  item?: Item | undefined;
  known?: Known;
  error?: unknown;
}

type Reading = Pick<BatchReading<Look>, 'concurrency' | 'deadlineAt' | 'timeoutMs' | 'signal' | 'tally'>;

const concurrencyDefault = 4;

export function getMany(
  cells: Cells,
  given: Iterable<unknown>,
  options: GetManyOptions = {},
): Promise<readonly unknown[]> {
  return traced('batch', 'getMany', cells.ground.events, undefined, (trace) => readAll(cells, given, options, trace));
}

async function readAll(
  cells: Cells,
  given: Iterable<unknown>,
  options: GetManyOptions,
  trace: Trace | undefined,
): Promise<readonly unknown[]> {
  const { consistency = 'strong', concurrency = concurrencyDefault, timeoutMs, signal } = options;
  requireLimits('get', { concurrency, timeoutMs });
  signal?.throwIfAborted();
  const { named, places } = nameAll(cells, 'get', given);
  const looks: Look[] = named.map((one) => ({ ...one }));
  for (const { cell } of looks) cell?.lane.assertOutside('get');
  const { clock } = cells.ground;
  const reading: Reading = {
    concurrency,
    deadlineAt: timeoutMs === undefined ? Number.POSITIVE_INFINITY : clock.monotonicMs() + timeoutMs,
    timeoutMs: timeoutMs ?? cells.retry.timeoutMs,
    signal,
    tally: trace?.reads(looks.length),
  };
  const unknown = looks.filter((look) => !remember(look, consistency));
  const eventual = consistency === 'eventual' || consistency === 'session';
  await lookUp(cells, unknown, !eventual, reading);
  if (consistency === 'session') await lookUp(cells, unknown.filter(isOlderThanSeen), true, reading);
  const now = clock.now();
  const hands = looks.map((look) => handOf(look, now));
  if (looks.some(({ error }) => error !== undefined)) throw failure(cells, looks, hands);
  return places.map((place) => hands[place]?.());
}

/** Looks up all of `looks`; each has `known` or `error` then. */
export async function lookUp(
  cells: Cells,
  looks: readonly Look[],
  consistent: boolean,
  reading: Reading,
): Promise<void> {
  if (looks.length === 0) return;
  const { clock } = cells.ground;
  const left = await readBatches(cells, looks, {
    ...reading,
    consistent,
    begin(look) {
      // A stale read proves nothing about now: it may only move a cache forward.
      look.start =
        consistent && look.cell !== undefined ? look.cell.cache.start() : { tick: 0, atMs: clock.monotonicMs() };
    },
    take: (look, item) => take(cells, look, item),
  });
  leaveOver(left, reading.timeoutMs);
}

async function take(cells: Cells, look: Look, item: Item | undefined): Promise<void> {
  const { cell, key, start } = look;
  look.item = item;
  // Nothing of a missing item needs to be worked out.
  if (cell === undefined && item === undefined) {
    look.known = nothing;
    return;
  }
  try {
    look.known = await (cell ?? cells.passing(key)).cache.learn(item, start as Start);
  } catch (error) {
    look.error = error;
  }
}

/** What is known of a place that was found empty. */
const nothing: Known = {
  image: undefined,
  held: undefined,
  adopted: undefined,
  since: 0,
  learnedAt: 0,
  seenAtMs: Number.NEGATIVE_INFINITY,
};

function leaveOver({ wanted, cause }: LeftOver<Look>, timeoutMs: number): void {
  for (const look of wanted) {
    const attempts = look.start === undefined ? 0 : 1;
    look.error = new DeadlineError('get', { key: look.key.text, attempts, conflicts: 0 }, timeoutMs, cause);
  }
}

/** What the handle remembers, if that is enough. */
function remember(look: Look, consistency: Consistency): boolean {
  const known = look.cell?.remembered(consistency);
  if (known !== undefined) look.known = known;
  return known !== undefined;
}

/** Takes what is remembered where it is newer; whether even that may be older than what this process has seen. */
function isOlderThanSeen(look: Look): boolean {
  if (look.cell === undefined || look.known === undefined) return false;
  const seen = look.cell.sessionView(look.known);
  if (seen !== undefined) look.known = seen;
  return seen === undefined;
}

/** Hands the value out, once for each place that asked for it. What can't be handed out is an error of that key. */
function handOf(look: Look, now: number): () => unknown {
  const { known, cell } = look;
  const held: Held | undefined = known === undefined ? undefined : (liveHeld(known, now) ?? cell?.initial);
  if (held === undefined || look.error !== undefined) return () => undefined;
  try {
    const first = { value: held.hand() };
    let handed = false;
    return () => {
      if (handed) return held.hand();
      handed = true;
      return first.value;
    };
  } catch (error) {
    look.error = error;
    return () => undefined;
  }
}

function failure(cells: Cells, looks: readonly Look[], hands: readonly (() => unknown)[]): BatchError {
  const reports = looks.map(({ given, key, error }, place): BatchReport => {
    const report = { key: given, keyText: key.text };
    if (error !== undefined) return { ...report, outcome: 'not-done', error };
    // Not for those who print errors: values have no business in logs.
    return Object.defineProperty({ ...report, outcome: 'done' }, 'value', { value: hands[place]?.() });
  });
  return new BatchError('get', cells.ground.tableName(), reports);
}
