/** What a member of a group is made of, with its defaults and its bounds. */
import { hostname } from 'node:os';
import type { AtomTable } from '../../atom/index.js';
import type { Discovery } from '../discovery.js';
import type { StreamPosition } from '../position.js';
import type { MemberEvent } from './member-events.js';
import type { OwnedLease } from './owned-lease.js';

/** How a group shares its shards among its members. All who run must agree on the times. */
export interface MembershipOptions {
  /**
   * The name of this member, unique in the group. A process that comes back under its name within the lease keeps its shards.
   * @defaultValue host, process id and a random text
   */
  readonly id?: string;
  /**
   * Its share of the shards, relative to that of others.
   * @defaultValue 1
   */
  readonly capacity?: number;
  /**
   * Shards that it takes at most. Shards that nobody has room for wait.
   * @defaultValue no limit
   */
  readonly shardsMax?: number;
  /**
   * How long others wait after the last sign of life before they take over, in milliseconds: 2,000 to 3,600,000. A member relies on
   * what it owns for this less a tenth, and less a second at least.
   * @defaultValue 10,000
   */
  readonly leaseMs?: number;
  /**
   * Between two signs of life; at most a third of `leaseMs`.
   * @defaultValue a quarter of `leaseMs`
   */
  readonly beatMs?: number;
  /**
   * How long a handler may go on when its shard is due to another member, or its own one stops.
   * @defaultValue 30,000
   */
  readonly handoffMs?: number;
}

/** Options of {@link GroupMember}. */
export interface GroupMemberOptions extends MembershipOptions {
  readonly group: string;
  /** The coordination table: one with a sort key. */
  readonly table: AtomTable;
  /** ARN of the stream. */
  readonly stream: string;
  readonly discovery: Pick<Discovery, 'listAll'>;
  /** Where a group begins that has no leases yet. */
  readonly from: StreamPosition;
  /** More that all running members must agree on. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /**
   * Between two full listings of the stream's shards, by one member.
   * @defaultValue 300,000
   */
  readonly auditMs?: number;
  /**
   * The service's time, in epoch milliseconds: names and moments of shards are judged by it.
   * @defaultValue the time of the table's clock
   */
  readonly nowMs?: () => number;
  /** Called when a shard is this member's. */
  onGranted(lease: OwnedLease): void;
  onEvent?(event: MemberEvent): void;
}

/** The same, complete. */
export interface MemberTerms extends Required<GroupMemberOptions> {
  readonly marginMs: number;
  readonly host: string;
  readonly pid: number;
}

const leaseMsDefault = 10_000;
const handoffMsDefault = 30_000;
const leaseMsMin = 2_000;
const leaseMsMax = 3_600_000;
/** Beats in one lease at least, so that one may fail. */
const beatsMin = 3;
const marginMsMin = 1_000;
/** The part of a lease by which clocks' rates may differ. */
const marginPart = 0.1;
/** Longest id, in bytes: it stands in every lease. */
const idBytesMax = 256;

/** @throws TypeError, RangeError for wrong options. */
export function requireMembership(group: string, options: MembershipOptions): void {
  const { id, leaseMs = leaseMsDefault, capacity = 1, shardsMax = Number.POSITIVE_INFINITY } = options;
  const { beatMs = leaseMs / 4, handoffMs = handoffMsDefault } = options;
  const refused = (what: string, value: unknown) =>
    new RangeError(`Cannot be a member of group ${group}: ${what}: ${String(value)}`);
  if (!(leaseMs >= leaseMsMin && leaseMs <= leaseMsMax)) {
    throw refused(`leaseMs must be ${leaseMsMin} to ${leaseMsMax}`, leaseMs);
  }
  if (!(beatMs > 0 && beatMs * beatsMin <= leaseMs)) {
    throw refused(`beatMs must be positive and at most a third of leaseMs ${leaseMs}`, beatMs);
  }
  if (!(capacity > 0 && capacity < Number.POSITIVE_INFINITY)) throw refused('capacity must be positive', capacity);
  if (!(shardsMax === Number.POSITIVE_INFINITY || (Number.isSafeInteger(shardsMax) && shardsMax >= 0))) {
    throw refused('shardsMax must be a whole number', shardsMax);
  }
  if (!(handoffMs >= 0 && handoffMs <= leaseMsMax)) throw refused(`handoffMs must be 0 to ${leaseMsMax}`, handoffMs);
  if (id === undefined) return;
  if (typeof id !== 'string') throw new TypeError(`Cannot be a member of group ${group}: id must be a string`);
  const bytes = Buffer.byteLength(id);
  if (bytes < 1 || bytes > idBytesMax) throw refused(`id must have 1 to ${idBytesMax} bytes`, bytes);
}

/** @throws TypeError, RangeError for wrong options. */
export function termsOf(options: GroupMemberOptions): MemberTerms {
  requireMembership(options.group, options);
  const { leaseMs = leaseMsDefault, capacity = 1, shardsMax = Number.POSITIVE_INFINITY } = options;
  const { beatMs = leaseMs / 4, handoffMs = handoffMsDefault, auditMs = 300_000 } = options;
  const { settings = {}, onEvent = () => {} } = options;
  if (!(auditMs > 0)) {
    throw new RangeError(`Cannot be a member of group ${options.group}: auditMs must be positive: ${String(auditMs)}`);
  }
  const { clock, randomBytes } = options.table.sources;
  const { nowMs = () => clock.now() } = options;
  const host = hostname();
  const { id = `${host}-${process.pid}-${Buffer.from(randomBytes(6)).toString('base64url')}` } = options;
  const marginMs = Math.max(marginPart * leaseMs, marginMsMin);
  return {
    ...{ ...options, id, capacity, shardsMax, leaseMs, beatMs, handoffMs, auditMs, nowMs, settings, onEvent },
    ...{ marginMs, host, pid: process.pid },
  };
}

/** What all members that run must agree on. */
export function settingsOf({ leaseMs, beatMs, handoffMs, settings }: MemberTerms): MemberTerms['settings'] {
  return { leaseMs, beatMs, handoffMs, ...settings };
}
