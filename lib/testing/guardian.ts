/**
 * A child process that never outlives us.
 *
 *     this process --stdin pipe--> guardian (node -e) --> the command
 *
 * The guardian watches its stdin. When the pipe ends, because of `end` or because this process died of whatever, SIGKILL
 * included, it kills the command. When the command ends by itself, the guardian ends too, and we know.
 *
 * Invariant: the command runs only while this process lives. (Killing the guardian itself is noticed here, and undone.)
 */
import { spawn } from 'node:child_process';

const script = `
const { spawn } = require('node:child_process');
const [command, ...args] = process.argv.slice(1);
const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'], windowsHide: true });
process.stdout.write(child.pid + '\\n');
child.on('error', (error) => { process.stderr.write(String(error)); process.exit(127); });
child.on('exit', (code) => process.exit(code ?? 1));
const end = () => child.kill('SIGKILL');
process.stdin.on('end', end).on('close', end).on('error', end).resume();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end);
process.on('exit', end);
`;

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

/** A guarded command. */
export interface Guarded {
  /** Process id of the command itself; `NaN` when it could not be started. */
  readonly pid: number;
  /** Resolves when guardian and command have ended, for whatever reason. */
  readonly exited: Promise<void>;
  /** Kills the command. */
  end(): void;
  /** The end of what it wrote to stderr. */
  lastWords(): string;
}

/** Runs `command` under a guardian. Neither keeps this process alive. */
export async function guard(command: string, args: readonly string[]): Promise<Guarded> {
  const child = spawn(process.execPath, ['-e', script, command, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    windowsHide: true,
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-2_000);
  });
  child.stdin.on('error', () => {});
  const exited = new Promise<void>((done) => child.once('close', () => done()));
  const pid = await new Promise<number>((done) => {
    child.stdout.once('data', (line) => done(Number.parseInt(String(line), 10)));
    void exited.then(() => done(Number.NaN));
  });
  // None of these keeps this process alive: when it ends, the pipe ends, and the command with it.
  child.unref();
  for (const pipe of [child.stdin, child.stdout, child.stderr]) (pipe as unknown as { unref(): void }).unref();
  child.once('exit', (_code, signal) => {
    if (signal !== null && Number.isInteger(pid)) killQuietly(pid);
  });
  const end = () => {
    child.ref();
    child.stdin.end();
  };
  return { pid, exited, end, lastWords: () => words.trim() };
}
