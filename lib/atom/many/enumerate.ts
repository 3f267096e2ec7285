/**
 * All atoms of a table, or of one partition: `AtomTable.keys` and `scan`.
 *
 * What is no atom is passed over by the store: items without a token (pages of journals, parts, receipts), tombstones, values that
 * have expired. Items that are atoms but can't be read are not.
 */
import { type AttributeValue, encodeKey, type Item } from '../../codec/index.js';
import {
  type Expression,
  type PageAnswer,
  partitionKeyBytesMax,
  type QueryRequest,
  type ScanRequest,
  sortKeyBytesMax,
} from '../../engine/index.js';
import type { AtomOptions } from '../atom-options.js';
import type { Lineage } from '../evidence.js';
import type { ValueRules } from '../value-rules.js';
import { type AtomEntry, entryOf, keyIn } from './atom-entry.js';
import { type AtomKey, type Cells, keyItemOf, keyTextOf } from './cells.js';
import { requireCount } from './many-keys.js';
import { readPage } from './page-read.js';
import { type PageReader, type Row, Walk } from './walk.js';

/** Some of a table's keys. */
export interface KeySelection {
  /** Of a table with a sort key, this partition only: it is queried, not scanned. */
  readonly pk?: unknown;
  /**
   * Keys that are texts and begin so. With `pk` it is the sort key's; in a table with a sort key it needs `pk`.
   * @defaultValue all keys
   */
  readonly prefix?: string | undefined;
}

