/**
 * The wire form of one DynamoDB attribute and of one item, as plain data.
 *
 * These types are structurally the SDK's, without its `$unknown` member and without an import of it, so that the pure
 * parts (codec, memory engine, models) know nothing of AWS packages.
 */

/** One attribute in DynamoDB's own JSON form. */
export type AttributeValue =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly B: Uint8Array }
  | { readonly BOOL: boolean }
  | { readonly NULL: true }
  | { readonly M: { readonly [name: string]: AttributeValue } }
  | { readonly L: readonly AttributeValue[] }
  | { readonly SS: readonly string[] }
  | { readonly NS: readonly string[] }
  | { readonly BS: readonly Uint8Array[] };

/** One item: attribute names to attributes. */
export type Item = { readonly [name: string]: AttributeValue };
