/**
 * Prevalence in a directory: the journal in numbered files, snapshots beside it, and who may write.
 *
 * The instances of one storage object in one process share the directory; it is opened with the first and let go of with the last.
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { type Clock, systemClock } from '../engine/index.js';
import type { Log, LogRequest, Storage } from '../prevalence/index.js';
import { Directory, requireSameLabel } from './directory.js';
import { FileLog } from './file-log.js';
import type { FileSystem } from './file-system.js';
import { JournalFiles } from './journal-files.js';
import type { LogParts } from './log-parts.js';
import { type Machine, thisMachine } from './machine.js';
import { nodeFileSystem } from './node-file-system.js';
import { requireSameSeal } from './sealing.js';

/** Options of {@link fileStorage}. */
export interface FileStorageOptions {
  /**
   * Whether one who holds the directory, and of whom nobody knows from here whether it lives (on another machine, in another
   * container), is taken for dead. One who lives here is never overtaken.
   * @defaultValue false
   */
  readonly takeOver?: boolean | undefined;
  /**
   * From how many bytes on a file of the journal is followed by another one.
   * @defaultValue 64 MB
   */
  readonly journalBytesMax?: number | undefined;
  /**
   * JSON text of the events of one commit, at most, and so of one event; up to 32 MB.
   * @defaultValue 32 MB
   */
  readonly appendBytesMax?: number | undefined;
  /** @defaultValue the system's */
  readonly clock?: Clock | undefined;
  /** The files of this machine, or what stands for them in a specification. @defaultValue `node:fs` */
  readonly fileSystem?: FileSystem | undefined;
  /** What tells processes apart. @defaultValue this machine */
  readonly machine?: Machine | undefined;
}

const appendBytesLimit: number = 32 * 1_024 * 1_024;
const journalBytesDefault: number = 64 * 1_024 * 1_024;
const journalBytesMin = 1_024;

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
  if (typeof directory !== 'string' || directory === '' || directory.includes('\0')) {
    const given = JSON.stringify(directory);
    throw new TypeError(`Cannot keep a system in files: directory must be a path, as a string: ${given}`);
  }
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`Cannot keep a system in files: options must be an object: ${String(options)}`);
  }
  const { takeOver = false } = options;
  // A text from the environment would mean yes, whatever it says.
  if (typeof takeOver !== 'boolean') {
    throw new TypeError(`Cannot keep a system in files: takeOver must be true or false: ${String(takeOver)}`);
  }
  const { journalBytesMax = journalBytesDefault, appendBytesMax = appendBytesLimit } = options;
  requireWithin('journalBytesMax', journalBytesMax, journalBytesMin, Number.MAX_SAFE_INTEGER);
  requireWithin('appendBytesMax', appendBytesMax, 1_024, appendBytesLimit);
  const { clock = systemClock } = options;
  const hub = new Hub({ ...options, clock, journalBytesMax, appendBytesMax, directory: path.resolve(directory) });
  return { name: hub.directory, clock, seals: true, open: (request) => hub.log(request) };
}

function requireWithin(name: string, value: number, min: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw new RangeError(`Cannot keep a system in files: ${name} must be a whole number from ${min} to ${max}: ${value}`);
}

interface HubOptions extends FileStorageOptions {
  readonly clock: Clock;
  readonly directory: string;
  readonly journalBytesMax: number;
  readonly appendBytesMax: number;
}

/** What the logs of one storage object share. */
class Hub {
  readonly directory: string;
  readonly #options: HubOptions;
  readonly #fileSystem: FileSystem;
  #opened: Promise<Directory> | undefined;
  /** As long as it is open. */
  #directory: Directory | undefined;
  #users = 0;
  /** Of the directory when it was open before. */
  #left: Promise<void> = Promise.resolve();

  constructor(options: HubOptions) {
    this.directory = options.directory;
    this.#options = options;
    this.#fileSystem = options.fileSystem ?? nodeFileSystem;
  }

  log(request: LogRequest): Log {
    const { directory: name } = this;
    const { appendBytesMax } = this.#options;
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
    const files =
      directory?.files ?? new JournalFiles({ fileSystem: this.#fileSystem, directory: this.directory, label, codec });
    const own = { newest: undefined, damaged: new Set<number>(), facts: new Map() };
    const place = { name: this.directory, fileSystem: this.#fileSystem, files, directory };
    return { ...request, ...own, ...place, certainEnd: () => this.#directory?.end };
  }

  /** Opens the directory, or shares it with those who have it open. */
  async #enter({ format: label, codec, onWarning }: LogRequest): Promise<Directory> {
    const { takeOver = false, machine = thisMachine, journalBytesMax, clock } = this.#options;
    this.#users += 1;
    try {
      this.#opened ??= this.#left.then(() =>
        Directory.open({
          ...{ fileSystem: this.#fileSystem, machine, directory: this.directory, clock, takeOver },
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
