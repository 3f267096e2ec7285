/**
 * Everything that can be known of the tree without running a spec. `npm run check`.
 *
 * All steps run, two or more at a time, even if one fails; a step that needs another's result is skipped when that one
 * failed. Each prints its name and time, and, on failure, all that its tool said. Exits with 1 if any step failed.
 *
 * The package is built and packed in a temporary folder and examined there, so that a check leaves the tree as it was
 * and two checks can run at once.
 */
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const staged = mkdtempSync(path.join(tmpdir(), 'leyden-jar-check-'));
const node = process.execPath;
const tool = (/** @type {string} */ file) => path.join(root, 'node_modules', file);
const npm = process.env.npm_execpath === undefined ? ['npm'] : [node, process.env.npm_execpath];

/** @type {{ name: string, command: string[], cwd?: string, after?: string, prepare?: () => void }[]} */
const steps = [
  { name: 'format and lint', command: [node, tool('@biomejs/biome/bin/biome'), 'ci', '--colors=off', '.'] },
  { name: 'types', command: [node, tool('typescript/bin/tsc'), '-p', 'tsconfig.json'] },
  {
    name: 'promises',
    command: [node, tool('oxlint/bin/oxlint'), '-c', 'scripts/oxlint.json', 'lib', 'spec', 'scripts'],
  },
  { name: 'import arrows', command: [node, 'scripts/boundaries.mjs'] },
  { name: 'lock file', command: [node, 'scripts/lock.mjs'] },
  { name: 'unused code', command: [node, tool('knip/bin/knip.js'), '-c', 'scripts/knip.json', '--no-progress'] },
  {
    name: 'build',
    command: [
      node,
      tool('typescript/bin/tsc'),
      '-p',
      'scripts/tsconfig.build.json',
      '--outDir',
      path.join(staged, 'dist'),
    ],
  },
  {
    name: 'pack',
    after: 'build',
    cwd: staged,
    prepare: copyManifest,
    command: [...npm, 'pack', '--ignore-scripts', '--loglevel=error'],
  },
  { name: 'publint', after: 'pack', command: [node, tool('publint/src/cli.js'), 'run', '--strict', '<tarball>'] },
  {
    name: 'are the types wrong',
    after: 'pack',
    command: [node, tool('@arethetypeswrong/cli/dist/index.js'), '--profile=esm-only', '--format=ascii', '<tarball>'],
  },
];

function copyManifest() {
  for (const file of ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE']) {
    if (existsSync(path.join(root, file))) copyFileSync(path.join(root, file), path.join(staged, file));
  }
}

function run({ command, cwd = root, prepare }) {
  prepare?.();
  const tarball = () => path.join(staged, readdirSync(staged).find((name) => name.endsWith('.tgz')) ?? 'no tarball');
  const [file, ...args] = command.map((part) => (part === '<tarball>' ? tarball() : part));
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(file, args, { cwd, env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined } });
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => resolve({ ok: false, output: String(error) }));
    child.on('close', (code, signal) => resolve({ ok: code === 0, output: signal ? `${output}\n${signal}` : output }));
  });
}

/** @type {Map<string, boolean>} */
const finished = new Map();

async function runStep(step) {
  const started = performance.now();
  const blocked = step.after !== undefined && finished.get(step.after) === false;
  const { ok, output } = blocked ? { ok: false, output: `not run: ${step.after} failed` } : await run(step);
  finished.set(step.name, ok);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${ok ? 'ok    ' : 'FAILED'}  ${step.name.padEnd(20)} ${seconds.padStart(5)} s`);
  if (!ok) console.log(`\n${output.trim().replace(/^/gm, '    ')}\n`);
}

async function worker(waiting) {
  while (waiting.length > 0) {
    const next = waiting.findIndex((step) => step.after === undefined || finished.has(step.after));
    if (next >= 0) await runStep(waiting.splice(next, 1)[0]);
    else await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const started = performance.now();
try {
  const waiting = [...steps];
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, () => worker(waiting)));
} finally {
  rmSync(staged, { recursive: true, force: true });
}
const failed = steps.filter((step) => !finished.get(step.name)).map((step) => step.name);
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(failed.length === 0 ? `all ok in ${seconds} s` : `FAILED: ${failed.join(', ')} (${seconds} s)`);
if (failed.length > 0) process.exitCode = 1;
