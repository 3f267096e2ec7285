/** The table and its roles as a Terraform configuration for the provider `hashicorp/aws`, version 5 or later. */
import type { TableDefinition } from './definition.js';
import { Block, type HclMember, type HclValue, Raw, toHcl } from './hcl.js';
import { type Condition, type Resource, type Statement, statementsOf } from './roles.js';
import { snakeOf, wrong } from './rules.js';
import { tableShape } from './table-input.js';

/** Characters in the name of a managed policy. */
const policyNameMax = 128;

/**
 * The configuration as HCL: the table, a policy for each role, and their names and ARNs as outputs.
 *
 * @throws RangeError when the names of table and role together are too long for a policy.
 */
export function terraform(definition: TableDefinition): string {
  const name = snakeOf(definition.tableName);
  const roles = Object.entries(definition.roles);
  const { streamViewType } = definition;
  return toHcl([
    tableBlock(name, definition),
    ...roles.flatMap(([role, permitted]) =>
      policyBlocks(name, definition.tableName, role, statementsOf(definition, permitted)),
    ),
    output(`${name}_name`, new Raw(`aws_dynamodb_table.${name}.name`)),
    output(`${name}_arn`, new Raw(`aws_dynamodb_table.${name}.arn`)),
    ...(streamViewType === undefined
      ? []
      : [output(`${name}_stream_arn`, new Raw(`aws_dynamodb_table.${name}.stream_arn`))]),
    ...roles.map(([role]) => {
      const policy = `${name}_${snakeOf(role)}`;
      return output(`${policy}_policy_arn`, new Raw(`aws_iam_policy.${policy}.arn`));
    }),
  ]);
}

function tableBlock(name: string, definition: TableDefinition): Block {
  const { tableName, keyName, sortKeyName, billing, indexes, encryption, tags } = definition;
  const { timeToLiveAttribute, streamViewType, pointInTimeRecovery, deletionProtection } = definition;
  const units: HclMember[] =
    billing.mode === 'provisioned'
      ? [
          ['read_capacity', billing.readUnits],
          ['write_capacity', billing.writeUnits],
        ]
      : [];
  const { AttributeDefinitions, BillingMode } = tableShape(definition);
  return new Block(
    'resource',
    ['aws_dynamodb_table', name],
    [
      ['name', tableName],
      ['billing_mode', BillingMode],
      ...units,
      ...keys(keyName, sortKeyName),
      ...given(streamViewType !== undefined, ['stream_enabled', true], ['stream_view_type', streamViewType ?? '']),
      ['deletion_protection_enabled', deletionProtection],
      ...given(Object.keys(tags).length > 0, ['tags', tags]),
      ...AttributeDefinitions.map(
        ({ AttributeName, AttributeType }) =>
          new Block(
            'attribute',
            [],
            [
              ['name', AttributeName],
              ['type', AttributeType],
            ],
          ),
      ),
      ...indexes.map(
        (index) =>
          new Block(
            'global_secondary_index',
            [],
            [
              ['name', index.name],
              ...keys(index.partitionKey.name, index.sortKey?.name),
              ['projection_type', 'ALL'],
              ...units,
            ],
          ),
      ),
      ...given(
        timeToLiveAttribute !== undefined,
        new Block(
          'ttl',
          [],
          [
            ['attribute_name', timeToLiveAttribute ?? ''],
            ['enabled', true],
          ],
        ),
      ),
      new Block('point_in_time_recovery', [], [['enabled', pointInTimeRecovery]]),
      ...given(
        encryption !== 'aws-owned',
        new Block(
          'server_side_encryption',
          [],
          [
            ['enabled', true],
            ...given(typeof encryption === 'object', [
              'kms_key_arn',
              typeof encryption === 'object' ? encryption.kmsKeyArn : '',
            ]),
          ],
        ),
      ),
      ...given(deletionProtection, new Block('lifecycle', [], [['prevent_destroy', true]])),
    ],
  );
}

function policyBlocks(table: string, tableName: string, role: string, statements: readonly Statement[]): Block[] {
  const name = `${table}_${snakeOf(role)}`;
  const policyName = `${tableName}-${snakeOf(role).replaceAll('_', '-')}`;
  if (policyName.length > policyNameMax) {
    throw wrong(
      tableName,
      `the name of a policy must have at most ${policyNameMax} characters; name the role shorter`,
      policyName,
    );
  }
  return [
    new Block(
      'data',
      ['aws_iam_policy_document', name],
      statements.map((one) => statementBlock(table, one)),
    ),
    new Block(
      'resource',
      ['aws_iam_policy', name],
      [
        ['name', policyName],
        ['description', `${role}: what it needs of table ${tableName}`],
        ['policy', new Raw(`data.aws_iam_policy_document.${name}.json`)],
      ],
    ),
  ];
}

function statementBlock(table: string, { sid, actions, resources, condition }: Statement): Block {
  return new Block(
    'statement',
    [],
    [
      ['sid', sid],
      ['actions', actions],
      ['resources', resources.map((resource) => arnOf(table, resource))],
      ...conditionBlocks(condition),
    ],
  );
}

function conditionBlocks(condition: Condition = {}): Block[] {
  return Object.entries(condition).flatMap(([test, variables]) =>
    Object.entries(variables).map(
      ([variable, values]) =>
        new Block(
          'condition',
          [],
          [
            ['test', test],
            ['variable', variable],
            ['values', [values].flat()],
          ],
        ),
    ),
  );
}

function arnOf(table: string, resource: Resource): HclValue {
  const address = `aws_dynamodb_table.${table}`;
  switch (resource.kind) {
    case 'table':
      return new Raw(`${address}.arn`);
    case 'index':
      // Names of indexes need no escapes.
      return new Raw(`"\${${address}.arn}/index/${resource.name}"`);
    case 'stream':
      return new Raw(`${address}.stream_arn`);
    case 'key':
      return resource.arn;
  }
}

function keys(partition: string, sort: string | undefined): HclMember[] {
  return [['hash_key', partition], ...given(sort !== undefined, ['range_key', sort ?? ''])];
}

function output(name: string, value: Raw): Block {
  return new Block('output', [name], [['value', value]]);
}

function given(is: boolean, ...members: readonly HclMember[]): readonly HclMember[] {
  return is ? members : [];
}
