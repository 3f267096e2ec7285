/** Goal: what a call has to wait for is the same whether or not a snapshot is made. Method: the calls to the file system, counted. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { FileSystem, OpenFile } from '../../lib/files/file-system.js';
import { fileStorage } from '../../lib/files/index.js';
import { nodeFileSystem } from '../../lib/files/node-file-system.js';
import { openPrevayler, type Prevayler } from '../../lib/prevalence/index.js';

let folder: string;
let calls: string[];
let system: Prevayler<number, number>;

const told = (name: string, opened: OpenFile): OpenFile => ({
  ...opened,
  write: async (bytes, position) => {
    calls.push(`write ${name}`);
    return opened.write(bytes, position);
  },
  syncData: async () => {
    calls.push(`sync ${name}`);
    await opened.syncData();
  },
});

const watched: FileSystem = {
  ...nodeFileSystem,
  create: async (file) => {
    const name = path.basename(file).split('-')[0] as string;
    calls.push(`create ${name}`);
    return told(name, await nodeFileSystem.create(file));
  },
  syncDirectory: async (directory) => {
    calls.push('sync directory');
    await nodeFileSystem.syncDirectory(directory);
  },
};

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'leyden-beside-'));
  calls = [];
  const storage = fileStorage(path.join(folder, 'journal'), { fileSystem: watched });
  const add = (sum: number, n: number) => sum + n;
  system = await openPrevayler({ storage, initialState: 0, handler: add, snapshots: false, follow: false });
  await system.handle(1);
});
afterEach(async () => {
  await system.close();
  rmSync(folder, { recursive: true });
});

const journals = () => readdirSync(path.join(folder, 'journal')).filter((name) => name.startsWith('journal-'));

describe('handle()', () => {
  it('waits for one write and one sync, after a snapshot as well', async () => {
    calls = [];
    await system.handle(2);
    const usual = [...calls];
    await system.snapshot();
    calls = [];
    await system.handle(3);
    expect([usual, calls]).toEqual([
      ['write journal', 'sync journal'],
      ['write journal', 'sync journal'],
    ]);
  });
});

describe('snapshot()', () => {
  it('begins a file of the journal for what comes after it, and none where there is one with nothing in it', async () => {
    await system.snapshot();
    expect(journals()).toEqual(['journal-0000000001', 'journal-0000000002']);
    await system.snapshot();
    expect(journals()).toHaveLength(2);
    await system.handle(2);
    await system.snapshot();
    expect(journals()).toHaveLength(3);
  });
});
