/**
 * What the model knows and no client does: which write each operation took effect by, and what its caller was told.
 *
 * From it, what must hold at every step:
 * - an operation takes effect at most once;
 * - "done" was said of the write that took effect, so that the value handed to the caller is the value that was stored;
 * - "not done" was said of nothing that took effect before, and nothing of which it was said takes effect later;
 * - a write takes effect only on the very item that its value was computed from;
 * - the pair of incarnation and version never repeats, and the version of an incarnation never falls.
 */
import type { Outcome, Stored, Write } from './item-pool.js';

export interface Ledger {
  /** Operation to the id of the write that it took effect by. */
  readonly applied: ReadonlyMap<string, number>;
  /** Operation to what its caller was told. */
  readonly told: ReadonlyMap<string, Outcome>;
  /** Incarnation to the highest version it ever had. */
  readonly tops: ReadonlyMap<string, number>;
  readonly key: string;
}

interface Entry {
  readonly ledger: Ledger;
  readonly violation: string | undefined;
}

/** Violations by name, for specs that look for a certain one. */
export const violations = {
  twice: 'an operation took effect twice',
  ghost: 'what was reported as not done took effect',
  lie: 'what was reported as done did not take effect',
  otherValue: 'the value reported is not the value stored',
  foreignBase: 'a write took effect on an item that it was not computed from',
  version: 'a version came twice',
} as const;

export function openLedger(item: Stored | undefined): Ledger {
  const tops = new Map(item === undefined ? [] : [[item.lineage.incarnation, item.lineage.version]]);
  return close({ applied: new Map(), told: new Map(), tops });
}

/** The store accepted `write` while `item` stood there. */
export function recordCommit(ledger: Ledger, write: Write, item: Stored | undefined): Entry {
  let violation: string | undefined;
  const applied = new Map(ledger.applied);
  for (const operation of write.operations) {
    if (applied.has(operation)) violation ??= violations.twice;
    if (ledger.told.get(operation) === 'not-done') violation ??= violations.ghost;
    applied.set(operation, write.id);
  }
  if (item !== write.base) violation ??= violations.foreignBase;
  let { tops } = ledger;
  if (write.next !== undefined) {
    const { incarnation, version } = write.next.lineage;
    if (version <= (tops.get(incarnation) ?? 0)) violation ??= violations.version;
    tops = new Map(tops).set(incarnation, version);
  }
  return { ledger: close({ applied, told: ledger.told, tops }), violation };
}

/** A caller was told `outcome` of `write`. */
export function recordOutcome(ledger: Ledger, write: Write, outcome: Outcome): Entry {
  let violation: string | undefined;
  const told = new Map(ledger.told);
  for (const operation of write.operations) {
    const by = ledger.applied.get(operation);
    if (outcome === 'not-done' && by !== undefined) violation ??= violations.ghost;
    if (outcome === 'done' && by === undefined) violation ??= violations.lie;
    if (outcome === 'done' && by !== undefined && by !== write.id) violation ??= violations.otherValue;
    told.set(operation, outcome);
  }
  return { ledger: close({ applied: ledger.applied, told, tops: ledger.tops }), violation };
}

function close({ applied, told, tops }: Omit<Ledger, 'key'>): Ledger {
  const key = [sorted(applied), sorted(told, (outcome) => outcome.slice(-3)), sorted(tops)].join(';');
  return { applied, told, tops, key };
}

function sorted<T>(map: ReadonlyMap<string, T>, show: (value: T) => unknown = (value) => value): string {
  return Array.from(map, ([name, value]) => `${name}=${show(value)}`)
    .sort()
    .join();
}
