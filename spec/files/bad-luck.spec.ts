// Goal: whatever is wrong with a directory is told by name, with what helps, and nothing in it is harmed. Method: each thing that may be
// wrong, on real directories where the system has to say so, and on a disk in memory where it is made to.
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { compressed, encrypted, keyRing } from '../../lib/codec/index.js';
import { systemClock } from '../../lib/engine/index.js';
import { type FileStorageOptions, fileStorage, type HolderFacts } from '../../lib/files/index.js';
import { thisMachine } from '../../lib/files/machine.js';
import { nodeFileSystem } from '../../lib/files/node-file-system.js';
import { openPrevayler, type Prevayler, sealedStorage } from '../../lib/prevalence/index.js';
import { type DiskImage, type FileFault, ModelledDisk } from '../support/modelled-file-system.js';
import { type Entry, errorOf, type Ledger, ledger } from '../support/prevalent.js';
import { contentOf, firstJournal, makeJournal, withContent } from './journal-bytes.js';
import { directory, SmallLog } from './small-log.js';

const place = mkdtempSync(path.join(tmpdir(), 'bad-luck-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));
let count = 0;

function newPath(): string {
  count += 1;
  return path.join(place, `system-${count}`);
}

function open(name: string, options: object = {}): Promise<Prevayler<Ledger, Entry>> {
  return openPrevayler({ ...ledger, storage: fileStorage(name), follow: false, snapshots: false, ...options });
}

async function filled(events = 3): Promise<string> {
  const name = newPath();
  const one = await open(name);
  for (let n = 1; n <= events; n += 1) await one.handle(n);
  await one.close();
  return name;
}

/** All that is in a directory. */
function inside(name: string): Record<string, string> {
  return Object.fromEntries(readdirSync(name).map((file) => [file, readFileSync(path.join(name, file), 'base64')]));
}

describe('fileStorage()', () => {
  it.each([
    ['', {}],
    [undefined, {}],
    [new URL('file:///d'), {}],
    ['d\0', {}],
    ['d', { journalBytesMax: 0 }],
    ['d', { appendBytesMax: 64 * 1_024 * 1_024 }],
    ['d', { appendBytesMax: 1.5 }],
    ['d', null as unknown as object],
    ['d', { takeOver: 'false' }],
    ['d', { clock: null }],
    ['d', { clock: Date }],
    ['d', { clock: { now: () => 1 } }],
    ['d', { fileSystem: 'node:fs' }],
    ['d', { fileSystem: { ...nodeFileSystem, link: undefined } }],
    ['d', { machine: true }],
    ['d', { machine: { self: thisMachine.self } }],
  ])('refuses wrong arguments at the call: %p %p', (name, options) => {
    const [option] = Object.keys(options ?? {});
    const said = new RegExp(`^Cannot keep a system in files: ${option ?? '(directory|options)'} must`);
    expect(() => fileStorage(name as unknown as string, options as FileStorageOptions)).toThrow(said);
  });

  it('a path that is a file, below one, or too long is refused, and the file is as it was', async () => {
    const name = newPath();
    writeFileSync(name, 'mine');
    expect(await errorOf(open(name))).toMatchObject({
      ...{ code: 'ERR_DIRECTORY', reason: 'not-a-directory', outcome: 'not-done', directory: name },
    });
    for (const never of [path.join(name, 'below'), path.join(place, 'x'.repeat(300))]) {
      expect(await errorOf(open(never))).toMatchObject({ code: 'ERR_DIRECTORY', reason: 'not-a-directory' });
    }
    expect(readFileSync(name, 'utf8')).toBe('mine');
  });

  it('a path at which nothing can be made is refused', async () => {
    const nowhere = newPath();
    symlinkSync(path.join(place, 'nothing'), nowhere);
    const never = [nowhere, path.join(nowhere, 'below'), '/dev/null/below'];
    // There, and no directory can be made in it: neither is it denied.
    if (process.platform === 'linux') never.push('/proc/below', '/proc/below/it');
    for (const name of never) {
      expect(await errorOf(open(name))).toMatchObject({ code: 'ERR_DIRECTORY', reason: 'not-a-directory' });
    }
  });

  it('a directory that is full of other things is refused, one with what every disk has is not', async () => {
    const name = newPath();
    mkdirSync(name);
    writeFileSync(path.join(name, 'thesis.txt'), 'mine');
    expect(await errorOf(open(name))).toMatchObject({ code: 'ERR_DIRECTORY', reason: 'foreign' });
    expect(readdirSync(name)).toEqual(['thesis.txt']);
    const fresh = newPath();
    mkdirSync(path.join(fresh, 'lost+found'), { recursive: true });
    writeFileSync(path.join(fresh, '.DS_Store'), '');
    const one = await open(fresh);
    await one.handle(1);
    await one.close();
    expect(readdirSync(fresh).sort()).toEqual(['.DS_Store', 'journal-0000000001', 'lost+found', 'newest-0000000001']);
  });

  it('who holds it says since when by the clock of the place, whatever the system’s clock says', async () => {
    const name = newPath();
    const one = await open(name, { clock: { ...systemClock, now: () => 1 } });
    const { holder } = await errorOf(open(name));
    expect((holder as HolderFacts).since).toBeGreaterThan(1);
    await one.close();
  });

  it('foreign files that come later are left alone', async () => {
    const name = await filled();
    for (const other of ['notes.txt', 'journal-1', 'journal-0000000001.bak', 'snapshot-x', 'journal-00000000001']) {
      writeFileSync(path.join(name, other), 'mine');
    }
    const one = await open(name);
    await one.handle(4);
    await one.snapshot();
    await one.prune();
    await one.close();
    expect(readdirSync(name)).toEqual(expect.arrayContaining(['notes.txt', 'journal-1', 'journal-0000000001.bak']));
    expect((await open(name, { mode: 'read-only' })).state.sum).toBe(10);
  });

  const isRoot = process.getuid?.() === 0;
  (isRoot ? it.skip : it)('a directory that may not be written is refused', async () => {
    const name = await filled();
    chmodSync(name, 0o500);
    expect(await errorOf(open(name))).toMatchObject({ code: 'ERR_DIRECTORY', reason: 'denied' });
    chmodSync(name, 0o700);
    expect((await open(name, { mode: 'read-only' })).state.sum).toBe(6);
  });

  it.each([
    ['EACCES', 'denied'],
    ['EROFS', 'denied'],
    ['EIO', 'failed'],
    ['EMFILE', 'failed'],
  ])('the system says %s: told as %s', async (code, reason) => {
    const { image } = await makeJournal(2, true);
    const one = new SmallLog(
      new ModelledDisk(image).fileSystem(({ name }) => (name === 'list' ? { code } : undefined)),
    );
    expect(await errorOf(one.log.recover())).toMatchObject({ code: 'ERR_DIRECTORY', reason, outcome: 'not-done' });
    const other = new SmallLog(
      new ModelledDisk(image).fileSystem(({ name }) => (name === 'create' ? { code } : undefined)),
    );
    expect(await errorOf(other.log.recover())).toMatchObject({ code: 'ERR_DIRECTORY', reason, outcome: 'not-done' });
  });

  it('another application’s journal is refused, as it was', async () => {
    const name = await filled();
    const before = inside(name);
    for (const mode of ['read-write', 'read-only'] as const) {
      expect(await errorOf(open(name, { format: 'shop/2', ...(mode === 'read-only' && { mode }) }))).toMatchObject({
        ...{ code: 'ERR_JOURNAL_FORMAT', found: '""', wanted: '"shop/2"' },
      });
    }
    expect(inside(name)).toEqual(before);
    const storage = fileStorage(name);
    const one = await openPrevayler({ ...ledger, storage, follow: false });
    expect(await errorOf(openPrevayler({ ...ledger, storage, format: 'shop/2' }))).toMatchObject({
      code: 'ERR_JOURNAL_FORMAT',
    });
    await one.handle(4);
    await one.close();
  });

  it('a journal of a newer release is refused by its format', async () => {
    const { image, bytes } = await makeJournal(2, true);
    const { checksum } = await import('../../lib/files/checksum.js');
    const newer = Buffer.from(bytes);
    newer.writeUInt32LE(2, 8);
    newer.writeUInt32LE(checksum(newer.subarray(0, 28)), 28);
    const one = new SmallLog(new ModelledDisk(withContent(image, firstJournal, newer)).fileSystem());
    expect(await errorOf(one.log.recover())).toMatchObject({ code: 'ERR_JOURNAL_FORMAT', found: '2', wanted: '1' });
  });

  it('a wrong key, none, or one where there was none, is refused, and all is as it was', async () => {
    const codecOf = (byte: number) =>
      encrypted({ keys: keyRing({ current: 'k', keys: { k: new Uint8Array(32).fill(byte) } }), inner: compressed() });
    const name = newPath();
    const sealed = (byte: number) =>
      openPrevayler({ ...ledger, storage: sealedStorage(fileStorage(name), codecOf(byte)) });
    const one = await sealed(1);
    await one.handle(1);
    await one.snapshot();
    await one.handle(2);
    await one.close();
    const before = inside(name);
    expect(await errorOf(sealed(2))).toMatchObject({ code: 'ERR_SEALED', reason: 'wrong-key' });
    expect(await errorOf(open(name))).toMatchObject({ code: 'ERR_SEALED', reason: 'sealed' });
    expect(inside(name)).toEqual(before);
    const again = await sealed(1);
    expect(again.state.sum).toBe(3);
    await again.close();
    const plain = await filled();
    const refused = openPrevayler({ ...ledger, storage: sealedStorage(fileStorage(plain), codecOf(1)) });
    expect(await errorOf(refused)).toMatchObject({ code: 'ERR_SEALED', reason: 'plain' });
  });
});

/** A disk with three journal files, and snapshots of commits 4 and 8. */
async function threeFiles(): Promise<DiskImage> {
  const disk = new ModelledDisk();
  const one = new SmallLog(disk.fileSystem(), { journalBytesMax: 1e9 });
  await one.log.recover();
  for (let n = 1; n <= 10; n += 1) {
    await one.append(1, 3);
    if (n % 4 === 0) await one.log.snapshot({ due: false });
  }
  await one.log.close();
  return disk.image();
}

function without({ names, contents }: DiskImage, ...gone: readonly string[]): DiskImage {
  return { names: new Map([...names].filter(([name]) => !gone.some((part) => name.endsWith(part)))), contents };
}

async function opened(image: DiskImage): Promise<SmallLog & { readonly warnings: readonly unknown[] }> {
  const warnings: unknown[] = [];
  const one = new SmallLog(new ModelledDisk(image).fileSystem(), { onWarning: (error) => warnings.push(error) });
  await one.log.recover();
  return Object.assign(one, { warnings });
}

const [j1, j2, j3, s4, s8] = [
  'journal-0000000001',
  'journal-0000000002',
  'journal-0000000003',
  '-0000000004',
  '-0000000008',
];

describe('a journal in files', () => {
  it('with a part missing in its middle is refused, whatever snapshots there are', async () => {
    const image = await threeFiles();
    expect((await opened(image)).last).toBe(10);
    const missing = { code: 'ERR_JOURNAL_DAMAGED', reason: 'missing', file: `${directory}/${j2}` };
    expect(await errorOf(opened(without(image, j2)))).toMatchObject(missing);
  });

  it('whose beginning is missing is read from a snapshot, and refused when that can’t be', async () => {
    const image = await threeFiles();
    expect((await opened(without(image, j1))).last).toBe(10);
    expect((await opened(without(image, j1, j2))).last).toBe(10);
    const missing = { code: 'ERR_JOURNAL_DAMAGED', reason: 'missing' };
    expect(await errorOf(opened(without(image, j1, s4, s8)))).toMatchObject(missing);
    expect(await errorOf(opened(without(image, j1, j2, s8)))).toMatchObject({ ...missing, file: `${directory}/${j2}` });
  });

  it('that ends before its snapshot has lost its end, and is refused', async () => {
    const image = await threeFiles();
    const older = { code: 'ERR_JOURNAL_DAMAGED', reason: 'older-than-snapshot' };
    const unmarked = without(image, 'newest-0000000003');
    expect(await errorOf(opened(without(unmarked, j2, j3)))).toMatchObject({ ...older, file: `${directory}/${j1}` });
    expect(await errorOf(opened(without(unmarked, j1, j2, j3)))).toMatchObject({ ...older, reason: 'missing' });
  });

  it('is not mixed with another one', async () => {
    const [image, other] = [await threeFiles(), await threeFiles()];
    const mixed = withContent(image, `${directory}/${j2}`, contentOf(other, `${directory}/${j2}`));
    const error = await errorOf(opened(mixed));
    expect(['ERR_JOURNAL_FORMAT', 'ERR_JOURNAL_DAMAGED']).toContain(error.code);
    const snapshot = `${directory}/snapshot${s8}`;
    const foreign = withContent(image, snapshot, contentOf(other, snapshot));
    expect(await errorOf(opened(foreign))).toMatchObject({ code: 'ERR_JOURNAL_DAMAGED', reason: 'foreign' });
    const renamed = {
      ...image,
      names: new Map(image.names).set(`${directory}/${j3}`, image.names.get(`${directory}/${j2}`) as number),
    };
    expect(await errorOf(opened(renamed))).toMatchObject({ code: 'ERR_JOURNAL_DAMAGED', reason: 'foreign' });
  });

  it('is not mixed with what became of a copy of it', async () => {
    const start = (await makeJournal(3, true)).image;
    const goneOn = async (padding: number) => {
      const disk = new ModelledDisk(start);
      for (const most of [padding, 3]) {
        const one = new SmallLog(disk.fileSystem(), { journalBytesMax: 1e9 });
        await one.log.recover();
        await one.append(1, most);
        await one.append(1, 8 - most);
        await one.log.close();
      }
      return disk.image();
    };
    const [image, other] = [await goneOn(2), await goneOn(6)];
    // As long as the other one, with as many commits.
    const mixed = withContent(image, `${directory}/${j2}`, contentOf(other, `${directory}/${j2}`));
    expect(await errorOf(opened(mixed))).toMatchObject({ code: 'ERR_JOURNAL_DAMAGED', reason: 'gap' });
  });

  it('goes on from an older snapshot, with a warning, when the newest is damaged', async () => {
    const image = await threeFiles();
    const name = `${directory}/snapshot${s8}`;
    const bytes = contentOf(image, name);
    const spoiled = Buffer.from(bytes);
    spoiled[bytes.length >> 1] = (spoiled[bytes.length >> 1] as number) ^ 4;
    for (const content of [spoiled, bytes.subarray(0, 40), Buffer.alloc(0)]) {
      const one = await opened(withContent(image, name, content));
      expect([one.last, one.warnings]).toMatchObject([10, [{ code: 'ERR_SNAPSHOT_DAMAGED' }]]);
    }
    const nothing = withContent(without(image, j1, s4), name, spoiled);
    expect(await errorOf(opened(nothing))).toMatchObject({ code: 'ERR_SNAPSHOT_DAMAGED' });
  });
});

describe('a failing disk', () => {
  /** A log whose calls for files with `part` in their names fail as they are told to, from when on they are. Its file has 1 KB or more. */
  async function failing({ journalBytesMax = 1e9, part = '' } = {}): Promise<{
    one: SmallLog;
    disk: ModelledDisk;
    fail: (name: string, ...faults: FileFault[]) => void;
    calls: string[];
  }> {
    const disk = new ModelledDisk();
    const faults = new Map<string, FileFault[]>();
    const calls: string[] = [];
    const one = new SmallLog(
      disk.fileSystem(({ name, path: file }) => {
        if (name !== 'read' && file.includes('journal')) calls.push(name);
        return file.includes(part) ? faults.get(name)?.shift() : undefined;
      }),
      { journalBytesMax },
    );
    await one.log.recover();
    await one.append(1, 1_024);
    calls.length = 0;
    return { one, disk, calls, fail: (name, ...next) => void faults.set(name, next) };
  }

  async function reopened(disk: ModelledDisk): Promise<SmallLog> {
    const other = new SmallLog(disk.fileSystem());
    await other.log.recover();
    return other;
  }

  it('an append is one write and one sync', async () => {
    const { one, calls } = await failing();
    await one.append(3, 10);
    expect(calls).toEqual(['write', 'syncData']);
  });

  it('a full disk: the commit is refused, and the next one works when there is room', async () => {
    const { one, disk, fail } = await failing();
    const full = { code: 'ERR_DIRECTORY', reason: 'full', outcome: 'not-done', retryable: true };
    const room = { code: 'ENOSPC' };
    for (const faults of [[room], [{ short: 9 }, room], [{ short: 0 }], [{ short: 9 }, { short: 0 }]] as const) {
      fail('write', ...faults);
      expect(await errorOf(one.append(1, 1))).toMatchObject(full);
      // There is no room for a new file either.
      fail('write', room);
      expect(await errorOf(one.append(1, 1))).toMatchObject(full);
    }
    fail('write', { short: 9 }, { short: 1 });
    await one.append(1, 1);
    const { last } = one;
    await one.append(1, 1);
    expect(one.last).toBe(last + 1);
    // Where a write has failed nothing is written again.
    expect(disk.image().names.has(`${directory}/${j2}`)).toBe(true);
    expect((await reopened(disk)).last).toBe(one.last);
  });

  it('a disk without room for a name: refused, and the next one works when there is room', async () => {
    const { one, disk, fail } = await failing({ journalBytesMax: 1_024 });
    const room = { code: 'ENOSPC' };
    fail('link', room, room);
    for (let n = 0; n < 2; n += 1) {
      expect(await errorOf(one.append(1, 1))).toMatchObject({
        code: 'ERR_DIRECTORY',
        reason: 'full',
        outcome: 'not-done',
      });
    }
    await one.append(1, 1);
    expect((await reopened(disk)).last).toBe(2);
  });

  it('a write that fails otherwise is certain not to count, though all of it may be there', async () => {
    const { one, disk, fail } = await failing();
    fail('write', { code: 'EIO', after: true });
    expect(await errorOf(one.append(1, 1))).toMatchObject({ code: 'ERR_DIRECTORY', outcome: 'not-done' });
    expect((await reopened(disk)).last).toBe(1);
    const dead = await failing();
    dead.fail('write', { code: 'EIO', after: true });
    dead.fail('create', { code: 'EIO' });
    expect(await errorOf(dead.one.append(1, 1))).toMatchObject({ code: 'ERR_APPEND_UNKNOWN', outcome: 'unknown' });
    expect(await errorOf(dead.one.append(1, 1))).toMatchObject({ code: 'ERR_DIRECTORY', reason: 'failed' });
  });

  it('a sync that fails: nobody knows; nothing is written or synced again until it is opened anew', async () => {
    const { one, disk, fail, calls } = await failing();
    fail('syncData', { code: 'EIO' });
    expect(await errorOf(one.append(1, 1))).toMatchObject({ code: 'ERR_APPEND_UNKNOWN', outcome: 'unknown' });
    expect(calls).toEqual(['write', 'syncData']);
    expect(await errorOf(one.append(1, 1))).toMatchObject({
      code: 'ERR_DIRECTORY',
      reason: 'failed',
      outcome: 'not-done',
    });
    expect(await errorOf(one.log.catchUp('strong'))).toMatchObject({ code: 'ERR_DIRECTORY' });
    await one.log.close();
    expect(calls).toEqual(['write', 'syncData', 'close']);
    const other = await reopened(disk);
    await other.append(1, 1);
    expect((await reopened(disk)).last).toBe(other.last);
  });

  it.each(['create', 'link', 'remove', 'syncDirectory', 'syncData', 'write'])(
    'a new file that can’t be made (%s): refused, nothing is lost, opened anew it goes on',
    async (call) => {
      const { one, disk, fail } = await failing({ journalBytesMax: 1_024 });
      fail(call, { code: 'EIO' });
      expect(await errorOf(one.append(1, 1))).toMatchObject({ outcome: 'not-done', code: 'ERR_DIRECTORY' });
      await one.log.close();
      const other = await reopened(disk);
      expect(other.last).toBe(1);
      await other.append(1, 1);
      expect((await reopened(disk)).last).toBe(2);
    },
  );

  it.each(['create', 'write', 'link'])(
    'a file that can’t be made for what comes after a snapshot (%s) is the snapshot’s failure: the writers go on in the one before',
    async (call) => {
      const { one, disk, fail } = await failing({ part: 'journal' });
      fail(call, { code: 'ENOSPC' });
      expect(await errorOf(one.log.snapshot({ due: false }))).toMatchObject({
        ...{ code: 'ERR_SNAPSHOT', outcome: 'not-done', cause: { code: 'ERR_DIRECTORY', reason: 'full' } },
      });
      await one.append(1, 1);
      expect(disk.image().names.has(`${directory}/${j2}`)).toBe(false);
      await one.log.snapshot({ due: false });
      await one.append(1, 1);
      expect((await reopened(disk)).last).toBe(3);
    },
  );

  it('a snapshot that can’t be written harms nobody: the writers go on', async () => {
    const { one, disk, fail } = await failing({ part: 'snapshot' });
    for (const call of ['create', 'write', 'syncData', 'rename']) {
      fail(call, { code: 'ENOSPC' });
      expect(await errorOf(one.log.snapshot({ due: false }))).toMatchObject({
        code: 'ERR_SNAPSHOT',
        outcome: 'not-done',
      });
      await one.append(1, 1);
    }
    expect(await one.log.snapshots()).toEqual([]);
    expect([...disk.image().names.keys()].filter((name) => name.endsWith('.part'))).toEqual([]);
    expect(await one.log.snapshot({ due: false })).toMatchObject({ seq: one.last });
  });
});
