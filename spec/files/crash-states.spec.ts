/**
 * Losses of power at every moment of appending, beginning files, snapshots and pruning, after processes that died at any call: whatever
 * is left on the disk, all that was acknowledged is there, nothing else is, and it goes on. Here a sample of the states, which is
 * another one for each seed; `npm run chaos -- --files N` looks at N of them.
 */
import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../lib/engine/index.js';
import { CrashHistory, type CrashProcess, drawnHistory, everyState, interruptedHistory } from './crash-run.js';

const seed = Number(process.env.LEYDEN_SEED ?? Date.now() % 1e9);

describe(`fileStorage() after a loss of power [LEYDEN_SEED=${seed}]`, () => {
  it('has what was acknowledged, whatever one process after another did', async () => {
    const history = await drawnHistory(seededRandom(seed));
    const report = await everyState(history, { seed, oneOf: 10 });
    expect(report.states).toBeGreaterThan(100);
  });

  it('has what was acknowledged when a process died at any call before', async () => {
    const random = seededRandom(seed);
    for (let deathAt = 1 + random.int(5); deathAt < 80; deathAt += 1 + random.int(15)) {
      await everyState(await interruptedHistory(deathAt), { seed, drawn: 1, oneOf: 20 });
    }
  });

  it.each([
    ['does not lose a file whose name was not synced by who gave it', 'remove', 3],
    ['goes on behind an end that was not synced by who wrote it', 'syncData', 6],
  ] as const)('%s', async (_, call, nth) => {
    const history = new CrashHistory();
    const work = async (process: CrashProcess) => {
      // More than one file has.
      await process.append(1, 2_100);
      await process.append(1, 5);
      await process.small.log.close();
    };
    await history.live(work, nth, call);
    await history.live(work);
    const report = await everyState(history, { seed, drawn: 1 });
    expect(report.states).toBeGreaterThan(300);
  });
});
