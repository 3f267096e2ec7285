/**
 * Goal: what the README shows, and what pages of folders show, compiles, runs, and prints what it says.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { repository } from '../support/command.js';
import { differences, runSnippets, type SnippetReport, snippetsOf } from '../support/snippets.js';

/** Fences that need an AWS account or another server may stay unproven; no more than these. */
const unprovenMax = 5;

const pages = ['README.md', 'lib/recipes/membership/README.md', 'lib/testing/streams/README.md'];

const snippets = pages.flatMap((page) => snippetsOf(readFileSync(path.join(repository, page), 'utf8'), page));

describe(pages.join(', '), () => {
  let report: SnippetReport = { typeErrors: [], runs: [] };
  beforeAll(async () => {
    report = await runSnippets(snippets);
  }, 120_000);

  it('shows code that compiles', () => {
    expect(report.typeErrors).toEqual([]);
  });

  it('shows code that runs and prints what its comments say', () => {
    expect(snippets.flatMap((snippet, i) => (report.runs[i] ? differences(snippet, report.runs[i]) : []))).toEqual([]);
  });

  it(`shows at most ${unprovenMax} snippets that are not run`, () => {
    expect(snippets.filter((snippet) => !snippet.isRun).length).toBeLessThanOrEqual(unprovenMax);
  });
});
