// Goal: who was taken for dead and is not harms nothing: what it acknowledged counts, what it was not told of may, and it finds out.
// Method: two logs on one disk in memory, each a process that takes the other for dead, stopped at one call of the first.
import { describe, expect, it } from '@jest/globals';
import { JournalDamagedError } from '../../lib/files/index.js';
import { callGate } from '../support/call-gate.js';
import { type FileCall, type FileFault, ModelledDisk } from '../support/modelled-file-system.js';
import { lastMoment } from '../support/power-loss.js';
import { errorOf } from '../support/prevalent.js';
import { readAll } from './journal-bytes.js';
import { SmallLog, type SmallLogOptions } from './small-log.js';

async function opened(disk: ModelledDisk, options: SmallLogOptions = {}): Promise<SmallLog> {
  const one = new SmallLog(disk.fileSystem(), { journalBytesMax: 1e9, ...options });
  await one.log.recover();
  return one;
}

/** A log that has appended twice, and stops in its third append, at a call of the journal. */
async function stopped(name: FileCall['name']) {
  const disk = new ModelledDisk();
  const door = callGate((call) => call.name === name && call.path.includes('journal'));
  const one = new SmallLog(disk.fileSystem(door.onCall), { journalBytesMax: 1e9 });
  await one.log.recover();
  await one.append(1, 1);
  await one.append(1, 1);
  door.set();
  const append = one.append(1, 1).then(
    () => 'in' as const,
    (error: Error & { code?: string; outcome?: string }) => error,
  );
  await door.reached;
  return { disk, one, append, pass: door.pass };
}

const deposed = { code: 'ERR_DIRECTORY_HELD', reason: 'taken-over', outcome: 'not-done' };

describe('a directory that was taken over', () => {
  it('before the write: the commit is not in, as the next file says, and the first one is out of use', async () => {
    const { disk, one, append, pass } = await stopped('write');
    const other = await opened(disk);
    expect(other.last).toBe(2);
    await other.append(1, 5);
    pass();
    expect(await append).toMatchObject(deposed);
    expect(await errorOf(one.append(1, 1))).toMatchObject(deposed);
    expect(await errorOf(one.log.catchUp('strong'))).toMatchObject(deposed);
    expect(await errorOf(one.log.snapshot({ due: false }))).toMatchObject(deposed);
    expect(await errorOf(one.log.prune())).toMatchObject(deposed);
    await one.log.close();
    await other.append(1, 1);
    await other.log.close();
    expect((await readAll(disk.image())).texts.map((text) => JSON.parse(text).n)).toEqual([1, 2, 3, 4]);
    expect((await opened(disk)).last).toBe(4);
  });

  it('after the write: the commit is in, since it was found and written anew', async () => {
    const { disk, one, append, pass } = await stopped('syncData');
    const other = await opened(disk);
    expect(other.last).toBe(3);
    pass();
    expect(await append).toBe('in');
    expect(await errorOf(one.append(1, 1))).toMatchObject(deposed);
    await other.append(1, 1);
    expect((await opened(disk)).last).toBe(4);
  });

  it('after the write, by one who has not come so far as to make a file: nobody knows', async () => {
    const { disk, append, pass } = await stopped('syncData');
    const door = callGate(({ name, path }) => name === 'link' && path.includes('journal'));
    door.set();
    const other = new SmallLog(disk.fileSystem(door.onCall), { journalBytesMax: 1e9 });
    const recovering = other.log.recover();
    await door.reached;
    pass();
    expect(await append).toMatchObject({ code: 'ERR_APPEND_UNKNOWN', outcome: 'unknown' });
    door.pass();
    await recovering;
    expect(other.last).toBe(3);
  });

  it('before the write, by one whose file may be lost with the power: it is made certain before the commit is told as not done', async () => {
    const { disk, append, pass } = await stopped('write');
    let isLinked = false;
    const door = callGate(({ name, path }) => {
      isLinked ||= name === 'link' && path.includes('journal');
      return isLinked && name === 'syncDirectory';
    });
    door.set();
    const other = new SmallLog(disk.fileSystem(door.onCall), { journalBytesMax: 1e9 });
    const recovering = other.log.recover();
    await door.reached;
    pass();
    expect(await append).toMatchObject(deposed);
    const { certain } = lastMoment(disk.start, disk.log);
    expect((await opened(new ModelledDisk(certain))).last).toBe(2);
    door.pass();
    await recovering;
  });

  it.each(['create', 'link'])(
    'while it makes a file (%s): the number goes to who is first, and the other opens anew',
    async (step) => {
      const disk = new ModelledDisk();
      const door = callGate(({ name, path }) => name === step && path.includes('journal'));
      const one = new SmallLog(disk.fileSystem(door.onCall), { journalBytesMax: 1_024 });
      await one.log.recover();
      await one.append(1, 1_024);
      door.set();
      const append = errorOf(one.append(1, 1));
      await door.reached;
      const other = await opened(disk);
      await other.append(1, 1);
      door.pass();
      expect(await append).toMatchObject({ outcome: 'not-done' });
      await other.append(1, 1);
      expect((await opened(disk)).last).toBe(3);
    },
  );

  it('twice: each goes on from the one before', async () => {
    const disk = new ModelledDisk();
    const logs: SmallLog[] = [];
    for (let n = 1; n <= 6; n += 1) {
      const one = await opened(disk);
      expect(one.last).toBe(n - 1);
      await one.append(1, 1);
      logs.push(one);
    }
    for (const one of logs.slice(0, -1)) expect(await errorOf(one.append(1, 1))).toMatchObject(deposed);
    const { texts } = await readAll(disk.image());
    expect(texts.length).toBe(6);
  });

  it('without a commit in between: the last one is carried on from file to file', async () => {
    const disk = new ModelledDisk();
    const one = await opened(disk);
    await one.append(2, 1);
    for (let n = 0; n < 5; n += 1) expect((await opened(disk)).last).toBe(2);
    expect((await readAll(disk.image())).texts.length).toBe(1);
  });
});

