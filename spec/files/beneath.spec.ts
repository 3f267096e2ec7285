// Goal: what somebody does to the files beneath those who have them open, or between two lives, is found and never served.
// Method: disks in memory, put in each other's place; names that lead nowhere; lists that are made while files come and go.
import { mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { compressed, encrypted, keyRing } from '../../lib/codec/index.js';
import type { FileSystem } from '../../lib/files/file-system.js';
import { fileStorage } from '../../lib/files/index.js';
import { JournalFiles } from '../../lib/files/journal-files.js';
import { openPrevayler, sealedStorage } from '../../lib/prevalence/index.js';
import { type DiskImage, ModelledDisk } from '../support/modelled-file-system.js';
import { errorOf, ledger } from '../support/prevalent.js';
import { contentOf, firstJournal, makeJournal, withContent } from './journal-bytes.js';
import { directory, lastProcess, SmallLog } from './small-log.js';

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

  it('whose name leads nowhere is passed over with a warning; a journal file whose name does is missing', async () => {
    const place = path.join(mkdtempSync(path.join(tmpdir(), 'leyden-beneath-')), 'system');
    folders.push(path.dirname(place));
    const warnings: unknown[] = [];
    const open = () =>
      openPrevayler({ ...ledger, storage: fileStorage(place), onWarning: (error) => warnings.push(error) });
    const leadNowhere = (name: string) => {
      renameSync(path.join(place, name), path.join(place, '..', name));
      symlinkSync(path.join(place, 'nowhere'), path.join(place, name));
    };
    const one = await open();
    await one.handle(1);
    await one.snapshot();
    await one.close();
    leadNowhere('snapshot-0000000001');
    const other = await open();
    expect([other.state.sum, warnings]).toMatchObject([1, [{ code: 'ERR_SNAPSHOT_DAMAGED' }]]);
    await other.close();
    leadNowhere('journal-0000000001');
    expect(await errorOf(open())).toMatchObject({ code: 'ERR_JOURNAL_DAMAGED', reason: 'missing' });
  });
});

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

