/**
 * One entry of the list: a guard, what is left when it is taken out, and the spec that must miss it.
 *
 * `find` is the exact text and stands once in its file; when the library changes, change it here as well.
 *
 * @typedef {{ file: string, find: string, replace: string }} Edit
 * @typedef {{ name: string, edits: Edit[], spec: { file: string, test?: string } }} Mutant
 */

/** @returns {Mutant} */
export function mutant(
  /** @type {string} */ name,
  /** @type {string} */ file,
  /** @type {string} */ find,
  /** @type {string} */ replace,
  /** @type {string} */ spec,
  /** @type {string | undefined} */ test = undefined,
) {
  return { name, edits: [{ file, find, replace }], spec: test === undefined ? { file: spec } : { file: spec, test } };
}
