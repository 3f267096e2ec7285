/** Roles as statements: which actions, on what, under which condition. Where the table lies is left to whoever writes them down. */
import type { Role, TableDefinition } from './definition.js';
import { type Feature, features, type Permissions, permissions } from './features.js';
import { requireKnown, wrong, wrongType } from './rules.js';

/** What a statement is about. */
export type Resource =
  | { readonly kind: 'table' }
  | { readonly kind: 'index'; readonly name: string }
  | { readonly kind: 'stream' }
  | { readonly kind: 'key'; readonly arn: string };

/** Operator, key, values. */
export type Condition = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

/** One statement of a policy. */
export interface Statement {
  readonly sid: string;
  readonly actions: readonly string[];
  readonly resources: readonly Resource[];
  readonly condition: Condition | undefined;
}

/** @throws TypeError, RangeError for roles that there can't be. */
export function requireRoles(definition: TableDefinition): void {
  for (const [name, role] of Object.entries(definition.roles)) {
    if (!/^[A-Z][A-Za-z0-9]{0,49}$/.test(name)) {
      throw wrong(definition.tableName, 'the name of a role must be a capital and up to 49 more of a-z A-Z 0-9', name);
    }
    requireRole(definition, role, `role ${name}`);
  }
}

/** @throws TypeError, RangeError for features that there are not, or not together. */
export function requireRole(definition: TableDefinition, role: Role, what: string): void {
  const { tableName, sortKeyName, indexes, streamViewType } = definition;
  requireKnown(`${what} of table ${tableName}`, role, ['features', 'leadingKeys']);
  if (!Array.isArray(role.features))
    throw wrongType(tableName, `the features of ${what} must be a list`, role.features);
  if (role.features.length === 0) throw wrong(tableName, `${what} must have features`, 'none');
  for (const feature of role.features as readonly unknown[]) {
    if (features.includes(feature as Feature)) continue;
    throw new TypeError(
      `Cannot define table ${tableName}: ${what} must have features of ${features.join(', ')}: ${feature}`,
    );
  }
  const { scans, indexes: indexed, stream } = permissionsOf(role);
  if (indexed.length > 0 && indexes.length === 0) {
    throw wrong(tableName, `${what} must not query indexes where the table has none`, 'query');
  }
  if (stream.length > 0 && streamViewType === undefined) {
    throw wrong(tableName, `${what} must not have stream without a streamViewType`, 'stream');
  }
  if (role.features.includes('scan-partition') && sortKeyName === undefined) {
    throw wrong(tableName, `${what} must not scan partitions where there is no sort key`, 'scan-partition');
  }
  const { leadingKeys } = role;
  if (leadingKeys === undefined) return;
  if (!Array.isArray(leadingKeys)) throw wrongType(tableName, `leadingKeys of ${what} must be a list`, leadingKeys);
  if (leadingKeys.length === 0) throw wrong(tableName, `leadingKeys of ${what} must have patterns`, 'none');
  const odd = (leadingKeys as readonly unknown[]).find((pattern) => typeof pattern !== 'string' || pattern === '');
  if (odd !== undefined)
    throw wrongType(tableName, `a pattern in leadingKeys of ${what} must be a non-empty string`, odd);
  const unlimited = [...scans, ...indexed, ...stream];
  if (unlimited.length > 0) {
    throw wrong(tableName, `leadingKeys of ${what} must not stand beside what they can't limit`, unlimited.join(', '));
  }
}

/** The statements of a role, as few as there can be. */
export function statementsOf(definition: TableDefinition, role: Role): Statement[] {
  const { items, scans, settings, indexes, stream, ownKeys } = permissionsOf(role);
  const { leadingKeys } = role;
  const table: Resource = { kind: 'table' };
  const all = definition.indexes.map(({ name }): Resource => ({ kind: 'index', name }));
  const limited = leadingKeys === undefined ? [...items, ...scans].sort() : items;
  return [
    statement('Items', limited, [table], leadingKeys && onlyKeys([...leadingKeys, ...ownKeys])),
    statement('Settings', settings, [table]),
    statement('Indexes', indexes, all),
    statement('Stream', stream, [{ kind: 'stream' }]),
    ...keyStatements(definition, role),
  ].filter(({ actions }) => actions.length > 0);
}

/** A list of all that match passes where there is none as well, so that there must be one. */
function onlyKeys(patterns: readonly string[]): Condition {
  return {
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': patterns },
    Null: { 'dynamodb:LeadingKeys': 'false' },
  };
}

/** The service uses the key in the caller's name. */
function keyStatements({ encryption }: TableDefinition, role: Role): Statement[] {
  if (typeof encryption === 'string') return [];
  const arn = encryption.kmsKeyArn;
  const [, partition, , region] = arn.split(':');
  const service = `dynamodb.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`;
  const condition = { StringEquals: { 'kms:ViaService': service } };
  const making = role.features.includes('create')
    ? ['kms:CreateGrant', 'kms:Encrypt', 'kms:GenerateDataKey*', 'kms:ReEncrypt*']
    : [];
  const actions = ['kms:Decrypt', 'kms:DescribeKey', ...making].sort();
  return [{ sid: 'EncryptionKey', actions, resources: [{ kind: 'key', arn }], condition }];
}

function statement(
  sid: string,
  actions: readonly string[],
  resources: readonly Resource[],
  condition?: Condition,
): Statement {
  return { sid, actions: actions.map((action) => `dynamodb:${action}`), resources, condition };
}

function permissionsOf(role: Role): Required<Permissions> {
  const together = (sort: keyof Permissions) =>
    [...new Set(role.features.flatMap((feature) => permissions[feature][sort] ?? []))].sort();
  return {
    items: together('items'),
    scans: together('scans'),
    settings: together('settings'),
    indexes: together('indexes'),
    stream: together('stream'),
    ownKeys: together('ownKeys'),
  };
}
