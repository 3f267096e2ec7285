/** Options of a storage in files: all that can be wrong with them is said at the call, before anything is done. */
import path from 'node:path';
import { type Clock, systemClock } from '../engine/index.js';
import type { FileSystem } from './file-system.js';
import { type Machine, thisMachine } from './machine.js';
import { nodeFileSystem } from './node-file-system.js';

/** Options of `fileStorage`. */
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

/** Options, with what is there where nothing was given. */
export interface FileStorageSettings {
  /** Absolute. */
  readonly directory: string;
  readonly takeOver: boolean;
  readonly journalBytesMax: number;
  readonly appendBytesMax: number;
  readonly clock: Clock;
  readonly fileSystem: FileSystem;
  readonly machine: Machine;
}

const appendBytesLimit: number = 32 * 1_024 * 1_024;
const journalBytesDefault: number = 64 * 1_024 * 1_024;
const journalBytesMin = 1_024;

/** By the option, what it must be able to do. */
const calls = {
  clock: ['now', 'monotonicMs', 'sleep'],
  fileSystem: [
    ...['open', 'create', 'list', 'makeDirectory', 'rename', 'link', 'remove', 'syncDirectory', 'identityOf'],
  ],
  machine: ['self', 'lifeOf'],
} as const;

/** @throws TypeError, RangeError */
export function requireSettings(directory: string, options: FileStorageOptions): FileStorageSettings {
  if (typeof directory !== 'string' || directory === '' || directory.includes('\0')) {
    throw wrong(`directory must be a path, as a string: ${JSON.stringify(directory)}`);
  }
  if (typeof options !== 'object' || options === null) throw wrong(`options must be an object: ${String(options)}`);
  const { takeOver = false, journalBytesMax = journalBytesDefault, appendBytesMax = appendBytesLimit } = options;
  // A text from the environment would mean yes, whatever it says.
  if (typeof takeOver !== 'boolean') throw wrong(`takeOver must be true or false: ${String(takeOver)}`);
  requireWithin('journalBytesMax', journalBytesMax, journalBytesMin, Number.MAX_SAFE_INTEGER);
  requireWithin('appendBytesMax', appendBytesMax, 1_024, appendBytesLimit);
  const { clock = systemClock, fileSystem = nodeFileSystem, machine = thisMachine } = options;
  const ports = { clock, fileSystem, machine };
  for (const name of ['clock', 'fileSystem', 'machine'] as const) requireCalls(name, ports[name]);
  return { directory: path.resolve(directory), takeOver, journalBytesMax, appendBytesMax, ...ports };
}

function wrong(what: string): TypeError {
  return new TypeError(`Cannot keep a system in files: ${what}`);
}

function requireWithin(name: string, value: number, min: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw new RangeError(`Cannot keep a system in files: ${name} must be a whole number from ${min} to ${max}: ${value}`);
}

function requireCalls(name: keyof typeof calls, value: unknown): void {
  if (typeof value !== 'object' || value === null) throw wrong(`${name} must be an object: ${String(value)}`);
  const missing = calls[name].find((call) => typeof (value as Record<string, unknown>)[call] !== 'function');
  if (missing !== undefined) throw wrong(`${name} must have a function ${missing}()`);
}
