/**
 * Goal: a condition is judged here as the store judges it, on whatever value has the notes that are known; and calls that go together
 * are done by one update if, and only if, each one's condition holds of what those before it leave.
 * Method: fast-check over values, conditions and calls; the store's own judge of expressions. `FC_SEED` and `FC_RUNS` repeat or lengthen
 * a run; a failure prints its seed.
 */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readChanges } from '../../lib/atom/commute/commute.js';
import { applyChanges } from '../../lib/atom/commute/commute-apply.js';
import { type Clause, readConditions, satisfies } from '../../lib/atom/commute/commute-condition.js';
import { planChanges } from '../../lib/atom/commute/commute-expression.js';
import { type CommuteCall, conditionsOf } from '../../lib/atom/commute/commute-together.js';
import { type Encoded, hold } from '../../lib/codec/index.js';
import { Placeholders } from '../../lib/engine/expression.js';
import { parseCondition } from '../../lib/engine/expression-condition.js';
import { holds } from '../../lib/engine/expression-judge.js';
import { takeIn } from '../../lib/engine/memory-value.js';
import { isLeydenError } from '../../lib/errors.js';
import { condition, value } from './commute-arbitraries.js';

const seed = process.env.FC_SEED === undefined ? {} : { seed: Number(process.env.FC_SEED) };
const numRuns = Number(process.env.FC_RUNS ?? 1_500);

/** Whether the store finds that `clauses` hold of a value; `undefined` where it cannot be asked, by what is known of another. */
function asked(clauses: readonly Clause[], known: Encoded, there: Encoded): boolean | undefined {
  const parts = planChanges(known, known, [], 'd', clauses);
  if (parts === undefined) return undefined;
  const expression = { ...parts, expression: parts.conditions.join(' AND ') };
  const tree = parseCondition(expression, new Placeholders(expression));
  return holds(tree, takeIn({ d: there.data }));
}

describe('satisfies()', () => {
  it('says what the store says', () => {
    const tally = { yes: 0, no: 0, notAsked: 0, others: 0 };
    const stored = value.any.filter((one) => one !== undefined);
    fc.assert(
      fc.property(stored, stored, fc.array(condition, { minLength: 1, maxLength: 3 }), (known, other, when) => {
        const clauses = when.flatMap((one) => readConditions('k', one));
        const [one, two] = [hold(known), hold(other)];
        const told = asked(clauses, one.encode(), one.encode());
        if (told === undefined) {
          tally.notAsked += 1;
          return;
        }
        expect(satisfies(one.hand(), clauses)).toBe(told);
        tally[told ? 'yes' : 'no'] += 1;
        // The update is on condition that the notes are these.
        if (two.encode().annotations !== one.encode().annotations) return;
        expect(satisfies(two.hand(), clauses)).toBe(asked(clauses, one.encode(), two.encode()));
        tally.others += 1;
      }),
      { ...seed, numRuns },
    );
    console.log(JSON.stringify(tally));
    expect(Math.min(...Object.values(tally))).toBeGreaterThan(numRuns / 50);
  });
});

describe('the store', () => {
  it.each<[string, unknown, object]>([
    ['a text is a bigint', { a: '7' }, { is: { a: 7n } }],
    ['a bigint is a text', { a: 7n }, { is: { a: '7' } }],
    ['undefined is absent', { a: undefined }, { absent: { a: true } }],
    ['-0 is 0', { a: -0 }, { is: { a: 0 } }],
    ['-0 is at most 0', { a: -0 }, { atMost: { a: 0 } }],
    ['an error has parts', { a: new Error('e') }, { absent: { a: { message: true } } }],
    ['a Date has none', { a: new Date(0) }, { present: { a: { x: true } } }],
    ['an empty name is there', { '': 1 }, { is: { '': 1 } }],
    ['an escaped name is there', { '~a': 1, b: new Date(0) }, { is: { '~a': 1 } }],
  ])('says no other than what is said here, or is not asked, whether %s', (_, known, when) => {
    const held = hold(known);
    const clauses = readConditions('k', when);
    const told = asked(clauses, held.encode(), held.encode());
    if (told !== undefined) expect(told).toBe(satisfies(held.hand(), clauses));
  });
});

