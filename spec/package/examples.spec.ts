/**
 * Goal: every example in a doc comment of lib compiles, runs, and prints what it says.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { repository } from '../support/command.js';
import { differences, examplesOf, runSnippets, type SnippetReport } from '../support/snippets.js';

const unprovenMax = 5;

const snippets = readdirSync(path.join(repository, 'lib'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .sort()
  .map((name) => path.posix.join('lib', name.split(path.sep).join('/')))
  .flatMap((name) => examplesOf(readFileSync(path.join(repository, name), 'utf8'), name));

describe('examples in doc comments', () => {
  let report: SnippetReport = { typeErrors: [], runs: [] };
  beforeAll(async () => {
    report = await runSnippets(snippets);
  }, 120_000);

  it('exist', () => {
    expect(snippets.length).toBeGreaterThan(0);
  });

  it('compile', () => {
    expect(report.typeErrors).toEqual([]);
  });

  it('run and print what their comments say', () => {
    expect(snippets.flatMap((snippet, i) => (report.runs[i] ? differences(snippet, report.runs[i]) : []))).toEqual([]);
  });

  it(`are run, all but ${unprovenMax} at most`, () => {
    expect(snippets.filter((snippet) => !snippet.isRun).length).toBeLessThanOrEqual(unprovenMax);
  });
});
