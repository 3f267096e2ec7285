/** Facts that hold for every simulation: they are specs, each in the words of who describes them. */
import { expect, it } from '@jest/globals';

/** Runs are long. */
export const simulationMsMax = 120_000;

/** `simulate` makes the run of that seed. */
export function givesTheSameRun(seed: number, simulate: (seed: number) => Promise<{ readonly trace: string }>): void {
  it(
    'gives the same run for the same seed',
    async () => {
      const first = await simulate(seed);
      expect((await simulate(seed)).trace).toBe(first.trace);
      expect((await simulate(seed + 1)).trace).not.toBe(first.trace);
    },
    simulationMsMax,
  );
}

/** Bugs and lies, and what the judge says of them, among other things. */
interface Planted<Spoils> {
  readonly name: string;
  readonly finds: string;
  readonly spoils: Spoils;
}

export function judgeFindsOut<Spoils>(
  planted: readonly Planted<Spoils>[],
  simulate: (spoils: Spoils) => Promise<{ readonly findings: readonly { readonly why: string }[] }>,
): void {
  it.each(planted)(
    '$name',
    async ({ finds, spoils }) => {
      const { findings } = await simulate(spoils);
      expect(findings.map(({ why }) => why)).toContain(finds);
    },
    simulationMsMax,
  );
}
