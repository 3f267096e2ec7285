/** Processes of this demo: TypeScript, a channel for messages, and nothing written where the report goes. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Starts a script as a process of its own. */
export function forkScript(script: URL): ChildProcess {
  return fork(fileURLToPath(script), {
    execArgv: ['--import', import.meta.resolve('tsx')],
    stdio: ['ignore', 2, 2, 'ipc'],
  });
}

/** Resolves when the process is gone, or could not be started. */
export function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    child.on('error', (error) => {
      // Others are of messages to somebody who has just died; the exit says more.
      if (child.pid === undefined) resolve(error.message);
    });
  });
}

/**
 * For the other side: an interrupt from the terminal reaches the whole group, but the parent decides what becomes of us. It
 * closes the channel to end us, and when it dies, of whatever, the channel closes as well.
 */
export function endWithParent(cleanUp: () => Promise<void> = async () => {}): void {
  process.on('SIGINT', () => {});
  process.once('disconnect', () => void cleanUp().finally(() => process.exit()));
}
