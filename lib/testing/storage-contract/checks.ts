/** The checks that facts are made of. They need no test runner, and what they throw has both sides for its report. */
import { AssertionError, deepStrictEqual } from 'node:assert';
import { digestStateNow } from '../../snapshot/index.js';

/** Equal in every member. */
export function equal(found: unknown, wanted: unknown): void {
  try {
    deepStrictEqual(found, wanted);
  } catch (error) {
    // Some test runners give specs another Date than Node's own: then it is no difference in what is said.
    if (!sayTheSame(found, wanted)) throw error;
  }
}

function sayTheSame(found: unknown, wanted: unknown): boolean {
  try {
    return digestStateNow(found) === digestStateNow(wanted);
  } catch {
    return false;
  }
}

/** Has at least what `wanted` has: members that it does not name may be anything. */
export function matches(found: unknown, wanted: unknown): void {
  deepStrictEqual(picked(found, wanted), wanted);
}

export function holds(condition: boolean, what: string): void {
  if (!condition) fail(what);
}

export function includes<T>(all: readonly T[], wanted: T): void {
  if (!all.includes(wanted)) fail(`${String(wanted)} is missing among ${all.join(', ')}`);
}

/** Says what was to happen, and did not. */
export function fail(message: string): never {
  throw new AssertionError({ message });
}

/** By name: test runners have error classes of their own. */
export function isKind(error: Error, kind: 'RangeError' | 'TypeError'): void {
  if (error.name !== kind) fail(`${kind} was to be thrown, not ${error.name}: ${error.message}`);
}

/** The error that `work` ends with. */
export async function errorOf(work: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await work;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  return fail('it was to be refused, and was not');
}

/** The error that `work` throws at once. */
export function errorThrown(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  return fail('it was to be refused, and was not');
}

/** Of `found`, what `wanted` names. */
function picked(found: unknown, wanted: unknown): unknown {
  if (typeof found !== 'object' || found === null || typeof wanted !== 'object' || wanted === null) return found;
  if (Array.isArray(wanted)) {
    return Array.isArray(found) ? found.map((one, at) => (at in wanted ? picked(one, wanted[at]) : one)) : found;
  }
  const members = Object.entries(wanted).map(([name, value]) => [
    name,
    picked((found as Record<string, unknown>)[name], value),
  ]);
  return Object.fromEntries(members);
}
