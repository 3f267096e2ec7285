/**
 * Goal: what the store makes of a value is what `applyChanges` makes of it, also when the value is not the one that the
 * expressions were made from: then they apply and do the same, or their condition fails. Never anything else. And it does so only if
 * the conditions of the calls hold.
 * Method: fast-check over values, changes, and a second value that differs in shape or content; each plan is sent to a memory
 * engine and to DynamoDB Local. `FC_SEED` and `FC_RUNS` repeat or lengthen a run; a failure prints its seed.
 */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { blindExpressions } from '../../lib/atom/commute/blind-evidence.js';
import { type Change, readChanges } from '../../lib/atom/commute/commute.js';
import { applyChanges } from '../../lib/atom/commute/commute-apply.js';
import { type Clause, readConditions, satisfies } from '../../lib/atom/commute/commute-condition.js';
import { planChanges } from '../../lib/atom/commute/commute-expression.js';
import { attributeNamesDefault as names } from '../../lib/atom/item-format.js';
import { type Encoded, type Held, heldFrom, hold, type Item } from '../../lib/codec/index.js';
import type { Expression, WriteAnswer } from '../../lib/engine/index.js';
import { isLeydenError } from '../../lib/errors.js';
import { describeEngine, engines, type OpenEngine } from '../support/engines.js';
import { change, condition, value } from './commute-arbitraries.js';

const seed = process.env.FC_SEED === undefined ? {} : { seed: Number(process.env.FC_SEED) };

interface Case {
  readonly base: unknown;
  readonly asked: readonly unknown[];
  readonly meanwhile: readonly unknown[];
  readonly other: unknown;
  readonly when: readonly object[];
}

const cases: fc.Arbitrary<Case> = fc.record({
  base: value.any.filter((one) => one !== undefined),
  asked: fc.array(change, { minLength: 1, maxLength: 3 }),
  meanwhile: fc.array(change, { maxLength: 3 }),
  other: fc.option(
    value.any.filter((one) => one !== undefined),
    { nil: undefined },
  ),
  when: fc.array(condition, { maxLength: 2 }),
});

/** What changes make of a value; `undefined` where they do not fit. */
function made(from: Held, changes: readonly Change[]): Held | undefined {
  try {
    const after = applyChanges('k', from.hand(), changes);
    return after === undefined ? undefined : hold(after);
  } catch (error) {
    if (!isLeydenError(error, 'ERR_COMMUTE')) throw error;
    return undefined;
  }
}

function readAll(asked: readonly unknown[]): readonly Change[] {
  return asked.flatMap((one) => readChanges('k', one));
}

/** The whole update, as an atom sends it, of a plain plan: with the evidence and the notes. */
function expressions(
  base: Encoded,
  after: Encoded,
  changes: readonly Change[],
  when: readonly Clause[],
): Expressions | undefined {
  const parts = planChanges(base, after, changes, names.data, when);
  if (parts === undefined) return undefined;
  const noted = base.annotations;
  const attempt = { writer: 'me', seq: 1, incarnation: 'e', seenAt: 1 };
  return blindExpressions(
    attempt,
    {
      ...parts,
      conditions: [...parts.conditions, noted === undefined ? 'attribute_not_exists(#t)' : '#t = :t'],
      names: { ...parts.names, '#t': names.annotations },
      values: { ...parts.values, ...(noted !== undefined && { ':t': { S: noted } }) },
    },
    names,
  );
}

interface Expressions {
  readonly update: Expression;
  readonly condition: Expression;
}

for (const row of engines.filter((one) => one.name !== 'aws')) {
  describeEngine(row, () => {
    let opened: OpenEngine;
    let table: string;
    let items = 0;
    const tally = { planned: 0, applied: 0, failed: 0, elsewhere: 0, declined: 0 };
    beforeAll(async () => {
      opened = await row.open();
      table = opened.uniqueTable();
      const partitionKey = { name: 'id', type: 'S' } as const;
      await opened.engine.createTable({ table, partitionKey, billing: { mode: 'on-demand' } });
    });
    afterAll(() => opened.close());

    /** Puts an item with a value, and sends the update. */
    async function send({ update, condition }: Expressions, { data, annotations }: Encoded): Promise<WriteAnswer> {
      items += 1;
      const key = { id: { S: String(items) } };
      const item: Item = {
        ...{
          ...key,
          d: data,
          ...(annotations !== undefined && { t: { S: annotations } }),
          e: { S: 'e' },
          v: { N: '1' },
        },
        ...{ l: { S: 'o:1' }, w0: { M: {} }, w1: { M: {} }, r: { N: '0' }, f: { N: '0' } },
      };
      const put = await opened.engine.put({ table, item });
      if (put.status !== 'applied') throw new Error(`Cannot put the value: ${put.status}`);
      return opened.engine.update({ table, key, update, condition });
    }

    const valueIn = ({ d, t }: Item): Held =>
      heldFrom({ data: d as Item[string], ...(t !== undefined && { annotations: (t as { S: string }).S }) }, 'k');

    it('is told to do what is done here', async () => {
      const numRuns = Number(
        process.env.FC_RUNS ?? { memory: 1_500, dynalite: 80, 'dynamodb-local': 150 }[row.name as 'memory'],
      );
      await fc.assert(
        fc.asyncProperty(cases, async ({ base, asked, meanwhile, other, when }) => {
          const from = hold(base);
          const changes = readAll(asked);
          const after = made(from, changes);
          if (after === undefined) return;
          const clauses = when.flatMap((one) => readConditions('k', one));
          const told = expressions(from.encode(), after.encode(), changes, clauses);
          if (told === undefined) return;
          tally.planned += 1;
          const answer = await send(told, from.encode());
          if (!satisfies(from.hand(), clauses)) {
            expect(answer.status).toBe('condition-failed');
            tally.declined += 1;
            return;
          }
          // It compares no lists.
          if (row.name === 'dynalite' && answer.status === 'condition-failed') return;
          if (answer.status !== 'applied') throw new Error(`on its own base: ${JSON.stringify(answer)}`);
          expect(valueIn(answer.image as Item).equals(after)).toBe(true);
          tally.applied += 1;

          // Somebody else was first.
          const moved = other === undefined ? made(from, readAll(meanwhile)) : hold(other);
          if (moved === undefined || moved.equals(from)) return;
          const later = await send(told, moved.encode());
          if (later.status === 'condition-failed') {
            tally.failed += 1;
            return;
          }
          if (later.status !== 'applied') throw new Error(`on another value: ${JSON.stringify(later)}`);
          tally.elsewhere += 1;
          expect(satisfies(moved.hand(), clauses)).toBe(true);
          const expected = made(moved, changes);
          expect(valueIn(later.image as Item).hand()).toEqual(expected?.hand());
        }),
        { ...seed, numRuns },
      );
      console.log(`${row.name}: ${JSON.stringify(tally)}`);
      expect(tally.applied).toBeGreaterThan(0);
      // What of few runs comes to which end is luck.
      if (numRuns >= 1_000) {
        expect(tally.applied).toBeGreaterThan(numRuns / 20);
        expect(Math.min(tally.failed, tally.elsewhere, tally.declined)).toBeGreaterThan(numRuns / 100);
      }
    }, 60_000);
  });
}
