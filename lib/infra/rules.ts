/** The service's rules for definitions ("Naming rules" and "Quotas in Amazon DynamoDB"), and how names are made of names. */
import type { Billing, KeyAttribute, StreamViewType } from '../engine/index.js';
import type { EncryptionAtRest, TableDefinition } from './definition.js';

/** Quotas: indexes of one table by default, tags of one resource, bytes of a key attribute's name. */
const indexesMax = 20;
const tagsMax = 50;
const keyNameBytesMax = 255;

const tableNamePattern = /^[a-zA-Z0-9_.-]{3,255}$/;
const keyArnPattern = /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[a-zA-Z0-9-]+$/;
const streamViews: readonly unknown[] = ['KEYS_ONLY', 'NEW_IMAGE', 'OLD_IMAGE', 'NEW_AND_OLD_IMAGES'];

export function requireKnown(what: string, given: unknown, names: readonly string[]): void {
  if (typeof given !== 'object' || given === null)
    throw new TypeError(`Cannot define ${what}: must be given an object: ${given}`);
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`Cannot define ${what}: there is no option ${unknown}; there are ${names.join(', ')}`);
  }
}

export function requireTableName(name: unknown): asserts name is string {
  if (typeof name !== 'string')
    throw new TypeError(`Cannot define a table: tableName must be a string: ${typeof name}`);
  if (!tableNamePattern.test(name)) {
    throw new RangeError(`Cannot define a table: tableName must be 3 to 255 of a-z A-Z 0-9 _ . -: ${name}`);
  }
}

export function requireBoolean(table: string, option: string, given: unknown): void {
  if (given !== undefined && typeof given !== 'boolean') throw wrongType(table, `${option} must be a boolean`, given);
}

export function requireLogicalId(table: string, id: unknown): void {
  if (typeof id !== 'string') throw wrongType(table, 'logicalId must be a string', id);
  if (!/^[A-Za-z][A-Za-z0-9]{0,199}$/.test(id)) {
    throw wrong(table, 'logicalId must be a letter and up to 199 more of a-z A-Z 0-9', id);
  }
}

/** Keys of the table and its indexes: one type each, and none of them an attribute of the item format. */
export function requireKeys({ tableName, keyName, sortKeyName, indexes, attributeNames }: TableDefinition): void {
  const own = Object.values(attributeNames);
  const types = new Map<string, KeyAttribute['type']>();
  const check = ({ name, type }: KeyAttribute): void => {
    if (typeof name !== 'string') throw wrongType(tableName, 'the name of a key must be a string', name);
    const bytes = Buffer.byteLength(name);
    if (bytes < 1 || bytes > keyNameBytesMax) {
      throw wrong(tableName, `the name of a key must have 1 to ${keyNameBytesMax} bytes`, name);
    }
    if (!['S', 'N', 'B'].includes(type)) throw wrong(tableName, `the type of key ${name} must be S, N or B`, type);
    if ((types.get(name) ?? type) !== type)
      throw wrong(tableName, `key ${name} must have one type`, `${types.get(name)}, ${type}`);
    if (own.includes(name)) {
      throw wrong(
        tableName,
        'a key must not be an attribute of the item format; name it otherwise, or set attributeNames',
        name,
      );
    }
    types.set(name, type);
  };
  if (new Set(own).size < own.length)
    throw wrong(tableName, 'attributeNames must differ from each other', own.join(', '));
  check({ name: keyName, type: 'S' });
  if (sortKeyName !== undefined) check({ name: sortKeyName, type: 'S' });
  if (keyName === sortKeyName) throw wrong(tableName, 'keyName and sortKeyName must differ', keyName);
  if (indexes.length > indexesMax) throw wrong(tableName, `indexes must be at most ${indexesMax}`, indexes.length);
  const names = new Set<string>();
  for (const { name, partitionKey, sortKey } of indexes) {
    if (typeof name !== 'string') throw wrongType(tableName, 'the name of an index must be a string', name);
    if (!tableNamePattern.test(name))
      throw wrong(tableName, 'the name of an index must be 3 to 255 of a-z A-Z 0-9 _ . -', name);
    if (names.has(name)) throw wrong(tableName, 'the names of indexes must differ', name);
    names.add(name);
    check(partitionKey);
    if (sortKey !== undefined) check(sortKey);
    if (partitionKey.name === sortKey?.name)
      throw wrong(tableName, `the keys of index ${name} must differ`, sortKey.name);
  }
}

export function requireStream(table: string, view: StreamViewType | undefined): void {
  if (view !== undefined && !streamViews.includes(view)) {
    throw wrong(table, `streamViewType must be one of ${streamViews.join(', ')}`, view);
  }
}

export function requireBilling(table: string, billing: Billing): void {
  if (billing.mode === 'on-demand') return;
  if (billing.mode !== 'provisioned') {
    throw wrong(table, 'billing.mode must be on-demand or provisioned', (billing as { mode: unknown }).mode);
  }
  for (const name of ['readUnits', 'writeUnits'] as const) {
    const units = billing[name];
    if (!Number.isSafeInteger(units) || units < 1)
      throw wrong(table, `billing.${name} must be a positive integer`, units);
  }
}

export function requireEncryption(table: string, encryption: EncryptionAtRest): void {
  if (encryption === 'aws-owned' || encryption === 'aws-managed') return;
  if (typeof encryption !== 'object' || encryption === null) {
    throw wrong(table, 'encryption must be aws-owned, aws-managed, or { kmsKeyArn }', encryption);
  }
  if (!keyArnPattern.test(encryption.kmsKeyArn)) {
    const example = 'arn:aws:kms:eu-west-1:111122223333:key/…';
    throw wrong(table, `encryption.kmsKeyArn must be the ARN of a key (${example})`, encryption.kmsKeyArn);
  }
}

export function requireTags(table: string, tags: Readonly<Record<string, string>>): void {
  const entries = Object.entries(tags);
  if (entries.length > tagsMax) throw wrong(table, `tags must be at most ${tagsMax}`, entries.length);
  for (const [name, value] of entries) {
    if (typeof value !== 'string') throw wrongType(table, `tag ${name} must be a string`, value);
    if (!/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u.test(name) || /^aws:/i.test(name)) {
      throw wrong(
        table,
        'the name of a tag must be 1 to 128 letters, digits, spaces or _ . : / = + - @, without aws: in front',
        name,
      );
    }
    if (!/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u.test(value)) {
      throw wrong(table, `tag ${name} must be at most 256 letters, digits, spaces or _ . : / = + - @`, value);
    }
  }
}

/** `order-state` -> `OrderStateTable`. */
export function logicalIdOf(tableName: string): string {
  const words = tableName.split(/[^a-zA-Z0-9]+/).filter((word) => word !== '');
  const name = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return `${/^[A-Za-z]/.test(name) ? '' : 'T'}${name.slice(0, 190)}${/Table$/.test(name) ? '' : 'Table'}`;
}

/** `Order.State` -> `order_state`, for Terraform. */
export function snakeOf(name: string): string {
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
  const snake = words.replace(/[^a-z0-9]+/g, '_').replace(/^_+|_+$/g, '');
  return /^[a-z]/.test(snake) ? snake : `t_${snake}`;
}

export function wrong(table: string, rule: string, given: unknown): RangeError {
  return new RangeError(`Cannot define table ${table}: ${rule}: ${String(given)}`);
}

export function wrongType(table: string, rule: string, given: unknown): TypeError {
  return new TypeError(`Cannot define table ${table}: ${rule}: ${typeof given}`);
}
