/**
 * Coordination on atoms: locks with fencing tokens, leases, election and the rest.
 *
 * @module
 */
export { RecipeKindError } from './errors.js';
