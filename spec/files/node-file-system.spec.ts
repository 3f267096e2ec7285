/** The port on real files: what each call does, and the codes of its failures. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { checksum } from '../../lib/files/checksum.js';
import { nodeFileSystem as files } from '../../lib/files/node-file-system.js';
import { writeAll } from '../../lib/files/write-all.js';

let folder: string;
const at = (...names: string[]) => path.join(folder, ...names);
const bytes = (text: string) => Buffer.from(text);

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'leyden-files-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('nodeFileSystem', () => {
  it('makes a file, writes at a position, and reads it back', async () => {
    const file = await files.create(at('a'));
    expect(await file.write(bytes('cd'), 2)).toBe(2);
    expect(await file.write(bytes('ab'), 0)).toBe(2);
    await file.syncData();
    const into = new Uint8Array(10);
    expect(await file.read(into, 1)).toBe(3);
    expect(Buffer.from(into).toString('utf8', 0, 3)).toBe('bcd');
    expect(await file.size()).toBe(4);
    await file.close();
  });

  it('reads nothing beyond the end', async () => {
    writeFileSync(at('a'), 'abc');
    const file = await files.open(at('a'));
    expect(await file.read(new Uint8Array(2), 3)).toBe(0);
    expect(await file.read(new Uint8Array(0), 0)).toBe(0);
    await file.close();
  });

  it('refuses to make what is there, and to open, move or remove what is not', async () => {
    writeFileSync(at('a'), '');
    await expect(files.create(at('a'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(files.link(at('a'), at('a'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(files.open(at('b'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(files.rename(at('b'), at('c'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(files.link(at('b'), at('c'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(files.remove(at('b'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(files.list(at('b'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(files.syncDirectory(at('b'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('does not write what was opened to be read', async () => {
    writeFileSync(at('a'), 'abc');
    const file = await files.open(at('a'));
    await expect(file.write(bytes('x'), 0)).rejects.toMatchObject({ code: 'EBADF' });
    await file.close();
  });

  it('moves a file into the place of another', async () => {
    writeFileSync(at('a'), 'new');
    writeFileSync(at('b'), 'old');
    await files.rename(at('a'), at('b'));
    expect(await files.list(folder)).toEqual(['b']);
  });

  it('makes a directory with those above it, and one that is there already', async () => {
    await files.makeDirectory(at('x', 'y', 'z'));
    await files.makeDirectory(at('x', 'y', 'z'));
    expect(await files.list(at('x', 'y'))).toEqual(['z']);
    await files.syncDirectory(at('x', 'y'));
  });

  it('tells files apart by their identity, whatever their names', async () => {
    writeFileSync(at('a'), '');
    const open = await files.open(at('a'));
    const first = files.identityOf(at('a'));
    expect(first).toEqual(expect.any(String));
    await files.link(at('a'), at('b'));
    expect(files.identityOf(at('b'))).toBe(first);
    await files.remove(at('a'));
    await files.remove(at('b'));
    expect(files.identityOf(at('a'))).toBeUndefined();
    // As long as it is open no other file gets its identity.
    writeFileSync(at('a'), '');
    expect(files.identityOf(at('a'))).not.toBe(first);
    await open.close();
  });

  it('does not take a failure for the absence of a name', () => {
    expect(() => files.identityOf(at('n'.repeat(300)))).toThrow(expect.objectContaining({ code: 'ENAMETOOLONG' }));
  });
});

describe('writeAll()', () => {
  const sparing = (counts: number[]) => {
    const written: [string, number][] = [];
    const write = async (piece: Uint8Array, position: number) => {
      const count = Math.min(counts.shift() ?? 0, piece.length);
      written.push([Buffer.from(piece.subarray(0, count)).toString(), position]);
      return count;
    };
    return { written, file: { write } as never };
  };

  it('goes on where the system took only a part', async () => {
    const { file, written } = sparing([2, 1, 9]);
    await writeAll(file, bytes('abcdef'), 10);
    expect(written).toEqual([
      ['ab', 10],
      ['c', 12],
      ['def', 13],
    ]);
  });

  it('fails when it takes nothing', async () => {
    await expect(writeAll(sparing([2, 0]).file, bytes('abc'), 0)).rejects.toMatchObject({ code: 'ENOSPC' });
  });
});

describe('checksum()', () => {
  it('is CRC32C, over all pieces as one', () => {
    expect(checksum(bytes('123456789'))).toBe(0xe3069283);
    expect(checksum(bytes('1234'), bytes(''), bytes('56789'))).toBe(0xe3069283);
    expect(checksum()).toBe(0);
  });
});
