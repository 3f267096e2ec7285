/**
 * Runs a tool of this repository as a child process and hands back what it said, however it ended.
 */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json. */
export const repository: string = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** How a command ended. */
export interface Ended {
  /** Exit code; `null` when it was killed, for running too long among others. */
  readonly code: number | null;
  /** Standard output, then standard error. */
  readonly output: string;
}

/** Runs `node ...args` at the root of the repository. */
export function runNode(args: readonly string[], options: { readonly timeoutMs?: number } = {}): Promise<Ended> {
  const { timeoutMs = 25_000 } = options;
  const env = { ...process.env, NO_COLOR: '1', AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };
  return new Promise((resolve) => {
    const settings = { cwd: repository, env, timeout: timeoutMs, maxBuffer: 16 * 1024 * 1024 };
    const child = execFile(process.execPath, [...args], settings, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode, output: stdout + stderr });
    });
  });
}
