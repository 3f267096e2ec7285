/**
 * The mark of the newest journal file: an empty file whose name has its number. So an end of the row that is lost or deleted, which
 * leaves no gap, is missed as well.
 *
 *   journal-8 has its name ─► directory synced ─► newest-8 made ─► newest-7 removed ─► directory synced ─► records
 *
 * Whatever of this a loss of power undoes, no mark is there without its file: the file was synced with its name before. A file without
 * its mark is as good as one with it, and so are marks of older files: those of which the removal was undone, or which a deposed
 * holder made late. Journal files are pruned from the oldest on, and the newest never is.
 */
import path from 'node:path';
import type { FileSystem } from './file-system.js';
import { nameOf } from './names.js';
import { removeIfThere } from './system-code.js';

/** Marks the file of this number, which is there for certain, and none of `others`. */
export async function markNewest(
  fileSystem: FileSystem,
  directory: string,
  number: number,
  others: readonly number[],
): Promise<void> {
  const pathOf = (one: number) => path.join(directory, nameOf('newest', one));
  const file = await fileSystem.create(pathOf(number));
  await file.close();
  for (const other of others) await removeIfThere(fileSystem, pathOf(other));
  await fileSystem.syncDirectory(directory);
}
