/**
 * One definition of a table, from which everything else of this folder is written: templates, policies, the options of
 * `AtomTable`. Plain, frozen data, checked by the rules of the service when it is made, so that what is refused is refused here
 * and not by a deployment.
 */
import { attributeNamesDefault } from '../atom/index.js';
import type { Role, TableDefinition, TableDefinitionOptions } from './definition.js';
import type { Feature } from './features.js';
import { requireRoles } from './roles.js';
import * as rules from './rules.js';

/**
 * Defines a table. Sends nothing.
 *
 * @throws TypeError for a wrong type or a property that there is not, RangeError for what the service's rules refuse.
 *
 * @example
 * ```ts
 * import { cloudFormationYaml, defineTable } from 'leyden-jar/infra';
 *
 * const state = defineTable({ tableName: 'state', roles: { App: ['read', 'write'] } });
 * console.log(cloudFormationYaml(state).split('\n')[0]); // => AWSTemplateFormatVersion: "2010-09-09"
 * ```
 */
export function defineTable(options: TableDefinitionOptions): TableDefinition {
  rules.requireKnown('a table', options, optionNames);
  const { tableName, keyName = 'id', sortKeyName, streamViewType, timeToLive = true } = options;
  rules.requireTableName(tableName);
  const attributeNames = { ...attributeNamesDefault, ...options.attributeNames };
  const definition: TableDefinition = {
    tableName,
    logicalId: options.logicalId ?? rules.logicalIdOf(tableName),
    keyName,
    sortKeyName,
    attributeNames,
    timeToLiveAttribute: timeToLive ? attributeNames.expiresAt : undefined,
    streamViewType,
    indexes: options.indexes ?? [],
    billing: options.billing ?? { mode: 'on-demand' },
    pointInTimeRecovery: options.pointInTimeRecovery ?? true,
    deletionProtection: options.deletionProtection ?? true,
    encryption: options.encryption ?? 'aws-owned',
    tags: { ...options.tags },
    roles: Object.fromEntries(Object.entries(options.roles ?? {}).map(([name, role]) => [name, roleOf(role)])),
  };
  for (const name of ['timeToLive', 'pointInTimeRecovery', 'deletionProtection'] as const) {
    rules.requireBoolean(tableName, name, options[name]);
  }
  rules.requireLogicalId(tableName, definition.logicalId);
  rules.requireKeys(definition);
  rules.requireStream(tableName, streamViewType);
  rules.requireBilling(tableName, definition.billing);
  rules.requireEncryption(tableName, definition.encryption);
  rules.requireTags(tableName, definition.tags);
  requireRoles(definition);
  return deepFrozen(structuredClone(definition));
}

const optionNames = [
  'tableName',
  'logicalId',
  'keyName',
  'sortKeyName',
  'attributeNames',
  'timeToLive',
  'streamViewType',
  'indexes',
  'billing',
  'pointInTimeRecovery',
  'deletionProtection',
  'encryption',
  'tags',
  'roles',
] as const satisfies readonly (keyof TableDefinitionOptions)[];

function roleOf(role: readonly Feature[] | Role): Role {
  return Array.isArray(role) ? { features: role as readonly Feature[] } : (role as Role);
}

function deepFrozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) deepFrozen(part);
  return Object.freeze(value);
}
