/**
 * Runs the code that documentation shows: every ```ts fence of a Markdown file or of the doc comments of a source file.
 *
 * Each snippet becomes a module of its own in a temporary folder of this repository, padded with empty lines so that its
 * line numbers are those of the document. `leyden-jar` and its subpaths are rewritten to the sources. All modules are
 * type-checked together, and imported one after the other by child processes (`snippet-runner.ts`), which share them: what
 * most of them do is wait.
 *
 * A comment `// => text` states what a `console.log` prints: at the end of its line, or on the lines right below, one
 * for each printed line. `console.log` without such a comment may print anything.
 *
 * A fence marked ```ts no-run is type-checked and not run.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repository, runNode } from './command.js';

/** Processes that run snippets at a time. */
const runnersMax = 3;
/** How long one of them may take to start. */
const startMsMax = 20_000;

/** One fence. */
export interface Snippet {
  /** Path of the document, from the root of the repository. */
  readonly document: string;
  /** Line of the document on which the code starts, from 1. */
  readonly line: number;
  readonly code: string;
  readonly isRun: boolean;
}

/** What a snippet printed and how it failed; made by the child process. */
export interface SnippetRun {
  /** Texts in the order of printing, each with the line of its `console.log`. */
  readonly printed: readonly { readonly line: number; readonly text: string }[];
  readonly failure?: string | undefined;
}

