/**
 * Proof that every guard has a spec that fails without it. `npm run mutants [words]`; not part of `npm test`.
 *
 * Each mutant of the list takes one guard out of a copy of the tree and runs the spec that is named for it, which must fail.
 * First all those specs run on the tree as it is, and must pass. A mutant that survives, a text that is no longer found, a
 * spec that does not exist or does not load: each is a failure of this script. With words, only mutants whose name contains
 * them all.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { mutants } from './mutants-list.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const workers = 2;
const runMsMax = 60_000;
const staged = mkdtempSync(path.join(tmpdir(), 'leyden-jar-mutants-'));
const words = process.argv.slice(2);
const chosen = mutants.filter(({ name }) => words.every((word) => name.includes(word)));

/** A copy of what specs need. */
function copyTree(/** @type {string} */ name) {
  const tree = path.join(staged, name);
  for (const part of [
    'lib',
    'spec',
    'package.json',
    'jest.config.js',
    'tsconfig.json',
    'scripts/tsconfig.build.json',
  ]) {
    cpSync(path.join(root, part), path.join(tree, part), { recursive: true });
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(tree, 'node_modules'));
  return tree;
}

/**
 * @param {string} tree
 * @param {{ file: string, test?: string }} spec
 * @returns {Promise<{ passed: number, failed: number, broken: boolean, hung: boolean }>}
 */
async function runSpec(tree, { file, test }) {
  const output = path.join(tree, 'result.json');
  rmSync(output, { force: true });
  const jest = ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js', file, '--silent'];
  const pattern = test === undefined ? [] : ['-t', test.replace(/[.*+?^${}()[\]\\]/g, '\\$&')];
  const child = spawn(
    process.execPath,
    [...jest, ...pattern, '--bail=1', '--runInBand', '--json', `--outputFile=${output}`],
    { cwd: tree, stdio: 'ignore' },
  );
  const timer = setTimeout(() => child.kill('SIGKILL'), runMsMax);
  const signal = await new Promise((resolve) => child.on('exit', (_code, by) => resolve(by)));
  clearTimeout(timer);
  if (signal !== null) return { passed: 0, failed: 1, broken: false, hung: true };
  const result = JSON.parse(readFileSync(output, 'utf8'));
  const { numPassedTests: passed, numFailedTests: failed, numRuntimeErrorTestSuites: unloadable } = result;
  // An error that nobody caught fails the file that it came from, whose tests may all have passed.
  const late = passed + failed > 0 ? unloadable : 0;
  return { passed, failed: failed + late, broken: unloadable > late, hung: false };
}

/** Replaces texts that must each be there once; gives back what undoes it. */
function mutate(/** @type {string} */ tree, /** @type {import('./mutants/mutant.mjs').Edit[]} */ edits) {
  /** @type {[string, string][]} */
  const originals = [];
  try {
    for (const { file, find, replace } of edits) {
      const at = path.join(tree, file);
      const text = readFileSync(at, 'utf8');
      if (text.split(find).length !== 2) throw new Error(`stands ${text.split(find).length - 1} times in ${file}`);
      originals.push([at, text]);
      writeFileSync(
        at,
        text.replace(find, () => replace),
      );
    }
  } catch (error) {
    for (const [at, text] of originals.reverse()) writeFileSync(at, text);
    throw error;
  }
  return () => {
    for (const [at, text] of originals.reverse()) writeFileSync(at, text);
  };
}

/** @template T @param {T[]} list @param {(tree: string, one: T) => Promise<void>} body */
async function inTrees(list, body) {
  const left = [...list];
  await Promise.all(
    trees.map(async (tree) => {
      for (let one = left.shift(); one !== undefined; one = left.shift()) await body(tree, one);
    }),
  );
}

const startedAt = performance.now();
const trees = Array.from({ length: workers }, (_, index) => copyTree(String(index)));
/** @type {string[]} */
const wrong = [];
try {
  const specs = new Map(chosen.map(({ spec }) => [JSON.stringify(spec), spec]));
  await inTrees([...specs.values()], async (tree, spec) => {
    const { passed, failed, broken } = await runSpec(tree, spec);
    const fault = failed > 0 || broken ? 'fails on the tree as it is' : passed === 0 ? 'matches no spec' : undefined;
    if (fault !== undefined) wrong.push(`${spec.file} ${spec.test ?? ''}: ${fault}`);
  });
  await inTrees(wrong.length > 0 ? [] : chosen, async (tree, { name, edits, spec }) => {
    let verdict = 'found';
    try {
      const undo = mutate(tree, edits);
      const { failed, broken, hung } = await runSpec(tree, spec);
      undo();
      verdict = broken ? 'DOES NOT LOAD' : failed === 0 ? 'SURVIVES' : hung ? 'found (hangs)' : 'found';
    } catch (error) {
      verdict = `NO LONGER FITS: ${/** @type {Error} */ (error).message}`;
    }
    console.log(`${verdict.padEnd(14)} ${name.padEnd(66)} ${spec.file.replace('spec/', '')} ${spec.test ?? ''}`);
    if (!verdict.startsWith('found')) wrong.push(`${name}: ${verdict}`);
  });
} finally {
  rmSync(staged, { recursive: true, force: true });
}
const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
for (const line of wrong) console.error(line);
console.log(`${chosen.length} mutants, ${wrong.length} of them or of their specs wrong, ${seconds} s`);
process.exitCode = wrong.length > 0 ? 1 : 0;
