// Goal: a system that was migrated is the same system: state, ids, times, past; from every kind of storage to every other. Method: every pair,
// with all of the journal and without its beginning; and once more, when all is there already.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { encrypted, keyRing } from '../../lib/codec/index.js';
import { fileStorage } from '../../lib/files/index.js';
import { migrate, type Storage, sealedStorage, transientStorage } from '../../lib/prevalence/index.js';
import { s3Storage } from '../../lib/s3/index.js';
import { registerBench } from '../s3/s3-place.js';
import { expectSame, fill, newEngine, onEngine } from './migrating.js';

let folder: string;
let folders = 0;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'leyden-migrate-'));
});
afterAll(() => rm(folder, { recursive: true }));

const codec = encrypted({ keys: keyRing({ current: 'k', keys: { k: new Uint8Array(32).fill(7) } }) });
const newFolder = () => {
  folders += 1;
  return fileStorage(path.join(folder, `${folders}`), { journalBytesMax: 2_048 });
};

const s3 = registerBench();
const newPrefix = () => {
  const { bucket, client, prefix } = s3();
  return s3Storage({ bucket, client: client(), prefix: `migrate-${prefix()}` });
};

const places: readonly (readonly [name: string, open: () => Storage | Promise<Storage>])[] = [
  ['memory', () => transientStorage()],
  ['a table', async () => onEngine(await newEngine())],
  ['sealed items of a table', async () => sealedStorage(onEngine(await newEngine()), codec)],
  ['a bucket', newPrefix],
  ['files', newFolder],
  ['sealed files', () => sealedStorage(newFolder(), codec)],
];

const isSealed = (name: string) => name.startsWith('sealed');

describe('migrate()', () => {
  for (const [at, [fromName, openFrom]] of places.entries()) {
    for (const [to, [toName, openTo]] of places.entries()) {
      // Of the sealed ones, each to and from two that are not.
      if ((isSealed(fromName) || isSealed(toName)) && Math.abs(at - to) !== 2) continue;
      const isPruned = at > to;
      it(`from ${fromName}${isPruned ? ', without its beginning,' : ''} to ${toName}`, async () => {
        const [from, to] = [await openFrom(), await openTo()];
        await fill(from, { isPruned });
        const since = isPruned ? 16 : 0;
        const report = await migrate({ from, to });
        expect(report).toMatchObject({ seq: 32, copied: 32 - since, startsAt: since });
        // Again, it finds that all is there.
        expect(await migrate({ from, to })).toEqual({ ...report, copied: 0 });
        await expectSame(from, to, { since });
      });
    }
  }

  it('lets go of a directory that has begun with a state, for whoever opens it next', async () => {
    const [from, directory] = [transientStorage(), path.join(folder, 'begun')];
    await fill(from, { isPruned: true });
    await migrate({ from, to: fileStorage(directory) });
    await expectSame(from, fileStorage(directory), { since: 16 });
  });
});
