/** `npm run chaos -- --rotation N`: keys of sealed systems change under writers that die, until N items were written in each kind of place. */
import { bucketOfRotation, directoryOfRotation, tableOfRotation } from '../../spec/histories/rotation/places.js';
import { rotationRun } from '../../spec/histories/rotation/run.js';

const places = { table: tableOfRotation, bucket: bucketOfRotation, directory: directoryOfRotation } as const;

export interface RotationChaosOptions {
  readonly firstSeed: number;
  readonly items: number;
  readonly fail: (error: unknown) => void;
}

export async function rotations({ firstSeed: seed, items, fail }: RotationChaosOptions): Promise<void> {
  // Waits of processes that may die keep none alive.
  const alive = setInterval(() => {}, 1_000);
  for (const [name, placeOf] of Object.entries(places)) {
    const { findings, ...report } = await rotationRun(await placeOf(), { seed, items });
    console.log(`${name}: ${JSON.stringify(report)}`);
    if (findings.length > 0) {
      fail(
        new Error(`${findings.slice(0, 5).join('\n')}\nrepeat: npm run chaos -- --seed ${seed} --rotation ${items}`),
      );
    }
  }
  clearInterval(alive);
}
