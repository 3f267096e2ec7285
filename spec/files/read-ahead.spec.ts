import { describe, expect, it } from '@jest/globals';
import type { OpenFile } from '../../lib/files/file-system.js';
import { ReadAhead } from '../../lib/files/read-ahead.js';

const block = 512 * 1_024;

/** A file of which bytes are their place, and that may grow; tells what is read, and how many reads are on their way. */
function numbered(length: number) {
  const file = {
    length,
    reads: [] as number[],
    underWay: 0,
    fails: undefined as number | undefined,
    async read(into: Uint8Array, position: number): Promise<number> {
      file.reads.push(position);
      file.underWay += 1;
      await new Promise(setImmediate);
      file.underWay -= 1;
      if (position === file.fails) throw new Error('EIO');
      const count = Math.max(0, Math.min(into.length, file.length - position));
      for (let at = 0; at < count; at += 1) into[at] = byteAt(position + at);
      return count;
    },
  };
  return file;
}

const byteAt = (position: number) => (position * 7 + (position >> 8)) & 255;
const open = (file: ReturnType<typeof numbered>) => new ReadAhead(file as unknown as OpenFile);

async function piece(ahead: ReadAhead, position: number, length: number): Promise<Uint8Array> {
  const into = new Uint8Array(length);
  return into.subarray(0, await ahead.read(into, position));
}

const expected = (position: number, length: number) => Uint8Array.from({ length }, (_, at) => byteAt(position + at));

describe('ReadAhead', () => {
  it.each([[1_000], [100_000], [block], [block + 1], [3 * block]])(
    'gives pieces of %i bytes as the file has them',
    async (size) => {
      const file = numbered(3 * block + 5_000);
      const ahead = open(file);
      for (let at = 17; at < file.length; at += size) {
        const length = Math.min(size, file.length - at);
        expect(Buffer.compare(await piece(ahead, at, size), expected(at, length))).toBe(0);
      }
      expect(await piece(ahead, file.length, 10)).toHaveLength(0);
    },
  );

  it('reads the next block while one is worked on, and each block once', async () => {
    const file = numbered(4 * block);
    const ahead = open(file);
    await piece(ahead, 0, 100);
    expect(file.reads).toEqual([0, block]);
    for (let at = 100; at < 2 * block; at += 10_000) await piece(ahead, at, 10_000);
    expect(file.reads).toEqual([0, block, 2 * block, 3 * block]);
    await ahead.settled();
    expect(file.underWay).toBe(0);
  });

  it('asks a file that has ended once more, since it may have grown', async () => {
    const file = numbered(1_000);
    const ahead = open(file);
    expect(await piece(ahead, 0, 5_000)).toHaveLength(1_000);
    file.length = 3_000;
    expect(Buffer.compare(await piece(ahead, 1_000, 5_000), expected(1_000, 2_000))).toBe(0);
  });

  it('tells a failure to who needs what could not be read, and to nobody else', async () => {
    const file = numbered(3 * block);
    file.fails = block;
    const ahead = open(file);
    expect(await piece(ahead, 0, block)).toHaveLength(block);
    await ahead.settled();
    await expect(piece(ahead, block, 1)).rejects.toThrow('EIO');
  });
});
