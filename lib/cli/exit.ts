/**
 * How a run ends: exit codes, and the errors that are the command line's own.
 *
 *     0 done   1 failed   2 wrong usage   75 busy   76 lost   126, 127 the command can't be run   128 + n signal n
 *
 * 75 is `EX_TEMPFAIL` of sysexits.h, "try again later"; 126, 127 and 128 + n are the shell's.
 */
import { constants } from 'node:os';

export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  busy: 75,
  lost: 76,
  notExecutable: 126,
  notFound: 127,
} as const;

/** What the shell says of a process that a signal has ended. */
export function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/** A failure that the command line itself has found. `code` is what `--json` says of it. */
export class CommandError extends Error {
  readonly code: string;
  readonly exitCode: number;

  constructor(code: string, message: string, options: { readonly exitCode?: number; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.exitCode = options.exitCode ?? exitCodes.failed;
  }
}

/** Something on the command line, or in the environment, is wrong. */
export class UsageError extends CommandError {
  constructor(message: string) {
    super('ERR_USAGE', message, { exitCode: exitCodes.usage });
  }
}

/** Runs what throws for wrong arguments only. */
export function asUsage<R>(f: () => R): R {
  try {
    return f();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
}
