/** What a consumer group is made of, with its defaults and its bounds. */
import type { AtomTable } from '../../atom/index.js';
import type { Change, Parser } from '../change.js';
import type { DiscoveryTimes } from '../discovery.js';
import { raw } from '../parser.js';
import type { StreamRecord } from '../port.js';
import type { StreamPosition } from '../position.js';
import { requirePosition } from '../require-position.js';
import { bufferedBytesMaxDefault } from '../scheduler.js';
import { type AgeLimits, ageLimitsDefault } from '../shard-reader.js';
import type { TableStream } from '../table-stream.js';
import { type ErrorPolicy, errorPolicyOf, type GroupErrorOptions } from './error-policy.js';
import type { GroupEvent } from './group-events.js';
import type { GroupHandler } from './handler.js';
import { type MembershipOptions, requireMembership } from './member-options.js';
import type { OnGroupGap } from './work-ground.js';

/** Options of {@link ConsumerGroup}. All members of a group should be given the same ones. */
export interface ConsumerGroupOptions<T> {
  /** Names the group in its coordination table. At most 256 bytes. */
  readonly name: string;
  /** The stream that is read. */
  readonly stream: TableStream;
  /** The coordination table, with a sort key: not the one that is watched. Any number of groups share one. */
  readonly table: AtomTable;
  /** Where the group begins, the first time. It has no default: both ends are a surprise to somebody. */
  readonly from?: StreamPosition;
  /**
   * What is made of each record.
   * @defaultValue raw()
   */
  readonly parser?: Parser<T>;
  /** Works on the changes. Absent: `batches()` hands them out. */
  readonly handler?: GroupHandler<T>;
  /** Changes of which it says `false` are not delivered, and count as done. */
  readonly filter?: (change: Change<T>) => boolean;
  /** How this process takes part. */
  readonly member?: MembershipOptions;
  /** How records are put together. */
  readonly batch?: {
    /** Most records in a batch. @defaultValue 1000 */
    readonly recordsMax?: number;
    /** How long a batch that is not full waits for more. @defaultValue 0: not at all */
    readonly windowMs?: number;
  };
  /**
   * Batches of one shard that are worked on at a time; records of one item stay in order. Above 1 there is no `transact`.
   * @defaultValue 1
   */
  readonly concurrency?: number;
  /** What becomes of failures. */
  readonly errors?: GroupErrorOptions;
  /**
   * A handler that takes longer than this has its signal aborted, and is told of as `handler-slow`. The shard stays this member's, and nothing more of it
   * is delivered before the handler has come to an end: two at a time would be worse than none. Other shards go on.
   * @defaultValue 300000
   */
  readonly handlerMsMax?: number;
  /**
   * Least time between two saves of a shard's position.
   * @defaultValue 1000; more where so many shards are busy that the group would save more than 300 times a second
   */
  readonly saveMs?: number;
  /**
   * Where records may be missing, since the group was more than a day behind: `stop` parks that shard until `retry`; `continue` goes on behind
   * the gap, and keeps it in the status; a function decides. It is told of as an event in any case.
   * @defaultValue 'stop'
   */
  readonly onGap?: OnGroupGap;
  /**
   * Longest pause between two questions to an idle shard.
   * @defaultValue 2000
   */
  readonly idleMsMax?: number;
  /**
   * Bytes of records that may wait in memory. One page for each question under way may come on top.
   * @defaultValue 8 MiB
   */
  readonly bufferedBytesMax?: number;
  /**
   * About how often all shards are listed, by one member.
   * @defaultValue 300000
   */
  readonly auditMs?: number;
  /**
   * The coordination table is the one that is watched, on purpose. Records of groups' own items are dropped, and move no position.
   * @defaultValue false: it is refused
   */
  readonly sharesTable?: boolean;
  /** Told of each event, at once; what it throws is lost. `group.events()` is the same as a loop. */
  readonly onEvent?: (event: GroupEvent) => void;
  /** How the service ages records and iterators; for simulations that run faster. @defaultValue as the service does */
  readonly ages?: Partial<AgeLimits>;
  /** How often shards are asked for; for simulations that run faster. @defaultValue as the service bears */
  readonly discovery?: Partial<DiscoveryTimes>;
}

