/**
 * Prevalence in a directory: the journal in numbered files, snapshots beside it, and who may write.
 *
 * The instances of one storage object in one process share the directory; it is opened with the first and let go of with the last.
 */
import { randomBytes } from 'node:crypto';
import type { Log, LogRequest, Storage } from '../prevalence/index.js';
import type { Directory } from './directory.js';
import { openDirectory, requireSameLabel } from './directory-opening.js';
import { FileLog } from './file-log.js';
import { JournalFiles } from './journal-files.js';
import type { LogParts } from './log-parts.js';
import { requireSameSeal } from './sealing.js';
import { type FileStorageOptions, type FileStorageSettings, requireSettings } from './storage-options.js';

/**
 * Keeps a system in a directory of this machine: no database, no network.
 *
 * **Guarantee.** A commit is acknowledged after one write and one `fdatasync`, and after it is known that nobody else has taken the
 * directory. Whatever a crash or a loss of power leaves, the next one who opens it finds exactly the commits that were
 * acknowledged, and perhaps the one that was being written; any other damage is an error that says file and byte.
 *
 * **One process writes.** Instances in it that are opened on the same storage object share the directory. Another process is refused by
 * name of the holder (`ERR_DIRECTORY_HELD`), until the holder has closed or is dead; systems that only read may be opened anywhere.
 *
 * @param directory made if it is not there; it must be empty, or of this system
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import path from 'node:path';
 * import { fileStorage } from 'leyden-jar/files';
 * import { openPrevayler } from 'leyden-jar/prevalence';
 *
 * const directory = path.join(await mkdtemp(path.join(tmpdir(), 'till-')), 'journal');
 * const handler = (sum: number, amount: number) => sum + amount;
 * const open = () => openPrevayler({ storage: fileStorage(directory), initialState: 0, handler });
 * const till = await open();
 * await till.handle(5);
 * await till.close();
 * await using again = await open();
 * console.log(again.state); // 5
 * ```
 */
export function fileStorage(directory: string, options: FileStorageOptions = {}): Storage {
  const settings = requireSettings(directory, options);
  const hub = new Hub(settings);
  return { name: hub.directory, clock: settings.clock, seals: true, open: (request) => hub.log(request) };
}

/** What the logs of one storage object share. */
class Hub {
  readonly directory: string;
  readonly #settings: FileStorageSettings;
  #opened: Promise<Directory> | undefined;
  /** As long as it is open. */
  #directory: Directory | undefined;
  #users = 0;
  /** Of the directory when it was open before. */
  #left: Promise<void> = Promise.resolve();

  constructor(settings: FileStorageSettings) {
    this.directory = settings.directory;
    this.#settings = settings;
  }

  log(request: LogRequest): Log {
    const { directory: name } = this;
    const { appendBytesMax } = this.#settings;
    let isUser = false;
    return new FileLog({
      ...{ name, appendBytesMax, instance: newId() },
      open: async () => {
        const directory = request.readOnly ? undefined : await this.#enter(request);
        isUser = directory !== undefined;
        return this.#partsOf(request, directory);
      },
      leave: async (isStopped) => {
        if (isUser) await this.#leave(isStopped);
      },
    });
  }

  #partsOf(request: LogRequest, directory: Directory | undefined): LogParts {
    const { format: label, codec } = request;
    const { fileSystem } = this.#settings;
    const files = directory?.files ?? new JournalFiles({ fileSystem, directory: this.directory, label, codec });
    const own = { newest: undefined, damaged: new Set<number>(), facts: new Map() };
    const place = { name: this.directory, fileSystem, files, directory };
    return { ...request, ...own, ...place, certainEnd: () => this.#directory?.end };
  }

  /** Opens the directory, or shares it with those who have it open. */
  async #enter({ format: label, codec, onWarning }: LogRequest): Promise<Directory> {
    const { fileSystem, machine, directory, clock, takeOver, journalBytesMax } = this.#settings;
    this.#users += 1;
    try {
      this.#opened ??= this.#left.then(() =>
        openDirectory({
          ...{ fileSystem, machine, directory, clock, takeOver },
          ...{ label, codec, journalBytesMax, newId, onWarning },
        }),
      );
      const opened = await this.#opened;
      this.#directory = opened;
      const { options } = opened.files;
      requireSameLabel(this.directory, options.label, label);
      await requireSameSeal(this.directory, options.codec, codec);
      return opened;
    } catch (error) {
      await this.#leave(false);
      throw error;
    }
  }

  async #leave(isStopped: boolean): Promise<void> {
    this.#users -= 1;
    const opened = this.#opened;
    if (this.#users > 0 || opened === undefined) return;
    this.#opened = undefined;
    this.#directory = undefined;
    this.#left = opened.then(
      // What hangs is not waited for.
      (directory) => (isStopped ? void directory.leave() : directory.close()),
      () => {},
    );
    await this.#left;
  }
}

function newId(): string {
  return randomBytes(6).toString('base64url');
}