describe('a writer', () => {
  const away: readonly (readonly [string, (names: Map<string, number>) => void])[] = [
    ['removed', (names) => names.delete(firstJournal)],
    ['replaced', (names) => names.set(firstJournal, 999)],
  ];

  it.each(away)('whose file was %s acknowledges nothing more', async (_, change) => {
    const disk = new ModelledDisk();
    const own = disk.fileSystem();
    let names: ReadonlyMap<string, number> | undefined;
    const identityOf: FileSystem['identityOf'] = (name) => names?.get(name)?.toString() ?? own.identityOf(name);
    const isGone = (name: string) => names !== undefined && !names.has(name);
    const one = new SmallLog({ ...own, identityOf: (name) => (isGone(name) ? undefined : identityOf(name)) });
    await one.log.recover();
    await one.append(1, 1);
    const changed = new Map(disk.image().names);
    change(changed);
    names = changed;
    expect(await errorOf(one.append(1, 1))).toMatchObject({
      ...{ code: 'ERR_APPEND_UNKNOWN', outcome: 'unknown' },
      cause: { code: 'ERR_JOURNAL_DAMAGED', reason: 'missing', file: firstJournal },
    });
    expect(await errorOf(one.append(1, 1))).toMatchObject({ code: 'ERR_DIRECTORY', outcome: 'not-done' });
  });

  it.each([1, 2, 3])('that can’t see whose the directory is (look %d) writes no commit twice', async (look) => {
    const disk = new ModelledDisk();
    const own = disk.fileSystem();
    let looks = Number.POSITIVE_INFINITY;
    const one = new SmallLog({
      ...own,
      identityOf: (name) => {
        looks -= 1;
        if (looks === 0) throw Object.assign(new Error('EIO'), { code: 'EIO' });
        return own.identityOf(name);
      },
    });
    await one.log.recover();
    await one.append(1, 1);
    looks = look;
    const error = await errorOf(one.append(1, 1));
    expect(error.code).toBe(look === 1 ? 'ERR_DIRECTORY' : 'ERR_APPEND_UNKNOWN');
    await one.append(1, 5).catch(() => {});
    await one.log.close();
    const next = new SmallLog(disk.fileSystem());
    await next.log.recover();
    expect(next.events).toEqual(look === 1 ? one.events : [...one.events, [2, 1]]);
  });

  it('knows a file that it began while somebody else looked at the directory', async () => {
    const disk = new ModelledDisk();
    const own = disk.fileSystem();
    let wait: Promise<void> | undefined;
    const list = async (name: string) => {
      const names = await own.list(name);
      await wait;
      return names;
    };
    const one = new SmallLog({ ...own, list }, { journalBytesMax: 1e9 });
    await one.log.recover();
    await one.append(1, 1);
    let goOn: () => void = () => {};
    wait = new Promise((resolve) => {
      goOn = resolve;
    });
    const looking = one.log.pastStart({ seq: 1 });
    await one.log.snapshot({ due: false });
    await one.append(1, 1);
    goOn();
    await looking;
    await one.log.snapshot({ due: false });
    await one.append(1, 1);
    expect((await one.log.snapshots()).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  it('shares its directory only with those who have its codec', async () => {
    const storage = fileStorage(directory, { fileSystem: new ModelledDisk().fileSystem(), machine: lastProcess });
    const codecOf = (byte: number) =>
      encrypted({ keys: keyRing({ current: 'k', keys: { k: new Uint8Array(32).fill(byte) } }), inner: compressed() });
    const open = (byte: number | undefined) =>
      openPrevayler({ ...ledger, storage: byte === undefined ? storage : sealedStorage(storage, codecOf(byte)) });
    const plain = await open(undefined);
    expect(await errorOf(open(1))).toMatchObject({ code: 'ERR_SEALED', reason: 'plain' });
    await plain.close();
    const sealed = await open(1);
    await sealed.handle(1);
    expect(await errorOf(open(undefined))).toMatchObject({ code: 'ERR_SEALED', reason: 'sealed' });
    expect(await errorOf(open(2))).toMatchObject({ code: 'ERR_SEALED', reason: 'wrong-key' });
    const other = await open(1);
    await other.handle(2);
    await Promise.all([sealed.close(), other.close()]);
  });
});

describe('a follower', () => {
  /** One disk, and another in its place. */
  function switchable(first: DiskImage) {
    let now = new ModelledDisk(first).fileSystem();
    let turn = 0;
    const fileSystem: FileSystem = {
      ...now,
      open: (name) => now.open(name),
      list: (name) => now.list(name),
      identityOf: (name) => {
        const identity = now.identityOf(name);
        return identity && `${turn}/${identity}`;
      },
    };
    const put = (image: DiskImage) => {
      now = new ModelledDisk(image).fileSystem();
      turn += 1;
    };
    return { fileSystem, put };
  }

  it('begins again when the file that it reads is another one, also where records end at the same byte', async () => {
    const start = (await makeJournal(2, true)).image;
    const appended = async (paddings: readonly number[]) => {
      const disk = new ModelledDisk(start);
      const one = new SmallLog(disk.fileSystem(), { journalBytesMax: 1e9 });
      await one.log.recover();
      for (const padding of paddings) await one.append(1, padding);
      return { image: disk.image(), events: one.events };
    };
    const [own, other] = [await appended([3, 5]), await appended([5, 3, 7])];
    const { fileSystem, put } = switchable(own.image);
    const reader = new SmallLog(fileSystem, { readOnly: true });
    await reader.log.recover();
    expect(reader.events).toEqual(own.events);
    put(other.image);
    await reader.log.catchUp('strong');
    expect(reader.events).toEqual(other.events);
  });

  it('says so when what it has read was cut off', async () => {
    const { image, bytes, ends } = await makeJournal(5, false);
    const { fileSystem, put } = switchable(image);
    const reader = new SmallLog(fileSystem, { readOnly: true });
    await reader.log.recover();
    put(withContent(image, firstJournal, bytes.subarray(0, ends[1])));
    expect(await errorOf(reader.log.catchUp('strong'))).toMatchObject({
      code: 'ERR_JOURNAL_DAMAGED',
      reason: 'missing',
      place: 2,
    });
  });

  it('sees no gap where files are removed, in order, faster than it looks', async () => {
    const own = new ModelledDisk((await makeJournal(1, true)).image).fileSystem();
    const rows = [[1, 3, 9], [3, 5, 9], [5, 7, 8, 9], [8, 9], [9]].map((row) =>
      row.map((number) => `journal-000000000${number}`),
    );
    const files = new JournalFiles({
      ...{ directory, label: 'numbers', codec: undefined },
      fileSystem: { ...own, list: async () => rows.shift() as string[] },
    });
    await files.list();
    expect(files.numbers).toEqual([8, 9]);
  });
});
