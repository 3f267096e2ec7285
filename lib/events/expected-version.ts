/**
 * What a caller expects of a stream that it appends to.
 *
 *   expected      holds on a stream of version v
 *   'any'         always
 *   'no-stream'   v = 0: there is no event yet
 *   'exists'      v > 0
 *   n             v = n; 0 is the same as 'no-stream'
 */

/** A version, or what is to hold of it. */
export type ExpectedVersion = number | 'any' | 'no-stream' | 'exists';

/** @throws TypeError, RangeError for what is none. */
function requireExpected(expected: unknown = 'any'): ExpectedVersion {
  if (expected === 'any' || expected === 'no-stream' || expected === 'exists') return expected;
  const rule = "a whole number from 0, 'any', 'no-stream' or 'exists'";
  if (typeof expected !== 'number') {
    throw new TypeError(
      `Cannot append: expected must be ${rule}: ${typeof expected === 'bigint' ? `${expected}n` : JSON.stringify(expected)}`,
    );
  }
  if (!Number.isSafeInteger(expected) || expected < 0) {
    throw new RangeError(`Cannot append: expected must be ${rule}: ${expected}`);
  }
  return expected;
}

/**
 * What a call's options expect.
 *
 * @throws TypeError for one that is there and `undefined`, as the version of a stream that there is not comes to be: it would expect nothing.
 */
export function expectedIn(options: { readonly expected?: ExpectedVersion }): ExpectedVersion {
  if (options.expected === undefined && Object.hasOwn(options, 'expected')) {
    throw new TypeError("Cannot append: expected is undefined; leave it out, or say 'any', 'no-stream' or a version");
  }
  return requireExpected(options.expected);
}

/** Whether a stream of `version` is what is expected. */
export function isMet(expected: ExpectedVersion, version: number): boolean {
  if (expected === 'any') return true;
  if (expected === 'exists') return version > 0;
  return version === (expected === 'no-stream' ? 0 : expected);
}

/** Whether it may still come to hold, as versions only grow. */
export function canBeMet(expected: ExpectedVersion, version: number): boolean {
  if (expected === 'any' || expected === 'exists') return true;
  return version <= (expected === 'no-stream' ? 0 : expected);
}
