/** `npm run chaos -- --files N`: losses of power on a disk in memory, and processes that are killed on real files. */
import { seededRandom } from '../../lib/engine/index.js';
import { drawnHistory, everyState, interruptedHistory } from '../../spec/files/crash-run.js';
import { killedWriters } from '../../spec/files/killed-writers.js';

export interface FilesChaosOptions {
  readonly firstSeed: number;
  readonly fail: (error: unknown) => void;
  /** States of disks. */
  readonly states: number;
  /** Processes that are killed. */
  readonly kills: number;
}

/** Calls of the first process of `interruptedHistory`, at most. */
const callsMax = 80;

export async function filesInTrouble({ firstSeed, fail, states, kills }: FilesChaosOptions): Promise<void> {
  const sums = { histories: 0, states: 0, disks: 0, recoveryStates: 0 };
  for (let seed = firstSeed; sums.states < states; seed += 1) {
    try {
      // In turn: whatever comes, and a death at the next call.
      const isDrawn = sums.histories % 2 === 0;
      const deathAt = 1 + (((sums.histories - 1) / 2) % callsMax);
      const history = isDrawn ? await drawnHistory(seededRandom(seed)) : await interruptedHistory(deathAt);
      const report = await everyState(history, { seed });
      sums.states += report.states;
      sums.disks += report.disks;
      sums.recoveryStates += report.recoveryStates;
    } catch (error) {
      fail(error);
    }
    sums.histories += 1;
    if (sums.histories % 10 === 0) console.log(JSON.stringify(sums));
  }
  console.log(JSON.stringify(sums));
  if (kills === 0) return;
  const { findings, ...report } = await killedWriters({ seed: firstSeed, kills });
  console.log(JSON.stringify(report));
  if (findings.length > 0) fail(new Error(findings.join('\n')));
}