describe('a log that only reads', () => {
  it('follows who writes, over new files and clean ends, and holds nothing', async () => {
    const disk = new ModelledDisk();
    const reader = await opened(disk, { readOnly: true });
    expect(reader.last).toBe(0);
    for (let life = 0; life < 3; life += 1) {
      const one = await opened(disk, { journalBytesMax: 2_048 });
      for (let n = 0; n < 12; n += 1) {
        await one.append(1, 200);
        await reader.log.catchUp(n % 2 === 0 ? 'strong' : 'eventual');
        expect(reader.last).toBe(one.last);
      }
      await one.log.close();
      await reader.log.catchUp('strong');
    }
    expect(reader.last).toBe(36);
    expect((await opened(disk, { readOnly: true })).last).toBe(36);
  });

  it('goes on in the next file from a commit that was written anew, without beginning again', async () => {
    const disk = new ModelledDisk();
    const one = await opened(disk);
    await one.append(1, 1);
    await one.append(1, 1);
    let restored = 0;
    const reader = await opened(disk, { readOnly: true, onRestore: () => (restored += 1) });
    expect([reader.last, restored]).toEqual([2, 1]);
    for (let n = 0; n < 3; n += 1) await opened(disk);
    const other = await opened(disk);
    await other.append(1, 1);
    await reader.log.catchUp('strong');
    expect([reader.last, restored]).toEqual([3, 1]);
  });

  it('begins again when it has seen a commit that never counted', async () => {
    const { disk, append, pass } = await stopped('write');
    // The other one has read the journal to its end, and has not sealed it, when the first one writes.
    const door = callGate(({ name, path }) => name === 'create' && path.includes('journal'));
    door.set();
    const other = new SmallLog(disk.fileSystem(door.onCall), { journalBytesMax: 1e9 });
    const recovering = other.log.recover();
    await door.reached;
    pass();
    expect(await append).toMatchObject({ code: 'ERR_APPEND_UNKNOWN' });
    const reader = await opened(disk, { readOnly: true });
    expect(reader.last).toBe(3);
    door.pass();
    await recovering;
    expect(other.last).toBe(2);
    await reader.log.catchUp('strong');
    expect(reader.last).toBe(2);
    await other.append(3, 1);
    await reader.log.catchUp('strong');
    expect(reader.last).toBe(5);
  });

  it('begins again when it has seen a write that failed, and another one came in its place', async () => {
    const disk = new ModelledDisk();
    let fault: FileFault | undefined;
    const one = new SmallLog(
      disk.fileSystem(({ name }) => {
        const now = name === 'write' ? fault : undefined;
        if (now !== undefined) fault = undefined;
        return now;
      }),
      { journalBytesMax: 1e9 },
    );
    await one.log.recover();
    await one.append(1, 1);
    fault = { code: 'ENOSPC', after: true };
    await errorOf(one.append(1, 2));
    const reader = await opened(disk, { readOnly: true });
    expect(reader.last).toBe(2);
    await one.append(1, 9);
    await reader.log.catchUp('strong');
    expect(reader.events).toEqual(one.events);
  });

  it('goes on from a snapshot when what it was to read was pruned', async () => {
    const disk = new ModelledDisk();
    const one = await opened(disk);
    await one.append(1, 1);
    const reader = await opened(disk, { readOnly: true });
    for (let n = 0; n < 4; n += 1) {
      await one.append(1, 1);
      await one.log.snapshot({ due: false });
    }
    await one.append(1, 1);
    expect(await one.log.prune()).toMatchObject({ kept: 2, snapshotsRemoved: 2 });
    await reader.log.catchUp('strong');
    expect(reader.last).toBe(6);
    const late = reader.log.read(1);
    expect(await errorOf(late.next())).toMatchObject({ code: 'ERR_JOURNAL_COMPACTED' });
  });

  it('of a directory that was put back as it was, or emptied, says so', async () => {
    const disk = new ModelledDisk();
    const one = await opened(disk);
    for (let n = 0; n < 3; n += 1) await one.append(1, 1);
    await one.log.close();
    const old = disk.image();
    const other = await opened(disk);
    for (let n = 0; n < 3; n += 1) await other.append(1, 1);
    const reader = new SmallLog(switched(disk, new ModelledDisk(old)), { readOnly: true });
    await reader.log.recover();
    expect(reader.last).toBe(6);
    expect(await errorOf(reader.log.catchUp('strong'))).toMatchObject({
      code: 'ERR_JOURNAL_DAMAGED',
      reason: 'missing',
    });
    const emptied = new SmallLog(switched(disk, new ModelledDisk()), { readOnly: true });
    await emptied.log.recover();
    expect(await errorOf(emptied.log.catchUp('strong'))).toBeInstanceOf(JournalDamagedError);
    const anew = new ModelledDisk();
    const fresh = await opened(anew);
    for (let n = 0; n < 9; n += 1) await fresh.append(1, 1);
    const mixed = new SmallLog(switched(disk, anew), { readOnly: true });
    await mixed.log.recover();
    expect(await errorOf(mixed.log.catchUp('strong'))).toMatchObject({ code: 'ERR_JOURNAL_FORMAT' });
  });
});

/** One disk until a log has recovered from it, then another. */
function switched(first: ModelledDisk, second: ModelledDisk) {
  const [one, other] = [first.fileSystem(), second.fileSystem()];
  let lists = 0;
  const now = () => (lists > 2 ? other : one);
  return {
    ...one,
    open: (path: string) => now().open(path),
    list: (path: string) => {
      lists += 1;
      return now().list(path);
    },
    identityOf: (path: string) => {
      const identity = now().identityOf(path);
      return identity === undefined ? undefined : `${lists > 2}/${identity}`;
    },
  };
}
