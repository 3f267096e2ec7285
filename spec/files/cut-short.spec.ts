// Goal: what was begun and not finished harms nobody: a fold, a read, a first state. Method: a disk in memory on which one call
// fails, or something happens just before it; then the same log or the next one goes on.
import { describe, expect, it } from '@jest/globals';
import { fileStorage } from '../../lib/files/index.js';
import { openPrevayler } from '../../lib/prevalence/index.js';
import { ModelledDisk } from '../support/modelled-file-system.js';
import { errorOf } from '../support/prevalent.js';
import { makeJournal } from './journal-bytes.js';
import { directory, lastProcess, SmallLog } from './small-log.js';

async function reopened(disk: ModelledDisk): Promise<SmallLog> {
  const one = new SmallLog(disk.fileSystem());
  await one.log.recover();
  return one;
}

describe('a fold', () => {
  it('closes the file when what was read can’t be taken', async () => {
    const disk = new ModelledDisk((await makeJournal(3, true)).image);
    const opened: string[] = [];
    const closed: string[] = [];
    const fileSystem = disk.fileSystem(({ name, path }) => {
      if (name === 'open' || name === 'create') opened.push(path);
      if (name === 'close') closed.push(path);
      return undefined;
    });
    const storage = fileStorage(directory, { fileSystem, machine: lastProcess });
    const handler = () => {
      throw new Error('no');
    };
    const error = await errorOf(openPrevayler({ storage, format: 'numbers', initialState: 0, handler }));
    expect(error).toMatchObject({ code: 'ERR_REPLAY' });
    expect(closed.sort()).toEqual(opened.sort());
  });

  it('that could not make a doubtful end certain reads all of the file again, and loses nothing of it', async () => {
    const disk = new ModelledDisk((await makeJournal(5, false)).image);
    let isFull = true;
    const fileSystem = disk.fileSystem(({ name, path }) =>
      isFull && name === 'create' && path.includes('journal') ? { code: 'ENOSPC' } : undefined,
    );
    const one = new SmallLog(fileSystem);
    expect(await errorOf(one.log.recover())).toMatchObject({ code: 'ERR_DIRECTORY', reason: 'full' });
    isFull = false;
    await one.log.catchUp('strong');
    await one.append(1, 9);
    expect(one.last).toBe(6);
    expect((await reopened(disk)).events).toEqual(one.events);
  });
});

describe('reading events', () => {
  it('goes on in the next file, also when the writer ended one and the next writer began another meanwhile', async () => {
    const disk = new ModelledDisk();
    const one = new SmallLog(disk.fileSystem(), { journalBytesMax: 1e9 });
    await one.log.recover();
    // More than is read at once.
    for (let n = 0; n < 3; n += 1) await one.append(1, 300_000);
    let isDue = false;
    const fileSystem = disk.fileSystem(async ({ name }) => {
      if (!isDue || name !== 'list') return undefined;
      isDue = false;
      await (await reopened(disk)).append(1, 4);
      return undefined;
    });
    const reader = new SmallLog(fileSystem, { readOnly: true });
    await reader.log.recover();
    const reading = reader.log.read(1);
    await reading.next();
    await one.log.close();
    isDue = true;
    const rest: number[] = [];
    for await (const { commit } of reading) rest.push(commit.first);
    expect(rest).toEqual([2, 3, 4]);
  });
});

describe('a state to begin with', () => {
  it.each([true, false])(
    'whose journal was not begun gets the journal that it is of (begun again: %p)',
    async (again) => {
      const disk = new ModelledDisk();
      let isDead = false;
      const fileSystem = disk.fileSystem(({ name, path }) => {
        isDead ||= name === 'create' && path.includes('journal');
        return isDead ? { code: 'EIO' } : undefined;
      });
      const base = {
        captured: [
          [1, 1],
          [2, 1],
        ],
        seq: 2,
        time: 5,
      };
      expect(await errorOf(new SmallLog(fileSystem).log.begin(base))).toMatchObject({ code: 'ERR_DIRECTORY' });
      const next = new ModelledDisk(disk.image());
      const one = new SmallLog(next.fileSystem());
      if (again) await one.log.begin(base);
      else {
        await one.log.recover();
        // It may be half of a system: who was to store the rest holds it.
        expect(await errorOf(one.append(1, 7))).toMatchObject({ code: 'ERR_NOT_WRITER', outcome: 'not-done' });
        await one.log.hold({ isMigration: true });
      }
      await one.append(1, 7);
      await one.log.release();
      await one.log.close();
      expect((await reopened(next)).events).toEqual([
        [1, 1],
        [2, 1],
        [3, 7],
      ]);
    },
  );
});
