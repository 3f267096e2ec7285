// Goal: the memory engine answers as DynamoDB Local does. Method: the same random requests, seeded, to both engines;
// answers, items, units and refusals by name are compared after each one. Left out on purpose: texts of messages; the order
// of scans and of set members; how far numbers are spelled out; what an empty query costs; the next key after a page that
// its limit ends exactly where the key condition does (legal either way); and a change that the item refuses inside a
// transaction, which is a reason here, as documented, and refuses the whole there.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AttributeValue, Item } from '../../lib/codec/index.js';
import type { CreateTableRequest, Engine, Expression, TransactAction } from '../../lib/engine/index.js';
import { MemoryEngine } from '../../lib/engine/memory.js';
import { normalNumber } from '../../lib/engine/memory-number.js';
import { describeEngine, engines, type OpenEngine } from '../support/engines.js';

const seed = Number(process.env.LEYDEN_TEST_SEED ?? 20_260_101);
const N = (number: number | string): AttributeValue => ({ N: String(number) });
const S = (text: string): AttributeValue => ({ S: text });

/** One request, to be sent to both engines; `table` is filled in there. */
type Step = { readonly name: string; readonly send: (engine: Engine, table: string) => Promise<unknown> };

const number = fc.constantFrom(
  '0',
  '1',
  '-1',
  '2',
  '2.50',
  '1e3',
  '0.001',
  '-7.25',
  '12345678901234567890123456789012345678',
  '1e37',
);
const text = fc.constantFrom('', 'a', 'ab', 'abc', 'b', 'é', '\uffff', '\u{10000}');
const scalar: fc.Arbitrary<AttributeValue> = fc.oneof(
  number.map(N),
  text.map(S),
  fc.boolean().map((BOOL) => ({ BOOL })),
  fc.constant({ NULL: true as const }),
  fc.uint8Array({ maxLength: 2, max: 3 }).map((B) => ({ B })),
);
const anySet: fc.Arbitrary<AttributeValue> = fc.oneof(
  fc.uniqueArray(fc.constantFrom('a', 'ab', 'b'), { minLength: 1 }).map((SS) => ({ SS })),
  fc.uniqueArray(fc.constantFrom('1', '2.5', '-1'), { minLength: 1 }).map((NS) => ({ NS })),
);
const { value } = fc.letrec<{ value: AttributeValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    scalar,
    anySet,
    fc.array(tie('value'), { maxLength: 3 }).map((L) => ({ L })),
    fc
      .dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3, noNullPrototype: true })
      .map((M) => ({ M })),
  ),
}));
const key = fc
  .tuple(fc.constantFrom('p', 'q'), fc.constantFrom(1, 2, 10))
  .map(([pk, sk]): Item => ({ pk: S(pk), sk: N(sk) }));
const attributes = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), value, { maxKeys: 4, noNullPrototype: true });
const item = fc
  .tuple(key, attributes, fc.option(fc.constantFrom('G', 'H'), { nil: undefined, freq: 3 }))
  .map(([one, rest, g]): Item => ({ ...one, ...rest, ...(g !== undefined && { g: S(g) }) }));
const path = fc.constantFrom('a', 'b', 'c', 'a.b', 'a[0]', 'b[1]', 'a.b.c', 'c[0].a', 'd', 'pk', 'd[3]');