/** All of it, chosen. */
export interface GroupSettings<T>
  extends Required<
    Pick<
      ConsumerGroupOptions<T>,
      | 'name'
      | 'stream'
      | 'table'
      | 'parser'
      | 'concurrency'
      | 'handlerMsMax'
      | 'onGap'
      | 'idleMsMax'
      | 'sharesTable'
      | 'onEvent'
      | 'member'
    >
  > {
  readonly from: StreamPosition | undefined;
  readonly handler: GroupHandler<T> | undefined;
  readonly filter: ((change: Change<T>) => boolean) | undefined;
  readonly batchRecordsMax: number;
  readonly windowMs: number;
  readonly policy: ErrorPolicy;
  readonly saveMs: number;
  readonly bufferedBytesMax: number;
  readonly auditMs: number;
  readonly ages: AgeLimits;
  readonly discovery: Partial<DiscoveryTimes>;
}

const nameBytesMax = 256;
const recordsMax = 10_000;
const lanesMax = 100;

/** @throws TypeError, RangeError for wrong options. */
export function groupSettingsOf<T>(options: ConsumerGroupOptions<T>): GroupSettings<T> {
  const { name, stream, table, from, handler, filter, member = {}, batch = {}, onGap = 'stop' } = options;
  const { concurrency = 1, handlerMsMax = 300_000, saveMs = 1_000, idleMsMax = 2_000, auditMs = 300_000 } = options;
  const { bufferedBytesMax = bufferedBytesMaxDefault, sharesTable = false, onEvent = () => {} } = options;
  const { recordsMax: batchRecordsMax = 1_000, windowMs = 0 } = batch;
  const parser = options.parser ?? (raw() as Parser<StreamRecord> as unknown as Parser<T>);
  requireName(name);
  const refused = (what: string, value: unknown) =>
    new TypeError(`Cannot open group ${name}: ${what}: ${typeof value}`);
  if (typeof stream?.resolve !== 'function') throw refused('stream must be a TableStream', stream);
  if (typeof table?.keyNamed !== 'function') throw refused('table must be an AtomTable', table);
  if (typeof table.keyNamed('') === 'string') {
    throw new TypeError(`Cannot open group ${name}: its coordination table must have a sort key (sortKeyName)`);
  }
  if (from !== undefined) requirePosition(`Cannot open group ${name}: from`, from);
  if (typeof parser.parse !== 'function') throw refused('parser must have a function parse', parser);
  for (const [what, f] of Object.entries({ handler, filter })) {
    if (f !== undefined && typeof f !== 'function') throw refused(`${what} must be a function`, f);
  }
  if (typeof onEvent !== 'function') throw refused('onEvent must be a function', onEvent);
  if (typeof onGap !== 'function' && onGap !== 'stop' && onGap !== 'continue') {
    throw new TypeError(`Cannot open group ${name}: onGap must be 'stop', 'continue' or a function: ${String(onGap)}`);
  }
  requireMembership(name, member);
  requireWhole(name, { 'batch.recordsMax': batchRecordsMax }, recordsMax);
  requireWhole(name, { concurrency }, lanesMax);
  const durations = { 'batch.windowMs': windowMs, saveMs, handlerMsMax, idleMsMax, auditMs, bufferedBytesMax };
  for (const [what, value] of Object.entries(durations)) {
    const isZero = value === 0 && (what === 'batch.windowMs' || what === 'saveMs');
    if (typeof value !== 'number' || !(value > 0 || isZero)) {
      throw new RangeError(`Cannot open group ${name}: ${what} must be a positive number: ${String(value)}`);
    }
  }
  const { discovery = {} } = options;
  return {
    ...{ name, stream, table, from, handler, filter, parser, member, onGap, sharesTable, onEvent, discovery },
    ...{ batchRecordsMax, windowMs, concurrency, handlerMsMax, saveMs, idleMsMax, auditMs, bufferedBytesMax },
    policy: errorPolicyOf(options.errors),
    ages: { ...ageLimitsDefault, ...options.ages },
  };
}

function requireName(name: unknown): asserts name is string {
  if (typeof name !== 'string') throw new TypeError(`Cannot open a group: name must be a string: ${typeof name}`);
  const bytes = Buffer.byteLength(name);
  if (bytes < 1 || bytes > nameBytesMax) {
    throw new RangeError(`Cannot open a group: name must have 1 to ${nameBytesMax} bytes: ${bytes}`);
  }
}

function requireWhole(name: string, numbers: Readonly<Record<string, unknown>>, most: number): void {
  for (const [what, value] of Object.entries(numbers)) {
    if (!Number.isSafeInteger(value) || (value as number) < 1 || (value as number) > most) {
      throw new RangeError(`Cannot open group ${name}: ${what} must be 1 to ${most}: ${String(value)}`);
    }
  }
}
