/**
 * Queries and scans: which rows, in which order, and where a page ends.
 *
 * A page ends after `limit` rows read, or with the row that takes it over 1 MB; filters apply after that. An index is not
 * kept but made when asked: all rows that have its key attributes, ordered by its sort key, then by primary key.
 */
import type { Item } from '../codec/index.js';
import { type Operand, Placeholders } from './expression.js';
import { type Condition, parseCondition } from './expression-condition.js';
import { holds } from './expression-judge.js';
import { validationError } from './memory-error.js';
import { type Address, type KeySchema, keyText, type MemoryTable, type Row, schemaOf } from './memory-table.js';
import { attributeOf, compareValues, handOut, takeIn, typeOf } from './memory-value.js';
import type { PageAnswer, QueryRequest, ScanRequest } from './port.js';

/** A page and the bytes that were read for it. */
export interface Page extends PageAnswer {
  readonly bytes: number;
}

/** One page of a query. */
export function queryPage(table: MemoryTable, request: QueryRequest, pageBytesMax: number): Page {
  const { keyCondition, filter, forward = true, limit, startKey, projection } = request;
  const index = indexOf(table, request);
  const schema = index === undefined ? table.schema : schemaOf(index);
  const placeholders = new Placeholders(keyCondition, filter);
  const keys = parseCondition(keyCondition, placeholders, 'KeyConditionExpression');
  const filtered = filter === undefined ? undefined : parseCondition(filter, placeholders, 'FilterExpression');
  placeholders.finish();
  if (filtered !== undefined) refuseKeys(filtered, schema);
  const partition = partitionOf(keys, schema);
  const candidates = index === undefined ? table.partition(keyText(partition)) : indexRows(table, schema);
  const start = startKey === undefined ? undefined : startOf(table, schema, startKey, index !== undefined);
  if (start !== undefined && compareValues(start[schema[0]?.name ?? ''] as Item[string], partition) !== 0) {
    throw validationError('The provided starting key is outside query boundaries based on provided conditions');
  }
  const side = forward ? 1 : -1;
  const rows = inOrder(candidates, forward, (row) => {
    const after = start === undefined || side * orderOf(row.image, start, schema, table.schema) > 0;
    return after && holds(keys, row.image);
  });
  const keySchema = index === undefined ? table.schema : [...schema, ...table.schema];
  return projected(pageOf(rows, keySchema, filtered, limit, pageBytesMax), projection);
}

/** The rows that pass, one by one, so that a short page looks at few. */
function* inOrder(rows: readonly Row[], forward: boolean, passes: (row: Row) => boolean): Generator<Row> {
  for (let at = 0; at < rows.length; at += 1) {
    const row = rows[forward ? at : rows.length - 1 - at] as Row;
    if (passes(row)) yield row;
  }
}

/** One page of a scan. */
export function scanPage(table: MemoryTable, request: ScanRequest, pageBytesMax: number): Page {
  const { filter, limit, startKey, segment, segments, projection } = request;
  const placeholders = new Placeholders(filter);
  const filtered = filter === undefined ? undefined : parseCondition(filter, placeholders, 'FilterExpression');
  placeholders.finish();
  if ((segment === undefined) !== (segments === undefined)) {
    throw validationError('The Segment and TotalSegments parameters must be given together');
  }
  if (segment !== undefined && segments !== undefined && (segment < 0 || segment >= segments)) {
    throw validationError(
      `The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: ${segment}, TotalSegments: ${segments}`,
    );
  }
  const start: Address | undefined = startKey === undefined ? undefined : table.address(takeIn(startKey), false);
  const rows = after(table, table.rows(segment, segments), start);
  return projected(pageOf(rows, table.schema, filtered, limit, pageBytesMax), projection);
}

function* after(table: MemoryTable, rows: Iterable<Row>, start: Address | undefined): Generator<Row> {
  let started = start === undefined;
  for (const row of rows) {
    started ||= start !== undefined && table.isAfter(row, start);
    if (started) yield row;
  }
}

function pageOf(
  rows: Iterable<Row>,
  keys: KeySchema,
  filter: Condition | undefined,
  limit: number | undefined,
  bytesMax: number,
): Page {
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 1)) {
    throw validationError('Limit must be greater than or equal to 1');
  }
  const items: Item[] = [];
  let bytes = 0;
  let count = 0;
  let last: Row | undefined;
  for (const row of rows) {
    // Only a further row makes a page that was cut by its size.
    if (bytes >= bytesMax && last !== undefined) return { items, bytes, nextKey: keyOf(last, keys) };
    bytes += row.bytes;
    count += 1;
    last = row;
    if (filter === undefined || holds(filter, row.image)) items.push(handOut(row.image));
    if (count === limit) return { items, bytes, nextKey: keyOf(row, keys) };
  }
  return { items, bytes };
}

