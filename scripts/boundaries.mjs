/**
 * The import rules of `lib/`: which folder may know which, checked on every import of every file.
 *
 *   errors <- codec <- engine <- atom <- recipes <- prevalence, streams
 *                                atom <- journal, snapshot <- prevalence, events
 *
 * Folder = layer. A folder sees what its arrows reach, and sees it through the other folder's `index.ts` only;
 * `errors.ts` is open to all. Nothing imports `cli`, `adapters`, `testing`, `otel` or the root index. Files form no cycle. A
 * foreign package that exists at run time is imported in one file. Pure folders import no I/O.
 *
 * Imports are read from the syntax tree, so that comments and strings are never taken for imports.
 *
 *   node scripts/boundaries.mjs [root]    prints `file:line: [rule] reason`, exits with 1 if there is any
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseSync } from '@swc/core';

const engineAndBelow = ['codec', 'engine'];
const atomAndBelow = [...engineAndBelow, 'atom'];
const recipesAndBelow = [...atomAndBelow, 'recipes'];
const storesAndBelow = [...atomAndBelow, 'journal', 'snapshot'];
const storagesAndBelow = [...storesAndBelow, 'prevalence'];
const libraryFolders = [...new Set([...recipesAndBelow, ...storagesAndBelow, 'files', 's3', 'streams', 'events'])];

/** Folder -> folders that it may import. `(root)` is `lib/index.ts`. */
const mayImport = {
  codec: [],
  engine: ['codec'],
  atom: engineAndBelow,
  recipes: atomAndBelow,
  journal: atomAndBelow,
  snapshot: atomAndBelow,
  prevalence: [...new Set([...recipesAndBelow, ...storesAndBelow])],
  files: storagesAndBelow,
  s3: storagesAndBelow,
  streams: recipesAndBelow,
  events: storesAndBelow,
  embedded: ['engine'],
  infra: libraryFolders,
  testing: [...libraryFolders, 'embedded', 'infra'],
  adapters: [...libraryFolders, 'embedded', 'infra'],
  otel: ['atom'],
  cli: [...libraryFolders, 'embedded', 'infra'],
  '(root)': [...libraryFolders, 'embedded', 'infra'],
};

/** Folder -> folders of which it may import types, and nothing else. */
const typesOnly = { embedded: ['engine'] };

const importedByNobody = ['cli', 'adapters', 'testing', 'otel'];

/** Packages with more than one importing file, and the files. All others: one file, whichever it is. */
const packageHomes = {
  '@aws-sdk/client-dynamodb': ['engine/sdk.ts', 'engine/client.ts'],
  'p-retry': ['atom/sender.ts', 's3/patience.ts', 'streams/group/lane-run.ts'],
};

/** Built-in modules that only compute. A pure folder may import these and no others. */
const pureBuiltins = ['assert', 'assert/strict', 'buffer', 'crypto', 'string_decoder', 'util', 'util/types', 'zlib'];
const pureFolders = ['codec'];

/**
 * @typedef {{ specifier: string | undefined, typeOnly: boolean, line: number }} Import
 * @typedef {{ file: string, line: number, rule: string, reason: string }} Violation
 */

/** All imports of one module: static, re-exports, dynamic, `require`, and types by `import('x').T`. */
export function importsOf(/** @type {string} */ source) {
  // swc starts a module's span at its first token. A leading `;` makes that the first byte of the file.
  const text = `;${source.replace(/^#!/, '//')}`;
  const bytes = Buffer.from(text);
  const module = parseSync(text, { syntax: 'typescript', target: 'es2022', decorators: true });
  const lineAt = (/** @type {number} */ position) => {
    let line = 1;
    for (let i = 0; i < position - module.span.start; i++) if (bytes[i] === 10) line++;
    return line;
  };
  /** @type {Import[]} */
  const found = [];
  visit(module, (node) => {
    const read = importIn(node);
    if (read !== undefined) found.push({ ...read, line: lineAt(node.span.start) });
  });
  return found;
}

function visit(node, each) {
  if (Array.isArray(node)) {
    for (const child of node) visit(child, each);
  } else if (node !== null && typeof node === 'object') {
    if (typeof node.type === 'string') each(node);
    for (const child of Object.values(node)) visit(child, each);
  }
}

/**
 * `import { type A } from 'x'` counts as a value import: with `verbatimModuleSyntax` it stays in the output as
 * `import {} from 'x'`, which loads the module.
 */
function importIn(node) {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportAllDeclaration':
      return { specifier: node.source.value, typeOnly: node.typeOnly === true };
    case 'ExportNamedDeclaration':
      return node.source ? { specifier: node.source.value, typeOnly: node.typeOnly === true } : undefined;
    case 'TsImportType':
      return { specifier: node.argument.value, typeOnly: true };
    case 'TsImportEqualsDeclaration':
      return node.moduleRef.type === 'TsExternalModuleReference'
        ? { specifier: node.moduleRef.expression.value, typeOnly: node.isTypeOnly }
        : undefined;
    case 'CallExpression': {
      const isRequire = node.callee.type === 'Identifier' && node.callee.value === 'require';
      if (node.callee.type !== 'Import' && !isRequire) return undefined;
      return { specifier: literalOf(node.arguments[0]?.expression), typeOnly: false };
    }
    default:
      return undefined;
  }
}

