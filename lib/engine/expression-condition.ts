/**
 * Conditions, read from text to a tree; `expression-judge.ts` judges them.
 *
 * Operands whose very text is wrong, such as a `begins_with` of a number, are refused while reading.
 */
import type { AttributeValue } from '../codec/index.js';
import { type Operand, type Path, type Placeholders, pathText, Reader } from './expression.js';
import { compareValues, typeOf } from './memory-value.js';
import type { Expression } from './port.js';

/** Comparison operators. */
export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>=';

/** A condition as a tree. */
export type Condition =
  | { readonly kind: 'compare'; readonly operator: Comparison; readonly left: Operand; readonly right: Operand }
  | { readonly kind: 'between'; readonly operand: Operand; readonly low: Operand; readonly high: Operand }
  | { readonly kind: 'in'; readonly operand: Operand; readonly among: readonly Operand[] }
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'exists' | 'missing'; readonly path: Path }
  | { readonly kind: 'type'; readonly operand: Operand; readonly type: string }
  | { readonly kind: 'begins' | 'contains'; readonly operand: Operand; readonly part: Operand };

const comparisons: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>=']);
const types: ReadonlySet<string> = new Set(['S', 'N', 'B', 'BOOL', 'NULL', 'M', 'L', 'SS', 'NS', 'BS']);
const functionNames = ['attribute_exists', 'attribute_not_exists', 'attribute_type', 'begins_with', 'contains'];

/** Reads a condition. */
export function parseCondition(
  { expression }: Expression,
  placeholders: Placeholders,
  label: 'ConditionExpression' | 'FilterExpression' | 'KeyConditionExpression' = 'ConditionExpression',
): Condition {
  const reader = new Reader(expression, label, placeholders);
  const condition = readOr(reader);
  if (!reader.ended) throw reader.unexpected();
  return condition;
}

function readOr(reader: Reader): Condition {
  let left = readAnd(reader);
  while (reader.take('OR')) left = { kind: 'or', left, right: readAnd(reader) };
  return left;
}

function readAnd(reader: Reader): Condition {
  let left = readNot(reader);
  while (reader.take('AND')) left = { kind: 'and', left, right: readNot(reader) };
  return left;
}

function readNot(reader: Reader): Condition {
  if (reader.take('NOT')) return { kind: 'not', of: readNot(reader) };
  if (reader.peek() === '(' && !parenthesisesOperand(reader)) {
    reader.next();
    const doubled = reader.peek() === '(' && closesTwice(reader);
    if (doubled) throw reader.invalid('The expression has redundant parentheses;');
    const inner = readOr(reader);
    reader.expect(')');
    return inner;
  }
  if (reader.atCall && reader.peek() !== 'size') return readFunction(reader);
  return readComparison(reader);
}

