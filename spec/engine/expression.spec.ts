// Goal: expressions mean what the service says they mean. Method: one table of conditions, one of updates, one of
// refusals; the expected results were taken from DynamoDB Local 3.3.
import { describe, expect, it } from '@jest/globals';
import type { AttributeValue, Item } from '../../lib/codec/index.js';
import { Placeholders } from '../../lib/engine/expression.js';
import { parseCondition } from '../../lib/engine/expression-condition.js';
import { holds } from '../../lib/engine/expression-judge.js';
import { applyUpdate, parseUpdate } from '../../lib/engine/expression-update.js';
import { takeIn } from '../../lib/engine/memory-value.js';

const S = (text: string): AttributeValue => ({ S: text });
const N = (number: number | string): AttributeValue => ({ N: String(number) });
const L = (...list: AttributeValue[]): AttributeValue => ({ L: list });
const M = (map: Item): AttributeValue => ({ M: map });

function judged(item: Item | undefined, expression: string, values: Item = {}, names: Record<string, string> = {}) {
  const placeholders = new Placeholders({ expression, names, values });
  const condition = parseCondition({ expression }, placeholders);
  placeholders.finish();
  return holds(condition, item === undefined ? undefined : takeIn(item));
}

function updated(item: Item, expression: string, values: Item = {}, names: Record<string, string> = {}): Item {
  const placeholders = new Placeholders({ expression, names, values });
  const changes = parseUpdate({ expression }, placeholders);
  placeholders.finish();
  return takeIn(applyUpdate(takeIn(item), changes));
}

