/**
 * A command as data: its words, flags and examples, and what it does. `run.ts` makes a parser and the help of them; nothing else
 * knows the parser.
 */
import type { Readable, Writable } from 'node:stream';
import type { AtomTable } from '../atom/index.js';
import type { Reader } from './flag-values.js';
import type { Output } from './output.js';

/** The process around a run, or what stands for it in a spec. */
export interface Shell {
  /** What was typed behind the name of the command. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** A flag. Without `read` its value is the text, or `true` where no value stands in `words`. */
export interface Flag {
  /** `--lease <duration>`, `--quiet`. */
  readonly words: string;
  readonly about: string;
  readonly read?: Reader<unknown>;
}

/** Flags that every command takes. */
export interface CommonFlags {
  readonly region?: string;
  readonly profile?: string;
  readonly endpointUrl?: string;
  readonly table?: string;
  readonly keyName?: string;
  readonly sortKeyName?: string;
  readonly timeout?: number;
  readonly json?: boolean;
}

/** One run of a command. */
export interface Call<F = Readonly<Record<string, unknown>>> {
  readonly operands: readonly string[];
  readonly flags: F & CommonFlags;
  /** The words behind `--`, of a command that runs another one. */
  readonly command: readonly string[];
  readonly shell: Shell;
  readonly output: Output;
  /** Opens the table, and closes it and its client when `f` has ended; `another` gives it once more, with handles of its own. */
  withTable<R>(f: (table: AtomTable, another: () => AtomTable) => Promise<R>): Promise<R>;
}

/** A command. */
export interface Command {
  /** Name and operands: `get <key>`. */
  readonly words: string;
  readonly about: string;
  /** Paragraphs of the help, below the flags. */
  readonly more?: string;
  readonly flags?: readonly Flag[];
  readonly examples: readonly string[];
  /** Whether another command follows behind `--`. */
  readonly runsAnother?: boolean;
  /** Resolves with the exit code. */
  readonly run: (call: Call) => Promise<number>;
}

/** Commands under a common word. */
export interface CommandGroup {
  readonly word: string;
  readonly about: string;
  readonly commands: readonly Command[];
}

/** A command whose flags have types. */
export function command<F>(words: Omit<Command, 'run'>, run: (call: Call<F>) => Promise<number>): Command {
  return { ...words, run: run as unknown as Command['run'] };
}
