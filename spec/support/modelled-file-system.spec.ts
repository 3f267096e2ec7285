/** The disk in memory answers as files do, and its losses of power leave what they may. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { type Random, seededRandom } from '../../lib/engine/index.js';
import type { FileSystem, OpenFile } from '../../lib/files/file-system.js';
import { nodeFileSystem } from '../../lib/files/node-file-system.js';
import { type DiskImage, ModelledDisk } from './modelled-file-system.js';
import { imagesAfter, lastMoment } from './power-loss.js';

const seed = Number(process.env.LEYDEN_SEED ?? 1);
const folder = mkdtempSync(path.join(tmpdir(), 'leyden-modelled-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What came of random calls: values, or codes. */
async function answers(files: FileSystem, directory: string, random: Random): Promise<unknown[]> {
  const told: unknown[] = [];
  const open: OpenFile[] = [];
  const at = () => path.join(directory, 'abc'.charAt(random.int(3)));
  for (let step = 0; step < 300; step += 1) {
    const file = open[random.int(open.length + 1)];
    const kind = random.int(9);
    const [from, to, position] = [at(), at(), random.int(40)];
    const call = async (): Promise<unknown> => {
      if (kind === 0) return void open.push(await files.create(from));
      if (kind === 1) return void open.push(await files.open(from));
      if (kind === 2) return files.rename(from, to);
      if (kind === 3) return files.link(from, to);
      if (kind === 4) return files.remove(from);
      if (kind === 5) return (await files.list(directory)).sort();
      if (kind === 6) return file?.size();
      if (kind === 7) return file?.write(Buffer.from('content'), position);
      const into = Buffer.alloc(20);
      return [await file?.read(into, position), into.toString()];
    };
    const code = (error: { readonly code?: string }) => error.code;
    told.push([kind, await call().catch(code), (files.identityOf(from) ?? '') === (files.identityOf(to) ?? '')]);
  }
  await Promise.all(open.map((file) => file.close()));
  return told;
}

describe(`ModelledDisk [LEYDEN_SEED=${seed}]`, () => {
  it('answers as the files of this machine do', async () => {
    const real = await answers(nodeFileSystem, folder, seededRandom(seed));
    expect(await answers(new ModelledDisk().fileSystem(), '/d', seededRandom(seed))).toEqual(real);
  });
});

/** All states after the last call, in words. */
function statesOf(disk: ModelledDisk): string[] {
  const last = lastMoment(disk.start, disk.log);
  const states = [...imagesAfter(last, seededRandom(seed), 200)].map(shown);
  return [...new Set(states)].sort();
}

function shown({ names, contents }: DiskImage): string {
  const entries = [...names].map(([name, file]) => `${path.basename(name)}=${contents.get(file)}`);
  return entries.sort().join(' ');
}

describe('imagesAfter()', () => {
  it('leaves a new file there or not until its directory is synced, and its bytes until it is', async () => {
    const disk = new ModelledDisk();
    const files = disk.fileSystem();
    const file = await files.create('/d/a');
    await file.write(Buffer.from('x'), 0);
    expect(statesOf(disk)).toEqual(expect.arrayContaining(['', 'a=', 'a=x', 'a=\0']));
    await file.syncData();
    expect(statesOf(disk)).toEqual(['', 'a=x']);
    await files.syncDirectory('/d');
    expect(statesOf(disk)).toEqual(['a=x']);
  });

  it('makes a move at once, or not at all, and each change of names by itself', async () => {
    const disk = new ModelledDisk();
    const files = disk.fileSystem();
    await files.create('/d/a');
    await files.syncDirectory('/d');
    await files.create('/d/b');
    await files.rename('/d/a', '/d/c');
    expect(statesOf(disk)).toEqual(['a=', 'a= b=', 'b= c=', 'c=']);
  });

  it('brings nothing to the disk by a sync that failed, or by one after it', async () => {
    const disk = new ModelledDisk();
    let syncs = 0;
    const files = disk.fileSystem(({ name }) => {
      if (name !== 'syncData') return undefined;
      syncs += 1;
      return syncs === 1 ? { code: 'EIO' } : undefined;
    });
    const file = await files.create('/d/a');
    await files.syncDirectory('/d');
    await file.write(Buffer.from('x'), 0);
    await expect(file.syncData()).rejects.toMatchObject({ code: 'EIO' });
    await file.syncData();
    expect(statesOf(disk)).toEqual(expect.arrayContaining(['a=', 'a=x']));
  });

  it('loses blocks in the middle of what was not synced', async () => {
    const disk = new ModelledDisk();
    const files = disk.fileSystem();
    const file = await files.create('/d/a');
    await files.syncDirectory('/d');
    await file.write(Buffer.alloc(1_536, 'x'), 0);
    expect(statesOf(disk)).toContain(`a=${'x'.repeat(512)}${'\0'.repeat(512)}${'x'.repeat(512)}`);
  });
});
