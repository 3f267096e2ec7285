/** What an error says, whatever was thrown: handlers and parsers throw strings, symbols, and objects that cannot be made text of. */

/** The text of it; never throws. */
export function errorText(error: unknown): string {
  return fieldOf(error, 'message') ?? plainText(error);
}

/** A field of it that is a string; `undefined` where it has none, or does not let itself be asked. */
export function fieldOf(error: unknown, name: 'name' | 'message' | 'code'): string | undefined {
  try {
    const value = (error as { readonly [Name in typeof name]?: unknown } | null | undefined)?.[name];
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

function plainText(value: unknown): string {
  try {
    return String(value);
  } catch {
    return typeof value;
  }
}