function literalOf(expression) {
  if (expression?.type === 'StringLiteral') return expression.value;
  if (expression?.type === 'TemplateLiteral' && expression.expressions.length === 0) return expression.quasis[0].cooked;
  return undefined;
}

/** All violations in `root/lib`, ordered by file and line. */
export function boundaryViolations(/** @type {string} */ root) {
  const lib = path.join(root, 'lib');
  const files = readdirSync(lib, { recursive: true, encoding: 'utf8' })
    .map((name) => name.split(path.sep).join('/'))
    .filter((name) => name.endsWith('.ts'))
    .sort();
  /** @type {Violation[]} */
  const violations = [];
  /** @type {Map<string, { target: string, line: number }[]>} */
  const graph = new Map();
  /** @type {Map<string, { file: string, line: number }[]>} */
  const packages = new Map();
  for (const file of files) {
    const edges = [];
    graph.set(file, edges);
    for (const found of importsOf(readFileSync(path.join(lib, file), 'utf8'))) {
      const report = (rule, reason) => violations.push({ file, line: found.line, rule, reason });
      if (found.specifier === undefined) {
        report('literal', 'an import names its module by a literal, so that it can be checked');
      } else if (found.specifier.startsWith('.')) {
        const target = path.posix.join(path.posix.dirname(file), found.specifier).replace(/\.js$/, '.ts');
        if (target.startsWith('../')) report('outside', `${found.specifier} is outside of lib`);
        else if (!existsSync(path.join(lib, target))) report('missing', `${found.specifier} is no file of lib`);
        else {
          edges.push({ target, line: found.line });
          checkArrow(file, target, found, report);
        }
      } else checkForeign(file, found, packages, report);
    }
  }
  checkPackages(packages, violations);
  for (const cycle of cyclesOf(graph)) violations.push(cycle);
  return violations.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line));
}

const folderOf = (/** @type {string} */ file) => (file.includes('/') ? file.slice(0, file.indexOf('/')) : '(root)');

function checkArrow(file, target, found, report) {
  if (target === 'errors.ts') return;
  const from = file === 'errors.ts' ? 'errors' : folderOf(file);
  const to = folderOf(target);
  if (from === to) return;
  if (to === '(root)') return report('arrow', `nothing imports the root's ${target}; import the folder that owns it`);
  if (importedByNobody.includes(to)) return report('arrow', `nothing imports ${to}`);
  if (from === 'errors') return report('arrow', 'errors is the lowest layer and imports nothing');
  const allowed = mayImport[from];
  if (allowed === undefined)
    return report('arrow', `folder ${from} has no layer yet; add it to scripts/boundaries.mjs`);
  if (!allowed.includes(to))
    return report('arrow', `${from} may import ${allowed.join(', ') || 'errors only'}; not ${to}`);
  if (typesOnly[from]?.includes(to) && !found.typeOnly) report('arrow', `${from} may import types of ${to} only`);
  if (target !== `${to}/index.ts`) report('index', `another folder is imported through its index: ${to}/index.js`);
}

function checkForeign(file, found, packages, report) {
  const { specifier } = found;
  if (specifier === 'leyden-jar' || specifier.startsWith('leyden-jar/')) {
    report('self', 'lib imports itself by relative paths');
  } else if (found.typeOnly) {
    return;
  } else if (isBuiltin(specifier)) {
    const isPure = pureBuiltins.includes(specifier.replace(/^node:/, ''));
    if (pureFolders.includes(folderOf(file)) && !isPure) {
      report('pure', `${folderOf(file)} computes only and imports no ${specifier}`);
    }
  } else {
    const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
    packages.set(name, [...(packages.get(name) ?? []), { file, line: found.line }]);
  }
}

function checkPackages(packages, violations) {
  for (const [name, uses] of packages) {
    const homes = packageHomes[name] ?? [uses[0].file];
    for (const { file, line } of uses) {
      if (homes.includes(file)) continue;
      const reason = `${name} is imported in ${homes.join(' and ')} only (import type is free)`;
      violations.push({ file, line, rule: 'package', reason });
    }
  }
}

/** One violation for every import that closes a cycle, found by depth first search. Types count, too. */
function cyclesOf(graph) {
  /** @type {Violation[]} */
  const cycles = [];
  const done = new Set();
  const trail = [];
  const walk = (file) => {
    trail.push(file);
    for (const { target, line } of graph.get(file) ?? []) {
      const start = trail.indexOf(target);
      if (start >= 0) {
        const reason = `import cycle: ${[...trail.slice(start), target].join(' -> ')}`;
        cycles.push({ file, line, rule: 'cycle', reason });
      } else if (!done.has(target)) walk(target);
    }
    trail.pop();
    done.add(file);
  };
  for (const file of graph.keys()) if (!done.has(file)) walk(file);
  return cycles;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const root = process.argv[2] ?? process.cwd();
  const violations = boundaryViolations(root);
  for (const { file, line, rule, reason } of violations) console.error(`lib/${file}:${line}: [${rule}] ${reason}`);
  if (violations.length > 0) process.exitCode = 1;
}
