/** A snapshot in one file: what is put comes back, and whatever is not as it was written is found. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { FileSystem, OpenFile } from '../../lib/files/file-system.js';
import { nodeFileSystem } from '../../lib/files/node-file-system.js';
import { createSnapshotFile, openSnapshotFile } from '../../lib/files/snapshot-file.js';
import type { SnapshotFacts } from '../../lib/files/snapshot-index.js';
import { decodeState, encodeState, readSnapshot, writeSnapshot } from '../../lib/snapshot/index.js';
import { errorOf, noise } from '../support/prevalent.js';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'leyden-snapshot-'));
  file = path.join(folder, 'snapshot-0000000012');
});
afterEach(() => rmSync(folder, { recursive: true }));

const facts: SnapshotFacts = {
  ...{ id: 'snapshot-0000000012', seq: 30, time: 1_000, bytes: 5, parts: 2, digest: 'd' },
  ...{ place: 12, chain: 'c', madeAt: 2_000, journal: 3, journalId: 'j', label: 'bank' },
};
const part = (text: string) => new Uint8Array(Buffer.from(text));
const create = (fileSystem: FileSystem = nodeFileSystem) => createSnapshotFile(fileSystem, folder, 12, 'one');

/** A file with two small parts. */
async function make() {
  const writer = await create();
  await Promise.all([writer.store.put('one', 1, part('second')), writer.store.put('one', 0, part('first'))]);
  await writer.finish(facts);
}

