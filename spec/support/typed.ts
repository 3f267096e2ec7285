/** The command `leyden`, as if typed: in this process (`typed`), and compiled, in processes of its own (`compileCommand`). */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';
import { run } from '../../lib/cli/run.js';
import { repository } from './command.js';

/** How a run ended. */
export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Credentials and Region of a store on this machine, and no others. */
const bareEnv = { HOME: '/nonexistent', PATH: process.env.PATH };

/** Runs it in this process. */
export async function typed(
  args: readonly string[],
  { env = {}, stdin = '' }: { readonly env?: NodeJS.ProcessEnv; readonly stdin?: string } = {},
): Promise<Said> {
  const said = { stdout: '', stderr: '' };
  const into = (name: 'stdout' | 'stderr') =>
    new Writable({
      write(text, _encoding, done) {
        said[name] += String(text);
        done();
      },
    });
  const code = await run({
    args,
    env: { ...bareEnv, ...env },
    stdin: Readable.from([Buffer.from(stdin)]),
    stdout: into('stdout'),
    stderr: into('stderr'),
  });
  return { code, ...said };
}

/** A run in a process of its own, in a process group of its own. */
export interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<Said & { readonly signal: NodeJS.Signals | null }>;
  /** What it has said by now. */
  stdout(): string;
  stderr(): string;
  /** Resolves when `text` is there, on either stream. */
  says(text: string): Promise<void>;
  signal(name: NodeJS.Signals): void;
}

/** The compiled command. */
export interface Compiled {
  /** The file that `node` runs. */
  readonly main: string;
  start(args: readonly string[], env?: NodeJS.ProcessEnv): Run;
  /** Kills what is left, and removes the files. */
  close(): Promise<void>;
}

/** Compiles the library as the package ships it: a loader would cost each process half a second. */
export async function compileCommand(): Promise<Compiled> {
  mkdirSync(path.join(repository, '.leyden'), { recursive: true });
  const folder = mkdtempSync(path.join(repository, '.leyden', 'cli-'));
  copyFileSync(path.join(repository, 'package.json'), path.join(folder, 'package.json'));
  const tsc = path.join(repository, 'node_modules/typescript/bin/tsc');
  const outDir = path.join(folder, 'dist');
  const args = [tsc, '-p', 'scripts/tsconfig.build.json', '--outDir', outDir, '--declaration', 'false'];
  // Types are checked elsewhere.
  const maps = ['--declarationMap', 'false', '--isolatedDeclarations', 'false', '--noCheck'];
  await promisify(execFile)(process.execPath, [...args, ...maps], { cwd: repository }).catch(() => {});
  const runs: Run[] = [];
  const main = path.join(outDir, 'cli/main.js');
  return {
    main,
    start(words, env = {}) {
      const started = startRun([main, ...words], env);
      runs.push(started);
      return started;
    },
    async close() {
      for (const { child, ended } of runs) {
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
        await ended;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function startRun(args: readonly string[], env: NodeJS.ProcessEnv): Run {
  const child = spawn(process.execPath, args, {
    env: { ...bareEnv, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const said = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
      for (const call of listeners) call();
    });
  }
  const ended = new Promise<Said & { signal: NodeJS.Signals | null }>((done) => {
    // Not `close`: what the command has left behind may hold the pipes.
    child.once('exit', (code, signal) => setImmediate(() => done({ code: code ?? -1, signal, ...said })));
  });
  return {
    child,
    ended,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    says: (text) =>
      new Promise((done, failed) => {
        const look = () => {
          if (!`${said.stdout}\n${said.stderr}`.includes(text)) return;
          listeners.delete(look);
          done();
        };
        listeners.add(look);
        void ended.then((end) => failed(new Error(`ended before it said ${text}: ${JSON.stringify(end)}`)));
        look();
      }),
    signal: (name) => child.kill(name),
  };
}