/** Whether the parenthesis ahead closes around one operand, as in `(a) = :v`. */
function parenthesisesOperand(reader: Reader): boolean {
  let ahead = 1;
  for (; /^[#:A-Za-z0-9_.[\]]/.test(reader.peek(ahead)); ahead += 1);
  return reader.peek(ahead) === ')' && ahead > 1 && continuesOperand(reader.peek(ahead + 1));
}

function continuesOperand(token: string): boolean {
  return comparisons.has(token) || /^(?:between|in)$/i.test(token);
}

/** Whether the parenthesis ahead closes right before another closing one. */
function closesTwice(reader: Reader): boolean {
  let depth = 0;
  for (let ahead = 0; reader.peek(ahead) !== ''; ahead += 1) {
    if (reader.peek(ahead) === '(') depth += 1;
    if (reader.peek(ahead) === ')') depth -= 1;
    if (depth === 0) return reader.peek(ahead + 1) === ')';
  }
  return false;
}

function readComparison(reader: Reader): Condition {
  const left = readOperand(reader);
  if (reader.take('BETWEEN')) {
    const low = readOperand(reader);
    reader.expect('AND');
    return checkBetween(reader, { kind: 'between', operand: left, low, high: readOperand(reader) });
  }
  if (reader.take('IN')) {
    reader.expect('(');
    const among = [readOperand(reader)];
    while (reader.take(',')) among.push(readOperand(reader));
    reader.expect(')');
    refuseSame(reader, 'IN', left, among);
    return { kind: 'in', operand: left, among };
  }
  const operator = reader.peek();
  if (!comparisons.has(operator)) throw reader.unexpected();
  reader.next();
  const right = readOperand(reader);
  refuseSame(reader, operator, left, [right]);
  if (operator !== '=' && operator !== '<>') for (const one of [left, right]) refuseUnordered(reader, operator, one);
  return { kind: 'compare', operator: operator as Comparison, left, right };
}

function readOperand(reader: Reader): Operand {
  if (reader.take('(')) {
    const operand = readOperand(reader);
    reader.expect(')');
    return operand;
  }
  if (reader.peek().startsWith(':')) return { kind: 'value', value: reader.value() };
  if (!reader.atCall) return { kind: 'path', path: reader.path() };
  const name = reader.next();
  if (name !== 'size') {
    throw reader.invalid(
      functionNames.includes(name)
        ? `The function is not allowed to be used this way in an expression; function: ${name}`
        : `Invalid function name; function: ${name}`,
    );
  }
  reader.expect('(');
  const of = readOperand(reader);
  reader.expect(')');
  if (of.kind === 'value' && /^(?:N|BOOL|NULL)$/.test(typeOf(of.value)))
    throw reader.wrongType('size', typeOf(of.value));
  return { kind: 'size', of };
}

function readFunction(reader: Reader): Condition {
  const name = reader.next();
  if (!functionNames.includes(name)) throw reader.invalid(`Invalid function name; function: ${name}`);
  reader.expect('(');
  const operands = [readOperand(reader)];
  while (reader.take(',')) operands.push(readOperand(reader));
  reader.expect(')');
  const [operand, part] = operands as [Operand, Operand | undefined];
  const expected = name === 'attribute_exists' || name === 'attribute_not_exists' ? 1 : 2;
  if (operands.length !== expected) {
    throw reader.invalid(
      `Incorrect number of operands for operator or function; operator or function: ${name}, number of operands: ${operands.length}`,
    );
  }
  if (part === undefined) {
    if (operand.kind !== 'path') {
      throw reader.invalid(`Operator or function requires a document path; operator or function: ${name}`);
    }
    return { kind: name === 'attribute_exists' ? 'exists' : 'missing', path: operand.path };
  }
  if (name === 'attribute_type') return { kind: 'type', operand, type: typeName(reader, part) };
  refuseSame(reader, name, operand, [part]);
  if (name === 'contains') return { kind: 'contains', operand, part };
  for (const one of operands) {
    if (one.kind === 'size') throw reader.wrongType(name, 'N');
    if (one.kind === 'value' && !/^[SB]$/.test(typeOf(one.value))) throw reader.wrongType(name, typeOf(one.value));
  }
  return { kind: 'begins', operand, part };
}

function typeName(reader: Reader, operand: Operand): string {
  if (operand.kind !== 'value')
    throw reader.invalid('Incorrect operand type for operator or function; operator or function: attribute_type');
  const { value } = operand;
  if (!('S' in value)) throw reader.wrongType('attribute_type', typeOf(value));
  if (types.has(value.S)) return value.S;
  throw reader.invalid(`Invalid attribute type name found; type: ${value.S}, valid types: {${[...types].join(',')}}`);
}

function checkBetween(reader: Reader, between: Condition & { kind: 'between' }): Condition {
  const { operand, low, high } = between;
  for (const one of [operand, low, high]) refuseUnordered(reader, 'BETWEEN', one);
  refuseSame(reader, 'BETWEEN', operand, [low, high]);
  if (low.kind !== 'value' || high.kind !== 'value') return between;
  const shown = (value: AttributeValue) => {
    const type = typeOf(value);
    return `AttributeValue: {${type}:${String((value as Record<string, unknown>)[type])}}`;
  };
  const bounds = `lower bound operand: ${shown(low.value)}, upper bound operand: ${shown(high.value)}`;
  const order = compareValues(low.value, high.value);
  if (order === undefined) {
    throw reader.invalid(`The BETWEEN operator requires same data type for lower and upper bounds; ${bounds}`);
  }
  if (order > 0) {
    throw reader.invalid(
      `The BETWEEN operator requires upper bound to be greater than or equal to lower bound; ${bounds}`,
    );
  }
  return between;
}

function refuseUnordered(reader: Reader, operator: string, operand: Operand): void {
  if (operand.kind === 'value' && !/^[SNB]$/.test(typeOf(operand.value))) {
    throw reader.wrongType(operator, typeOf(operand.value));
  }
}

function refuseSame(reader: Reader, operator: string, first: Operand, others: readonly Operand[]): void {
  if (first.kind !== 'path') return;
  const text = pathText(first.path);
  if (!others.some((one) => one.kind === 'path' && pathText(one.path) === text)) return;
  throw reader.invalid(
    `The first operand must be distinct from the remaining operands for this operator or function; operator: ${operator}, first operand: ${text}`,
  );
}
