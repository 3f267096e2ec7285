/**
 * Goal: the import arrows hold, and the script that says so would notice if they did not.
 * Method: a small tree per rule, written to a temporary folder and broken on purpose; then the real tree.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { repository, runNode } from '../support/command.js';

const sound: Readonly<Record<string, string>> = {
  'errors.ts': 'export const failure = 1;',
  'index.ts': "export { atom } from './atom/index.js';",
  'codec/index.ts': "import { failure } from '../errors.js';\nexport const codec = failure;",
  'engine/index.ts': "export { sdk } from './sdk.js';\nexport interface Port {}",
  'engine/sdk.ts': "import { Client } from '@aws-sdk/client-dynamodb';\nexport const sdk = Client;",
  'engine/client.ts': "export const open = () => import('@aws-sdk/client-dynamodb');",
  'atom/index.ts': "import { sdk } from '../engine/index.js';\nexport const atom = sdk;",
  'recipes/index.ts': "export { atom } from '../atom/index.js';",
  'streams/index.ts': "export { atom } from '../recipes/index.js';",
  'embedded/index.ts': "import type { Port } from '../engine/index.js';\nexport type P = Port;",
  'testing/index.ts': "export { codec } from '../codec/index.js';",
};

describe('scripts/boundaries.mjs', () => {
  const roots: string[] = [];
  afterEach(() => {
    for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
  });

  async function check(changes: Readonly<Record<string, string>>) {
    const root = mkdtempSync(path.join(tmpdir(), 'boundaries-'));
    roots.push(root);
    for (const [name, text] of Object.entries({ ...sound, ...changes })) {
      mkdirSync(path.dirname(path.join(root, 'lib', name)), { recursive: true });
      writeFileSync(path.join(root, 'lib', name), text);
    }
    const { code, output } = await runNode(['scripts/boundaries.mjs', root]);
    return { code, lines: output.trim() === '' ? [] : output.trim().split('\n') };
  }

  it('accepts a tree that keeps every rule', async () => {
    expect(await check({})).toEqual({ code: 0, lines: [] });
  });

  it('reads no import out of comments and strings', async () => {
    const text = "// import '../cli/index.js';\nexport const text = \"import x from '../testing/index.js'\";\n";
    expect(await check({ 'atom/text.ts': `${text}/* export * from 'left-pad' */` })).toEqual({ code: 0, lines: [] });
  });

  it.each([
    ['an arrow upward', 'codec/up.ts', "import { atom } from '../atom/index.js';", 1, 'arrow'],
    ['an arrow upward by a type', 'engine/up.ts', "\nimport type { A } from '../atom/index.js';", 2, 'arrow'],
    ['an arrow upward by an import type', 'engine/up.ts', "\n\ntype A = import('../atom/index.js').A;", 3, 'arrow'],
    ['an arrow upward by a re-export', 'engine/up.ts', "// é\nexport * from '../recipes/index.js';", 2, 'arrow'],
    ['an arrow sideward', 'streams/side.ts', "export * from '../journal/index.js';", 1, 'arrow'],
    ['a value where only types may pass', 'embedded/up.ts', "import { sdk } from '../engine/index.js';", 1, 'arrow'],
    [
      'a type in braces where only types may pass',
      'embedded/up.ts',
      "import { type Port } from '../engine/index.js';",
      1,
      'arrow',
    ],
    ['an import of testing', 'atom/test.ts', "const x = await import('../testing/index.js');", 1, 'arrow'],
    ['an import of cli', 'recipes/tool.ts', "import '../cli/index.js';", 1, 'arrow'],
    ['an import of adapters by testing', 'testing/tool.ts', "import '../adapters/index.js';", 1, 'arrow'],
    ['an import of the root index', 'atom/root.ts', "import { atom } from '../index.js';", 1, 'arrow'],
    ['an import by errors.ts', 'errors.ts', "export { codec } from './codec/index.js';", 1, 'arrow'],
    ['a folder without a layer', 'cellar/index.ts', "export { codec } from '../codec/index.js';", 1, 'arrow'],
    ['a way past the index', 'atom/past.ts', "export { sdk } from '../engine/sdk.js';", 1, 'index'],
    ['a way out of lib', 'atom/out.ts', "import '../../spec/x.js';", 1, 'outside'],
    ['a file that is not there', 'atom/gone.ts', "import './nothing.js';", 1, 'missing'],
    ['an import of itself by name', 'atom/self.ts', "import { codec } from 'leyden-jar/codec';", 1, 'self'],
    ['a computed module name', 'atom/computed.ts', 'const name = `x`;\nawait import(name);', 2, 'literal'],
    ['input and output in a pure folder', 'codec/read.ts', "import { readFile } from 'node:fs/promises';", 1, 'pure'],
    ['a second home of the SDK', 'atom/sdk.ts', "import { X } from '@aws-sdk/client-dynamodb';", 1, 'package'],
  ])('reports %s', async (_what, file, text, line, rule) => {
    const extra = { 'journal/index.ts': '', 'cli/index.ts': '', 'adapters/index.ts': '' };
    const { code, lines } = await check({ ...extra, [file]: text });
    expect(lines).toContainEqual(expect.stringContaining(`lib/${file}:${line}: [${rule}] `));
    expect(code).toBe(1);
  });

  it('reports the second file that imports a package, by any kind of import', async () => {
    const { lines } = await check({
      'atom/a.ts': "import TinyQueue from 'tinyqueue';",
      'atom/b.ts': "import type { Comparator } from 'tinyqueue';",
      'atom/c.ts': "const retry = await import('tinyqueue/sub.js');",
    });
    expect(lines).toEqual([
      expect.stringContaining('lib/atom/c.ts:1: [package] tinyqueue is imported in atom/a.ts only'),
    ]);
  });

  it('reports an import cycle with its way', async () => {
    const { lines } = await check({
      'atom/a.ts': "import './b.js';",
      'atom/b.ts': "\nimport type { C } from './c.js';",
      'atom/c.ts': "export * from './a.js';\nexport type C = 1;",
    });
    const way = 'atom/a.ts -> atom/b.ts -> atom/c.ts -> atom/a.ts';
    expect(lines).toEqual([`lib/atom/c.ts:1: [cycle] import cycle: ${way}`]);
  });

  it('finds nothing to report in this repository', async () => {
    expect(await runNode(['scripts/boundaries.mjs', repository])).toEqual({ code: 0, output: '' });
  });
});