describe('createSnapshotFile()', () => {
  it('gives back what was put, in whatever order', async () => {
    await make();
    expect(readdirSync(folder)).toEqual(['snapshot-0000000012']);
    const reader = await openSnapshotFile(nodeFileSystem, file);
    expect(reader.facts).toEqual(facts);
    expect(Buffer.from((await reader.store.get('one', 0)) ?? []).toString()).toBe('first');
    expect(Buffer.from((await reader.store.get('one', 1)) ?? []).toString()).toBe('second');
    expect(await reader.store.get('one', 2)).toBeUndefined();
    await expect(reader.store.put('one', 3, part(''))).rejects.toThrow('does not change');
    await expect(reader.store.delete('one', 1)).rejects.toThrow('does not change');
    await reader.close();
  });

  it('leaves little to be synced at a time, so that a sync of the journal has not to wait for all of it', async () => {
    let unsynced = 0;
    let most = 0;
    const counted = (file: OpenFile): OpenFile => ({
      ...file,
      write: async (bytes, position) => {
        unsynced += bytes.length;
        most = Math.max(most, unsynced);
        return file.write(bytes, position);
      },
      syncData: async () => {
        await file.syncData();
        unsynced = 0;
      },
    });
    const writer = await create({
      ...nodeFileSystem,
      create: async (name) => counted(await nodeFileSystem.create(name)),
    });
    const puts = Array.from({ length: 10 }, (_, at) => writer.store.put('one', at, new Uint8Array(3_000_000)));
    await Promise.all(puts);
    expect(most).toBe(2 ** 20);
    await writer.finish(facts);
    expect(unsynced).toBe(0);
  });

  it('holds a state, written by several puts at once', async () => {
    const state = { text: noise(200_000), list: [1, 2, 3] };
    const writer = await create();
    const content = encodeState(state, { now: () => 0 });
    const written = await writeSnapshot({ store: writer.store, id: 'one', content, partBytesMax: 10_000 });
    expect(written.parts).toBeGreaterThan(10);
    await writer.finish({ ...facts, ...written });
    const reader = await openSnapshotFile(nodeFileSystem, file);
    const chunks = readSnapshot({ store: reader.store, id: 'one', parts: reader.facts.parts });
    const decoded = await decodeState(chunks, { now: () => 0 });
    expect(decoded.value).toEqual(state);
    expect(decoded.digest).toBe(reader.facts.digest);
    await reader.close();
  });

  it('has no name until it is finished, and leaves nothing when it is given up', async () => {
    const writer = await create();
    await writer.store.put('one', 0, part('first'));
    expect(Buffer.from((await writer.store.get('one', 0)) ?? []).toString()).toBe('first');
    expect(readdirSync(folder)).toEqual(['snapshot-0000000012.one.part']);
    await writer.abandon();
    expect(readdirSync(folder)).toEqual([]);
    await writer.abandon();
  });

  it('leaves out a part that was taken back', async () => {
    const writer = await create();
    await writer.store.put('one', 0, part('first'));
    await writer.store.delete('one', 0);
    await writer.finish(facts);
    const reader = await openSnapshotFile(nodeFileSystem, file);
    expect(await reader.store.get('one', 0)).toBeUndefined();
    await reader.close();
  });

  it('syncs what it wrote before it has its name, and the directory after that', async () => {
    const calls: string[] = [];
    const told = (opened: OpenFile): OpenFile => ({
      ...opened,
      write: async (bytes, position) => {
        calls.push('write');
        return opened.write(bytes, position);
      },
      syncData: async () => {
        calls.push('sync');
        await opened.syncData();
      },
    });
    const writer = await create({
      ...nodeFileSystem,
      create: async (name) => told(await nodeFileSystem.create(name)),
      rename: async (from, to) => {
        calls.push('rename');
        await nodeFileSystem.rename(from, to);
      },
      syncDirectory: async () => void calls.push('sync directory'),
    });
    await writer.store.put('one', 0, part('first'));
    await writer.finish(facts);
    expect(calls).toEqual(['write', 'write', 'write', 'sync', 'rename', 'sync directory']);
  });

  it('gives no name to a file in which a write failed', async () => {
    let writes = 0;
    const writer = await create({
      ...nodeFileSystem,
      create: async (name) => {
        const opened = await nodeFileSystem.create(name);
        const write = async (bytes: Uint8Array, position: number) => {
          writes += 1;
          if (writes === 3) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
          return opened.write(bytes, position);
        };
        return { ...opened, write };
      },
    });
    await writer.store.put('one', 0, part('first'));
    await expect(writer.store.put('one', 1, part('second'))).rejects.toMatchObject({ code: 'ENOSPC' });
    await expect(writer.store.put('one', 2, part('third'))).rejects.toMatchObject({ code: 'ENOSPC' });
    await expect(writer.finish(facts)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(writes).toBe(3);
    await writer.abandon();
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('openSnapshotFile()', () => {
  it('refuses a file that was cut anywhere', async () => {
    await make();
    const whole = readFileSync(file);
    for (let length = 0; length < whole.length; length += 1) {
      writeFileSync(file, whole.subarray(0, length));
      expect(await errorOf(openSnapshotFile(nodeFileSystem, file))).toMatchObject({ code: 'ERR_SNAPSHOT_DAMAGED' });
    }
  });

  it('refuses a flipped bit in any byte but in the parts, which have sums of their own', async () => {
    await make();
    const whole = readFileSync(file);
    const partsEnd = 8 + 'firstsecond'.length;
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const at = Math.floor(bit / 8);
      if (at >= 8 && at < partsEnd) continue;
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit % 8));
      writeFileSync(file, flipped);
      expect(await errorOf(openSnapshotFile(nodeFileSystem, file))).toMatchObject({ code: 'ERR_SNAPSHOT_DAMAGED' });
    }
  });

  it.each([
    ['foreign', 'something else entirely, and longer than a trailer'],
    ['damaged', '\0'.repeat(100)],
    ['newer-format', `ljsnap\n\u0002${'x'.repeat(100)}`],
  ])('says %s', async (reason, text) => {
    writeFileSync(file, text);
    const error = await errorOf(openSnapshotFile(nodeFileSystem, file));
    expect(error).toMatchObject({ code: 'ERR_SNAPSHOT_DAMAGED', reason, id: 'snapshot-0000000012' });
  });

  it('takes a block that cannot be read for a damage', async () => {
    await make();
    const read = () => Promise.reject(Object.assign(new Error('bad block'), { code: 'EIO' }));
    const open = async (name: string) => ({ ...(await nodeFileSystem.open(name)), read });
    const error = await errorOf(openSnapshotFile({ ...nodeFileSystem, open }, file));
    expect(error).toMatchObject({ code: 'ERR_SNAPSHOT_DAMAGED', reason: 'damaged', cause: { code: 'EIO' } });
  });

  it('passes on that there is no such file', async () => {
    await expect(openSnapshotFile(nodeFileSystem, file)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
