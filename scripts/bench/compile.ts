/**
 * Compiles the library and the benchmark with `tsc` into a folder that is removed afterwards.
 *
 * What is measured is what the package ships; types are checked elsewhere. A loader that transforms on the fly names each
 * function anew whenever its expression is evaluated (`__name`), and that costs some microseconds for every swap.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** The folder of the compiled benchmark. */
export async function compile(): Promise<string> {
  // Inside the tree, so that packages are found; `.leyden` is ignored by git.
  mkdirSync(path.join(root, '.leyden'), { recursive: true });
  const folder = mkdtempSync(path.join(root, '.leyden', 'bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  // A signal alone would end the process without that.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  const project = path.join(root, 'scripts/bench/tsconfig.json');
  await promisify(execFile)(process.execPath, [tsc, '-p', project, '--outDir', folder], { cwd: root });
  return path.join(folder, 'scripts/bench');
}
