/** One journal file as bytes, for specs that spoil it: where its records are, and what is read of it then. */
import { JournalFiles } from '../../lib/files/journal-files.js';
import { readJournal } from '../../lib/files/journal-reader.js';
import { type DiskImage, ModelledDisk } from '../support/modelled-file-system.js';
import { directory, SmallLog } from './small-log.js';

export const firstJournal: string = `${directory}/journal-0000000001`;

export interface JournalBytes {
  /** The disk with the journal on it. */
  readonly image: DiskImage;
  readonly bytes: Buffer;
  /** Bytes before the first record. */
  readonly headerLength: number;
  /** Where each commit ends. */
  readonly ends: readonly number[];
  /** The events' texts, one a commit. */
  readonly texts: readonly string[];
}

/** A journal of so many commits, each of one event; with `isClosed` its file says that it ends. */
export async function makeJournal(commits: number, isClosed: boolean): Promise<JournalBytes> {
  const disk = new ModelledDisk();
  const log = new SmallLog(disk.fileSystem(), { journalBytesMax: 1e9 });
  await log.log.recover();
  for (let n = 0; n < commits; n += 1) await log.append(1, n % 7);
  if (isClosed) await log.log.close();
  const image = disk.image();
  const { texts, ends, headerLength } = await readAll(image);
  return { image, bytes: contentOf(image, firstJournal), headerLength, ends, texts };
}

export function contentOf({ names, contents }: DiskImage, name: string): Buffer {
  return contents.get(names.get(name) as number) as Buffer;
}

/** The disk with another content in the place of a file's. */
export function withContent({ names, contents }: DiskImage, name: string, bytes: Buffer): DiskImage {
  return { names, contents: new Map(contents).set(names.get(name) as number, bytes) };
}

/** All that is read from the first file on. Throws what the reader throws. */
export async function readAll(image: DiskImage): Promise<{
  readonly texts: readonly string[];
  readonly ends: readonly number[];
  readonly headerLength: number;
  readonly isEnded: boolean;
}> {
  const files = new JournalFiles({
    ...{ fileSystem: new ModelledDisk(image).fileSystem(), directory, label: 'numbers', codec: undefined },
  });
  await files.list();
  const { starts, number, length } = await files.header(files.first as number);
  const reading = readJournal(files, { ...starts, number, offset: length });
  const [texts, ends]: [string[], number[]] = [[], []];
  for (;;) {
    const { done, value } = await reading.next();
    if (done === true) return { texts, ends, headerLength: length, isEnded: value.isEnded };
    for (const { read, end } of value.found) {
      texts.push(read.text);
      ends.push(end);
    }
  }
}

/** The error that reading ends with; `undefined` where there is none. */
export async function readError(image: DiskImage): Promise<(Error & Record<string, unknown>) | undefined> {
  try {
    await readAll(image);
    return undefined;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
}
