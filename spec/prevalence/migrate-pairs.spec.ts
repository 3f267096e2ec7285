// Goal: a system that was migrated is the same system: state, ids, times, past; from every kind of storage to every other. Method: every pair,
// with all of the journal and without its beginning; and once more, when all is there already.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { encrypted, keyRing } from '../../lib/codec/index.js';
import { fileStorage } from '../../lib/files/index.js';
import { migrate, type Storage, sealedStorage, transientStorage } from '../../lib/prevalence/index.js';
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

const places: readonly (readonly [name: string, open: () => Storage | Promise<Storage>])[] = [
  ['memory', () => transientStorage()],
  ['a table', async () => onEngine(await newEngine())],
  ['a sealed table', async () => sealedStorage(onEngine(await newEngine()), codec)],
  ['files', newFolder],
  ['sealed files', () => sealedStorage(newFolder(), codec)],
];

describe('migrate()', () => {
  for (const [at, [fromName, openFrom]] of places.entries()) {
    for (const [to, [toName, openTo]] of places.entries()) {
      const isPruned = (at + to) % 2 === 1;
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
});
