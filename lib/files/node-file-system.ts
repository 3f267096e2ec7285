/**
 * The files of this machine, by `node:fs`.
 *
 * Nothing is kept open here but what the caller has open, and nothing is retried: a sync that failed says nothing about the next one,
 * since the kernel may have taken the pages that it could not write for clean.
 */
import { statSync } from 'node:fs';
import { type FileHandle, link, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { FileSystem, OpenFile } from './file-system.js';
import { isNotThere } from './system-code.js';

/** The file system that a storage has unless it is given another. */
export const nodeFileSystem: FileSystem = {
  open: async (name) => opened(await open(name, 'r')),
  create: async (name) => opened(await open(name, 'wx+')),
  list: (directory) => readdir(directory),
  makeDirectory: async (directory) => {
    const first = await makeWithParents(directory);
    // A name is in the directory above. One that is there may have been made by somebody who did not come so far as to sync it.
    const top = path.dirname(first ?? directory);
    let above = path.dirname(directory);
    for (; above !== top; above = path.dirname(above)) await syncDirectory(above);
    await syncDirectory(top).catch((error: unknown) => {
      // What nobody here may list was not made here.
      if (first !== undefined) throw error;
    });
  },
  rename,
  link,
  remove: unlink,
  syncDirectory,
  identityOf: (name) => {
    const found = statSync(name, { bigint: true, throwIfNoEntry: false });
    return found === undefined ? undefined : `${found.dev}/${found.ino}`;
  },
};

/**
 * The topmost directory that was not there before; `undefined` when all were.
 *
 * Node's own `recursive` never comes to an end where a directory is there and nothing can be made in it (`/proc`).
 */
async function makeWithParents(directory: string): Promise<string | undefined> {
  const missing: string[] = [];
  let top = directory;
  let made = await makeUnlessThere(top);
  for (; made === 'no parent' && path.dirname(top) !== top; made = await makeUnlessThere(top)) {
    missing.unshift(top);
    top = path.dirname(top);
  }
  for (const one of missing) {
    const isMade = await makeUnlessThere(one);
    if (isMade === 'no parent')
      throw Object.assign(new Error(`nothing can be made there: ${one}`), { code: 'ENOTDIR' });
  }
  return made === 'made' ? top : missing[0];
}

async function makeUnlessThere(directory: string): Promise<'made' | 'there' | 'no parent'> {
  try {
    await mkdir(directory);
    return 'made';
  } catch (error) {
    if (isNotThere(error)) return 'no parent';
    // Systems have several words for it.
    const isThere = await stat(directory).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (isThere) return 'there';
    throw error;
  }
}

function opened(handle: FileHandle): OpenFile {
  return {
    read: async (into, position) => {
      let count = 0;
      while (count < into.length) {
        const { bytesRead } = await handle.read(into, count, into.length - count, position + count);
        if (bytesRead === 0) break;
        count += bytesRead;
      }
      return count;
    },
    write: async (bytes, position) => (await handle.write(bytes, 0, bytes.length, position)).bytesWritten,
    syncData: () => handle.datasync(),
    size: async () => (await handle.stat()).size,
    close: () => handle.close(),
  };
}

async function syncDirectory(directory: string): Promise<void> {
  // Windows opens no directories, and writes their changes down by itself.
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
