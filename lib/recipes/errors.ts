/** The errors that several recipes share. Each recipe's own stand beside it. */
import { LeydenError } from '../errors.js';

/** `ERR_RECIPE_KIND`: the item at a recipe's key is none of its kind. Nothing was written. */
export class RecipeKindError extends LeydenError {
  readonly key: string;
  readonly kind: string;

  constructor(key: string, kind: string, found: unknown) {
    const other = typeof found === 'string' ? `of kind ${found}` : 'no recipe';
    super(
      'ERR_RECIPE_KIND',
      `Cannot use atom ${key} as a ${kind}: the item there is ${other}; choose another name, or remove that item first`,
      { outcome: 'not-done', retryable: false },
    );
    this.key = key;
    this.kind = kind;
  }
}

/** What stands in a recipe's item and what was given here do not agree. */
export interface DifferingFact {
  /** The option. */
  readonly fact: string;
  readonly given: unknown;
  readonly stored: unknown;
}

/**
 * `ERR_RECIPE_DIFFERS`: a recipe was opened with another value than its item has of something that all who use it must agree on.
 * Nothing was written.
 */
export class RecipeDiffersError extends LeydenError {
  readonly key: string;
  readonly fact: string;
  readonly given: unknown;
  readonly stored: unknown;

  constructor(key: string, { fact, given, stored }: DifferingFact, remedy: string) {
    super(
      'ERR_RECIPE_DIFFERS',
      `Cannot use atom ${key} with ${fact} ${String(given)}: its item has ${fact} ${String(stored)}; ${remedy}`,
      { outcome: 'not-done', retryable: false },
    );
    this.key = key;
    this.fact = fact;
    this.given = given;
    this.stored = stored;
  }
}
