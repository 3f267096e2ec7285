// Goal: what somebody does to the files beneath those who have them open, or between two lives, is found and never served.
// Method: disks in memory, put in each other's place; names that lead nowhere; lists that are made while files come and go.
import { describe, expect, it } from '@jest/globals';
import { type DiskImage, ModelledDisk } from '../support/modelled-file-system.js';
import { errorOf } from '../support/prevalent.js';
import { contentOf, makeJournal, withContent } from './journal-bytes.js';
import { directory, SmallLog } from './small-log.js';

/** What a process leaves that appends an event, makes a snapshot and appends another one. */
async function goneOn(start: DiskImage, padding: number): Promise<DiskImage> {
  const disk = new ModelledDisk(start);
  const one = new SmallLog(disk.fileSystem(), { journalBytesMax: 1e9 });
  await one.log.recover();
  await one.append(1, padding);
  await one.log.snapshot({ due: false });
  await one.append(1, 8);
  await one.log.close();
  return disk.image();
}

describe('a snapshot', () => {
  it('of a copy that has gone on by itself is refused, though the journal begins a file where it ends', async () => {
    const start = (await makeJournal(1, true)).image;
    const [image, other] = [await goneOn(start, 2), await goneOn(start, 3)];
    const name = `${directory}/snapshot-0000000002`;
    const disk = new ModelledDisk(withContent(image, name, contentOf(other, name)));
    for (const readOnly of [false, true]) {
      const one = new SmallLog(disk.fileSystem(), { readOnly });
      expect(await errorOf(one.log.recover())).toMatchObject({
        code: 'ERR_JOURNAL_DAMAGED',
        reason: 'gap',
        file: name,
      });
    }
  });
});
