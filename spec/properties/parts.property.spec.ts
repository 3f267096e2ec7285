// Goal: the way into a value is lawful, whatever the value: what was put is found, putting back changes nothing, all else stays the very
// same objects, and nothing reaches a prototype. Method: generated values and paths into them, odd names among them.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { look, type PathStep, put, type Trail, take } from '../../lib/atom/focus/part-path.js';

// `FC_SEED` and `FC_RUNS` repeat or lengthen a run; a failure prints its seed.
const seed = process.env.FC_SEED === undefined ? {} : { seed: Number(process.env.FC_SEED) };
const runs = { ...seed, numRuns: Number(process.env.FC_RUNS ?? 600) };

const names = fc.oneof(
  fc.constantFrom('a', 'b', '', '0', '__proto__', 'constructor', 'toString', 'hasOwnProperty'),
  fc.string({ maxLength: 3 }),
);
const { value } = fc.letrec<{ value: unknown; object: object; list: unknown[]; map: Map<unknown, unknown> }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.integer(),
    fc.string(),
    fc.constant(null),
    tie('object'),
    tie('list'),
    tie('map'),
  ),
  object: fc.array(fc.tuple(names, tie('value')), { maxLength: 4 }).map((members) => Object.fromEntries(members)),
  list: fc.array(tie('value'), { maxLength: 4 }),
  map: fc
    .array(fc.tuple(fc.oneof(names, fc.nat(9)), tie('value')), { maxLength: 4 })
    .map((members) => new Map(members)),
}));

/** A value, and a path that leads into it, one step beyond what is there at most. */
const journeys = fc
  .tuple(value, fc.array(fc.nat(), { minLength: 1, maxLength: 5 }), names)
  .map(([whole, turns, name]) => {
    const steps: PathStep[] = [];
    let at: unknown = whole;
    for (const turn of turns) {
      const ways = stepsOf(at);
      const step =
        ways === undefined
          ? undefined
          : [...ways, ...(Array.isArray(at) ? [at.length] : [name])][turn % (ways.length + 1)];
      if (step === undefined) break;
      steps.push(step);
      at = childOf(at, step);
    }
    return { whole, trail: { key: 'k', steps } };
  })
  .filter(({ trail }) => trail.steps.length > 0);

function stepsOf(at: unknown): PathStep[] | undefined {
  if (at instanceof Map) return [...at.keys()] as PathStep[];
  if (Array.isArray(at)) return [...at.keys()];
  return typeof at === 'object' && at !== null ? Object.keys(at) : undefined;
}

function childOf(at: unknown, step: PathStep): unknown {
  if (at instanceof Map) return at.get(step);
  return Object.getOwnPropertyDescriptor(at, step)?.value;
}

/** All that lies beside the path, by identity. */
function besides(whole: unknown, { steps }: Trail): unknown[] {
  const found: unknown[] = [];
  let at = whole;
  for (const step of steps) {
    for (const way of stepsOf(at) ?? []) if (String(way) !== String(step)) found.push(childOf(at, way));
    at = stepsOf(at) === undefined ? undefined : childOf(at, step);
  }
  return found;
}

describe('a path', () => {
  it('finds what was put, and leaves all else the very same', () => {
    fc.assert(
      fc.property(journeys, fc.integer(), ({ whole, trail }, part) => {
        const before = besides(whole, trail);
        const made = put(whole, trail, part);
        expect(look(made, trail)).toBe(part);
        const after = besides(made, trail);
        expect(after).toHaveLength(before.length);
        for (const [index, one] of before.entries()) expect(Object.is(after[index], one)).toBe(true);
      }),
      runs,
    );
  });

  it('puts back what it found without a change', () => {
    fc.assert(
      fc.property(journeys, ({ whole, trail }) => {
        const part = look(whole, trail);
        if (part !== undefined) expect(put(whole, trail, part)).toBe(whole);
      }),
      runs,
    );
  });

  it('takes out what was put, and nothing else', () => {
    fc.assert(
      fc.property(journeys, fc.integer(), ({ whole, trail }, part) => {
        const parent = look(whole, { ...trail, steps: trail.steps.slice(0, -1) });
        if (Array.isArray(parent)) return;
        const made = put(whole, trail, part);
        const before = besides(made, trail);
        const { whole: left, taken } = take(made, trail);
        expect(taken).toBe(true);
        expect(look(left, trail)).toBeUndefined();
        expect(take(left, trail)).toEqual({ whole: left, taken: false });
        for (const [index, one] of besides(left, trail).entries()) expect(Object.is(before[index], one)).toBe(true);
      }),
      runs,
    );
  });

  it('reaches no prototype', () => {
    fc.assert(
      fc.property(journeys, ({ whole, trail }) => {
        const made = put(whole, trail, { polluted: true });
        let at: unknown = made;
        for (const step of trail.steps) {
          if (!(at instanceof Map) && !Array.isArray(at)) expect(Object.getPrototypeOf(at)).toBe(Object.prototype);
          at = childOf(at, step);
        }
      }),
      runs,
    );
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});