describe('conditionsOf()', () => {
  const place = fc.constantFrom('a', 'b', 'c');
  const small = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: -3, max: 3 }) },
    { weight: 1, arbitrary: fc.constantFrom(0.5, 0.1) },
  );
  const numbers = fc.dictionary(place, small);
  const call: fc.Arbitrary<CommuteCall> = fc
    .record({
      changes: fc.oneof(
        { weight: 5, arbitrary: numbers.map((add) => ({ add })) },
        { weight: 1, arbitrary: place.map((name) => ({ setIfAbsent: { [name]: 1 } })) },
        { weight: 1, arbitrary: place.map((name) => ({ remove: { [name]: true } })) },
        { weight: 1, arbitrary: place.map((name) => ({ add: { in: { [name]: 1 } } })) },
      ),
      when: fc.array(
        fc.oneof(
          { weight: 4, arbitrary: fc.tuple(fc.constantFrom('atMost', 'atLeast'), place, small) },
          { weight: 1, arbitrary: fc.tuple(fc.constant('is'), place, small) },
          {
            weight: 1,
            arbitrary: fc.tuple(
              fc.constantFrom('absent', 'present'),
              fc.oneof(place, fc.constant('in')),
              fc.constant(true),
            ),
          },
        ),
        { maxLength: 2 },
      ),
    })
    .map(({ changes, when }) => ({
      changes: readChanges('k', changes),
      when: when.flatMap(([test, name, operand]) => readConditions('k', { [test]: { [name]: operand } })),
    }));

  it('holds of the state before them if each call’s own holds of what those before it leave', () => {
    const tally = { together: 0, yes: 0, no: 0 };
    fc.assert(
      fc.property(numbers, fc.array(call, { minLength: 2, maxLength: 5 }), (before, calls) => {
        const conditions = conditionsOf(calls);
        expect(conditions.length).toBeGreaterThan(0);
        if (conditions.length > 1) tally.together += 1;
        let state: unknown = before;
        let each = true;
        for (const { changes, when } of calls.slice(0, conditions.length)) {
          each &&= satisfies(state, when);
          try {
            state = applyChanges('k', state, changes);
          } catch (error) {
            if (!isLeydenError(error, 'ERR_COMMUTE')) throw error;
            return;
          }
        }
        expect(satisfies(before, conditions.flat())).toBe(each);
        tally[each ? 'yes' : 'no'] += 1;
      }),
      { ...seed, numRuns },
    );
    console.log(JSON.stringify(tally));
    expect(Math.min(...Object.values(tally))).toBeGreaterThan(numRuns / 20);
  });

  it.each<[string, object[], number]>([
    [
      'bounds on what the others add to',
      Array.from({ length: 4 }, () => ({ add: { a: 1 }, when: { atMost: { a: 3 } } })),
      4,
    ],
    [
      'other places',
      [
        { add: { a: { x: 1 } }, when: { absent: { a: { x: true } } } },
        { add: { a: { y: 1 } }, when: { absent: { a: { y: true } } } },
      ],
      2,
    ],
    ['what the others make or change', [{ add: { a: { x: 1 } } }, { add: { b: 1 }, when: { absent: { a: true } } }], 1],
    [
      'what lies within what the others take away',
      [{ remove: { a: true } }, { add: { b: 1 }, when: { atMost: { a: { x: 1 } } } }],
      1,
    ],
    ['equality with what the others add to', [{ add: { a: 1 } }, { add: { b: 1 }, when: { is: { a: 1 } } }], 1],
    [
      'bounds beyond the safe integers',
      [{ add: { a: -1 } }, { add: { a: 1 }, when: { atMost: { a: Number.MAX_SAFE_INTEGER } } }],
      1,
    ],
    ['parts of numbers', [{ add: { a: 0.1 } }, { add: { a: 1 }, when: { atMost: { a: 3 } } }], 1],
    ['bigints', [{ add: { a: 1n } }, { add: { a: 1n }, when: { atMost: { a: 3n } } }], 1],
  ])('go together, or not, for %s', (_, calls, count) => {
    const read = calls.map((one) => {
      const { when, ...changes } = one as { when?: object };
      return { changes: readChanges('k', changes), when: when === undefined ? [] : readConditions('k', when) };
    });
    expect(conditionsOf(read)).toHaveLength(count);
  });
});
