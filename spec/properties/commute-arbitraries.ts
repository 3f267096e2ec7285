/**
 * Values, changes and conditions for the properties of commute: few names, so that places are hit, and all that is stored in more than
 * one way.
 */
import fc from 'fast-check';

const name: fc.Arbitrary<string> = fc.constantFrom(
  'a',
  'b',
  'c.d',
  '#x',
  'size',
  '__proto__',
  'constructor',
  '~constructor',
);
const number: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: -5, max: 5 }),
  fc.constantFrom(0.1, 0.2, 1e-7, 2 ** 53 - 1, 1 - 2 ** 53, 2 ** 52, 1e20, 123456.789),
);
const scalar: fc.Arbitrary<unknown> = fc.oneof(fc.constantFrom<unknown>('x', 'y', 'z', '', 1, 2, 0.1), number);
const list = fc.array(scalar, { maxLength: 4 });
const odd = fc.oneof(
  fc.constantFrom<unknown>(null, undefined, true, 7n, Number.NaN, -0),
  fc.constant(new Date(0)),
  fc.constant(new Map([['a', 1]])),
  fc.constant(new Uint8Array([1])),
  fc.array(fc.constantFrom<unknown>({ a: 1 }, new Date(1), 'x'), { maxLength: 3 }),
  fc.constant(new Error('e')),
);
const leaf = fc.oneof(
  { weight: 4, arbitrary: number },
  { weight: 3, arbitrary: list },
  { weight: 3, arbitrary: list.map((members) => new Set(members)) },
  { weight: 1, arbitrary: scalar },
  { weight: 1, arbitrary: odd },
);
export const value: { readonly any: fc.Arbitrary<unknown>; readonly object: fc.Arbitrary<object> } = fc.letrec<{
  any: unknown;
  object: object;
}>((tie) => ({
  any: fc.oneof({ maxDepth: 3 }, { weight: 3, arbitrary: leaf }, { weight: 2, arbitrary: tie('object') }),
  object: named(tie('any')),
}));

function named(part: fc.Arbitrary<unknown>): fc.Arbitrary<object> {
  return fc
    .array(fc.tuple(name, part), { maxLength: 4 })
    .map((entries) => Object.fromEntries(entries.map(([key, one]) => [key, one])) as object);
}

const operands = {
  add: fc.oneof(
    { weight: 5, arbitrary: number.filter((one) => one < 2 ** 53) },
    { weight: 1, arbitrary: fc.constant(3n) },
  ),
  append: fc.array(
    fc.oneof({ weight: 4, arbitrary: scalar }, { weight: 1, arbitrary: fc.constant({ constructor: 1 }) }),
    {
      maxLength: 3,
    },
  ),
  union: fc.oneof(
    list,
    list.map((members) => new Set(members)),
  ),
  difference: list,
  setIfAbsent: fc.oneof(
    { weight: 4, arbitrary: leaf.filter((one) => one !== undefined && !(one instanceof Set)) },
    { weight: 1, arbitrary: fc.constant({ a: 1, constructor: 2 }) },
  ),
  remove: fc.constant(true),
};

const bound = fc.oneof(
  { weight: 5, arbitrary: number.filter((one) => Math.abs(one) < 2 ** 53) },
  { weight: 1, arbitrary: fc.constant(3n) },
);
const tested = {
  is: fc.oneof(
    { weight: 5, arbitrary: scalar },
    { weight: 1, arbitrary: fc.constantFrom<unknown>(null, true, false, 7n, '7', '\ud800') },
  ),
  atMost: bound,
  atLeast: bound,
  absent: fc.constant(true),
  present: fc.constant(true),
};

/** One change, at a place two names deep or less. */
export const change: fc.Arbitrary<object> = fc
  .constantFrom(...(Object.keys(operands) as (keyof typeof operands)[]))
  .chain((verb) =>
    fc
      .tuple(fc.array(name, { minLength: verb === 'remove' ? 1 : 0, maxLength: 2 }), operands[verb])
      .map(([path, operand]) => ({
        [verb]: nested(path, operand),
      })),
  );

/** One condition, at a place two names deep or less. */
export const condition: fc.Arbitrary<object> = fc
  .constantFrom(...(Object.keys(tested) as (keyof typeof tested)[]))
  .chain((test) =>
    fc
      .tuple(fc.array(name, { maxLength: 2 }), tested[test])
      .map(([path, operand]) => ({ [test]: nested(path, operand) })),
  );

function nested(path: readonly string[], operand: unknown): unknown {
  return path.reduceRight<unknown>((inner, step) => ({ [step]: inner }), operand);
}