/** The page with nothing but the named attributes in its items. */
function projected(page: Page, attributes: readonly string[] | undefined): Page {
  if (attributes === undefined) return page;
  if (attributes.length === 0) throw validationError('Invalid ProjectionExpression: The expression can not be empty');
  const items = page.items.map((item) =>
    Object.fromEntries(attributes.flatMap((name) => (Object.hasOwn(item, name) ? [[name, item[name]]] : []))),
  );
  return { ...page, items: items as Item[] };
}

function keyOf({ image }: Row, keys: KeySchema): Item {
  return handOut(takeIn(Object.fromEntries(keys.map(({ name }) => [name, image[name] as Item[string]]))));
}

function indexOf(table: MemoryTable, { index: name, consistent }: QueryRequest) {
  if (name === undefined) return undefined;
  const index = table.indexes.find((one) => one.name === name);
  if (index === undefined) throw validationError(`The table does not have the specified index: ${name}`);
  if (consistent) throw validationError('Consistent reads are not supported on global secondary indexes');
  return index;
}

function indexRows(table: MemoryTable, schema: KeySchema): Row[] {
  const rows = [...table.rows()].filter((row) =>
    schema.every(({ name }) => attributeOf(row.image, name) !== undefined),
  );
  return rows.sort((left, right) => orderOf(left.image, right.image, schema, table.schema));
}

/** Orders two items of one partition by sort key, then by the table's own keys. */
function orderOf(left: Item, right: Item, schema: KeySchema, primary: KeySchema): number {
  for (const { name } of [...schema.slice(1), ...primary]) {
    const order = compareValues(left[name] as Item[string], right[name] as Item[string]);
    if (order !== undefined && order !== 0) return order;
  }
  return 0;
}

function startOf(table: MemoryTable, schema: KeySchema, startKey: Item, indexed: boolean): Item {
  const start = takeIn(startKey);
  const names = new Set([...(indexed ? schema : []), ...table.schema].map((one) => one.name));
  const fits = Object.keys(start).length === names.size && [...names].every((name) => Object.hasOwn(start, name));
  if (!fits) throw validationError('The provided starting key is invalid');
  return start;
}

/** The one value that a key condition asks of the partition key; refuses what no key condition may say. */
function partitionOf(condition: Condition, schema: KeySchema): Item[string] {
  const parts = conjuncts(condition).map((part) => ({ part, ...keyPart(part) }));
  const of = (name: string | undefined) => parts.filter((one) => one.name === name);
  const [partition, sort] = schema;
  const [equal, ...more] = of(partition?.name);
  if (more.length > 0 || (sort !== undefined && of(sort.name).length > 1)) {
    throw validationError('KeyConditionExpressions must only contain one condition per key');
  }
  const known = schema.map((one) => one.name);
  if (
    equal === undefined ||
    parts.length > 2 ||
    parts.some(({ name }) => name === undefined || !known.includes(name))
  ) {
    throw validationError(`Query condition missed key schema element: ${partition?.name}`);
  }
  if (equal.part.kind !== 'compare' || equal.part.operator !== '=') {
    throw validationError('Query key condition not supported');
  }
  for (const { name, values } of parts) {
    const type = schema.find((one) => one.name === name)?.type;
    if (values.some((value) => typeOf(value) !== type)) {
      throw validationError(
        'One or more parameter values were invalid: Condition parameter type does not match schema type',
      );
    }
  }
  const value = equal.values[0] as Item[string];
  if (keyText(value) === '') {
    throw validationError(
      `One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: ${partition?.name}`,
    );
  }
  return value;
}

function conjuncts(condition: Condition): readonly Condition[] {
  return condition.kind === 'and' ? [...conjuncts(condition.left), ...conjuncts(condition.right)] : [condition];
}

/** The attribute that a part of a key condition speaks of, and the values that it names. */
function keyPart(part: Condition): { name: string | undefined; values: Item[string][] } {
  const operator = part.kind === 'compare' ? part.operator : part.kind.toUpperCase();
  if (!/^(?:=|<|<=|>|>=|BETWEEN|BEGINS)$/.test(operator)) {
    throw validationError(`Invalid operator used in KeyConditionExpression: ${operator}`);
  }
  const operands: Operand[] = [];
  if (part.kind === 'compare') operands.push(part.left, part.right);
  if (part.kind === 'between') operands.push(part.operand, part.low, part.high);
  if (part.kind === 'begins') operands.push(part.operand, part.part);
  const paths = operands.flatMap((one) => (one.kind === 'path' ? [one.path] : []));
  const values = operands.flatMap((one) => (one.kind === 'value' ? [one.value] : []));
  const [path] = paths;
  const simple = paths.length === 1 && path?.length === 1 && values.length === operands.length - 1;
  return { name: simple ? String(path[0]) : undefined, values };
}

function refuseKeys(filter: Condition, schema: KeySchema): void {
  const names = schema.map((one) => one.name);
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const path = (node as { path?: unknown }).path;
    if (Array.isArray(path) && names.includes(path[0])) {
      throw validationError(
        `Filter Expression can only contain non-primary key attributes: Primary key attribute: ${path[0]}`,
      );
    }
    for (const child of Array.isArray(node) ? node : Object.values(node)) visit(child);
  };
  visit(filter);
}
