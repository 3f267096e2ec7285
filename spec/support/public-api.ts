/**
 * Reads the public names of the package from its sources: every subpath of `exports`, and what its index hands out.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type ModuleItem, parseSync } from '@swc/core';
import { repository } from './command.js';

/** The parts of package.json that say what is public. */
export interface Manifest {
  readonly sideEffects: unknown;
  readonly files: readonly string[];
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
}

export function readManifest(): Manifest {
  return JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as Manifest;
}

/** The source that is built into `./dist/x.js`, from the root of the repository: `lib/x.ts`. */
export function sourceOfTarget(target: string): string {
  return target.replace(/^\.\/dist\//, 'lib/').replace(/(\.d\.ts|\.js)$/, '.ts');
}

/** The public names as a text of one paragraph per subpath. Names that exist for the compiler only say `type`. */
export function publicApi(manifest: Manifest): string {
  const paragraphs = Object.entries(manifest.exports).flatMap(([subpath, conditions]) => {
    const target = typeof conditions === 'string' ? undefined : conditions.default;
    if (target === undefined) return [];
    const names = [...namesOf(sourceOfTarget(target))];
    const lines = names.map(([name, isType]) => `  ${isType ? 'type ' : ''}${name}`).sort(byName);
    return [[subpath.replace('.', 'leyden-jar'), ...lines].join('\n')];
  });
  return `${paragraphs.join('\n\n')}\n`;
}

const byName = (a: string, b: string) => {
  const [left, right] = [a, b].map((line) => line.trim().replace('type ', ''));
  return (left ?? '') < (right ?? '') ? -1 : 1;
};

/** Exported name -> whether it is a type only. */
function namesOf(file: string): Map<string, boolean> {
  const names = new Map<string, boolean>();
  const full = path.join(repository, file);
  if (!existsSync(full)) return names;
  const from = (source: string) => path.posix.join(path.posix.dirname(file), source.replace(/\.js$/, '.ts'));
  for (const item of parseSync(readFileSync(full, 'utf8'), { syntax: 'typescript', target: 'es2022' }).body) {
    if (item.type === 'ExportAllDeclaration') {
      const isType = (item as { typeOnly?: boolean }).typeOnly === true;
      for (const [name, kind] of namesOf(from(item.source.value))) names.set(name, kind || isType);
    } else if (item.type === 'ExportNamedDeclaration') {
      const source = item.source === null || item.source === undefined ? undefined : namesOf(from(item.source.value));
      for (const specifier of item.specifiers) {
        if (specifier.type === 'ExportNamespaceSpecifier') names.set(specifier.name.value, false);
        if (specifier.type !== 'ExportSpecifier') continue;
        const isType = item.typeOnly || specifier.isTypeOnly || source?.get(specifier.orig.value) === true;
        names.set((specifier.exported ?? specifier.orig).value, isType);
      }
    } else if (item.type === 'ExportDeclaration') {
      for (const [name, isType] of declaredNames(item)) names.set(name, isType);
    }
  }
  return names;
}

function declaredNames({ declaration }: Extract<ModuleItem, { type: 'ExportDeclaration' }>): [string, boolean][] {
  switch (declaration.type) {
    case 'ClassDeclaration':
    case 'FunctionDeclaration':
      return [[declaration.identifier.value, false]];
    case 'VariableDeclaration':
      return declaration.declarations.flatMap(({ id }) => (id.type === 'Identifier' ? [[id.value, false]] : []));
    case 'TsInterfaceDeclaration':
    case 'TsTypeAliasDeclaration':
      return [[declaration.id.value, true]];
    default:
      return [];
  }
}
