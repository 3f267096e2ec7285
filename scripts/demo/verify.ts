/** Compares what was counted with the plain sequential computation. */
import type { RunAtoms } from './atoms.js';
import type { Ledger, Tally } from './ledger.js';
import { isOver } from './work-list.js';

export interface Verdict {
  readonly ledgers: ReadonlyMap<string, Ledger>;
  /** Writes that the store has committed, to all atoms. */
  readonly writes: number;
  /** Swaps that took effect on rows. */
  readonly rowSwaps: number;
  /** What differs, in words; empty = equal. */
  readonly differences: readonly string[];
}

export async function verify(atoms: RunAtoms, expected: ReadonlyMap<string, Tally>, chunks: number): Promise<Verdict> {
  const names = [...expected.keys()];
  const [list, ...snapshots] = await Promise.all([
    atoms.list.snapshot(),
    ...names.map((name) => atoms.ledger(name).snapshot()),
  ]);
  const differences = isOver(list.value, chunks)
    ? []
    : [`work list: ${JSON.stringify(list.value)}, expected ${chunks} chunks handed out and done`];
  const ledgers = new Map<string, Ledger>();
  let writes = list.version;
  let rowSwaps = 0;
  for (const [at, { value, version }] of snapshots.entries()) {
    const name = names[at] as string;
    ledgers.set(name, value);
    // Every write moves the version by one.
    writes += version;
    rowSwaps += value.flights;
    differences.push(...compare(name, value, expected.get(name) as Tally));
  }
  return { ledgers, writes, rowSwaps, differences };
}

/** What differs between an atom at the end and what it should hold. Pure. */
function compare(name: string, { open, ...found }: Ledger, expected: Tally): readonly string[] {
  const differences = compareTally(name, 'in the atom', found, expected);
  if (Object.keys(open).length === 0) return differences;
  return [...differences, `${name}: chunks are still open: ${JSON.stringify(open)}`];
}

/** What differs between statistics and what they should be, which `by` says where they come from. Pure. */
export function compareTally(
  name: string,
  where: string,
  found: Tally,
  expected: Tally,
  by = 'by the computation',
): readonly string[] {
  const fields = ['flights', 'delay', 'worst'] as const;
  return fields
    .filter((field) => found[field] !== expected[field])
    .map((field) => `${name}: ${field} is ${found[field]} ${where}, ${expected[field]} ${by}`);
}
