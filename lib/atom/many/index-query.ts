/**
 * From a secondary index back to atoms: `AtomTable.query`.
 *
 * An index is a copy that lags behind. So what it brings may have changed or gone since; with `fresh` the atoms themselves are read,
 * strongly and a hundred at a time, and those that the condition no longer holds for are dropped. What the index does not show yet
 * is not found either way.
 */
import { DecodeError, type Item } from '../../codec/index.js';
import type { Expression, QueryRequest } from '../../engine/index.js';
import { hasLineage } from '../item-format.js';
import { type AtomEntry, entryOf } from './atom-entry.js';
import { type Cells, keyItemOf, keyTextOf } from './cells.js';
import { type Look, lookUp } from './get-many.js';
import { type IndexCondition, parseCondition } from './index-condition.js';
import { requireCount } from './many-keys.js';
import { readPage } from './page-read.js';
import { type PageReader, type Row, Walk } from './walk.js';

/** Options of `AtomTable.query`. */
export interface QueryOptions extends IndexCondition {
  /**
   * `false`: from the end of the sort attribute's order.
   * @defaultValue true
   */
  readonly forward?: boolean;
  /**
   * Entries that are yielded at most.
   * @defaultValue all
   */
  readonly limit?: number;
  /**
   * Reads each atom itself, strongly, and yields what is there now and still meets the condition. For an index that does not bring
   * all attributes along, and where an entry must not be older than the call.
   * @defaultValue false
   */
  readonly fresh?: boolean;
  /**
   * Items that one page reads at most.
   * @defaultValue `limit`, or what fits into 1 MB
   */
  readonly pageItemsMax?: number;
  /** Goes on where another query with the same options stood. */
  readonly cursor?: string;
  /**
   * What to do with an item that can't be read as an atom: throw its error (the next loop goes on behind it), or pass over it and count
   * it in `skipped`.
   * @defaultValue 'throw'
   */
  readonly onUndecodable?: 'throw' | 'skip';
  /** Ends the loop with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

const action = 'query';

export function queryOf<T>(cells: Cells, index: string, options: QueryOptions): Walk<AtomEntry<T>> {
  if (typeof index !== 'string' || index === '')
    throw new TypeError('Cannot query: must be given the name of an index');
  const { forward = true, limit, fresh = false, pageItemsMax, cursor, onUndecodable = 'throw', signal } = options;
  for (const [option, count] of Object.entries({ limit, pageItemsMax })) {
    if (count !== undefined) requireCount(action, option, count);
  }
  const condition = parseCondition(options);
  const { engine, tableName, keyNames } = cells.ground;
  // Of an index with a sort attribute nothing is known before a page or the condition has told its name.
  let positionNames = condition.names.length === 2 ? [...new Set([...condition.names, ...keyNames])] : undefined;
  const read: PageReader<AtomEntry<T>> = async (startKey, stop, wantedMax) => {
    const fits = Math.min(wantedMax, pageItemsMax ?? Number.POSITIVE_INFINITY);
    const request: QueryRequest = {
      table: tableName(),
      index,
      keyCondition: condition.keyCondition,
      // What lags behind may have expired as well; an index without the attribute can't tell.
      filter: unexpired(cells),
      consistent: false,
      forward,
      limit: Number.isFinite(fits) ? fits : undefined,
      startKey,
    };
    const { items, nextKey } = await readPage(cells, action, stop, (sending) => engine.query(request, sending));
    if (nextKey !== undefined) positionNames = Object.keys(nextKey);
    const make = fresh
      ? await lookAtAll<T>(cells, items, condition.holds, stop)
      : (item: Item) => entryIn<T>(cells, item);
    const rows = items.map(
      (item): Row<AtomEntry<T>> => ({
        at: positionNames && keyItemOf(item, positionNames),
        id: keyItemOf(item, keyNames),
        make: async () => make(item),
      }),
    );
    return { rows, nextKey };
  };
  return new Walk<AtomEntry<T>>({ action, strands: [read], cursor, limit, onUndecodable, signal });
}

function unexpired({ ground: { names, clock } }: Cells): Expression {
  return {
    expression: 'NOT #alive <= :now',
    names: { '#alive': names.aliveUntil },
    values: { ':now': { N: String(Math.floor(clock.now())) } },
  };
}

/**
 * The entry of an item as the index has it. No cell learns from it: an index may bring some attributes and not others, and what it
 * left out would be lost with the next write.
 */
async function entryIn<T>(cells: Cells, item: Item): Promise<AtomEntry<T> | undefined> {
  const { keyNames, names, clock } = cells.ground;
  const text = keyTextOf(item, keyNames) as string;
  if (!hasLineage(item, names)) {
    throw new DecodeError(
      text,
      'foreign',
      `the index does not bring attribute ${names.token} along; use fresh, or it is no atom`,
    );
  }
  const cell = cells.passing({ item: keyItemOf(item, keyNames), text }, cells.opened(text)?.rules);
  const known = await cell.cache.learn(item, { tick: 0, atMs: clock.monotonicMs() });
  return entryOf<T>(item, known, cells, true);
}

/** Reads the atoms behind a page of an index; tells for each of its items what stands there now, if it still belongs here. */
async function lookAtAll<T>(
  cells: Cells,
  items: readonly Item[],
  holds: (item: Item) => boolean,
  stop: AbortSignal,
): Promise<(item: Item) => AtomEntry<T> | undefined> {
  const { keyNames, names } = cells.ground;
  const looks = new Map<string, Look>();
  for (const item of items) {
    const text = keyTextOf(item, keyNames) as string;
    const key = { item: keyItemOf(item, keyNames), text };
    looks.set(text, { given: text, key, cell: cells.opened(text) });
  }
  const { timeoutMs } = cells.retry;
  await lookUp(cells, [...looks.values()], true, {
    concurrency: 1,
    deadlineAt: Number.POSITIVE_INFINITY,
    timeoutMs,
    signal: stop,
  });
  return (row) => {
    const look = looks.get(keyTextOf(row, keyNames) as string) as Look;
    const { item, known } = look;
    if (look.error !== undefined && (item === undefined || hasLineage(item, names))) throw look.error;
    // Gone since, no atom, or no longer under this condition.
    if (item === undefined || known === undefined || !holds(item)) return undefined;
    return entryOf<T>(item, known, cells, false);
  };
}
