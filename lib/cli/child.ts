/**
 * The command that runs under a lock: started, told of signals, stopped for certain.
 *
 *     terminal, init --signal--> leyden --the same signal--> group of the command
 *                                  |                              ^
 *                                pipe --> guardian (sh) --TERM, KILL
 *
 * It runs in a process group (and session) of its own, so that what it has started in turn is stopped with it, and Ctrl-C reaches it
 * once. With `foreground` it stays in our group, for commands that want the terminal; then it is stopped alone.
 *
 * Invariant: the command begins after the guardian has heard of it. When this process ends, in whatever way, the guardian's pipe
 * ends, and the guardian stops the command. What no process can do is to notice that it was stopped itself (SIGSTOP, a suspended
 * machine): the fencing token is for that.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Writable } from 'node:stream';
import { CommandError, exitCodeOf, exitCodes } from './exit.js';

/** How a command is run. */
export interface ChildOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly foreground: boolean;
  /** From SIGTERM to SIGKILL. */
  readonly graceMs: number;
}

/** Interval of looks at a group that was told to end. */
const lookMs = 20;

/** First line: whom to stop. Second line: it has ended by itself. The end of the pipe instead: we have. */
const guardianScript = `trap '' HUP INT QUIT TERM
read -r target || exit 0
read -r word && exit 0
kill -s TERM -- "$target" && kill -s CONT -- "$target" && sleep "$1" && kill -s KILL -- "$target"`;

/** The command begins when the guardian knows of it, and never if we have ended before. */
const gateScript = 'read -r word <&3 || exit 125; exec 3<&-; exec "$@"';

const isPosix = process.platform !== 'win32';

/** A command that runs. */
export class Child {
  /** Its exit code as the shell says it: its own, or 128 + the number of the signal that ended it. */
  readonly ended: Promise<number>;
  readonly #process: ChildProcess;
  readonly #guardian: ChildProcess | undefined;
  readonly #options: ChildOptions;
  #hasEnded = false;

  private constructor(process: ChildProcess, guardian: ChildProcess | undefined, options: ChildOptions) {
    this.#process = process;
    this.#guardian = guardian;
    this.#options = options;
    this.ended = new Promise((done) => {
      process.once('exit', (code, signal) => {
        this.#hasEnded = true;
        done(code ?? exitCodeOf(signal as NodeJS.Signals));
      });
    });
  }

  /** Starts it. @throws CommandError with the shell's exit code when it can't be. */
  static async start(words: readonly string[], options: ChildOptions): Promise<Child> {
    const { env, foreground, graceMs } = options;
    const [file, ...args] = words as [string, ...string[]];
    const place = isPosix ? await placeOf(file, env) : file;
    const guardian = isPosix ? startGuardian(graceMs) : undefined;
    const started = isPosix
      ? spawn('/bin/sh', ['-c', gateScript, 'leyden', place, ...args], {
          stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
          env,
          detached: !foreground,
        })
      : spawn(file, args, { stdio: 'inherit', env });
    const child = new Child(started, guardian, options);
    try {
      await new Promise<void>((done, failed) => {
        started.once('spawn', done);
        started.once('error', failed);
      });
    } catch (cause) {
      guardian?.stdin?.end();
      throw startFailure(file, cause as NodeJS.ErrnoException);
    }
    started.on('error', () => {});
    guardian?.stdin?.write(`${child.#target}\n`);
    const gate = started.stdio[3] as Writable | undefined;
    // A signal may have been quicker.
    gate?.on('error', () => {}).end('begin\n');
    return child;
  }

  /** Hands a signal to it, and to what it has started. */
  signal(name: NodeJS.Signals | 0): boolean {
    try {
      if (!isPosix) return this.#process.kill(name);
      return process.kill(this.#target, name);
    } catch {
      // Nobody of them is left.
      return false;
    }
  }

  /** Stops it: SIGTERM, and SIGKILL for whoever is left after `graceMs`. Resolves when it has ended. */
  async stop(): Promise<void> {
    this.signal('SIGTERM');
    // Who is stopped hears nothing.
    this.signal('SIGCONT');
    const endAt = performance.now() + this.#options.graceMs;
    while (performance.now() < endAt && this.#isThere()) await new Promise((done) => setTimeout(done, lookMs));
    this.signal('SIGKILL');
    await this.ended;
  }

  /** Tells the guardian that all is over. */
  async close(): Promise<void> {
    const { stdin } = this.#guardian ?? {};
    if (stdin) await new Promise<void>((done) => stdin.end('ended\n', () => done()));
  }

  /** For `kill`: the process group, which is there as long as one of its processes is. */
  get #target(): number {
    const pid = this.#process.pid as number;
    return this.#options.foreground ? pid : -pid;
  }

  #isThere(): boolean {
    if (this.#options.foreground || !isPosix) return !this.#hasEnded;
    return this.signal(0);
  }
}

function startGuardian(graceMs: number): ChildProcess {
  const guardian = spawn('/bin/sh', ['-c', guardianScript, 'leyden-guardian', String(graceMs / 1_000)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Without a shell there is no guardian; the command is run all the same.
  guardian.on('error', () => {});
  guardian.stdin.on('error', () => {});
  guardian.unref();
  return guardian;
}

/** The path of a command. @throws CommandError when it can't be run. */
async function placeOf(file: string, { PATH = '' }: NodeJS.ProcessEnv): Promise<string> {
  const places = file.includes('/')
    ? [file]
    : file === ''
      ? []
      : PATH.split(':').map((folder) => path.join(folder || '.', file));
  let failure: NodeJS.ErrnoException = Object.assign(new Error('it is nowhere in PATH'), { code: 'ENOENT' });
  for (const place of places) {
    try {
      await access(place, constants.X_OK);
      if ((await stat(place)).isFile()) return path.resolve(place);
      failure = Object.assign(new Error('it is no file'), { code: 'EACCES' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') failure = error as NodeJS.ErrnoException;
    }
  }
  throw startFailure(file, failure);
}

function startFailure(file: string, cause: NodeJS.ErrnoException): CommandError {
  const { notFound, notExecutable } = exitCodes;
  if (cause.code === 'ENOENT') {
    return new CommandError('ERR_COMMAND', `There is no command ${file || '""'}`, { exitCode: notFound, cause });
  }
  return new CommandError('ERR_COMMAND', `Cannot run ${file}: ${cause.message}`, { exitCode: notExecutable, cause });
}
