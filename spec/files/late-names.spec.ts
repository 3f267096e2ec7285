// Goal: a file that one who lost the directory names late is never half of somebody else's, and never opens a gap.
// Method: two logs on one disk in memory, the first stopped at one call of a file in the making.
import { describe, expect, it } from '@jest/globals';
import { callGate } from '../support/call-gate.js';
import { type FileCall, ModelledDisk, type OnCall } from '../support/modelled-file-system.js';
import { lastMoment } from '../support/power-loss.js';
import { errorOf } from '../support/prevalent.js';
import { directory, SmallLog, type SmallLogOptions } from './small-log.js';

async function opened(disk: ModelledDisk, onCall?: OnCall, options: SmallLogOptions = {}): Promise<SmallLog> {
  const one = new SmallLog(disk.fileSystem(onCall), { journalBytesMax: 1e9, ...options });
  await one.log.recover();
  return one;
}

/** What is there for certain when the power is lost now. */
function certain(disk: ModelledDisk): ModelledDisk {
  return new ModelledDisk(lastMoment(disk.start, disk.log).certain);
}

const isOf = (name: FileCall['name'], part: string) => (call: FileCall) =>
  call.name === name && call.path.includes(part);

describe('a name that comes late', () => {
  it.each(['syncData', 'link'] as const)(
    'of a journal file, after a stop in %s, is not given to what the next one is making',
    async (step) => {
      const disk = new ModelledDisk();
      const door = callGate(isOf(step, 'journal-0000000001'), { isSet: true });
      const one = await opened(disk, door.onCall);
      const append = errorOf(one.append(1, 1));
      await door.reached;
      one.log.stop(new Error('enough'));
      await one.log.close();
      expect(await append).toMatchObject({ code: 'ERR_APPEND_UNKNOWN' });
      const otherDoor = callGate(isOf('syncData', 'journal-0000000001'), { isSet: true });
      const other = await opened(disk, otherDoor.onCall);
      const own = other.append(1, 5);
      await otherDoor.reached;
      door.pass();
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect((await opened(certain(disk))).last).toBe(0);
      otherDoor.pass();
      await own;
      expect((await opened(certain(disk))).last).toBe(1);
    },
  );

  it('of a snapshot, after a stop, is not given to what the next one is making', async () => {
    const disk = new ModelledDisk();
    const first = await opened(disk);
    await first.append(1, 1);
    await first.log.close();
    const door = callGate(isOf('rename', 'snapshot-'), { isSet: true });
    const one = await opened(disk, door.onCall);
    const snapshot = errorOf(one.log.snapshot({ due: false }));
    await door.reached;
    one.log.stop(new Error('enough'));
    await one.log.close();
    const otherDoor = callGate(isOf('syncData', 'snapshot-'), { isSet: true });
    const other = await opened(disk, otherDoor.onCall);
    const own = other.log.snapshot({ due: false });
    await otherDoor.reached;
    door.pass();
    await snapshot;
    const warnings: unknown[] = [];
    const third = await opened(certain(disk), undefined, { onWarning: (error) => warnings.push(error) });
    expect([third.last, warnings]).toEqual([1, []]);
    otherDoor.pass();
    await own;
  });

  it('of a journal file whose number was used and pruned meanwhile is not given', async () => {
    const disk = new ModelledDisk();
    const door = callGate(isOf('create', 'journal-0000000002'), { isSet: true });
    const one = await opened(disk, door.onCall, { journalBytesMax: 1_024 });
    await one.append(1, 1_024);
    const append = errorOf(one.append(1, 1));
    await door.reached;
    const other = await opened(disk);
    for (let n = 0; n < 4; n += 1) {
      await other.append(1, 1);
      await other.log.snapshot({ due: false });
    }
    await other.log.prune();
    expect(disk.image().names.has(`${directory}/journal-0000000002`)).toBe(false);
    door.pass();
    expect(await append).toMatchObject({ code: 'ERR_DIRECTORY_HELD', reason: 'taken-over', outcome: 'not-done' });
    await other.append(1, 1);
    expect((await opened(disk)).last).toBe(6);
  });
});

describe('who prunes and loses the directory meanwhile', () => {
  /** Makes so many snapshots, each after a commit. */
  async function fill(log: SmallLog, count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) {
      await log.append(1, 1);
      await log.log.snapshot({ due: false });
    }
  }

  /** A prune that is stopped as it removes a file. */
  async function pruning(name: string) {
    const disk = new ModelledDisk();
    const door = callGate((call) => call.name === 'remove' && call.path === `${directory}/${name}`, { isSet: true });
    const one = await opened(disk, door.onCall);
    await fill(one, 4);
    const prune = errorOf(one.log.prune());
    await door.reached;
    return { disk, prune, pass: door.pass };
  }

  it('removes nothing more', async () => {
    const { disk, prune, pass } = await pruning('journal-0000000001');
    await opened(disk);
    pass();
    expect(await prune).toMatchObject({ code: 'ERR_DIRECTORY_HELD', reason: 'taken-over' });
    const { names } = disk.image();
    expect([1, 2].map((number) => names.has(`${directory}/journal-000000000${number}`))).toEqual([false, true]);
  });

  it('is told so also where another one has pruned what it looks at', async () => {
    const { disk, prune, pass } = await pruning('snapshot-0000000002');
    const other = await opened(disk);
    await fill(other, 3);
    await other.log.prune();
    pass();
    expect(await prune).toMatchObject({ code: 'ERR_DIRECTORY_HELD', reason: 'taken-over' });
  });
});
