/** File systems for the benchmark: one that counts, one that never syncs, and one that gathers writes, to fill a journal in no time. */

import type { FileSystem, OpenFile } from '../../lib/files/index.js';
import { nodeFileSystem } from '../../lib/files/node-file-system.js';
import type { Counts } from './sample.js';

/** Writes are told as requests, syncs as commits. */
export interface CountedFiles {
  readonly fileSystem: FileSystem;
  readonly counts: () => Counts;
}

/** @param syncs whether the disk is waited for */
export function countedFiles(syncs: boolean): CountedFiles {
  let [requests, commits, bytesWritten] = [0, 0, 0];
  const counted = (file: OpenFile): OpenFile => ({
    ...file,
    write: (bytes, position) => {
      requests += 1;
      bytesWritten += bytes.length;
      return file.write(bytes, position);
    },
    syncData: async () => {
      commits += 1;
      if (syncs) await file.syncData();
    },
  });
  return {
    fileSystem: { ...nodeFileSystem, create: async (path) => counted(await nodeFileSystem.create(path)) },
    counts: () => ({ requests, readUnits: 0, writeUnits: 0, failedPuts: 0, commits, bytesWritten }),
  };
}

const gatheredBytes: number = 1_024 * 1_024;

/** Writes when a megabyte has come together, or at the end, and syncs nothing. */
export const gatheringFiles: FileSystem = {
  ...nodeFileSystem,
  create: async (path) => gathering(await nodeFileSystem.create(path)),
};

function gathering(file: OpenFile): OpenFile {
  let gathered: Uint8Array[] = [];
  let bytesGathered = 0;
  let end = 0;
  const flush = async () => {
    const bytes = Buffer.concat(gathered);
    gathered = [];
    bytesGathered = 0;
    await file.write(bytes, end);
    end += bytes.length;
  };
  return {
    ...file,
    write: async (bytes) => {
      gathered.push(Uint8Array.from(bytes));
      bytesGathered += bytes.length;
      if (bytesGathered >= gatheredBytes) await flush();
      return bytes.length;
    },
    syncData: async () => {},
    close: async () => {
      await flush();
      await file.close();
    },
  };
}
