/**
 * What became of the commit that one was writing while the directory was taken over: the first file of who took over says so. It was found,
 * and counts where it was written; or it was the last one there, and was written anew; or it does not count, and never will.
 */
import type { Commit } from '../journal/index.js';
import type { JournalFiles } from './journal-files.js';
import { readJournal } from './journal-reader.js';

/**
 * @param file that it was written into, up to its length
 * @throws when nobody can know yet; what reading throws
 */
export async function hasCounted(
  files: JournalFiles,
  { number, length }: { readonly number: number; readonly length: number },
  { place, writer, n }: Commit,
): Promise<boolean> {
  await files.list();
  if (!files.has(number + 1)) throw new Error('who took over has not begun a file yet');
  const next = await files.header(number + 1);
  if ((next.before?.length ?? 0) >= length) return true;
  const position = { ...next.starts, number: next.number, offset: next.length };
  for await (const { found } of readJournal(files, position)) {
    const { commit } = (found[0] as (typeof found)[0]).read;
    return commit.place === place && commit.writer === writer && commit.n === n;
  }
  return false;
}
