/**
 * Goal: the runner of snippets notices a snippet that is wrong.
 * Method: one document with good and bad fences, run for real.
 */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { differences, examplesOf, runSnippets, type SnippetReport, snippetsOf } from '../support/snippets.js';

const document = `
# Good

\`\`\`ts
import { isBuiltin } from 'node:module';
console.log(isBuiltin('node:fs')); // => true
console.log(
  'two',
  { lines: 2 },
); // => two { lines: 2 }
const later = await Promise.resolve('a\\nb');
console.log(later);
// => a
// => b
for (const turn of [1, 2]) console.log(turn);
// => 1
// => 2
console.log('whatever');
\`\`\`

\`\`\`sh
this is no TypeScript
\`\`\`

- in a list:
  \`\`\`ts
  console.log(1); // => 3
  console.log(2);
  \`\`\`

\`\`\`ts
throw new Error('on purpose');
\`\`\`

\`\`\`ts
void Promise.reject(new Error('nobody waits'));
\`\`\`

\`\`\`ts
await new Promise(() => {});
\`\`\`

\`\`\`ts no-run
const text: string = 1;
throw text;
\`\`\`

\`\`\`ts
if (Math.random() > 1) console.log('never'); // => never
\`\`\`

\`\`\`ts
process.exit(3);
\`\`\`
`;

describe('runSnippets()', () => {
  const snippets = snippetsOf(document, 'guide.md');
  let report: SnippetReport = { typeErrors: [], runs: [] };
  beforeAll(async () => {
    report = await runSnippets(snippets, { timeoutMs: 2_000 });
  }, 60_000);

  const at = (text: string) => `guide.md:${document.split('\n').findIndex((line) => line.includes(text)) + 1}`;
  const saidOf = (index: number) => {
    const [snippet, run] = [snippets[index], report.runs[index]];
    return snippet === undefined || run === undefined ? undefined : differences(snippet, run).join('\n');
  };

  it('accepts output that is what the comments say', () => {
    expect(saidOf(0)).toBe('');
  });

  it('reports another output with the line of the document', () => {
    expect(saidOf(1)).toBe(`${at('// => 3')}: prints "1", the comment says "3"`);
  });

  it('reports an exception, a rejection that nobody handles, and a snippet that does not end', () => {
    expect(saidOf(2)).toContain(`${at('on purpose')}: Error: on purpose`);
    expect(saidOf(3)).toContain('nobody waits');
    expect(saidOf(4)).toContain('did not end within 2000 ms');
  });

  it('checks the types of a snippet that is not run', () => {
    expect(saidOf(5)).toBeUndefined();
    expect(report.typeErrors).toEqual([expect.stringContaining(`${at('text: string')}: error TS2322`)]);
  });

  it('reports promised output that never came', () => {
    expect(saidOf(6)).toBe(`${at("'never'")}: prints nothing, the comment says "never"`);
  });

  it('reports a snippet that ends the process', () => {
    expect(saidOf(7)).toContain('the process ended with 3');
  });
});

describe('examplesOf()', () => {
  it('finds the fences of doc comments and their lines', () => {
    const source =
      "const glob = 'lib/**/*.ts';\n\n  /**\n   * A.\n   *\n   * ```ts\n   * f();\n   *\n   *   g();\n   * ```\n   */\n";
    const code = 'f();\n\n  g();';
    expect(examplesOf(source, 'lib/a.ts')).toEqual([{ document: 'lib/a.ts', line: 7, code, isRun: true }]);
  });
});
