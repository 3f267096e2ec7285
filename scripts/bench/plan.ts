/** How long and how often everything is measured. */
import type { Sample } from './sample.js';

export interface Plan {
  /** Measured rounds of short windows, and the window. */
  readonly rounds: number;
  readonly windowMs: number;
  /** Measured rounds under contention, where a window has to hold pauses of a second, and the window. */
  readonly contendedRounds: number;
  readonly contendedMs: number;
  /** Atoms of the case with many, in as many parts as there are `rounds`. */
  readonly atoms: number;
  /** Processes that add to one atom. */
  readonly commuteProcesses: number;
  /** Cells of the memory case. */
  readonly cells: number;
  /** Lengths of the journal that is recovered, growing; and of the one with an item per event that is replayed beside it. */
  readonly recoveredEvents: readonly number[];
  readonly replayedItems: number;
  /** The state of the snapshot case, as JSON. */
  readonly snapshotMegabytes: number;
  /** Load before anything is measured, so that the JVM has compiled what it will. */
  readonly warmUpMs: number;
}

export const plans: Readonly<Record<'quick' | 'standard' | 'long', Plan>> = {
  quick: {
    rounds: 2,
    windowMs: 150,
    contendedRounds: 1,
    contendedMs: 800,
    atoms: 600,
    commuteProcesses: 8,
    cells: 10_000,
    recoveredEvents: [10_000, 100_000],
    replayedItems: 2_000,
    snapshotMegabytes: 20,
    warmUpMs: 500,
  },
  standard: {
    rounds: 5,
    windowMs: 600,
    contendedRounds: 3,
    contendedMs: 3_000,
    atoms: 10_000,
    commuteProcesses: 32,
    cells: 100_000,
    recoveredEvents: [10_000, 100_000, 1_000_000],
    replayedItems: 20_000,
    snapshotMegabytes: 50,
    warmUpMs: 6_000,
  },
  long: {
    rounds: 15,
    windowMs: 1_500,
    contendedRounds: 9,
    contendedMs: 6_000,
    atoms: 30_000,
    commuteProcesses: 32,
    cells: 300_000,
    recoveredEvents: [10_000, 100_000, 1_000_000],
    replayedItems: 100_000,
    snapshotMegabytes: 200,
    warmUpMs: 15_000,
  },
};

/** One side of a comparison; `warm` asks for a short run that is not counted. */
export type Variant = (warm: boolean, round: number) => Promise<Sample>;

/**
 * Measures variants in turn, round after round, so that whatever drifts (the machine, the heap, the engine) drifts for all
 * of them. Every other round goes backwards. One round before is for warming up.
 */
export async function interleave<Name extends string>(
  rounds: number,
  variants: Readonly<Record<Name, Variant>>,
): Promise<Record<Name, Sample[]>> {
  const names = Object.keys(variants) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Sample[]>;
  for (const name of names) await variants[name](true, 0);
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? names : names.toReversed();
    for (const name of order) samples[name].push(await variants[name](false, round));
  }
  return samples;
}
