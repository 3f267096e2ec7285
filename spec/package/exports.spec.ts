/**
 * Goal: what the package hands out is what it means to hand out: one subpath per folder, and the names of
 * `public-api.txt`. A name that comes or goes is a change of the public surface and shows in that file's difference.
 *
 * `UPDATE_API=1 npm test -- spec/package/exports` writes the file anew.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { repository } from '../support/command.js';
import { publicApi, readManifest, sourceOfTarget } from '../support/public-api.js';

/** A command has no subpath. */
const notPublic = ['cli'];

const manifest = readManifest();
const subpaths = Object.entries(manifest.exports).filter(([subpath]) => subpath !== './package.json');

describe('exports of package.json', () => {
  it('have one subpath for each folder of lib that has an index', () => {
    const folders = readdirSync(path.join(repository, 'lib')).filter(
      (name) => !notPublic.includes(name) && existsSync(path.join(repository, 'lib', name, 'index.ts')),
    );
    const expected = folders.map((name) => `./${name}`).sort();
    const extra = /^\.\/(adapters\/[^/]+|[^/]+\/unstable-[^/]+)$/;
    const found = subpaths.map(([subpath]) => subpath).filter((subpath) => subpath !== '.' && !extra.test(subpath));
    expect(found.sort()).toEqual(expected);
  });

  it.each(subpaths)('say for %s where the types are, then where the code is, and no more', (_subpath, conditions) => {
    expect(typeof conditions === 'string' ? [] : Object.keys(conditions)).toEqual(['types', 'default']);
  });

  it.each(subpaths)('point for %s at what is built from one source of lib', (subpath, conditions) => {
    const targets = typeof conditions === 'string' ? [conditions] : Object.values(conditions);
    const [source, ...others] = new Set(targets.map(sourceOfTarget));
    expect(others).toEqual([]);
    const name = subpath.replace(/^\.\/?/, '');
    expect([`lib/${name}.ts`, path.posix.join('lib', name, 'index.ts')]).toContain(source);
    expect({ source, exists: existsSync(path.join(repository, source ?? '')) }).toEqual({ source, exists: true });
    for (const target of targets) expect(target).toMatch(/^\.\/dist\/.+\.js$|^\.\/dist\/.+\.d\.ts$/);
  });

  it('hand out package.json itself, which tools read', () => {
    expect(manifest.exports['./package.json']).toBe('./package.json');
  });

  it('match the list of public names', () => {
    const file = path.join(repository, 'spec/package/public-api.txt');
    const api = publicApi(manifest);
    if (process.env.UPDATE_API === '1') writeFileSync(file, api);
    expect(api).toBe(readFileSync(file, 'utf8'));
  });
});

describe('package.json', () => {
  it('promises that no import has side effects', () => {
    expect(manifest.sideEffects).toBe(false);
  });

  it('publishes the built files and the changelog, no sources and no specs', () => {
    expect(manifest.files).toEqual(['dist', 'CHANGELOG.md']);
  });
});
