// Goal: a migration to files that is cut short leaves nothing that somebody could go on with, and goes on itself. Method: a process that
// does nothing any more from its k-th call on, for every k; with the power lost then, or not.
import { describe, expect, it } from '@jest/globals';
import { fileStorage } from '../../lib/files/index.js';
import type { Machine } from '../../lib/files/machine.js';
import { migrate, type Storage, transientStorage } from '../../lib/prevalence/index.js';
import { ModelledDisk, type OnCall } from '../support/modelled-file-system.js';
import { lastMoment } from '../support/power-loss.js';
import { clock, expectNotHalf, expectSame, fill, open } from './migrating.js';

/** A process that takes all others for dead. */
const machine: Machine = { self: () => ({ pid: 1, host: 'here', command: 'spec' }), lifeOf: () => 'dead' };

function filesOn(disk: ModelledDisk, onCall?: OnCall): Storage {
  return fileStorage('/data/bank', { fileSystem: disk.fileSystem(onCall), machine, takeOver: true, clock });
}

describe.each([false, true])('migrate() to files (beginning pruned: %p)', (isPruned) => {
  it.each([false, true])('goes on after a death at any call (the power is lost: %p)', async (isPowerLost) => {
    const from = transientStorage();
    await fill(from, { isPruned, rounds: 3 });
    const startsAt = isPruned ? 8 : 0;
    const total = 12;
    let deaths = 0;
    const seqs = new Set<number>();
    for (let at = 0; ; at += 1) {
      const disk = new ModelledDisk();
      let calls = 0;
      const onCall = () => {
        calls += 1;
        return calls > at ? { code: 'EIO' } : undefined;
      };
      const end = await migrate({ from, to: filesOn(disk, onCall) }).catch((error: unknown) => error);
      const { certain } = lastMoment(disk.start, disk.log);
      const next = new ModelledDisk(isPowerLost ? certain : disk.image());
      if (!(end instanceof Error)) break;
      deaths += 1;
      seqs.add(await expectNotHalf(filesOn(next), total));
      const report = await migrate({ from, to: filesOn(next) });
      expect(report).toMatchObject({ seq: total, startsAt });
      await expectSame(from, filesOn(next), { since: startsAt });
    }
    expect(deaths).toBeGreaterThan(20);
    expect(seqs.size).toBeGreaterThan(1);
  });

  it('that was done is anybody’s', async () => {
    const [from, disk] = [transientStorage(), new ModelledDisk()];
    await fill(from, { isPruned, rounds: 3 });
    await migrate({ from, to: filesOn(disk) });
    const one = await open(filesOn(disk));
    expect(await one.handle({ pay: 1 })).toMatchObject({ seq: 13 });
    await one.close();
  });
});
