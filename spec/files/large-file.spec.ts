// Goal: a file of the journal may be of any size: nothing is limited by what a buffer or a number of 32 bits holds. Method: the places of
// one are moved by gigabytes, which its file system says and nobody writes.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { FileSystem, OpenFile } from '../../lib/files/file-system.js';
import { JournalFiles } from '../../lib/files/journal-files.js';
import { readJournal } from '../../lib/files/journal-reader.js';
import { nodeFileSystem } from '../../lib/files/node-file-system.js';
import { type DiskImage, ModelledDisk } from '../support/modelled-file-system.js';
import { errorOf } from '../support/prevalent.js';
import { firstJournal, makeJournal, withContent } from './journal-bytes.js';
import { directory } from './small-log.js';

const fiveGigabytes = 5_000_000_000;

interface Far {
  /** What is at `from` and after it is so many bytes further on, and zeros before it. */
  readonly from: number;
  readonly by: number;
  /** Sizes of what was read into. */
  readonly buffers: number[];
}

function farFile(file: OpenFile, { from, by, buffers }: Far): OpenFile {
  return {
    ...file,
    size: async () => by + (await file.size()),
    read: async (into, position) => {
      buffers.push(into.length);
      const near = Math.max(0, Math.min(into.length, from - position));
      if (near > 0) await file.read(into.subarray(0, near), position);
      const empty = Math.max(0, Math.min(into.length, from + by - position)) - near;
      into.fill(0, near, near + Math.max(0, empty));
      const done = near + Math.max(0, empty);
      return done + (await file.read(into.subarray(done), Math.max(position + done - by, from)));
    },
  };
}

/** What is read from `from` on. */
async function readFar(image: DiskImage, far: Far, offset: number) {
  const near = new ModelledDisk(image).fileSystem();
  const fileSystem: FileSystem = { ...near, open: async (name) => farFile(await near.open(name), far) };
  const files = new JournalFiles({ fileSystem, directory, label: 'numbers', codec: undefined });
  await files.list();
  const { starts } = await files.header(1);
  const texts: string[] = [];
  const reading = readJournal(files, { ...starts, number: 1, offset });
  for (;;) {
    const { done, value } = await reading.next();
    if (done === true) return { texts, end: value.position };
    texts.push(...value.found.map(({ read }) => read.text));
  }
}

describe('readJournal()', () => {
  it('goes on at a place beyond two and four gigabytes, to an end that may be torn', async () => {
    const { image, bytes, headerLength, ends, texts } = await makeJournal(20, false);
    for (const by of [2 ** 31, 2 ** 32, fiveGigabytes]) {
      const far = { from: headerLength, by, buffers: [] };
      const whole = await readFar(image, far, headerLength + by);
      expect(whole).toMatchObject({ texts, end: { place: 20, offset: bytes.length + by } });
      const torn = withContent(image, firstJournal, bytes.subarray(0, -3));
      expect(await readFar(torn, far, headerLength + by)).toMatchObject({
        ...{ texts: texts.slice(0, -1), end: { offset: (ends.at(-2) as number) + by } },
      });
    }
  });

  it('looks piece by piece for what comes after a damage, however much that is', async () => {
    const { image, bytes, headerLength, ends } = await makeJournal(12, false);
    const spoiled = Buffer.from(bytes);
    const start = ends[9] as number;
    // The length, so that it is not known where the record ends.
    spoiled[start + 8] = (spoiled[start + 8] as number) ^ 1;
    const from = ends[10] as number;
    // The only one after it begins at every place where two pieces may meet.
    const atSeam = 1_048_576 - (from - start);
    for (const by of [0, 1, ...Array.from({ length: 9 }, (_, more) => atSeam + more - 6), 30_000_000]) {
      const far = { from, by, buffers: [] as number[] };
      const error = await errorOf(readFar(withContent(image, firstJournal, spoiled), far, headerLength));
      expect(error).toMatchObject({ code: 'ERR_JOURNAL_DAMAGED', offset: start, place: 10 });
      expect(Math.max(...far.buffers)).toBeLessThanOrEqual(1_048_576);
    }
  });
});

describe('nodeFileSystem', () => {
  it('writes and reads beyond four gigabytes', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'leyden-large-'));
    try {
      const file = await nodeFileSystem.create(path.join(folder, 'one'));
      // Nothing is there before it, so it takes no room.
      expect(await file.write(Buffer.from('far away'), fiveGigabytes)).toBe(8);
      await file.syncData();
      expect(await file.size()).toBe(fiveGigabytes + 8);
      const into = Buffer.alloc(20);
      expect(await file.read(into, fiveGigabytes + 4)).toBe(4);
      expect(into.toString('utf8', 0, 4)).toBe('away');
      await file.close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
