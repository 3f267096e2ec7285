/**
 * Options of calls as such: an object, and nothing in it that nobody would look at. A misspelt `expected` would be an append that expects
 * nothing.
 */

/** Each option of a call; the compiler finds those that were forgotten here. */
export type OptionNames<Options> = Readonly<Record<NamesOf<Options>, true>>;

type NamesOf<Options> = Options extends unknown ? keyof Options : never;

/** @throws TypeError for what is no object, has an option that there is not, or a signal that is none. */
export function requireOptions<Options>(action: string, options: Options, names: OptionNames<Options>): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const given = typeof options === 'object' ? JSON.stringify(options) : typeof options;
    throw new TypeError(`Cannot ${action}: options must be an object: ${given}`);
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(names, name)) continue;
    throw new TypeError(`Cannot ${action}: there is no option ${name}; there are ${Object.keys(names).join(', ')}`);
  }
  const { signal } = options as { readonly signal?: Partial<AbortSignal> | null };
  if (signal === undefined || typeof signal?.throwIfAborted === 'function') return;
  throw new TypeError(`Cannot ${action}: signal must be an AbortSignal`);
}
