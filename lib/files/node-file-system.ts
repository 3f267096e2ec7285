/**
 * The files of this machine, by `node:fs`.
 *
 * Nothing is kept open here but what the caller has open, and nothing is retried: a sync that failed says nothing about the next one,
 * since the kernel may have taken the pages that it could not write for clean.
 */
import { statSync } from 'node:fs';
import { type FileHandle, link, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { FileSystem, OpenFile } from './file-system.js';

/** The file system that a storage has unless it is given another. */
export const nodeFileSystem: FileSystem = {
  open: async (name) => opened(await open(name, 'r')),
  create: async (name) => opened(await open(name, 'wx+')),
  list: (directory) => readdir(directory),
  makeDirectory: async (directory) => {
    const first = await mkdir(directory, { recursive: true });
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
