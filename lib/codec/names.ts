/**
 * Names of properties that cannot travel as they are, and what they travel as.
 *
 * `__proto__` is set instead of stored by much of what lies between here and the store, superjson refuses it together with
 * `constructor` and `prototype`, and the empty name is refused inside a map by DynamoDB. Each of them gets a tilde in
 * front; so do names that already look like that, so that it can be undone:
 *
 *     __proto__ -> ~__proto__        ~__proto__ -> ~~__proto__        (empty) -> ~        ~ -> ~~
 *
 * Only values with annotations are written like this; plain ones hold no such name, see `isPlainName`.
 */
const reserved = /^~*(?:|__proto__|constructor|prototype)$/;
const escaped = /^~+(?:|__proto__|constructor|prototype)$/;

/** The name to store for `name`. One to one. */
export function escapeName(name: string): string {
  return reserved.test(name) ? `~${name}` : name;
}

/** Undoes {@link escapeName}. */
export function unescapeName(name: string): string {
  return escaped.test(name) ? name.slice(1) : name;
}

/** Sets an own property under any name, `__proto__` as well. */
export function setOwn(target: object, name: string, value: unknown): void {
  if (name === '__proto__') {
    Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
  } else {
    (target as Record<string, unknown>)[name] = value;
  }
}
