/**
 * Tells what makes `npm ci` fail before it does: a lock file that is older than package.json, and optional packages
 * (prebuilt binaries for other platforms, most often) that npm left out of the lock file because the registry did not
 * have them on the day of the install. `npm install` passes over such a gap in silence; `npm ci` refuses it.
 *
 *   node scripts/lock.mjs [root]    prints what is wrong, exits with 1 if anything is
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';

const root = process.argv[2] ?? process.cwd();
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
const problems = [...staleFields(), ...missingOptionals(), ...looseVersions()];
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;

function staleFields() {
  const fields = ['name', 'version', 'dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies'];
  return fields
    .filter((field) => canonical(manifest[field]) !== canonical(packages[''][field]))
    .map((field) => `package-lock.json: ${field} is not what package.json says; run npm install`);
}

function canonical(value) {
  return JSON.stringify(value !== null && typeof value === 'object' ? Object.entries(value).sort() : value);
}

function missingOptionals() {
  return Object.entries(packages).flatMap(([place, entry]) =>
    Object.keys(entry.optionalDependencies ?? {})
      .filter((name) => !isInstalledFor(place, name))
      .map((name) => `package-lock.json: ${place} wants optional ${name}, which has no entry; pin another version`),
  );
}

/** Looks for `name` where Node.js would, from `place` upward. */
function isInstalledFor(place, name) {
  for (let at = place; ; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules/') - 1))) {
    if (packages[`${at === '' ? '' : `${at}/`}node_modules/${name}`] !== undefined) return true;
    if (at === '') return false;
  }
}

function looseVersions() {
  return Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
    .filter(([, range]) => !/^(npm:.+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(range))
    .map(([name, range]) => `package.json: ${name} is ${range}; pin one exact version`);
}
