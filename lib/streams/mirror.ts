import type { AtomTable, KeySelection } from '../atom/index.js';
import { type AtomChange, atomChanges } from './atom-changes.js';
import { type MirrorEvent, MirrorRun } from './mirror-run.js';
import type { ReadOptions } from './read-options.js';
import type { TableStream } from './table-stream.js';

/** Options of {@link mirror}. */
export interface MirrorOptions extends KeySelection {
  /** The stream of the table, with both images. */
  readonly stream: TableStream;
  /**
   * Whether changes carry the value before.
   * @defaultValue true
   */
  readonly previous?: boolean;
  /**
   * What to do with an atom that can't be decoded: `throw`; or `tell`: its row is left out, and of its changes the value is `missing`.
   * @defaultValue 'throw'
   */
  readonly onUndecodable?: 'throw' | 'tell';
  /**
   * Parts of the table that are scanned side by side.
   * @defaultValue 1
   */
  readonly segments?: number;
  /**
   * Atoms whose versions are remembered at a time, about: after so many rows the stream is read up to its tip. About 200 bytes each.
   * @defaultValue 100000
   */
  readonly rememberedMax?: number;
  /**
   * Pause between the first look at the stream and the scan. The service may begin "now" a moment late, and what is written meanwhile is
   * in the scan.
   * @defaultValue 1000
   */
  readonly settleMs?: number;
  /** Of the reader: `bufferedBytesMax`, `auditMs`, and so on. */
  readonly read?: Omit<ReadOptions<never>, 'from' | 'parser' | 'checkpointer' | 'commit' | 'onGap' | 'signal'>;
  /** Ends the loop, which throws `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * All atoms of a table, then every change: for building a view, an index, a cache from it, and keeping it so.
 *
 * **Guarantee.** Whoever puts each `snapshot` and each `change` in its place has, at `synced` and whenever the loop has come up to the tip, what a
 * scan of the table gives: no change is lost at the seam, none comes after a newer state of its atom, deleting while the scan runs is
 * seen. Each change of an atom after its row comes once, or is contained in another row. Before `synced` changes may come of atoms whose
 * rows are still to come; the row is then that change's state or a newer one. After a crash all begins anew.
 *
 * After a day of absence changes may be lost; then `restart` tells the gap, the epoch rises, and the snapshot comes anew: entries that no event
 * of the new epoch has named by its `synced` are gone. Values that expire (`ttlMs`) carry `expiresAt`, and nothing comes at that moment.
 * Parts of the table that are no atoms are left out.
 *
 * **It cannot** be one instant of the table, and it is no way to catch up after a restart of the process: for that keep what you have built
 * with the token of `synced` or of later batches, and go on with `stream.read`.
 *
 * Memory: `rememberedMax` versions twice, a page of the table, `bufferedBytesMax` of records.
 *
 * @consistency Rows are read strongly, page by page. Changes come as the stream shows them, within a second as a rule.
 * @cost One scan (1 read unit per 4 KB of the table; with `pk` of that partition), a few seconds per `rememberedMax` atoms for the stream to
 * catch up; then as {@link TableStream.read}.
 * @iam dynamodb:Scan or dynamodb:Query with `pk`, dynamodb:GetItem, dynamodb:DescribeStream, dynamodb:GetShardIterator, dynamodb:GetRecords
 * @throws TypeError, RangeError for wrong options. From the loop: {@link StreamError} `ERR_STREAM`, {@link RecordParseError} `ERR_STREAM_PARSE`,
 * {@link DecodeError} `ERR_DECODE`, {@link DeadlineError} `ERR_DEADLINE`, `signal.reason`, and what the service refuses for good.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { mirror, TableStream } from 'leyden-jar/streams';
 * import { StreamSimulator } from 'leyden-jar/testing';
 *
 * const simulator = new StreamSimulator();
 * const table = new AtomTable({ engine: simulator.engine, tableName: 'state' });
 * await table.create({ streamViewType: 'NEW_AND_OLD_IMAGES' });
 * await table.putMany([['a', 1], ['b', 2]]);
 *
 * const stream = new TableStream({ port: simulator.port(), table });
 * const view = new Map<unknown, number | undefined>();
 * for await (const event of mirror<number>(table, { stream, settleMs: 0 })) {
 *   if (event.type === 'restart') view.clear();
 *   if (event.type === 'snapshot') view.set(event.entry.key, event.entry.value);
 *   if (event.type === 'change') view.set(event.change.key, event.change.value);
 *   if (event.type === 'synced') break;
 * }
 * console.log([...view].sort()); // => [ [ 'a', 1 ], [ 'b', 2 ] ]
 * ```
 */
export function mirror<T = unknown>(
  table: AtomTable,
  options: MirrorOptions,
): AsyncGenerator<MirrorEvent<T>, void, undefined> {
  const {
    stream,
    pk,
    prefix,
    previous,
    onUndecodable = 'throw',
    rememberedMax = 100_000,
    settleMs = 1_000,
  } = options ?? {};
  if (typeof stream?.read !== 'function') throw new TypeError('Cannot mirror a table: stream must be its TableStream');
  if (!Number.isSafeInteger(rememberedMax) || rememberedMax < 1) {
    throw new RangeError(`Cannot mirror a table: rememberedMax must be a positive integer: ${String(rememberedMax)}`);
  }
  if (!(settleMs >= 0 && Number.isFinite(settleMs))) {
    throw new RangeError(`Cannot mirror a table: settleMs must be 0 or more: ${String(settleMs)}`);
  }
  const parser = atomChanges<T>(table, { pk, prefix, onUndecodable, ...(previous !== undefined && { previous }) });
  const walkOf = () =>
    table.scan<T>({
      ...{ prefix, signal: options.signal, onUndecodable: onUndecodable === 'tell' ? 'skip' : 'throw' },
      ...(pk !== undefined && { pk }),
      ...(options.segments !== undefined && { segments: options.segments }),
    });
  // What is wrong with the selection is told now.
  walkOf();
  const reader = () =>
    stream.read<AtomChange<T>>({ ...options.read, from: 'latest', parser, onGap: 'throw', signal: options.signal });
  return new MirrorRun<T>({ table, stream, walkOf, reader, rememberedMax, settleMs, signal: options.signal }).events();
}
