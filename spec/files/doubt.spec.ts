// Goal: who only reads says of a commit that it counts only if no loss of power can take it.
// Method: a writer that hangs in a sync, one that takes over and hangs before its file is certain, a reader between the two.
import { describe, expect, it } from '@jest/globals';
import { callGate } from '../support/call-gate.js';
import { ModelledDisk } from '../support/modelled-file-system.js';
import { lastMoment } from '../support/power-loss.js';
import { SmallLog } from './small-log.js';

describe('read() of a log that only reads', () => {
  it('doubts a commit that it has read, and then found written anew in a file that is not certain', async () => {
    const disk = new ModelledDisk();
    const door = callGate(({ name, path }) => name === 'syncData' && path.includes('journal'));
    const one = new SmallLog(disk.fileSystem(door.onCall), { journalBytesMax: 1e9 });
    await one.log.recover();
    await one.append(1, 1);
    door.set();
    void one.append(1, 1).catch(() => {});
    await door.reached;
    let lists = 0;
    const readerDoor = callGate(({ name }) => {
      if (name === 'list') lists += 1;
      return name === 'list' && lists > 1;
    });
    const reader = new SmallLog(disk.fileSystem(readerDoor.onCall), { readOnly: true });
    await reader.log.recover();
    readerDoor.set();
    const told: unknown[] = [];
    const reading = (async () => {
      for await (const { commit, isInDoubt } of reader.log.read(1)) told.push([commit.first, isInDoubt ?? false]);
    })();
    await readerDoor.reached;
    let isLinked = false;
    const otherDoor = callGate(({ name, path }) => {
      isLinked ||= name === 'link' && path.includes('journal');
      return isLinked && name === 'syncDirectory';
    });
    otherDoor.set();
    const other = new SmallLog(disk.fileSystem(otherDoor.onCall), { journalBytesMax: 1e9 });
    const recovering = other.log.recover();
    await otherDoor.reached;
    readerDoor.pass();
    await reading;
    const { certain } = lastMoment(disk.start, disk.log);
    const after = new SmallLog(new ModelledDisk(certain).fileSystem());
    await after.log.recover();
    expect(after.last).toBe(1);
    expect(told).toEqual([
      [1, false],
      [2, true],
    ]);
    otherDoor.pass();
    await recovering;
    door.pass();
  });
});
