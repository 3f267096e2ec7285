/**
 * What sort of thing an object is, as far as a stored form is concerned.
 *
 * An object is what its internal slots say (`node:util` reads them, whatever realm it comes from), and only if nothing was
 * added: no class of one's own above it, no properties beside what the built-in has. What has no faithful stored form gets
 * a reason for people instead of a kind. One list, for values and for keys alike.
 */
import { types } from 'node:util';

/** The sorts of objects that have a stored form. */
export type Kind =
  | 'array'
  | 'object'
  | 'Map'
  | 'Set'
  | 'Date'
  | 'RegExp'
  | 'Error'
  | 'URL'
  | 'URLSearchParams'
  | 'ArrayBuffer'
  | 'DataView'
  | 'typed array';

/** Why an object has none. `name` is the own property that is in the way, if it is one. */
export interface Refusal {
  readonly reason: string;
  readonly name?: string | undefined;
}

const errorClasses: Readonly<Record<string, ErrorConstructor>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
} as Readonly<Record<string, ErrorConstructor>>;

/** The class that an error of this name is made of: the built-in of that name, or `Error`. */
export function errorClassOf(name: string): ErrorConstructor {
  return Object.hasOwn(errorClasses, name) ? (errorClasses[name] as ErrorConstructor) : Error;
}

/** Kind of `value`, or why it has none. A proxy's own error passes through. */
export function kindOf(value: object): Kind | Refusal {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value)) return isBuiltin(prototype, 'Array') ? arrayKind(value) : ownClass(prototype);
  if (prototype === null || isObjectPrototype(prototype as object)) return objectKind(value);
  for (const [name, is] of kindsBySlot) {
    if (is(value)) return isBuiltin(prototype, name) ? bare(value, name) : ownClass(prototype);
  }
  if (types.isNativeError(value)) return errorKind(value, prototype as object);
  if (types.isTypedArray(value)) {
    const name = Buffer.isBuffer(value) ? 'Buffer' : value[Symbol.toStringTag];
    return isBuiltin(prototype, name) || prototype === Buffer.prototype ? 'typed array' : ownClass(prototype);
  }
  return ownClass(prototype);
}

const kindsBySlot: readonly (readonly [Kind, (value: object) => boolean])[] = [
  ['Map', types.isMap],
  ['Set', types.isSet],
  ['Date', types.isDate],
  ['RegExp', types.isRegExp],
  ['ArrayBuffer', types.isArrayBuffer],
  ['DataView', types.isDataView],
  ['URL', (value) => value instanceof URL],
  ['URLSearchParams', (value) => value instanceof URLSearchParams],
];

function isObjectPrototype(prototype: object): boolean {
  return (
    prototype === Object.prototype || (Object.getPrototypeOf(prototype) === null && isBuiltin(prototype, 'Object'))
  );
}

/** Whether `prototype` is that of the built-in `name`, of this realm or another. */
function isBuiltin(prototype: unknown, name: string): boolean {
  const maker: unknown = Object.getOwnPropertyDescriptor(prototype as object, 'constructor')?.value;
  if (maker === (globalThis as Record<string, unknown>)[name]) return true;
  return typeof maker === 'function' && maker.name === name && /\{\s*\[native code\]\s*\}$/.test(String(maker));
}

function ownClass(prototype: unknown): Refusal {
  const maker: unknown = Object.getOwnPropertyDescriptor(prototype as object, 'constructor')?.value;
  const name = typeof maker === 'function' && maker.name !== '' ? `class ${maker.name}` : 'a class';
  return { reason: `an instance of ${name} would come back without its class; store plain data` };
}

/** Nothing added to a built-in: properties of its own are no part of any stored form. */
function bare(value: object, kind: Kind): Kind | Refusal {
  if (kind === 'ArrayBuffer' && (value as ArrayBuffer & { readonly resizable?: boolean }).resizable === true) {
    return { reason: 'a resizable ArrayBuffer would come back with a fixed size' };
  }
  for (const name of Reflect.ownKeys(value)) {
    // Node keeps the state of URL and URLSearchParams behind symbols in some releases.
    if (kind === 'RegExp' ? name === 'lastIndex' : typeof name === 'symbol' && kind.startsWith('URL')) continue;
    if (isRefuser(Object.getOwnPropertyDescriptor(value, name)?.value)) continue;
    return { reason: `a property beside what a ${kind} has would be lost`, name: String(name) };
  }
  return kind;
}

const refuserBrand = Symbol.for('leyden-jar.refuser');

/**
 * Marks a function that stands over a method of a Map or a Set to make it refuse changes. It is no part of the value.
 */
export function asRefuser<Refuser extends (...args: never[]) => never>(refuse: Refuser): Refuser {
  return Object.defineProperty(refuse, refuserBrand, { value: true });
}

function isRefuser(value: unknown): boolean {
  return typeof value === 'function' && refuserBrand in value;
}

function objectKind(object: object): Kind | Refusal {
  for (const name of Reflect.ownKeys(object)) {
    if (typeof name === 'symbol') return { reason: `a property under ${String(name)} would be lost` };
    const refused = accessorOrHidden(object, name);
    if (refused !== undefined) return refused;
  }
  return 'object';
}

function arrayKind(array: readonly unknown[]): Kind | Refusal {
  const names = Object.keys(array);
  const first = names.findIndex((name, index) => name !== String(index));
  const odd = first === -1 ? undefined : (names[first] as string);
  if (odd !== undefined && !/^\d+$/.test(odd))
    return { reason: 'a property beside the elements would be lost', name: odd };
  if (names.length !== array.length) return { reason: 'an array with holes; fill them' };
  if (Object.getOwnPropertySymbols(array).length > 0) return { reason: 'a property under a symbol would be lost' };
  return 'array';
}

function errorKind(error: Error, prototype: object): Kind | Refusal {
  for (const name of Reflect.ownKeys(error)) {
    if (name === 'stack') continue;
    if (name !== 'message' && name !== 'cause' && name !== 'name') {
      return { reason: 'a field of an error beside name, message and cause would be lost', name: String(name) };
    }
    if (Object.getOwnPropertyDescriptor(error, name)?.get !== undefined) return { reason: 'an accessor', name };
  }
  if (typeof error.name !== 'string' || typeof error.message !== 'string') {
    return { reason: 'an error whose name or message is not text' };
  }
  const name = errorClassOf(error.name).name;
  if (isBuiltin(prototype, name)) return 'Error';
  return Object.keys(errorClasses).some((builtin) => isBuiltin(prototype, builtin))
    ? { reason: 'an error of one class under the name of another' }
    : ownClass(prototype);
}

function accessorOrHidden(object: object, name: string): Refusal | undefined {
  const property = Object.getOwnPropertyDescriptor(object, name);
  if (property === undefined) return undefined;
  if (property.get !== undefined || property.set !== undefined)
    return { reason: 'an accessor is no data; store what it gives', name };
  return property.enumerable ? undefined : { reason: 'a property that is not enumerable would be lost', name };
}
