/** Processes of the system, as specs look at them. */
import { spawnSync } from 'node:child_process';

/** Whether a process runs. One that has ended may be there still, for whoever adopted it to look at. */
export function lives(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.startsWith('Z');
}

/** Resolves when `what` holds. */
export async function until(what: () => boolean, timeoutMs = 10_000): Promise<void> {
  const endAt = performance.now() + timeoutMs;
  while (!what()) {
    if (performance.now() > endAt) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}
