/**
 * The child process of `snippets.ts`: imports modules one after the other and writes down what each printed.
 *
 *   node --import tsx spec/support/snippet-runner.ts <result> <timeout in ms> <file>...
 *
 * The files are in the folder of the result, which is written after every module, so that one that ends the process takes
 * nothing but itself along.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';
import type { SnippetRun } from './snippets.js';

const [result = '', timeoutMs = '', ...files] = process.argv.slice(2);
const results: Record<string, SnippetRun> = {};
let current:
  | { readonly file: string; readonly printed: { line: number; text: string }[]; failure?: string }
  | undefined;

console.log = (...values: unknown[]) => {
  if (current === undefined) return;
  const at = new Error('where').stack
    ?.split('\n')
    .find((frame) => current !== undefined && frame.includes(current.file));
  const line = Number(/:(\d+):\d+\)?$/.exec(at ?? '')?.[1] ?? 0);
  current.printed.push({ line, text: format(...values) });
};

const tell = (error: unknown) => {
  if (current !== undefined) current.failure ??= error instanceof Error ? String(error.stack) : format(error);
};
process.on('unhandledRejection', tell);
process.on('uncaughtException', tell);

for (const file of files) {
  current = { file, printed: [] };
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`did not end within ${timeoutMs} ms`)), Number(timeoutMs));
  });
  try {
    await Promise.race([import(pathToFileURL(path.join(path.dirname(result), file)).href), timeout]);
    // One turn, for a rejection that nobody awaited.
    await new Promise((resolve) => setImmediate(resolve));
  } catch (error) {
    tell(error);
  } finally {
    clearTimeout(timer);
  }
  const { printed, failure } = current;
  results[file] = { printed, failure };
  writeFileSync(result, JSON.stringify(results));
}
process.exit();
