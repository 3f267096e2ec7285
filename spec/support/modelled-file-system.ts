/**
 * A disk in memory that knows what a loss of power may leave of it.
 *
 *   calls ──► names and contents as programs see them
 *     └─────► log of all that changed anything ──► `power-loss.ts`: what may be there after any prefix of it
 *
 * A file is what was made by `create`, whatever names it has: it is there as long as it is open or has a name. Each call is shown to
 * `onCall` first, which may wait (so that a specification decides who is next) or say how it fails.
 */
import type { FileSystem, OpenFile } from '../../lib/files/file-system.js';

/** One call of the port. */
export interface FileCall {
  readonly name: keyof FileSystem | keyof OpenFile;
  readonly path: string;
}

/**
 * How a call ends otherwise: with a code, before anything happened or `after` all did; or with so many bytes written. A sync that fails
 * leaves what was written where programs see it, but no later sync brings it to the disk.
 */
export type FileFault = { readonly code: string; readonly after?: boolean } | { readonly short: number };

export type OnCall = (call: FileCall) => FileFault | undefined | Promise<FileFault | undefined>;

/** What changed something, or made it stay. Files are numbers. */
export type Change =
  | { readonly on: 'name'; readonly directory: string; readonly sets: readonly NameSet[] }
  | { readonly on: 'write'; readonly file: number; readonly position: number; readonly bytes: Buffer }
  | { readonly on: 'sync'; readonly file: number }
  | { readonly on: 'sync failed'; readonly file: number }
  | { readonly on: 'sync directory'; readonly directory: string };

/** A name, and the file that it has from then on. */
export type NameSet = readonly [path: string, file: number | undefined];

/** What is on a disk. */
export interface DiskImage {
  readonly names: ReadonlyMap<string, number>;
  readonly contents: ReadonlyMap<number, Buffer>;
}

export class ModelledDisk {
  readonly log: Change[] = [];
  readonly start: DiskImage;
  readonly #names: Map<string, number>;
  readonly #contents: Map<number, Buffer>;
  #nextFile = 1;

  /** All that is in `start` stays. */
  constructor(start: DiskImage = { names: new Map(), contents: new Map() }) {
    this.start = start;
    this.#names = new Map(start.names);
    this.#contents = new Map(start.contents);
    for (const file of start.contents.keys()) this.#nextFile = Math.max(this.#nextFile, file + 1);
  }

  /** As programs see it now. */
  image(): DiskImage {
    return { names: new Map(this.#names), contents: new Map(this.#contents) };
  }

  /** The port, as one process has it. */
  fileSystem(onCall?: OnCall): FileSystem {
    const step = async <T>(name: FileCall['name'], path: string, work: () => T): Promise<T> => {
      const fault = await onCall?.({ name, path });
      if (fault !== undefined && 'code' in fault) {
        if (fault.after === true) work();
        throw failure(fault.code, name, path);
      }
      return work();
    };
    const openFile = (path: string, file: number, isToWrite: boolean): OpenFile =>
      this.#opened(path, file, isToWrite, onCall, step);
    return {
      open: (path) => step('open', path, () => openFile(path, this.#fileAt(path, 'open'), false)),
      create: (path) =>
        step('create', path, () => {
          this.#requireFree(path, 'create');
          const file = this.#nextFile;
          this.#nextFile += 1;
          this.#contents.set(file, Buffer.alloc(0));
          this.#set([path, file]);
          return openFile(path, file, true);
        }),
      list: (directory) =>
        step('list', directory, () =>
          [...this.#names.keys()]
            .filter((name) => above(name) === directory)
            .map((name) => name.slice(directory.length + 1)),
        ),
      makeDirectory: (directory) => step('makeDirectory', directory, () => {}),
      rename: (from, to) =>
        step('rename', from, () => {
          const file = this.#fileAt(from, 'rename');
          // Two names of one file stay as they are.
          if (this.#names.get(to) !== file) this.#set([from, undefined], [to, file]);
        }),
      link: (from, to) =>
        step('link', to, () => {
          const file = this.#fileAt(from, 'link');
          this.#requireFree(to, 'link');
          this.#set([to, file]);
        }),
      remove: (path) =>
        step('remove', path, () => {
          this.#fileAt(path, 'remove');
          this.#set([path, undefined]);
        }),
      syncDirectory: (directory) =>
        step('syncDirectory', directory, () => void this.log.push({ on: 'sync directory', directory })),
      identityOf: (path) => {
        const file = this.#names.get(path);
        return file === undefined ? undefined : String(file);
      },
    };
  }

  #opened(
    path: string,
    file: number,
    isToWrite: boolean,
    onCall: OnCall | undefined,
    step: <T>(name: FileCall['name'], path: string, work: () => T) => Promise<T>,
  ): OpenFile {
    const content = () => this.#contents.get(file) as Buffer;
    const write = (bytes: Uint8Array, position: number) => {
      if (!isToWrite) throw failure('EBADF', 'write', path);
      const own = Buffer.from(bytes);
      this.#contents.set(file, written(content(), own, position));
      this.log.push({ on: 'write', file, position, bytes: own });
      return own.length;
    };
    return {
      read: (into, position) =>
        step('read', path, () => content().copy(into, 0, Math.min(position, content().length), position + into.length)),
      write: async (bytes, position) => {
        const fault = await onCall?.({ name: 'write', path });
        if (fault === undefined) return write(bytes, position);
        if ('short' in fault) return write(bytes.subarray(0, fault.short), position);
        if (fault.after === true) write(bytes, position);
        throw failure(fault.code, 'write', path);
      },
      syncData: async () => {
        const fault = await onCall?.({ name: 'syncData', path });
        this.log.push({ on: fault === undefined ? 'sync' : 'sync failed', file });
        if (fault !== undefined) throw failure('code' in fault ? fault.code : 'EIO', 'syncData', path);
      },
      size: () => step('size', path, () => content().length),
      close: () => step('close', path, () => {}),
    };
  }

  #fileAt(path: string, call: string): number {
    const file = this.#names.get(path);
    if (file === undefined) throw failure('ENOENT', call, path);
    return file;
  }

  #requireFree(path: string, call: string): void {
    if (this.#names.has(path)) throw failure('EEXIST', call, path);
  }

  /** All at once, as programs see it. */
  #set(...sets: readonly NameSet[]): void {
    for (const [path, file] of sets) {
      if (file === undefined) this.#names.delete(path);
      else this.#names.set(path, file);
    }
    this.log.push({ on: 'name', directory: above(sets[0]?.[0] as string), sets });
  }
}

/** A content after a write; never the same object, so that images stay as they are. */
export function written(content: Buffer, bytes: Buffer, position: number): Buffer {
  if (position === content.length) return Buffer.concat([content, bytes]);
  const next = Buffer.alloc(Math.max(content.length, position + bytes.length));
  content.copy(next);
  bytes.copy(next, position);
  return next;
}

function above(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

function failure(code: string, call: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${call} '${path}'`), { code });
}