/** A text with `?` for values, and the values. */
interface Part {
  readonly text: string;
  readonly values: readonly AttributeValue[];
}
const operand: fc.Arbitrary<Part> = fc.oneof(
  path.map((one) => ({ text: one, values: [] })),
  value.map((one) => ({ text: '?', values: [one] })),
  path.map((one) => ({ text: `size(${one})`, values: [] })),
);
const join = (format: string, ...parts: readonly Part[]): Part => {
  let at = 0;
  const text = format.replace(/\$/g, () => parts[at++]?.text ?? '');
  return { text, values: parts.flatMap((part) => part.values) };
};
const { condition } = fc.letrec<{ condition: Part }>((tie) => ({
  condition: fc.oneof(
    { depthSize: 'small' },
    fc
      .tuple(operand, fc.constantFrom('=', '<>', '<', '<=', '>', '>='), operand)
      .map(([left, operator, right]) => join(`$ ${operator} $`, left, right)),
    path.map((one) => ({ text: `attribute_exists(${one})`, values: [] })),
    path.map((one) => ({ text: `attribute_not_exists(${one})`, values: [] })),
    fc.tuple(path, fc.constantFrom('S', 'N', 'L', 'M', 'SS', 'XX')).map(([one, type]) => ({
      text: `attribute_type(${one}, ?)`,
      values: [S(type)],
    })),
    fc.tuple(operand, operand).map(([left, right]) => join('begins_with($, $)', left, right)),
    fc.tuple(operand, operand).map(([left, right]) => join('contains($, $)', left, right)),
    fc.tuple(operand, operand, operand).map((parts) => join('$ BETWEEN $ AND $', ...parts)),
    fc.tuple(operand, operand, operand).map((parts) => join('$ IN ($, $)', ...parts)),
    tie('condition').map((one) => join('NOT ($)', one)),
    fc.tuple(tie('condition'), tie('condition')).map((parts) => join('$ AND $', ...parts)),
    fc.tuple(tie('condition'), tie('condition')).map((parts) => join('($) OR $', ...parts)),
  ),
}));
const source: fc.Arbitrary<Part> = fc.oneof(
  value.map((one) => ({ text: '?', values: [one] })),
  path.map((one) => ({ text: one, values: [] })),
  fc
    .tuple(path, fc.constantFrom('+', '-'), number)
    .map(([one, sign, n]) => ({ text: `${one} ${sign} ?`, values: [N(n)] })),
  fc.tuple(path, number).map(([one, n]) => ({ text: `if_not_exists(${one}, ?) + ?`, values: [N(n), N('3')] })),
  fc
    .tuple(path, value)
    .map(([one, v]) => ({ text: `list_append(if_not_exists(${one}, ?), ?)`, values: [{ L: [] }, { L: [v] }] })),
);
const update: fc.Arbitrary<Part> = fc
  .tuple(
    fc.array(fc.tuple(path, source), { maxLength: 2 }),
    fc.array(path, { maxLength: 2 }),
    fc.array(fc.tuple(path, fc.oneof(number.map(N), anySet)), { maxLength: 1 }),
    fc.array(fc.tuple(path, anySet), { maxLength: 1 }),
  )
  .map(([sets, removes, adds, deletes]) => {
    const clause = (word: string, parts: readonly Part[]): Part[] =>
      parts.length === 0 ? [] : [join(`${word} ${parts.map(() => '$').join(', ')}`, ...parts)];
    const clauses = [
      ...clause(
        'SET',
        sets.map(([one, right]) => join(`${one} = $`, right)),
      ),
      ...clause(
        'REMOVE',
        removes.map((one) => ({ text: one, values: [] })),
      ),
      ...clause(
        'ADD',
        adds.map(([one, v]) => ({ text: `${one} ?`, values: [v] })),
      ),
      ...clause(
        'DELETE',
        deletes.map(([one, v]) => ({ text: `${one} ?`, values: [v] })),
      ),
    ];
    return join(clauses.map(() => '$').join(' '), ...clauses);
  });

/** Numbers the values of a part, from `:${prefix}0` on. */
function expressed(part: Part, prefix: string): Expression {
  let at = 0;
  const expression = part.text.replace(/\?/g, () => `:${prefix}${at++}`);
  return { expression, values: Object.fromEntries(part.values.map((one, index) => [`:${prefix}${index}`, one])) };
}
const optional = fc.option(condition, { nil: undefined, freq: 2 });
const withCondition = (part: Part | undefined) => (part === undefined ? {} : { condition: expressed(part, 'c') });

const action: fc.Arbitrary<(table: string) => TransactAction> = fc.oneof(
  fc.tuple(item, optional).map(
    ([one, part]) =>
      (table: string): TransactAction => ({ kind: 'put', table, item: one, ...withCondition(part) }),
  ),
  fc.tuple(key, update, optional).map(
    ([one, change, part]) =>
      (table: string): TransactAction => ({
        kind: 'update',
        table,
        key: one,
        update: expressed(change, 'u'),
        ...withCondition(part),
      }),
  ),
  fc.tuple(key, optional).map(
    ([one, part]) =>
      (table: string): TransactAction => ({ kind: 'delete', table, key: one, ...withCondition(part) }),
  ),
);
const single = action.map((make): Step => {
  const { kind } = make('');
  return {
    name: JSON.stringify(make('')),
    send: (engine, table) => {
      const { kind: _, ...request } = make(table);
      return (engine[kind as 'put'] as (one: object) => Promise<unknown>).call(engine, request);
    },
  };
});
const sort = fc.constantFrom('', ' AND sk > :s', ' AND sk <= :s', ' AND sk = :s', ' AND sk BETWEEN :s AND :t');
const query = fc
  .tuple(
    fc.constantFrom('p', 'q'),
    sort,
    fc.boolean(),
    fc.boolean(),
    fc.option(fc.nat(3), { nil: undefined }),
    optional,
  )
  .map(([pk, more, forward, consistent, limit, part]): Step => {
    const values = {
      ':p': S(pk),
      ...(more !== '' && { ':s': N(2) }),
      ...(more.includes(':t') && { ':t': N(10) }),
    };
    const filter = part === undefined ? undefined : expressed(part, 'f');
    const request = {
      keyCondition: { expression: `pk = :p${more}`, values },
      ...(filter && { filter }),
      forward,
      consistent,
    };
    const limited = limit === undefined || !/>|^$/.test(more) ? request : { ...request, limit };
    return { name: `query ${JSON.stringify(limited)}`, send: (engine, table) => engine.query({ table, ...limited }) };
  });
