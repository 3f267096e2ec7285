/** What the specs of the pointer work on: tables on one memory engine, as many processes, and entries of snapshots. */
import type { AtomTable } from '../../lib/atom/index.js';
import { type Held, heldFrom } from '../../lib/codec/index.js';
import { SnapshotPointer, type SnapshotPointerOptions } from '../../lib/snapshot/pointer.js';
import type { SnapEntry, SnapValue } from '../../lib/snapshot/pointer-value.js';
import type { Bench } from '../atom/bench.js';

export const journalId = 'journal-1';
export const key = 'bank/snap';

/** A pointer as another process has it. */
export function openPointer(
  bench: Bench,
  options: SnapshotPointerOptions = {},
  table: AtomTable = bench.calm(),
): SnapshotPointer {
  const pointer = new SnapshotPointer(table, key, { clock: bench.clock, ...options });
  pointer.bind(journalId);
  return pointer;
}

/** A snapshot after so many commits; every page has ten. */
export function entryAt(place: number, facts: Partial<SnapEntry> = {}): SnapEntry {
  const page = Math.floor(place / 10);
  const time = Date.UTC(2026, 0, 1) + place * 1_000;
  return {
    id: `s${place}`,
    place,
    seq: place * 3,
    page,
    from: page * 10 + 1,
    parts: 2,
    bytes: 1_000,
    digest: 'd'.repeat(22),
    time,
    madeAt: time,
    chain: 'c'.repeat(22),
    ...facts,
  };
}

/** Makes and publishes a snapshot. */
export async function publish(pointer: SnapshotPointer, entry: SnapEntry): Promise<'moved' | 'overtaken' | 'swept'> {
  await pointer.begin({ id: entry.id, parts: entry.parts });
  return pointer.move(entry);
}

/** All values that the pointer ever had, in order. */
export function historyOf(bench: Bench): SnapValue[] {
  return bench.commits.map(({ after }) => {
    const held: Held = heldFrom({ data: after?.d ?? { NULL: true } }, key);
    return held.hand() as SnapValue;
  });
}

export const idsOf = (all: readonly { readonly id: string }[]): string[] => all.map(({ id }) => id);
