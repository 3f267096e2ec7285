/**
 * A token in a file, with a compare-and-set that needs no lock.
 *
 *   <path>.7, <path>.8        one file for each save; the one with the highest number is the token
 *   <path>.9.<random>.tmp     a save on its way
 *
 *   save   write and sync a temporary file ─ link it as <path>.9 ─ sync the directory ─ does a higher one stand there? ─ remove <path>.7
 *
 * A name is given once: of two readers that stand at 8 both want 9, and the file system gives it to one. No file is ever written over, so
 * there is none that is half one token and half another, and none that a sleeper could put back: what it links below the highest one is
 * no token, and the look afterwards tells it so. The one before the last stays, for the case that the last is damaged by the disk.
 */
import { randomBytes } from 'node:crypto';
import { link, open, readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { type Checkpointer, type KeptText, TextCheckpointer, type TextStore } from './checkpoint.js';
import { TokenError } from './errors.js';
import { decodeToken } from './token.js';

/** Saves that a load may be overtaken by, before it gives up. */
const loadsMax = 100;

/**
 * Keeps the token in a file beside others of the same name (`<path>.<number>`): for one reader on one machine.
 *
 * **Guarantee.** What is loaded is the token before or the new one, whole and synced, whenever the process or the machine dies. Of two
 * readers that have loaded the same token, in one process or in two on a machine, one alone saves the next one. **It cannot** say so of
 * file systems over a network whose hard links are not atomic, and it needs hard links, and a folder that is there.
 *
 * @cost No requests; each save writes one file and syncs it and its directory.
 * @throws {CheckpointConflictError} `ERR_STREAM_CHECKPOINT` from `save`, {@link TokenError} `ERR_STREAM_TOKEN` from `load` for a file that
 * is damaged; errors of the file system as they are. TypeError for what is no path.
 *
 * @example
 * ```ts
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { fileCheckpointer } from 'leyden-jar/streams';
 * const checkpointer = fileCheckpointer(join(tmpdir(), `billing-${process.pid}`));
 * console.log(await checkpointer.load()); // => undefined
 * ```
 */
export function fileCheckpointer(path: string): Checkpointer {
  if (typeof path !== 'string' || path === '') {
    throw new TypeError(`Cannot make a checkpointer: path must be the path of a file: ${String(path)}`);
  }
  return new TextCheckpointer(new TokenFiles(resolve(path)));
}

interface KeptFile extends KeptText {
  /** 0: there is none. */
  readonly number: number;
}

class TokenFiles implements TextStore<KeptFile> {
  readonly name: string;
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    this.name = `file ${path}`;
  }

  async read(signal?: AbortSignal): Promise<KeptFile> {
    for (let load = 1; ; load += 1) {
      signal?.throwIfAborted();
      const number = await this.#highest();
      if (number === 0) return { number, text: undefined };
      try {
        return { number, text: await this.#content(`${this.#path}.${number}`) };
      } catch (error) {
        // Two saves later it is gone.
        if (!hasCode(error, 'ENOENT') || load >= loadsMax) throw error;
      }
    }
  }

  async replace({ number }: KeptFile, text: string): Promise<KeptFile | undefined> {
    const next = number + 1;
    const temporary = `${this.#path}.${next}.${randomBytes(9).toString('base64url')}.tmp`;
    const file = `${this.#path}.${next}`;
    try {
      await writeSynced(temporary, text);
      await link(temporary, file);
    } catch (error) {
      // The number is taken; or the temporary file was cleared away, and then it is taken as well.
      if (hasCode(error, 'EEXIST') || hasCode(error, 'ENOENT')) return await this.#unlessMissing(error);
      throw error;
    } finally {
      await rm(temporary, { force: true });
    }
    await syncDirectory(dirname(this.#path));
    if ((await this.#highest()) > next) {
      await rm(file, { force: true });
      return undefined;
    }
    await this.#clear(next - 1);
    return { number: next, text };
  }

  /** Nothing was replaced, unless it is the directory that is missing. */
  async #unlessMissing(error: unknown): Promise<undefined> {
    if (hasCode(error, 'ENOENT') && (await this.#highest()) === 0) throw error;
    return undefined;
  }

  async #content(path: string): Promise<string> {
    const text = await readFile(path, 'utf8');
    try {
      decodeToken(text);
    } catch (error) {
      if (error instanceof TokenError && error.reason === 'damaged') {
        throw new TokenError(
          'damaged',
          `file ${path} is not as it was written; remove it to go on from the one before it`,
          error,
        );
      }
      throw error;
    }
    return text;
  }

  async #highest(): Promise<number> {
    return Math.max(0, ...(await this.#files()).filter(({ isToken }) => isToken).map(({ number }) => number));
  }

  /** Removes what lies below `number`. */
  async #clear(number: number): Promise<void> {
    for (const { name, number: one } of await this.#files()) {
      if (one < number) await rm(join(dirname(this.#path), name), { force: true });
    }
  }

  async #files(): Promise<{ readonly name: string; readonly number: number; readonly isToken: boolean }[]> {
    const beginning = `${basename(this.#path)}.`;
    return (await readdir(dirname(this.#path))).flatMap((name) => {
      if (!name.startsWith(beginning)) return [];
      const [, digits, temporary] = /^([1-9]\d{0,14})(\.[\w-]+\.tmp)?$/.exec(name.slice(beginning.length)) ?? [];
      return digits === undefined ? [] : [{ name, number: Number(digits), isToken: temporary === undefined }];
    });
  }
}

async function writeSynced(path: string, content: string): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** So that the new name outlives the machine; Windows has no such thing, and needs none. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function hasCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException)?.code === code;
}