const indexed = fc.constantFrom('G', 'H').map(
  (g): Step => ({
    name: `index ${g}`,
    async send(engine, table) {
      const keyCondition = { expression: 'g = :g', values: { ':g': S(g) } };
      const page = await engine.query({ table, index: 'by-g', keyCondition, consistent: false });
      return { ...page, items: page.items.map((one) => canonical(one)).sort() };
    },
  }),
);
let token = 0;
const keyOf = (one: TransactAction): string => {
  const { pk, sk } = one.kind === 'put' ? one.item : one.key;
  return JSON.stringify([pk, sk]);
};
const transaction = fc
  .uniqueArray(action, { minLength: 1, maxLength: 3, selector: (make) => keyOf(make('')) })
  .map((makes): Step => {
    token += 1;
    const mine = `${process.pid}-${Date.now().toString(36)}-${token}`;
    return {
      name: `transaction ${JSON.stringify(makes.map((make) => make('')))}`,
      async send(engine, table) {
        const answer = await engine.transactWrite({ actions: makes.map((make) => make(table)), token: mine });
        const refused = answer.status === 'not-applied' && answer.error.name === 'ValidationException';
        const reasoned = answer.status === 'cancelled' && answer.reasons.some((one) => one.code === 'ValidationError');
        return refused || reasoned ? 'invalid' : answer;
      },
    };
  });
const scan: fc.Arbitrary<Step> = fc.tuple(optional, fc.boolean()).map(([part, consistent]) => ({
  name: `scan ${JSON.stringify(part)}`,
  async send(engine, table) {
    const filter = part === undefined ? {} : { filter: expressed(part, 'f') };
    const page = await engine.scan({ table, ...filter, consistent });
    return { ...page, items: page.items.map((one) => canonical(one)).sort() };
  },
}));

/** One text per answer, without what may differ. */
function canonical(answer: unknown): string {
  return JSON.stringify(answer, (name, one: unknown) => {
    if (one instanceof Error) return one.name;
    if (one instanceof Uint8Array) return `bytes ${Buffer.from(one).toString('hex')}`;
    if (name === 'message') return undefined;
    if (typeof one !== 'object' || one === null) return one;
    if (Array.isArray(one)) return one;
    const entries = Object.entries(one).map(([key, inner]) => {
      if (key === 'N') return [key, normalNumber(inner as string)];
      return [key, key === 'SS' || key === 'NS' || key === 'BS' ? [...(inner as string[])].sort() : inner];
    });
    return Object.fromEntries(entries.sort(([left], [right]) => (left < right ? -1 : 1)));
  });
}

/** An answer with its price. */
async function answerOf(engine: Engine, step: Step, table: string): Promise<{ answer: string; units: string }> {
  const before = engine.spent();
  const answer = canonical(await step.send(engine, table).catch((error: unknown) => ({ thrown: error })));
  const after = engine.spent();
  const units = [
    after.readUnits - before.readUnits,
    after.writeUnits - before.writeUnits,
    after.conditionsFailed - before.conditionsFailed,
  ];
  return { answer, units: units.join(' ') };
}

const definition = (table: string): CreateTableRequest => ({
  table,
  partitionKey: { name: 'pk', type: 'S' },
  sortKey: { name: 'sk', type: 'N' },
  billing: { mode: 'on-demand' },
  indexes: [{ name: 'by-g', partitionKey: { name: 'g', type: 'S' } }],
});

for (const row of engines.filter((one) => one.name === 'dynamodb-local')) {
  describeEngine(row, () => {
    let opened: OpenEngine;
    beforeAll(async () => {
      opened = await row.open();
    });
    afterAll(() => opened?.close());

    /** Sends runs of steps to both engines, each on a new table, and compares after each step. */
    async function compare(steps: fc.Arbitrary<Step>, numRuns: number, withUnits: boolean): Promise<void> {
      let compared = 0;
      const property = fc.asyncProperty(fc.array(steps, { minLength: 10, maxLength: 25 }), async (run) => {
        const table = opened.uniqueTable();
        const memory = new MemoryEngine();
        for (const engine of [memory, opened.engine]) await engine.createTable(definition(table));
        try {
          for (const step of run) {
            const [mine, theirs] = [await answerOf(memory, step, table), await answerOf(opened.engine, step, table)];
            compared += 1;
            expect({ step: step.name, answer: mine.answer }).toEqual({ step: step.name, answer: theirs.answer });
            if (withUnits)
              expect({ step: step.name, units: mine.units }).toEqual({ step: step.name, units: theirs.units });
          }
        } finally {
          await opened.engine.deleteTable(table);
        }
      });
      await fc.assert(property, { seed, numRuns, endOnFailure: process.env.LEYDEN_TEST_SHRINK === undefined });
      process.stderr.write(`memory against dynamodb-local: ${compared} requests, seed ${seed}\n`);
    }

    describe('MemoryEngine answers the same', () => {
      it('to single writes, at the same price', () => compare(single, 40, true), 120_000);
      it('to queries between puts', () => compare(fc.oneof(single, query, indexed, scan), 25, false), 120_000);
      it('to transactions', () => compare(transaction, 25, false), 120_000);
    });
  });
}

describe('canonical()', () => {
  it('keeps what must not differ', () => {
    expect(canonical({ a: N(1) })).not.toBe(canonical({ a: N(2) }));
    expect(canonical({ a: { SS: ['x', 'y'] } })).toBe(canonical({ a: { SS: ['y', 'x'] } }));
  });
});
