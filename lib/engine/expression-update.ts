/**
 * Updates: read from text to a list of changes, and applied to one image of an item.
 *
 * Every right side sees the old image, whatever the order of the clauses. List elements keep their old numbers until the
 * end: removed ones leave a hole that is closed last, and what is set behind the end is appended in the order of its index.
 */
import type { AttributeValue, Item } from '../codec/index.js';
import { type Path, type Placeholders, pathText, Reader } from './expression.js';
import { valueAt } from './expression-judge.js';
import { validationError } from './memory-error.js';
import { addNumbers } from './memory-number.js';
import { bytesText, membersOf, typeOf } from './memory-value.js';
import type { Expression } from './port.js';

/** A right side of SET. */
type Source =
  | { readonly kind: 'path'; readonly path: Path }
  | { readonly kind: 'value'; readonly value: AttributeValue }
  | { readonly kind: '+' | '-' | 'list_append'; readonly left: Source; readonly right: Source }
  | { readonly kind: 'if_not_exists'; readonly path: Path; readonly otherwise: Source };

/** One change. */
export type Change =
  | { readonly kind: 'SET'; readonly path: Path; readonly source: Source }
  | { readonly kind: 'REMOVE'; readonly path: Path }
  | { readonly kind: 'ADD' | 'DELETE'; readonly path: Path; readonly value: AttributeValue };

const longTypes: Record<string, string> = {
  S: 'STRING',
  N: 'NUMBER',
  B: 'BINARY',
  BOOL: 'BOOLEAN',
  M: 'MAP',
  L: 'LIST',
};
const badOperand = 'An operand in the update expression has an incorrect data type';
const badPath = 'The document path provided in the update expression is invalid for update';
const noAttribute = 'The provided expression refers to an attribute that does not exist in the item';

/** Reads an update. */
export function parseUpdate({ expression }: Expression, placeholders: Placeholders): readonly Change[] {
  const reader = new Reader(expression, 'UpdateExpression', placeholders);
  const changes: Change[] = [];
  const seen = new Set<string>();
  while (!reader.ended) {
    const clause = reader.keyword();
    if (!/^(?:SET|REMOVE|ADD|DELETE)$/.test(clause)) throw reader.unexpected();
    if (seen.has(clause))
      throw reader.invalid(`The "${clause}" section can only be used once in an update expression;`);
    seen.add(clause);
    reader.next();
    do changes.push(readChange(reader, clause as Change['kind']));
    while (reader.take(','));
  }
  refuseOverlaps(reader, changes);
  return changes;
}

function readChange(reader: Reader, kind: Change['kind']): Change {
  const path = reader.path();
  if (kind === 'REMOVE') return { kind, path };
  if (kind === 'SET') {
    reader.expect('=');
    const left = readSource(reader);
    const sign = reader.peek();
    if (sign !== '+' && sign !== '-') return { kind, path, source: left };
    return { kind, path, source: readSum(reader, left) };
  }
  const value = reader.value();
  const type = typeOf(value);
  const fits = kind === 'ADD' ? /^(?:N|SS|NS|BS)$/ : /^(?:SS|NS|BS)$/;
  if (!fits.test(type)) {
    throw reader.invalid(
      `Incorrect operand type for operator or function; operator: ${kind}, operand type: ${longTypes[type] ?? type}, typeSet: ALLOWED_FOR_${kind}_OPERAND`,
    );
  }
  return { kind, path, value };
}

function readSum(reader: Reader, left: Source): Source {
  const sign = reader.next() as '+' | '-';
  const right = readSource(reader);
  for (const one of [left, right]) {
    if (one.kind === 'value' && !('N' in one.value)) throw reader.wrongType(sign, typeOf(one.value));
  }
  return { kind: sign, left, right };
}

function readSource(reader: Reader): Source {
  if (reader.take('(')) {
    const inner = readSource(reader);
    const source = /^[+-]$/.test(reader.peek()) ? readSum(reader, inner) : inner;
    reader.expect(')');
    return source;
  }
  if (reader.peek().startsWith(':')) return { kind: 'value', value: reader.value() };
  if (!reader.atCall) return { kind: 'path', path: reader.path() };
  const name = reader.next();
  if (name !== 'if_not_exists' && name !== 'list_append') {
    const known = /^(?:size|attribute_exists|attribute_not_exists|attribute_type|begins_with|contains)$/.test(name);
    throw reader.invalid(
      known
        ? `The function is not allowed in an update expression; function: ${name}`
        : `Invalid function name; function: ${name}`,
    );
  }
  reader.expect('(');
  const left = readSource(reader);
  reader.expect(',');
  const right = readSource(reader);
  reader.expect(')');
  if (name === 'list_append') {
    for (const one of [left, right]) {
      if (one.kind === 'value' && !('L' in one.value)) throw reader.wrongType(name, typeOf(one.value));
    }
    return { kind: name, left, right };
  }
  if (left.kind !== 'path') {
    throw reader.invalid(`Operator or function requires a document path; operator or function: ${name}`);
  }
  return { kind: name, path: left.path, otherwise: right };
}

function refuseOverlaps(reader: Reader, changes: readonly Change[]): void {
  for (const [at, { path: later }] of changes.entries()) {
    for (const { path: earlier } of changes.slice(0, at)) {
      const length = Math.min(earlier.length, later.length);
      let same = 0;
      while (same < length && earlier[same] === later[same]) same += 1;
      const overlap = same === length;
      if (!overlap && typeof earlier[same] === typeof later[same]) continue;
      throw reader.invalid(
        `Two document paths ${overlap ? 'overlap' : 'conflict'} with each other; must remove or rewrite one of these paths; path one: ${pathText(earlier)}, path two: ${pathText(later)}`,
      );
    }
  }
}

