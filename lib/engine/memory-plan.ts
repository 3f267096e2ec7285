/**
 * Writes in two steps, for single calls and transactions alike: `plan` checks everything that can be told without the
 * item, then `judge` looks at the one image that is there and says what comes of it. Neither changes anything.
 */
import { type Item, itemBytes, writeUnits } from '../codec/index.js';
import { Placeholders } from './expression.js';
import { type Condition, parseCondition } from './expression-condition.js';
import { holds } from './expression-judge.js';
import { applyUpdate, type Change, parseUpdate } from './expression-update.js';
import { validationError } from './memory-error.js';
import { type Address, keyText, type MemoryTable, type Row } from './memory-table.js';
import { attributeOf, equalItems, equalValues, takeIn, typeOf } from './memory-value.js';
import type { TransactAction } from './port.js';

/** A write that is right in itself. */
export interface Plan {
  readonly kind: TransactAction['kind'];
  readonly table: MemoryTable;
  readonly address: Address;
  readonly condition: Condition | undefined;
  /** The item of a put. */
  readonly item: Item | undefined;
  readonly changes: readonly Change[];
  /** Bytes that the request carries. */
  readonly bytes: number;
}

/** What comes of a plan. */
export interface Verdict {
  readonly holds: boolean;
  /** The item that was met. */
  readonly before: Item | undefined;
  /** The item that is to be. */
  readonly after: Item | undefined;
  /** Write units of a single call. */
  readonly units: number;
}

/** Checks a write. */
export function plan(action: TransactAction, table: MemoryTable): Plan {
  const { kind, condition } = action;
  const update = kind === 'update' ? action.update : undefined;
  const placeholders = new Placeholders(condition, update);
  const parsed = condition === undefined ? undefined : parseCondition(condition, placeholders);
  const changes = update === undefined ? [] : parseUpdate(update, placeholders);
  placeholders.finish();
  if (kind !== 'put') {
    const address = table.address(takeIn(action.key), false);
    return { kind, table, address, condition: parsed, item: undefined, changes, bytes: itemBytes(address.key) };
  }
  const item = takeIn(action.item);
  const bytes = itemBytes(item);
  const address = table.address(item, true);
  checkIndexKeys(table, item);
  if (bytes > table.itemBytesMax) throw validationError('Item size has exceeded the maximum allowed size');
  return { kind, table, address, condition: parsed, item, changes, bytes };
}

/** Judges a checked write against the item that is there now. Throws what only the item shows to be wrong. */
export function judge(planned: Plan): Verdict {
  const { table, address, condition } = planned;
  const row = table.row(address);
  const before = row?.image;
  const met = row?.bytes ?? 0;
  if (condition !== undefined && !holds(condition, before)) {
    return { holds: false, before, after: before, units: writeUnits(met) };
  }
  if (planned.kind === 'check') return { holds: true, before, after: before, units: writeUnits(met) };
  const after = outcome(planned, row);
  const bytes = after === undefined ? 0 : itemBytes(after);
  if (bytes > table.itemBytesMax) throw validationError('Item size to update has exceeded the maximum allowed size');
  return { holds: true, before, after, units: writeUnits(Math.max(met, bytes)) + indexUnits(table, before, after) };
}

function outcome(planned: Plan, row: Row | undefined): Item | undefined {
  if (planned.kind === 'put') return planned.item;
  if (planned.kind === 'delete') return undefined;
  const { table, address, changes } = planned;
  for (const { path } of changes) {
    if (!table.schema.some((key) => key.name === path[0])) continue;
    throw validationError(
      `One or more parameter values were invalid: Cannot update attribute ${path[0]}. This attribute is part of the key`,
    );
  }
  const after = takeIn(applyUpdate(row?.image ?? address.key, changes));
  checkIndexKeys(table, after);
  return after;
}

function checkIndexKeys(table: MemoryTable, item: Item): void {
  for (const { name: index, partitionKey, sortKey } of table.indexes) {
    for (const key of [partitionKey, sortKey]) {
      const value = key === undefined ? undefined : attributeOf(item, key.name);
      if (key === undefined || value === undefined) continue;
      if (typeOf(value) !== key.type) {
        throw validationError(
          `One or more parameter values were invalid: Type mismatch for Index Key ${key.name} Expected: ${key.type} Actual: ${typeOf(value)} IndexName: ${index}`,
        );
      }
      if (keyText(value) === '') {
        throw validationError(
          `One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty string value. IndexName: ${index}, IndexKey: ${key.name}`,
        );
      }
    }
  }
}

/** An index is written when its entry comes, goes or changes; a changed key is a removal and an addition. */
function indexUnits(table: MemoryTable, before: Item | undefined, after: Item | undefined): number {
  let units = 0;
  for (const { partitionKey, sortKey } of table.indexes) {
    const names = sortKey === undefined ? [partitionKey.name] : [partitionKey.name, sortKey.name];
    const entry = (item: Item | undefined) =>
      item !== undefined && names.every((name) => attributeOf(item, name) !== undefined) ? item : undefined;
    const [old, now] = [entry(before), entry(after)];
    const sameKey =
      old !== undefined &&
      now !== undefined &&
      names.every((name) => equalValues(old[name] as Item[string], now[name] as Item[string]));
    if (sameKey) units += equalItems(old, now) ? 0 : writeUnits(Math.max(itemBytes(old), itemBytes(now)));
    else for (const one of [old, now]) units += one === undefined ? 0 : writeUnits(itemBytes(one));
  }
  return units;
}
