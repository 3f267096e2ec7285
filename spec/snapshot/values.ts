/** Values for the specs of states: everything that has a stored form, at random; and how two of them are compared. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';

/** Seed from `FC_SEED`, runs from `FC_RUNS`; a failure prints its seed. */
export function runs(numRuns: number): { readonly numRuns: number; readonly seed?: number } {
  const seed = process.env.FC_SEED === undefined ? {} : { seed: Number(process.env.FC_SEED) };
  return { ...seed, numRuns: Number(process.env.FC_RUNS ?? numRuns) };
}

const names = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'b', 'é', 'id', '0', '1', '7') },
  { weight: 2, arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', '', '~', '~Date', '~ref', '~~x') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
  { weight: 1, arbitrary: fc.constantFrom('\ud800', 'x\udc00', 'n'.repeat(5_000)) },
);
const numbers = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 53, 5e-324),
);
const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '',
    '~',
    '{"~Date":0}',
    '\ud83d',
    '\ude00\ud83d',
    'a"b\\',
    'é'.repeat(5_000),
    '\u{1f600}'.repeat(20_000),
  ),
  fc.constantFrom('\ud83d'.repeat(16_385), `x${'\u{1f600}'.repeat(9_000)}`, 'z'.repeat(70_000)),
);
const leaves = fc.oneof(
  fc.constantFrom(null, undefined, true, false),
  numbers,
  texts,
  fc.bigInt(),
  fc.constant(7n ** 6_000n),
  fc.date({ noInvalidDate: false }),
  fc.uint8Array({ maxLength: 8 }),
  fc.float64Array({ maxLength: 3 }),
  fc.constantFrom(new Uint8Array(5_000).fill(7), new Float32Array(40_000).fill(1.5), new Uint8Array(66_000).buffer),
  fc.constantFrom(new DataView(new ArrayBuffer(3)), new BigUint64Array([1n]), new ArrayBuffer(0)),
  fc.webUrl().map((url) => new URL(url)),
  fc.constant(new URLSearchParams({ a: 'b'.repeat(6_000) })),
  fc.constantFrom(/x/gi, Object.assign(/y/g, { lastIndex: 3 }), new RegExp('z'.repeat(5_000), 'm')),
);

/** Any value that has a stored form, without shared references. */
export const values: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium', maxDepth: 5 },
    leaves,
    tie('array'),
    tie('object'),
    tie('map'),
    tie('set'),
    tie('error'),
  ),
  array: fc
    .tuple(fc.array(tie('value'), { maxLength: 6 }), fc.array(fc.nat(9), { maxLength: 2 }), fc.nat(2))
    .map(([elements, holes, more]) => {
      for (const index of holes) if (index < elements.length) delete elements[index];
      elements.length += more;
      return elements;
    }),
  object: fc.tuple(fc.array(fc.tuple(names, tie('value')), { maxLength: 6 }), fc.nat(3)).map(([entries, form]) => {
    const object = Object.fromEntries(entries) as object;
    return form === 0 ? (Object.assign(Object.create(null), entries.length > 0 ? { a: 1 } : {}) as object) : object;
  }),
  map: fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 5 }).map((entries) => new Map(entries)),
  set: fc.array(tie('value'), { maxLength: 5 }).map((members) => new Set(members)),
  error: fc.tuple(fc.string(), fc.option(tie('value'), { nil: undefined })).map(([message, cause]) => {
    return cause === undefined ? new TypeError(message) : new RangeError(message, { cause });
  }),
})).value;

/** Containers of more than a record, which are opened. */
export const largeValues: fc.Arbitrary<unknown> = fc
  .tuple(fc.array(values, { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 40 }), fc.nat(4))
  .map(([some, count, form]) => {
    const many = Array.from({ length: count }, (_, index) => structuredCloneOf(some[index % some.length]));
    switch (form) {
      case 0:
        return many;
      case 1:
        return Object.fromEntries(many.map((value, index) => [`n${(index * 7) % count}${index}`, value]));
      case 2:
        return new Map(many.map((value, index) => [index % 2 === 0 ? index : { index }, value]));
      case 3:
        return new Set([...many, { many }]);
      default:
        return { first: many, error: new Error('m'.repeat(5_000), { cause: many }), last: [many.slice(0, 3)] };
    }
  });

/** Equal in all that a handler can see: kinds, order of members, holes, prototypes, -0. Cycles are followed once. */
export function same(one: unknown, other: unknown, pairs: Map<object, object> = new Map()): boolean {
  if (typeof one !== 'object' || one === null || typeof other !== 'object' || other === null) {
    return Object.is(one, other);
  }
  if (pairs.has(one)) return pairs.get(one) === other || isDeepStrictEqual(one, other);
  pairs.set(one, other);
  const ways = (value: object): unknown[] => {
    if (value instanceof Map) return [...value].flat(1);
    if (value instanceof Set) return [...value];
    if (value instanceof Error) return [value.name, value.message, value.cause];
    if (value instanceof Date || value instanceof URL || value instanceof URLSearchParams) return [String(value)];
    if (value instanceof RegExp) return [value.source, value.flags, value.lastIndex];
    if (value instanceof ArrayBuffer) return [Buffer.from(value).toString('hex')];
    if (ArrayBuffer.isView(value)) {
      return [Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')];
    }
    const members = Object.keys(value).flatMap((name) => [name, (value as Record<string, unknown>)[name]]);
    return Array.isArray(value) ? [value.length, ...members] : members;
  };
  const [left, right] = [ways(one), ways(other)];
  return (
    Object.prototype.toString.call(one) === Object.prototype.toString.call(other) &&
    (Object.getPrototypeOf(one) === null) === (Object.getPrototypeOf(other) === null) &&
    left.length === right.length &&
    left.every((value, index) => same(value, right[index], pairs))
  );
}

/** A copy that shares nothing, holes and prototypes included. */
export function structuredCloneOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const copy: unknown[] = [];
    copy.length = value.length;
    for (const name of Object.keys(value)) copy[Number(name)] = structuredCloneOf(value[Number(name)]);
    return copy;
  }
  if (value instanceof Map) {
    return new Map([...value].map(([key, member]) => [structuredCloneOf(key), structuredCloneOf(member)]));
  }
  if (value instanceof Set) return new Set([...value].map(structuredCloneOf));
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype !== null && prototype !== Object.prototype) return value;
  const copy = Object.create(prototype) as object;
  for (const name of Object.keys(value)) {
    const member = structuredCloneOf((value as Record<string, unknown>)[name]);
    Object.defineProperty(copy, name, { value: member, writable: true, enumerable: true, configurable: true });
  }
  return copy;
}
