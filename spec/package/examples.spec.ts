/**
 * Goal: every example in a doc comment of lib, in the README, and in pages of folders compiles, runs, and prints what it says.
 * Method: one compiler and a few processes for all of them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { repository } from '../support/command.js';
import {
  differences,
  examplesOf,
  runSnippets,
  type Snippet,
  type SnippetReport,
  snippetsOf,
} from '../support/snippets.js';

/** Fences that need an AWS account or another server may stay unproven; no more than these. */
const unprovenMax = 5;

const read = (name: string) => readFileSync(path.join(repository, name), 'utf8');
const ofPage = (page: string) => snippetsOf(read(page), page);

const ofComments = readdirSync(path.join(repository, 'lib'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .sort()
  .map((name) => path.posix.join('lib', name.split(path.sep).join('/')))
  .flatMap((name) => examplesOf(read(name), name));
const pages = ['README.md', 'lib/recipes/membership/README.md', 'lib/testing/streams/README.md'];
const ofPages = pages.flatMap(ofPage);
/** These run where there are the servers that they need: `spec/recipes/fence-page.spec.ts`. */
const runElsewhere = ofPage('lib/recipes/fence/README.md').map((snippet) => ({ ...snippet, isRun: false }));
const all: readonly Snippet[] = [...ofComments, ...ofPages, ...runElsewhere];

let report: SnippetReport = { typeErrors: [], runs: [] };
beforeAll(async () => {
  report = await runSnippets(all);
}, 120_000);

describe('examples', () => {
  it('compile', () => {
    expect(report.typeErrors).toEqual([]);
  });
});

describe.each([
  ['examples in doc comments', ofComments],
  [`examples in ${pages.join(', ')}`, ofPages],
])('%s', (_where, snippets) => {
  it('exist', () => {
    expect(snippets.length).toBeGreaterThan(0);
  });

  it('run and print what their comments say', () => {
    const runs = new Map(all.map((snippet, i) => [snippet, report.runs[i]]));
    const wrong = snippets.flatMap((snippet) => {
      const run = runs.get(snippet);
      if (run !== undefined) return differences(snippet, run);
      return snippet.isRun ? [`${snippet.document}:${snippet.line}: not run`] : [];
    });
    expect(wrong).toEqual([]);
  });

  it(`are run, all but ${unprovenMax} at most`, () => {
    expect(snippets.filter((snippet) => !snippet.isRun).length).toBeLessThanOrEqual(unprovenMax);
  });
});
