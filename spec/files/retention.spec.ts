// Goal: what is kept of a directory is what was asked for, and what is kept is of use. Method: a journal of snapshots over months, pruned
// by each rule, and cut short at each call of it.
import { describe, expect, it } from '@jest/globals';
import { compressed, encrypted, keyRing } from '../../lib/codec/index.js';
import { systemClock } from '../../lib/engine/index.js';
import { fileStorage } from '../../lib/files/index.js';
import { openPrevayler, type Retention } from '../../lib/prevalence/index.js';
import { type DiskImage, ModelledDisk } from '../support/modelled-file-system.js';
import { errorOf, handClock } from '../support/prevalent.js';
import { readError } from './journal-bytes.js';
import { directory, lastProcess, SmallLog, type SmallLogOptions } from './small-log.js';

const dayMs = 24 * 60 * 60 * 1_000;

function namesOf({ names }: DiskImage, kind: string): number[] {
  const own = [...names.keys()].map((name) => name.slice(directory.length + 1)).filter((name) => name.startsWith(kind));
  return own.map((name) => Number(name.slice(kind.length + 1))).sort((a, b) => a - b);
}

/** A snapshot after each of 12 commits, one every ten days; a last commit after them. */
async function yearLong(
  retention: Retention,
  options: SmallLogOptions = {},
  disk: ModelledDisk = new ModelledDisk(),
): Promise<{ disk: ModelledDisk; one: SmallLog }> {
  const clock = handClock(systemClock, Date.UTC(2026, 0, 1));
  const one = new SmallLog(disk.fileSystem(), { journalBytesMax: 1e9, retention, ...options, clock });
  await one.log.recover();
  for (let n = 0; n < 12; n += 1) {
    clock.set(Date.UTC(2026, 0, 1) + n * 10 * dayMs);
    await one.append(1, 3);
    await one.log.snapshot({ due: false });
  }
  await one.append(1, 3);
  return { disk, one };
}

describe('one who opened the directory when nothing was in it', () => {
  it('and only reads, goes on from a snapshot where the first files are pruned by then', async () => {
    const disk = new ModelledDisk();
    const reader = new SmallLog(disk.fileSystem(), { readOnly: true });
    await reader.log.recover();
    const { one } = await yearLong({}, {}, disk);
    await one.log.prune();
    await reader.log.catchUp('strong');
    expect(reader.last).toBe(13);
  });

  it('and has slept beside another of the same storage object, goes on from its snapshot', async () => {
    const storage = fileStorage(directory, { fileSystem: new ModelledDisk().fileSystem(), machine: lastProcess });
    const open = () =>
      openPrevayler({
        storage,
        initialState: 0,
        handler: (sum: number, n: number) => sum + n,
        follow: false,
        ...keepsOne,
      });
    const keepsOne = { snapshots: false, retention: { keep: 1 } } as const;
    await using one = await open();
    await using other = await open();
    await one.handle(1);
    await one.snapshot();
    await one.handle(2);
    await one.prune();
    expect(await other.handle(4)).toMatchObject({ seq: 3, state: 7 });
  });

  it('and another that opens while a newer snapshot is made, and all before it pruned, goes on from that one', async () => {
    const [doors, reached] = [new Map<string, () => void>(), new Map<string, () => void>()];
    const stopAt = (call: string) =>
      new Promise<void>((resolve) => {
        reached.set(call, resolve);
      });
    const fileSystem = new ModelledDisk().fileSystem(async ({ name, path }) => {
      const call = `${name} ${path.slice(directory.length + 1).split('.')[0]}`;
      reached.get(call)?.();
      if (reached.delete(call)) await new Promise<void>((resolve) => doors.set(call, resolve));
      return undefined;
    });
    const storage = fileStorage(directory, { fileSystem, machine: lastProcess });
    const handler = (sum: number, n: number) => sum + n;
    const system = {
      storage,
      initialState: 0,
      handler,
      follow: false,
      snapshots: false,
      retention: { keep: 1 },
    } as const;
    await using one = await openPrevayler(system);
    await one.handle(1);
    await one.snapshot();
    await one.handle(2);
    const named = stopAt('rename snapshot-0000000002');
    const snapshot = one.snapshot();
    await named;
    const read = stopAt('close snapshot-0000000001');
    const opening = openPrevayler(system);
    await read;
    doors.get('rename snapshot-0000000002')?.();
    await snapshot;
    await one.prune();
    doors.get('close snapshot-0000000001')?.();
    await using other = await opening;
    expect(other.state).toBe(3);
  });
});

