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