/** A tree that may be altered: maps as `Map`, lists with holes, all else as it is. */
type Draft = AttributeValue | Map<string, Draft> | (Draft | undefined)[];

/** The item that `changes` make of `before`; the key attributes are the caller's to guard. */
export function applyUpdate(before: Item, changes: readonly Change[]): Item {
  const root = draftOf(before);
  const results = changes.map((change) => ({ change, value: resultOf(change, before) }));
  results.sort((left, right) => indexOf(left.change) - indexOf(right.change));
  for (const { change, value } of results) place(root, change, value);
  return Object.fromEntries([...root].map(([name, draft]) => [name, settled(draft)]));
}

/** Changes of list elements go in the order of their index, so that appended ones do. */
function indexOf({ path }: Change): number {
  const last = path.at(-1);
  return typeof last === 'number' ? last : -1;
}

function resultOf(change: Change, before: Item): AttributeValue | undefined {
  if (change.kind === 'REMOVE') return undefined;
  if (change.kind === 'SET') return sourceValue(change.source, before);
  const old = valueAt(change.path, before);
  if (change.kind === 'ADD') return old === undefined ? change.value : added(old, change.value);
  return old === undefined ? undefined : withoutMembers(old, change.value);
}

function sourceValue(source: Source, before: Item): AttributeValue {
  switch (source.kind) {
    case 'value':
      return source.value;
    case 'path': {
      const value = valueAt(source.path, before);
      if (value === undefined) throw validationError(noAttribute);
      return value;
    }
    case 'if_not_exists':
      return valueAt(source.path, before) ?? sourceValue(source.otherwise, before);
    case 'list_append': {
      const [left, right] = [sourceValue(source.left, before), sourceValue(source.right, before)];
      if (!('L' in left) || !('L' in right)) throw validationError(badOperand);
      return { L: [...left.L, ...right.L] };
    }
    default: {
      const [left, right] = [sourceValue(source.left, before), sourceValue(source.right, before)];
      if (!('N' in left) || !('N' in right)) throw validationError(badOperand);
      return { N: addNumbers(left.N, right.N, source.kind === '+' ? 1 : -1) };
    }
  }
}

function added(old: AttributeValue, value: AttributeValue): AttributeValue {
  if ('N' in old && 'N' in value) return { N: addNumbers(old.N, value.N, 1) };
  const members = new Set(membersOf(old));
  if ('SS' in old && 'SS' in value) return { SS: [...new Set([...members, ...value.SS])] };
  if ('NS' in old && 'NS' in value) return { NS: [...new Set([...members, ...value.NS])] };
  if ('BS' in old && 'BS' in value)
    return { BS: [...old.BS, ...value.BS.filter((one) => !members.has(bytesText(one)))] };
  throw validationError(badOperand);
}

function withoutMembers(old: AttributeValue, value: AttributeValue): AttributeValue | undefined {
  const gone = new Set(membersOf(value));
  const left = <Member>(members: readonly Member[], textOf: (member: Member) => string): Member[] =>
    members.filter((member) => !gone.has(textOf(member)));
  const itself = (member: string) => member;
  let rest: AttributeValue;
  if ('SS' in old && 'SS' in value) rest = { SS: left(old.SS, itself) };
  else if ('NS' in old && 'NS' in value) rest = { NS: left(old.NS, itself) };
  else if ('BS' in old && 'BS' in value) rest = { BS: left(old.BS, bytesText) };
  else throw validationError(badOperand);
  return gone.size > 0 && Object.values(rest)[0].length === 0 ? undefined : rest;
}

function place(root: Map<string, Draft>, { kind, path }: Change, value: AttributeValue | undefined): void {
  let parent: Draft | undefined = root;
  for (const step of path.slice(0, -1)) {
    if (typeof step === 'number') parent = Array.isArray(parent) ? openElement(parent, step) : undefined;
    else parent = parent instanceof Map ? openEntry(parent, step) : undefined;
  }
  const last = path.at(-1) as string | number;
  if (typeof last === 'number' && Array.isArray(parent)) {
    if (value === undefined) {
      if (last < parent.length) parent[last] = undefined;
    } else if (last < parent.length) parent[last] = value;
    else parent.push(value);
  } else if (typeof last === 'string' && parent instanceof Map) {
    if (value !== undefined) parent.set(last, value);
    else if (kind !== 'SET') parent.delete(last);
  } else throw validationError(badPath);
}

function openEntry(parent: Map<string, Draft>, name: string): Draft | undefined {
  const child = parent.get(name);
  const opened = child === undefined ? undefined : open(child);
  if (opened !== undefined) parent.set(name, opened);
  return opened;
}

function openElement(parent: (Draft | undefined)[], index: number): Draft | undefined {
  const child = parent[index];
  const opened = child === undefined ? undefined : open(child);
  if (opened !== undefined) parent[index] = opened;
  return opened;
}

/** A map or list that may be altered, one level deep. */
function open(value: Draft): Draft | undefined {
  if (value instanceof Map || Array.isArray(value)) return value;
  if ('M' in value) return draftOf(value.M);
  return 'L' in value ? [...value.L] : undefined;
}

function draftOf(map: Item): Map<string, Draft> {
  return new Map(Object.entries(map));
}

function settled(draft: Draft): AttributeValue {
  if (draft instanceof Map) return { M: Object.fromEntries([...draft].map(([name, one]) => [name, settled(one)])) };
  if (!Array.isArray(draft)) return draft;
  return { L: draft.filter((one) => one !== undefined).map(settled) };
}