describe('prune', () => {
  it.each<[string, Retention, snapshots: number[], journals: number[]]>([
    ['the newest two', {}, [11, 12], [12, 13]],
    ['the newest alone', { keep: 1 }, [12], [13]],
    ['the newest and one of each month', { keep: 1, monthly: 12 }, [4, 6, 9, 12], [5, 6, 7, 8, 9, 10, 11, 12, 13]],
    ['the newest of the last three days that have one', { keep: 1, daily: 3 }, [10, 11, 12], [11, 12, 13]],
    ['two, and all of the journal', { journal: 'forever' }, [11, 12], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]],
    ['two, and 40 days of the journal', { journal: { ms: 40 * dayMs } }, [11, 12], [9, 10, 11, 12, 13]],
  ])('keeps %s', async (_name, retention, snapshots, journals) => {
    const { disk, one } = await yearLong(retention);
    const report = await one.log.prune();
    expect(namesOf(disk.image(), 'snapshot')).toEqual(snapshots);
    expect(namesOf(disk.image(), 'journal')).toEqual(journals);
    expect(report).toEqual({
      ...{ kept: snapshots.length, snapshotsRemoved: 12 - snapshots.length },
      ...{ pagesRemoved: 13 - journals.length, bodiesRemoved: 0 },
    });
    expect(await one.log.prune()).toMatchObject({ snapshotsRemoved: 0, pagesRemoved: 0 });
    const other = new SmallLog(disk.fileSystem(), { retention });
    await other.log.recover();
    expect(other.last).toBe(13);
    expect((await other.log.snapshots()).map(({ seq }) => seq)).toEqual(snapshots);
  });

  it('that is cut short at any call is gone on with by the next one', async () => {
    const wanted = { snapshots: [11, 12], journals: [12, 13] };
    for (let calls = 0; ; calls += 1) {
      const { disk, one } = await yearLong({});
      await one.log.close();
      let left = Number.POSITIVE_INFINITY;
      const dying = new SmallLog(
        disk.fileSystem(() => {
          left -= 1;
          return left < 0 ? { code: 'EIO' } : undefined;
        }),
      );
      await dying.log.recover();
      left = calls;
      const isDone = await dying.log.prune().then(
        () => true,
        () => false,
      );
      const other = new SmallLog(disk.fileSystem());
      await other.log.recover();
      expect(other.last).toBe(13);
      await other.log.prune();
      expect(namesOf(disk.image(), 'snapshot')).toEqual(wanted.snapshots);
      expect(namesOf(disk.image(), 'journal')).toEqual(expect.arrayContaining(wanted.journals));
      expect(namesOf(disk.image(), 'journal')[0]).toBe(wanted.journals[0]);
      if (isDone) return;
    }
  });

  it('never counts one that can’t be read among those that are kept', async () => {
    const { disk, one } = await yearLong({});
    await one.log.close();
    const image = disk.image();
    const file = image.names.get(`${directory}/snapshot-0000000012`) as number;
    // Its parts, and not what it says of itself.
    const content = Buffer.from(image.contents.get(file) as Buffer);
    content[60] = (content[60] as number) ^ 1;
    const after = new ModelledDisk({ names: image.names, contents: new Map([...image.contents, [file, content]]) });
    const other = new SmallLog(after.fileSystem());
    await other.log.recover();
    await other.log.prune();
    expect(namesOf(after.image(), 'snapshot')).toEqual([10, 11, 12]);
    await other.log.snapshot({ due: false });
    await other.log.prune();
    expect(namesOf(after.image(), 'snapshot')).toEqual([11, 13]);
  });
});

describe('a sealed journal', () => {
  const codec = encrypted({
    keys: keyRing({ current: 'k', keys: { k: new Uint8Array(32).fill(7) } }),
    inner: compressed(),
  });

  it('goes on over ends that are in doubt, snapshots and pruning', async () => {
    const { disk } = await yearLong({}, { codec });
    for (let life = 0; life < 3; life += 1) {
      const one = new SmallLog(disk.fileSystem(), { codec });
      await one.log.recover();
      expect(one.last).toBe(13 + life);
      await one.append(1, 3);
      await one.log.prune();
    }
    const reader = new SmallLog(disk.fileSystem(), { codec, readOnly: true });
    await reader.log.recover();
    expect(reader.last).toBe(16);
  });

  it('does not open what was moved to another place in it, though its checksum is made right', async () => {
    const disk = new ModelledDisk();
    const one = new SmallLog(disk.fileSystem(), { codec, journalBytesMax: 1e9 });
    await one.log.recover();
    for (let n = 0; n < 4; n += 1) await one.append(1, 3);
    await one.log.close();
    const { frame, framingOf, frameBytes, recordKinds } = await import('../../lib/files/record.js');
    const image = disk.image();
    const file = image.names.get(`${directory}/journal-0000000001`) as number;
    const bytes = Buffer.from(image.contents.get(file) as Buffer);
    const framing = framingOf(bytes.subarray(0, 32), 12);
    const starts: number[] = [];
    for (let at = 32; at < bytes.length; at += frameBytes + bytes.readUInt32LE(at + 8)) starts.push(at);
    const [, first, second, third] = starts as [number, number, number, number];
    const moved = frame(framing, recordKinds.commit, bytes.subarray(first + frameBytes + 1, second));
    const spoiled = Buffer.concat([bytes.subarray(0, second), moved, bytes.subarray(third)]);
    const other = new SmallLog(
      new ModelledDisk({ ...image, contents: new Map([...image.contents, [file, spoiled]]) }).fileSystem(),
      { codec },
    );
    expect(await errorOf(other.log.recover())).toMatchObject({ code: 'ERR_JOURNAL_DAMAGED', offset: second, place: 1 });
    expect(await readError(image)).toMatchObject({ code: 'ERR_SEALED' });
  });
});
