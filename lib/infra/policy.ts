/** Policies as documents of IAM, with ARNs written out. */
import type { Role, TableDefinition } from './definition.js';
import type { Feature } from './features.js';
import { type Condition, type Resource, requireRole, statementsOf } from './roles.js';

/** Where a table lies. */
export interface Place {
  /** `eu-west-1`, or `*` for all. */
  readonly region: string;
  /** Twelve digits, or `*` for all. */
  readonly account: string;
  /** @defaultValue 'aws' */
  readonly partition?: string | undefined;
}

/** A policy document, to be made JSON of. */
export interface PolicyDocument {
  readonly Version: '2012-10-17';
  readonly Statement: readonly PolicyStatement[];
}

/** One statement of a {@link PolicyDocument}. */
export interface PolicyStatement {
  readonly Sid: string;
  readonly Effect: 'Allow';
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: Condition | undefined;
}

/**
 * The least that somebody needs who uses the table in these ways.
 *
 * @param role the name of a role of the definition, a list of features, or a role
 * @throws TypeError, RangeError for a role or a place that there can't be.
 *
 * @example
 * ```ts
 * import { defineTable, policyFor } from 'leyden-jar/infra';
 *
 * const state = defineTable({ tableName: 'state' });
 * const place = { region: 'eu-west-1', account: '111122223333' };
 * const [statement] = policyFor(state, ['read'], place).Statement;
 * console.log(statement?.Action, statement?.Resource);
 * // => [ 'dynamodb:GetItem' ] [ 'arn:aws:dynamodb:eu-west-1:111122223333:table/state' ]
 * ```
 */
export function policyFor(
  definition: TableDefinition,
  role: string | readonly Feature[] | Role,
  place: Place,
): PolicyDocument {
  const found = roleIn(definition, role);
  requireRole(definition, found, 'a role');
  const table = tableArn(definition, place);
  const arnOf = (resource: Resource): string => {
    switch (resource.kind) {
      case 'table':
        return table;
      case 'index':
        return `${table}/index/${resource.name}`;
      case 'stream':
        return `${table}/stream/*`;
      case 'key':
        return resource.arn;
    }
  };
  const statements = statementsOf(definition, found).map(({ sid, actions, resources, condition }) => ({
    Sid: sid,
    Effect: 'Allow' as const,
    Action: actions,
    Resource: resources.map(arnOf),
    ...(condition !== undefined && { Condition: condition }),
  }));
  return { Version: '2012-10-17', Statement: statements };
}

function roleIn({ tableName, roles }: TableDefinition, role: string | readonly Feature[] | Role): Role {
  if (typeof role !== 'string') return Array.isArray(role) ? { features: role } : (role as Role);
  const found = Object.hasOwn(roles, role) ? roles[role] : undefined;
  if (found !== undefined) return found;
  throw new TypeError(`Cannot write a policy: table ${tableName} must define the role: ${role}`);
}

function tableArn({ tableName }: TableDefinition, { region, account, partition = 'aws' }: Place): string {
  for (const [name, value, pattern] of [
    ['region', region, /^(?:[a-z]{2}(?:-[a-z]+)+-\d{1,2}|\*)$/],
    ['account', account, /^(?:\d{12}|\*)$/],
    ['partition', partition, /^aws(?:-[a-z]+)*$/],
  ] as const) {
    if (typeof value !== 'string')
      throw new TypeError(`Cannot write a policy: ${name} must be a string: ${typeof value}`);
    if (!pattern.test(value))
      throw new RangeError(`Cannot write a policy: there can be no ${name} of this name: ${value}`);
  }
  return `arn:${partition}:dynamodb:${region}:${account}:table/${tableName}`;
}
