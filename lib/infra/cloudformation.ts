/** The table and its roles as a CloudFormation template. */
import type { TableDefinition } from './definition.js';
import { type Resource, type Statement, statementsOf } from './roles.js';
import { keyOf, tableShape, tagList } from './table-input.js';
import { type JsonValue, toYaml } from './yaml.js';

/** A template, to be made JSON of. */
export interface CloudFormationTemplate {
  readonly AWSTemplateFormatVersion: '2010-09-09';
  readonly Description: string;
  readonly Resources: Readonly<Record<string, CloudFormationResource>>;
  readonly Outputs: Readonly<Record<string, { readonly Value: JsonValue }>>;
}

/** One resource of a {@link CloudFormationTemplate}. */
export interface CloudFormationResource {
  readonly Type: string;
  readonly DeletionPolicy?: 'Retain' | 'Delete';
  readonly UpdateReplacePolicy?: 'Retain' | 'Delete';
  readonly Properties: Readonly<Record<string, JsonValue>>;
}

/**
 * The template: the table, a managed policy for each role, and their names and ARNs as outputs. Deploying it with roles needs
 * `CAPABILITY_IAM`.
 */
export function cloudFormation(definition: TableDefinition): CloudFormationTemplate {
  const { tableName, logicalId, roles, streamViewType } = definition;
  const policies = Object.entries(roles).map(([name, role]) => {
    const statements = statementsOf(definition, role).map((one) => statement(logicalId, one));
    return [`${logicalId}${name}Policy`, managedPolicy(tableName, name, statements)] as const;
  });
  return {
    AWSTemplateFormatVersion: '2010-09-09',
    Description: `Table ${tableName} of leyden-jar`,
    Resources: { [logicalId]: tableResource(definition), ...Object.fromEntries(policies) },
    Outputs: {
      [`${logicalId}Name`]: { Value: { Ref: logicalId } },
      [`${logicalId}Arn`]: { Value: { 'Fn::GetAtt': [logicalId, 'Arn'] } },
      ...(streamViewType !== undefined && {
        [`${logicalId}StreamArn`]: { Value: { 'Fn::GetAtt': [logicalId, 'StreamArn'] } },
      }),
      ...Object.fromEntries(policies.map(([id]) => [`${id}Arn`, { Value: { Ref: id } }])),
    },
  };
}

/** {@link cloudFormation} as YAML, without functions in their short form: what reads JSON in YAML reads it. */
export function cloudFormationYaml(definition: TableDefinition): string {
  return toYaml(cloudFormation(definition) as unknown as JsonValue);
}

function tableResource(definition: TableDefinition): CloudFormationResource {
  const { streamViewType, timeToLiveAttribute, pointInTimeRecovery, deletionProtection, encryption, tags } = definition;
  const policy = deletionProtection ? 'Retain' : 'Delete';
  return {
    Type: 'AWS::DynamoDB::Table',
    DeletionPolicy: policy,
    UpdateReplacePolicy: policy,
    Properties: {
      ...(tableShape(definition) as unknown as Record<string, JsonValue>),
      ...(timeToLiveAttribute !== undefined && {
        TimeToLiveSpecification: { AttributeName: timeToLiveAttribute, Enabled: true },
      }),
      ...(streamViewType !== undefined && { StreamSpecification: { StreamViewType: streamViewType } }),
      ...(pointInTimeRecovery && { PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } }),
      ...(deletionProtection && { DeletionProtectionEnabled: true }),
      ...(encryption !== 'aws-owned' && { SSESpecification: { SSEEnabled: true, ...keyOf(definition) } }),
      ...(Object.keys(tags).length > 0 && { Tags: tagList(definition) }),
    },
  };
}

function managedPolicy(tableName: string, role: string, statements: JsonValue[]): CloudFormationResource {
  return {
    Type: 'AWS::IAM::ManagedPolicy',
    Properties: {
      Description: `${role}: what it needs of table ${tableName}`,
      PolicyDocument: { Version: '2012-10-17', Statement: statements },
    },
  };
}

function statement(table: string, { sid, actions, resources, condition }: Statement): JsonValue {
  return {
    Sid: sid,
    Effect: 'Allow',
    Action: actions,
    Resource: resources.map((resource) => arnOf(table, resource)),
    ...(condition !== undefined && { Condition: condition }),
  };
}

function arnOf(table: string, resource: Resource): JsonValue {
  switch (resource.kind) {
    case 'table':
      return { 'Fn::GetAtt': [table, 'Arn'] };
    case 'index':
      return { 'Fn::Sub': `\${${table}.Arn}/index/${resource.name}` };
    case 'stream':
      return { 'Fn::GetAtt': [table, 'StreamArn'] };
    case 'key':
      return resource.arn;
  }
}