describe('conditions', () => {
  it.each<[string, Item, Item, boolean]>([
    ['a = :v', { a: N('1.0') }, { ':v': N('1') }, true],
    ['a = :v', { a: S('1') }, { ':v': N('1') }, false],
    ['a = :v', { a: { SS: ['x', 'y'] } }, { ':v': { SS: ['y', 'x'] } }, true],
    ['a = :v', { a: M({ x: L(N(1)) }) }, { ':v': M({ x: L(N(1)) }) }, true],
    ['a = :v', {}, { ':v': N(1) }, false],
    ['a <> :v', {}, { ':v': N(1) }, true],
    ['a <> :v', { a: S('x') }, { ':v': N(1) }, true],
    ['a < :v', { a: N(9) }, { ':v': N(10) }, true],
    ['a < :v', { a: S('9') }, { ':v': S('10') }, false],
    ['a > :v', { a: S('\u{10000}') }, { ':v': S('\uffff') }, true],
    ['a >= :v', { a: N('123456789012345678901234567890') }, { ':v': N('123456789012345678901234567889') }, true],
    ['NOT a < :v', {}, { ':v': N(1) }, true],
    ['NOT NOT a = :v', { a: N(1) }, { ':v': N(1) }, true],
    ['a = :v OR a = :w AND b = :w', { a: N(1) }, { ':v': N(1), ':w': N(2) }, true],
    ['(a = :v OR a = :w) AND b = :w', { a: N(1) }, { ':v': N(1), ':w': N(2) }, false],
    ['(a) = :v', { a: N(1) }, { ':v': N(1) }, true],
    [':v < :w', {}, { ':v': N(1), ':w': N(2) }, true],
    ['a between :v and :w', { a: N(2) }, { ':v': N(1), ':w': N(2) }, true],
    ['a IN (:v, b)', { a: N(2), b: N(2) }, { ':v': N(1) }, true],
    ['attribute_exists(a.b[1].c)', { a: M({ b: L(N(1), M({ c: N(1) })) }) }, {}, true],
    ['attribute_exists(a.b[2])', { a: M({ b: L(N(1)) }) }, {}, false],
    ['attribute_not_exists(a.b)', { a: N(1) }, {}, true],
    ['attribute_type(a, :t)', { a: { NS: ['1'] } }, { ':t': S('NS') }, true],
    ['begins_with(a, :v)', { a: S('abc') }, { ':v': S('ab') }, true],
    ['begins_with(a, :v)', { a: { B: new Uint8Array([1, 2]) } }, { ':v': { B: new Uint8Array([1]) } }, true],
    ['begins_with(:v, a)', { a: S('x') }, { ':v': S('xy') }, true],
    ['contains(a, :v)', { a: S('abc') }, { ':v': S('bc') }, true],
    ['contains(a, :v)', { a: { NS: ['1', '2'] } }, { ':v': N('2.0') }, true],
    ['contains(a, :v)', { a: L(N(1), S('x')) }, { ':v': S('x') }, true],
    ['contains(a, :v)', { a: { SS: ['1'] } }, { ':v': N(1) }, false],
    ['size(a) = :v', { a: S('é😀') }, { ':v': N(3) }, true],
    ['size(a) = :v', { a: M({ x: N(1), y: N(1) }) }, { ':v': N(2) }, true],
    ['size(a) > :v', { a: N(100) }, { ':v': N(0) }, false],
    ['size(a) = size(b)', { a: S('xx'), b: L(N(1), N(2)) }, {}, true],
  ])('%s of %j with %j is %s', (expression, item, values, expected) => {
    expect(judged(item, expression, values)).toBe(expected);
  });

  it('see nothing where there is no item', () => {
    expect(judged(undefined, 'attribute_not_exists(a)')).toBe(true);
    expect(judged(undefined, 'a <> :v', { ':v': N(1) })).toBe(true);
  });

  it('take names by placeholder, hostile ones too, and inherit nothing', () => {
    expect(judged({ 'a.b': N(1) }, '#n = :v', { ':v': N(1) }, { '#n': 'a.b' })).toBe(true);
    for (const name of ['__proto__', 'constructor', 'toString']) {
      expect(judged({}, 'attribute_exists(#n)', {}, { '#n': name })).toBe(false);
      expect(judged({ a: M({}) }, 'attribute_exists(a.#n)', {}, { '#n': name })).toBe(false);
    }
  });

  it.each<[string, Item, RegExp]>([
    ['', {}, /can not be empty/],
    ['a', {}, /Syntax error; token: "<EOF>"/],
    ['a = :v AND', { ':v': N(1) }, /Syntax error; token: "<EOF>"/],
    ['a = :v = :v', { ':v': N(1) }, /Syntax error; token: "="/],
    ['a[00] = :v', { ':v': N(1) }, /Syntax error/],
    ['a ? :v', { ':v': N(1) }, /Syntax error; token: "\?"/],
    ['((a = :v))', { ':v': N(1) }, /redundant parentheses/],
    ['a = a', {}, /first operand must be distinct/],
    ['foo(a)', {}, /Invalid function name; function: foo/],
    ['name = :v', { ':v': N(1) }, /reserved keyword: name/],
    ['a = :v', { ':v': N(1), ':u': N(1) }, /unused in expressions: keys: \{:u\}/],
    ['a = :v', {}, /attribute value: :v/],
    ['#a = :v', { ':v': N(1) }, /attribute name: #a/],
    ['a < :v', { ':v': { BOOL: true } }, /operand type: BOOL/],
    ['begins_with(a, :v)', { ':v': N(1) }, /operator or function: begins_with, operand type: N/],
    ['attribute_exists(:v)', { ':v': N(1) }, /requires a document path/],
    ['attribute_exists(a, b)', {}, /number of operands: 2/],
    ['attribute_type(a, :v)', { ':v': S('QQ') }, /Invalid attribute type name found; type: QQ/],
    ['a BETWEEN :v AND :w', { ':v': N(2), ':w': N(1) }, /upper bound to be greater than or equal/],
    ['a BETWEEN :v AND :w', { ':v': N(2), ':w': S('x') }, /same data type/],
    [`a = :v OR ${'a'.repeat(4_090)} = :v`, { ':v': N(1) }, /exceeded the maximum allowed size/],
  ])('%s is refused', (expression, values, message) => {
    const judging = () => judged({}, expression, values);
    expect(judging).toThrow(message);
    expect(judging).toThrow(expect.objectContaining({ name: 'ValidationException' }));
  });
});

describe('updates', () => {
  const list = L(N(1), N(2), N(3));
  it.each<[string, Item, Item, Item]>([
    ['SET a = b, b = a', { a: N(1), b: N(2) }, {}, { a: N(2), b: N(1) }],
    ['SET a = a + :v', { a: N('0.1') }, { ':v': N('0.2') }, { a: N('0.3') }],
    ['SET a = :v - a', { a: N('1e20') }, { ':v': N('1') }, { a: N('-99999999999999999999') }],
    ['SET b = (a + :v)', { a: N(1) }, { ':v': N(1) }, { a: N(1), b: N(2) }],
    ['SET b = if_not_exists(c, :v) + if_not_exists(a, :v)', { a: N(1) }, { ':v': N(5) }, { a: N(1), b: N(6) }],
    ['SET l = list_append(if_not_exists(l, :e), :v)', {}, { ':e': L(), ':v': L(N(1)) }, { l: L(N(1)) }],
    ['SET m.x.y = :v', { m: M({ x: M({ z: N(1) }) }) }, { ':v': N(2) }, { m: M({ x: M({ z: N(1), y: N(2) }) }) }],
    [
      'SET a[9] = :v, a[5] = :w, a[1] = :u',
      { a: list },
      { ':v': N(9), ':w': N(5), ':u': N(0) },
      { a: L(N(1), N(0), N(3), N(5), N(9)) },
    ],
    ['REMOVE a[0], a[2], a[7]', { a: list }, {}, { a: L(N(2)) }],
    ['REMOVE a[0] SET a[1] = :v', { a: list }, { ':v': N(9) }, { a: L(N(9), N(3)) }],
    ['REMOVE a[1] SET a[3] = :v', { a: list }, { ':v': N(9) }, { a: L(N(1), N(3), N(9)) }],
    ['REMOVE a.c, b', { a: M({ c: N(1) }) }, {}, { a: M({}) }],
    ['ADD a :v, b :v', { a: N(1) }, { ':v': N(2) }, { a: N(3), b: N(2) }],
    ['ADD m.n :v', { m: M({}) }, { ':v': N(2) }, { m: M({ n: N(2) }) }],
    ['ADD a :v', { a: { SS: ['x'] } }, { ':v': { SS: ['x', 'y'] } }, { a: { SS: ['x', 'y'] } }],
    ['DELETE a :v', { a: { NS: ['1', '2'] } }, { ':v': { NS: ['2.0', '3'] } }, { a: { NS: ['1'] } }],
    ['DELETE a :v', { a: { SS: ['x'] } }, { ':v': { SS: ['x', 'y'] } }, {}],
    ['set a = :v remove b add c :v', { b: N(1) }, { ':v': N(1) }, { a: N(1), c: N(1) }],
  ])('%s of %j with %j', (expression, item, values, expected) => {
    expect(updated(item, expression, values)).toEqual(expected);
  });

  it('add exactly to 38 digits, and refuse the 39th', () => {
    const a = N('99999999999999999999999999999999999998');
    expect(updated({ a }, 'SET a = a + :v', { ':v': N(1) })).toEqual({
      a: N('99999999999999999999999999999999999999'),
    });
    expect(() => updated({ a: N('1e37') }, 'SET a = a + :v', { ':v': N('0.01') })).toThrow(/38 significant digits/);
    expect(() => updated({ a: N('1e125') }, 'SET a = a + :v', { ':v': N('9e125') })).toThrow(/overflow/);
  });

  it.each<[string, Item, Item, RegExp]>([
    ['SET b = a + b', { a: N(1) }, {}, /attribute that does not exist/],
    ['SET b = a + :v', { a: S('x') }, { ':v': N(1) }, /incorrect data type/],
    ['SET b = a + :v', {}, { ':v': S('x') }, /operator or function: \+, operand type: S/],
    ['SET b = list_append(a, :v)', { a: N(1) }, { ':v': L() }, /incorrect data type/],
    ['SET m.b = :v', {}, { ':v': N(1) }, /invalid for update/],
    ['SET a[0] = :v', { a: M({}) }, { ':v': N(1) }, /invalid for update/],
    ['REMOVE b.c', {}, {}, /invalid for update/],
    ['ADD a :v', { a: N(1) }, { ':v': { SS: ['x'] } }, /incorrect data type/],
    ['ADD a :v', {}, { ':v': S('x') }, /operator: ADD, operand type: STRING/],
    ['DELETE a :v', {}, { ':v': N(1) }, /operator: DELETE, operand type: NUMBER/],
    ['SET a = :v, a.b = :v', {}, { ':v': N(1) }, /overlap/],
    ['SET a.b = :v, a[0] = :v', {}, { ':v': N(1) }, /conflict/],
    ['SET a = :v SET b = :v', {}, { ':v': N(1) }, /"SET" section can only be used once/],
    ['SET a = :v + :v + :v', {}, { ':v': N(1) }, /Syntax error/],
    ['SET a = size(b)', {}, {}, /not allowed in an update expression; function: size/],
    ['SET a', {}, {}, /Syntax error/],
    ['  ', {}, {}, /can not be empty/],
  ])('%s of %j is refused', (expression, item, values, message) => {
    expect(() => updated(item, expression, values)).toThrow(message);
  });
});