/** The ```ts fences of a Markdown text, whose first line is line `offset + 1` of `document`. */
export function snippetsOf(markdown: string, document: string, offset = 0): Snippet[] {
  const snippets: Snippet[] = [];
  const lines = markdown.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const fence = /^(\s*)(`{3,})(\S*)[ \t]*(.*)$/.exec(lines[i] ?? '');
    if (fence === null) continue;
    const [, indent = '', ticks = '', language = '', info = ''] = fence;
    const start = i + 1;
    while (++i < lines.length && lines[i]?.trim() !== ticks);
    if (i >= lines.length) throw new Error(`${document}:${offset + start}: the fence has no end`);
    if (language !== 'ts') continue;
    const code = lines.slice(start, i).map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line));
    snippets.push({
      document,
      line: offset + start + 1,
      code: code.join('\n'),
      isRun: !info.split(/\s+/).includes('no-run'),
    });
  }
  return snippets;
}

/** The ```ts fences in the doc comments of a TypeScript source. */
export function examplesOf(source: string, document: string): Snippet[] {
  const comments = source.matchAll(/^[ \t]*\/\*\*[\s\S]*?\*\//gm);
  return [...comments].flatMap((comment) => {
    const text = comment[0].replace(/^[ \t]*\*(?!\/) ?/gm, '').replace(/\s*\*\/$/, '\n');
    return snippetsOf(text, document, source.slice(0, comment.index).split('\n').length - 1);
  });
}

/** Line of a `console.log` -> the lines of text that comments promise for it. */
function promisedOutput(snippet: Snippet): Map<number, string[]> {
  const promised = new Map<number, string[]>();
  let printing: number | undefined;
  snippet.code.split('\n').forEach((text, index) => {
    if (/\bconsole\.log\(/.test(text)) printing = snippet.line + index;
    const comment = /(?:^|\s)\/\/ => ?(.*)$/.exec(text);
    if (comment === null) return;
    if (printing === undefined) {
      throw new Error(`${snippet.document}:${snippet.line + index}: no console.log before this "// =>"`);
    }
    promised.set(printing, [...(promised.get(printing) ?? []), (comment[1] ?? '').trim()]);
  });
  return promised;
}

/** All differences between what the snippet's comments promise and what it printed, readable. */
export function differences(snippet: Snippet, run: SnippetRun): string[] {
  const found = run.failure === undefined ? [] : [`${snippet.document}:${snippet.line}: ${run.failure}`];
  for (const [line, expected] of promisedOutput(snippet)) {
    const lines = run.printed.filter((print) => print.line === line).flatMap((print) => print.text.split('\n'));
    const printed = lines.map((text) => text.trim());
    if (printed.join('\n') === expected.join('\n')) continue;
    const quoted = (texts: readonly string[]) => (texts.length === 0 ? 'nothing' : JSON.stringify(texts.join('\n')));
    found.push(`${snippet.document}:${line}: prints ${quoted(printed)}, the comment says ${quoted(expected)}`);
  }
  return found;
}

/** What became of all snippets of some documents. */
export interface SnippetReport {
  /** Messages of the compiler, with the documents' own line numbers. */
  readonly typeErrors: readonly string[];
  /** One for each snippet, in order; `undefined` for those that are not run. */
  readonly runs: readonly (SnippetRun | undefined)[];
}

/** Type-checks all snippets, unless that is done elsewhere, and runs all that are to be run, each for at most `timeoutMs`. */
export async function runSnippets(
  snippets: readonly Snippet[],
  options: { readonly timeoutMs?: number; readonly isChecked?: boolean } = {},
): Promise<SnippetReport> {
  const { timeoutMs = 10_000, isChecked = true } = options;
  if (snippets.length === 0) return { typeErrors: [], runs: [] };
  mkdirSync(path.join(repository, '.leyden'), { recursive: true });
  const folder = mkdtempSync(path.join(repository, '.leyden', 'snippets-'));
  try {
    const files = snippets.map((snippet) => writeModule(folder, snippet));
    const [types, runs] = await Promise.all([
      isChecked ? typeErrors(folder) : [],
      runModules(folder, snippets, files, timeoutMs),
    ]);
    const named = types.map((message) =>
      message.replace(/^\S*[\\/](\S+\.ts)\((\d+),\d+\)/, (all, file: string, line: string) => {
        const snippet = snippets[files.indexOf(file)];
        return snippet === undefined ? all : `${snippet.document}:${line}`;
      }),
    );
    return { typeErrors: named, runs };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function writeModule(folder: string, snippet: Snippet): string {
  const name = `${snippet.document.replaceAll('/', '.')}.L${snippet.line}.ts`;
  const code = snippet.code.replace(
    /(\bfrom\s*|\bimport\s*\(?\s*)(['"])(leyden-jar(?:\/[^'"]*)?)\2/g,
    (_all, before: string, quote: string, specifier: string) => `${before}${quote}${sourceOf(specifier)}${quote}`,
  );
  // `export {}` makes a module of a snippet that imports nothing.
  writeFileSync(path.join(folder, name), `${'\n'.repeat(snippet.line - 1)}${code}\nexport {};\n`);
  return name;
}

/** The source behind a public specifier, as an import path from a snippet's folder. What is not public stays, and fails. */
function sourceOf(specifier: string): string {
  const { exports } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as {
    exports: Record<string, { default?: string }>;
  };
  const target = exports[specifier.replace('leyden-jar', '.')]?.default;
  return target?.replace('./dist/', '../../lib/') ?? specifier;
}

async function typeErrors(folder: string): Promise<string[]> {
  const compilerOptions = {
    noUnusedLocals: false,
    noUnusedParameters: false,
    declaration: false,
    isolatedDeclarations: false,
  };
  // The sources' own .d.ts files count as well: declarations of untyped packages stand there.
  const include = ['*.ts', '../../lib/**/*.d.ts'];
  const config = { extends: '../../tsconfig.json', compilerOptions, include };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
  const { code, output } = await runNode(['node_modules/typescript/bin/tsc', '-p', path.join(folder, 'tsconfig.json')]);
  if (code === 0) return [];
  const lines = output.split('\n').filter((line) => line.includes('error TS'));
  return lines.length === 0 ? [`tsc ended with ${code}: ${output}`] : lines;
}

async function runModules(
  folder: string,
  snippets: readonly Snippet[],
  files: readonly string[],
  timeoutMs: number,
): Promise<(SnippetRun | undefined)[]> {
  const toRun = files.filter((_file, index) => snippets[index]?.isRun);
  const shares = Array.from({ length: Math.min(runnersMax, toRun.length) }, (_, at) =>
    toRun.filter((_file, index) => index % runnersMax === at),
  );
  const ran = await Promise.all(shares.map((share, at) => runShare(folder, `result-${at}.json`, share, timeoutMs)));
  const runs: Readonly<Record<string, SnippetRun>> = Object.assign({}, ...ran);
  return files.map((file) => runs[file]);
}

/** Runs some of the modules in one process. */
async function runShare(
  folder: string,
  resultName: string,
  share: readonly string[],
  timeoutMs: number,
): Promise<Record<string, SnippetRun>> {
  const result = path.join(folder, resultName);
  writeFileSync(result, '{}');
  const runner = ['--import', 'tsx', 'spec/support/snippet-runner.ts', result, String(timeoutMs), ...share];
  const { code, output } = await runNode(runner, { timeoutMs: startMsMax + timeoutMs * share.length });
  const runs = JSON.parse(readFileSync(result, 'utf8')) as Record<string, SnippetRun>;
  const lost = { printed: [], failure: `the process ended with ${code} before the end of this snippet: ${output}` };
  return Object.fromEntries(share.map((file) => [file, runs[file] ?? lost]));
}