/** Options of `AtomTable.keys`. */
export interface KeysOptions extends KeySelection {
  /**
   * `strong`: with every write that was acknowledged before the call. `eventual`: for half the units.
   * @defaultValue 'strong'
   */
  readonly consistency?: 'strong' | 'eventual';
  /**
   * Parts of the table that are scanned side by side.
   * @defaultValue 1
   */
  readonly segments?: number;
  /**
   * Items that one page reads at most.
   * @defaultValue what fits into 1 MB
   */
  readonly pageItemsMax?: number;
  /** Goes on where another walk with the same options stood. */
  readonly cursor?: string;
  /**
   * What to do with an atom that can't be read: throw its error (the next loop goes on behind it), or pass over it and count it in
   * `skipped`.
   * @defaultValue 'throw'
   */
  readonly onUndecodable?: 'throw' | 'skip';
  /** Ends the loop with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `AtomTable.scan`. */
export interface ScanOptions extends KeysOptions {
  /**
   * A filter expression that the store applies as well, in DynamoDB's own syntax; it reaches index attributes and, under `d`, values
   * that are stored natively. It saves bytes, not units.
   */
  readonly filter?: Expression;
}

/** Scans go over so many segments at most; the service's limit is a million. */
const segmentsMax = 1_024;
/** Placeholders of ours. */
const own = 'leyden';

export function keysOf(cells: Cells, options: KeysOptions): Walk<unknown> {
  const { keyNames } = cells.ground;
  const rowsOf = (items: readonly Item[]) =>
    items.map((item): Row<unknown> => {
      const at = keyItemOf(item, keyNames);
      return { at, id: at, make: async () => keyIn(item, keyNames) };
    });
  return walk(cells, 'list the keys of', options, rowsOf, keyNames);
}

export function scanOf<T>(cells: Cells, options: ScanOptions): Walk<AtomEntry<T>> {
  const { keyNames, clock } = cells.ground;
  const stale = options.consistency === 'eventual';
  const rowsOf = (items: readonly Item[]) =>
    items.map((item): Row<AtomEntry<T>> => {
      const at = keyItemOf(item, keyNames);
      return {
        at,
        id: at,
        async make() {
          const text = keyTextOf(item, keyNames) as string;
          const cell = cells.opened(text) ?? cells.passing({ item: at, text });
          // No cell knows when this page was asked for; so it may move a cache forward, and no more.
          const known = await cell.cache.learn(item, { tick: 0, atMs: clock.monotonicMs() });
          return entryOf<T>(item, known, cells, stale);
        },
      };
    });
  return walk(cells, 'scan', options, rowsOf, undefined);
}

/** Which named atoms are scanned, and how they are read. */
export interface NamedScan<T> extends Pick<KeysOptions, 'consistency' | 'signal'> {
  /** Atoms are read as a handle with these options reads them. */
  readonly atom?: AtomOptions<T>;
  /** Those of which it says `false` are passed over before they are decoded. */
  readonly isWanted?: (name: string) => boolean;
  /** Values are neither brought nor decoded. @defaultValue false */
  readonly namesOnly?: boolean;
}

/** An atom whose key is a name, see `AtomTable.keyNamed`. */
export interface NamedEntry<T> {
  readonly name: string;
  readonly value: T;
}

/** Atoms whose keys are names that begin so, in tables of either kind. No cache learns from them. */
export function scanNamed<T>(
  cells: Cells,
  rulesOf: (key: AtomKey) => ValueRules,
  prefix: string,
  { consistency, signal, isWanted = () => true, namesOnly = false }: NamedScan<T>,
): Walk<NamedEntry<T>> {
  const { keyNames, clock } = cells.ground;
  const stale = consistency === 'eventual';
  const rowsOf = (items: readonly Item[]) =>
    items.map((item): Row<NamedEntry<T>> => {
      const at = keyItemOf(item, keyNames);
      return {
        at,
        id: at,
        async make() {
          const found = keyIn(item, keyNames);
          const name = keyNames.length === 1 ? found : (found as { readonly pk: unknown }).pk;
          if (typeof name !== 'string' || !isWanted(name)) return undefined;
          if (namesOnly) return { name, value: undefined as T };
          const key = { item: at, text: keyTextOf(item, keyNames) as string };
          const known = await cells
            .passing(key, rulesOf(key))
            .cache.learn(item, { tick: 0, atMs: clock.monotonicMs() });
          const entry = entryOf<T>(item, known, cells, stale);
          return entry && { name, value: entry.value as T };
        },
      };
    });
  return walk(cells, 'scan', { consistency, signal } as ScanOptions, rowsOf, namesOnly ? keyNames : undefined, prefix);
}

/** An atom as it is now: what a scan would tell of it, and the state of its item, which may be a tombstone. */
export interface Standing<T> {
  readonly entry: AtomEntry<T> | undefined;
  /** `undefined`: there is no item. */
  readonly lineage: Pick<Lineage, 'incarnation' | 'version'> | undefined;
}

/** Reads one atom strongly, as a scan would. */
export async function standingOf<T>(cells: Cells, key: unknown): Promise<Standing<T>> {
  const { clock } = cells.ground;
  const named = cells.keyOf(key);
  const cell = cells.opened(named.text) ?? cells.passing(named);
  const start = cell.cache.start();
  const item = await cell.register.readItem(true, clock.monotonicMs() + cells.retry.timeoutMs);
  if (item === undefined) return { entry: undefined, lineage: undefined };
  const known = await cell.cache.learn(item, start);
  return { entry: entryOf<T>(item, known, cells, false), lineage: known.image?.lineage };
}

function walk<T>(
  cells: Cells,
  action: string,
  options: ScanOptions,
  rowsOf: (items: readonly Item[]) => Row<T>[],
  projection: readonly string[] | undefined,
  named?: string,
): Walk<T> {
  const { pk, segments = 1, pageItemsMax, consistency = 'strong', cursor, onUndecodable = 'throw', signal } = options;
  requireCount(action, 'segments', segments);
  if (segments > segmentsMax)
    throw new RangeError(`Cannot ${action} atoms: segments must be at most ${segmentsMax}: ${segments}`);
  if (pageItemsMax !== undefined) requireCount(action, 'pageItemsMax', pageItemsMax);
  if (consistency !== 'strong' && consistency !== 'eventual') {
    throw new RangeError(`Cannot ${action} atoms: consistency must be 'strong' or 'eventual': ${String(consistency)}`);
  }
  const select = selectionOf(cells, action, options, named);
  const common = { consistent: consistency === 'strong', limit: pageItemsMax, projection };
  const { engine, tableName } = cells.ground;
  const reader =
    (segment: number): PageReader<T> =>
    async (startKey, stop) => {
      const { filter, keyCondition } = select();
      const page = await readPage(cells, action, stop, (sending) => {
        const request = { table: tableName(), ...common, filter, startKey };
        if (keyCondition !== undefined)
          return engine.query({ ...request, keyCondition } satisfies QueryRequest, sending);
        const part = segments === 1 ? {} : { segment, segments };
        return engine.scan({ ...request, ...part } satisfies ScanRequest, sending);
      });
      return { rows: rowsOf((page satisfies PageAnswer).items), nextKey: page.nextKey };
    };
  if (pk !== undefined && segments > 1)
    throw new TypeError(`Cannot ${action} atoms: segments and pk exclude each other`);
  const strands = Array.from({ length: segments }, (_, segment) => reader(segment));
  return new Walk<T>({ action, strands, cursor, limit: undefined, onUndecodable, signal });
}

/** Which items are asked for; anew for each page, for what has not expired yet may have by the next. */
function selectionOf(
  cells: Cells,
  action: string,
  { pk, prefix, filter }: ScanOptions,
  named: string | undefined,
): () => { readonly filter: Expression; readonly keyCondition?: Expression } {
  const { keyNames, names, clock } = cells.ground;
  const [partition, sort] = keyNames as [string, string | undefined];
  const begins =
    named === undefined ? keyBeginning(cells, action, { pk, prefix }) : beginningOf(named, partitionKeyBytesMax);
  refuseOwn(action, filter);
  const among = (clauses: readonly (string | undefined)[]) => clauses.filter((one) => one !== undefined).join(' AND ');
  const partitionText = pk === undefined ? undefined : encodeKey(pk, partitionKeyBytesMax);
  return () => {
    const scanned = partitionText === undefined && begins !== undefined;
    const filtering: Expression = {
      expression: among([
        `attribute_exists(#${own}Token)`,
        // Not a tombstone; what is damaged is to be told of.
        `(attribute_exists(#${own}Data) OR attribute_not_exists(#${own}Expiry))`,
        `NOT #${own}Alive <= :${own}Now`,
        scanned ? `begins_with(#${own}Key, :${own}Begins)` : undefined,
        filter === undefined ? undefined : `(${filter.expression})`,
      ]),
      names: {
        ...filter?.names,
        [`#${own}Token`]: names.token,
        [`#${own}Data`]: names.data,
        [`#${own}Expiry`]: names.expiresAt,
        [`#${own}Alive`]: names.aliveUntil,
        ...(scanned && { [`#${own}Key`]: partition }),
      },
      values: {
        ...filter?.values,
        [`:${own}Now`]: { N: String(Math.floor(clock.now())) },
        ...(scanned && { [`:${own}Begins`]: { S: begins } }),
      },
    };
    if (partitionText === undefined) return { filter: filtering };
    const values: Record<string, AttributeValue> = { [`:${own}Partition`]: { S: partitionText } };
    if (begins !== undefined) values[`:${own}Begins`] = { S: begins };
    const keyCondition: Expression = {
      expression: among([
        `#${own}Partition = :${own}Partition`,
        begins === undefined ? undefined : `begins_with(#${own}Key, :${own}Begins)`,
      ]),
      names: { [`#${own}Partition`]: partition, ...(begins !== undefined && { [`#${own}Key`]: sort as string }) },
      values,
    };
    return { filter: filtering, keyCondition };
  };
}

/**
 * How the selected keys begin, as they are stored; `undefined`: anyhow.
 *
 * @throws TypeError for a selection that the table has no keys for.
 */
export function keyBeginning(
  { ground: { keyNames } }: Pick<Cells, 'ground'>,
  action: string,
  { pk, prefix }: KeySelection,
): string | undefined {
  const hasSortKey = keyNames.length > 1;
  if (pk !== undefined && !hasSortKey) {
    throw new TypeError(`Cannot ${action} atoms: pk is for tables with a sort key`);
  }
  if (prefix !== undefined && typeof prefix !== 'string') {
    throw new TypeError(`Cannot ${action} atoms: prefix must be a text: ${typeof prefix}`);
  }
  if (prefix !== undefined && pk === undefined && hasSortKey) {
    throw new TypeError(`Cannot ${action} atoms: prefix needs pk in a table with a sort key`);
  }
  if (prefix === undefined || prefix === '') return undefined;
  return beginningOf(prefix, hasSortKey ? sortKeyBytesMax : partitionKeyBytesMax);
}

/** How the stored form of every text with this prefix begins; of texts that are no well-formed Unicode it is not asked. */
function beginningOf(prefix: string, bytesMax: number): string {
  const text = encodeKey(prefix, bytesMax);
  return text === prefix ? text : text.slice(0, -1);
}

function refuseOwn(action: string, filter: Expression | undefined): void {
  const placeholders = [...Object.keys(filter?.names ?? {}), ...Object.keys(filter?.values ?? {})];
  const taken = placeholders.find((one) => one.slice(1).startsWith(own));
  if (taken !== undefined)
    throw new TypeError(`Cannot ${action} atoms: placeholders of filter must not begin with ${own}: ${taken}`);
}
