/**
 * Opening a directory to write: it is looked at, taken, looked at again, and rid of what those before left unfinished.
 *
 * Nothing is written before it is known that what is in it is of this system.
 */
import path from 'node:path';
import { JournalFormatError } from '../journal/index.js';
import { Directory, type DirectoryOptions } from './directory.js';
import { DirectoryError, directoryError } from './errors.js';
import { takeDirectory } from './holder.js';
import { JournalFiles, Vanished } from './journal-files.js';
import { removeIfThere } from './system-code.js';

/**
 * Takes the directory. Nothing is written before it is known that what is in it is of this system.
 *
 * @throws {DirectoryError} `ERR_DIRECTORY`, {@link DirectoryHeldError} `ERR_DIRECTORY_HELD`; what a header throws
 */
export async function openDirectory(options: DirectoryOptions): Promise<Directory> {
  const { fileSystem, directory, machine, takeOver, clock, newId } = options;
  const look = () => lookAt(options);
  const found = await look();
  if (found.isForeign && found.isEmpty) {
    throw new DirectoryError(directory, 'foreign', 'it holds other things, and nothing of a journal');
  }
  try {
    await fileSystem.makeDirectory(directory);
    const epochAbove = async () => {
      const files = await look();
      return files.last === undefined ? 0 : (await files.header(files.last)).epoch;
    };
    const request = {
      fileSystem,
      directory,
      machine,
      takeOver,
      epochAbove,
      now: () => clock.now(),
      instance: newId(),
    };
    const holding = await takeDirectory(request);
    try {
      const opened = new Directory(options, await look(), holding);
      // What was seen while it was held is of those before, and may go.
      await opened.requireMine();
      await sweep(opened.files, options);
      // What those before have named may not be on the disk yet. It must be, before what relies on it is.
      if (!opened.files.isEmpty) await fileSystem.syncDirectory(directory);
      return opened;
    } catch (error) {
      await holding.release().catch(options.onWarning);
      throw error;
    }
  } catch (error) {
    throw directoryError(directory, error);
  }
}

/** Removes what those before left unfinished. */
async function sweep({ parts }: JournalFiles, { fileSystem, directory, onWarning }: DirectoryOptions): Promise<void> {
  for (const part of parts) {
    await removeIfThere(fileSystem, path.join(directory, part)).catch((error: unknown) => {
      onWarning(directoryError(directory, error));
    });
  }
}

/** The files that there are, and the header of the last one: whether they are of this system is known before anything is written. */
async function lookAt(options: DirectoryOptions): Promise<JournalFiles> {
  for (;;) {
    const files = new JournalFiles(options);
    await files.list();
    try {
      if (files.last !== undefined) await files.header(files.last);
      return files;
    } catch (error) {
      // Pruned meanwhile by who holds the directory.
      if (!(error instanceof Vanished)) throw error;
    }
  }
}

/** @throws {JournalFormatError} when a log is opened for another application than those that have the directory open. */
export function requireSameLabel(directory: string, label: string, wanted: string): void {
  if (label === wanted) return;
  const remedy = 'another application keeps its journal here; choose another directory, or the right format';
  throw new JournalFormatError(directory, 'label (format)', JSON.stringify(label), JSON.stringify(wanted), remedy);
}
