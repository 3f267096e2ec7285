/** The table and its roles as a construct of the AWS CDK, version 2, in TypeScript. */
import type { TableDefinition } from './definition.js';
import { type Resource, type Statement, statementsOf } from './roles.js';

/** Code that stands as it is. */
class Code {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A call with one argument. */
class Call {
  readonly callee: string;
  readonly argument: Literal;

  constructor(callee: string, argument: Literal) {
    this.callee = callee;
    this.argument = argument;
  }
}

type Literal =
  | string
  | number
  | boolean
  | Code
  | Call
  | readonly Literal[]
  | { readonly [name: string]: Literal | undefined };

/**
 * A module that exports one class: the construct, with the table and a managed policy for each role as its properties.
 *
 * @example
 * ```ts
 * import { cdk, defineTable } from 'leyden-jar/infra';
 *
 * const state = defineTable({ tableName: 'state', roles: { App: ['read', 'write'] } });
 * console.log(/export class \w+ extends \w+/.exec(cdk(state))?.[0]); // => export class StateTable extends Construct
 * ```
 */
export function cdk(definition: TableDefinition): string {
  const { tableName, logicalId, roles, tags, indexes, encryption } = definition;
  const named = Object.entries(roles).map(([name, role]) => ({
    name,
    property: `${name.charAt(0).toLowerCase()}${name.slice(1)}Policy`,
    statements: statementsOf(definition, role),
  }));
  const hasTags = Object.keys(tags).length > 0;
  const lines = [
    `import { RemovalPolicy${hasTags ? ', Tags' : ''} } from 'aws-cdk-lib';`,
    "import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';",
    ...(named.length > 0 ? ["import * as iam from 'aws-cdk-lib/aws-iam';"] : []),
    ...(typeof encryption === 'object' ? ["import * as kms from 'aws-cdk-lib/aws-kms';"] : []),
    "import { Construct } from 'constructs';",
    '',
    `/** Table ${tableName} of leyden-jar. */`,
    `export class ${logicalId} extends Construct {`,
    '  readonly table: dynamodb.Table;',
    ...named.map(({ property }) => `  readonly ${property}: iam.ManagedPolicy;`),
    '',
    '  constructor(scope: Construct, id: string) {',
    '    super(scope, id);',
    ...statementLines(`this.table = new dynamodb.Table(this, 'Table', `, tableProps(definition)),
    ...indexes.flatMap((index) =>
      statementLines('this.table.addGlobalSecondaryIndex(', {
        indexName: index.name,
        partitionKey: keyProps(index.partitionKey),
        sortKey: index.sortKey && keyProps(index.sortKey),
        ...capacity(definition),
      }),
    ),
    ...Object.entries(tags).map(([name, value]) => `    Tags.of(this.table).add(${text(name)}, ${text(value)});`),
    ...named.flatMap(({ name, property, statements }) =>
      statementLines(`this.${property} = new iam.ManagedPolicy(this, '${name}Policy', `, {
        description: `${name}: what it needs of table ${tableName}`,
        statements: statements.map(policyStatement),
      }),
    ),
    '  }',
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

function tableProps(definition: TableDefinition): Literal {
  const { tableName, keyName, sortKeyName, billing, streamViewType, timeToLiveAttribute } = definition;
  const { pointInTimeRecovery, deletionProtection, encryption } = definition;
  const mode = billing.mode === 'provisioned' ? 'PROVISIONED' : 'PAY_PER_REQUEST';
  return {
    tableName,
    partitionKey: keyProps({ name: keyName, type: 'S' }),
    sortKey: sortKeyName === undefined ? undefined : keyProps({ name: sortKeyName, type: 'S' }),
    billingMode: new Code(`dynamodb.BillingMode.${mode}`),
    ...capacity(definition),
    timeToLiveAttribute,
    stream: streamViewType && new Code(`dynamodb.StreamViewType.${streamViewType}`),
    pointInTimeRecoverySpecification: pointInTimeRecovery ? { pointInTimeRecoveryEnabled: true } : undefined,
    deletionProtection: deletionProtection ? true : undefined,
    removalPolicy: new Code(`RemovalPolicy.${deletionProtection ? 'RETAIN' : 'DESTROY'}`),
    ...(encryption === 'aws-managed' && { encryption: new Code('dynamodb.TableEncryption.AWS_MANAGED') }),
    ...(typeof encryption === 'object' && {
      encryption: new Code('dynamodb.TableEncryption.CUSTOMER_MANAGED'),
      encryptionKey: new Code(`kms.Key.fromKeyArn(this, 'Key', ${text(encryption.kmsKeyArn)})`),
    }),
  };
}

function capacity({ billing }: TableDefinition): Record<string, number> {
  return billing.mode === 'provisioned' ? { readCapacity: billing.readUnits, writeCapacity: billing.writeUnits } : {};
}

const attributeTypes = { S: 'STRING', N: 'NUMBER', B: 'BINARY' } as const;

function keyProps({ name, type }: { readonly name: string; readonly type: 'S' | 'N' | 'B' }): Literal {
  return { name, type: new Code(`dynamodb.AttributeType.${attributeTypes[type]}`) };
}

function policyStatement({ sid, actions, resources, condition }: Statement): Literal {
  const argument = { sid, actions, resources: resources.map(arnOf), conditions: condition };
  return new Call('new iam.PolicyStatement', argument);
}

function arnOf(resource: Resource): Literal {
  switch (resource.kind) {
    case 'table':
      return new Code('this.table.tableArn');
    case 'index':
      return new Code(`\`\${this.table.tableArn}/index/${resource.name}\``);
    case 'stream':
      return new Code('this.table.tableStreamArn as string');
    case 'key':
      return resource.arn;
  }
}

/** A call of the constructor with one object as its last argument. */
function statementLines(before: string, value: Literal): string[] {
  return `    ${before}${literal(value, 2)});`.split('\n');
}

function literal(value: Literal, depth: number): string {
  if (value instanceof Code) return value.text;
  if (value instanceof Call) return `${value.callee}(${literal(value.argument, depth)})`;
  if (typeof value === 'string') return text(value);
  if (typeof value !== 'object') return String(value);
  const inner = '  '.repeat(depth + 1);
  const outer = '  '.repeat(depth);
  if (Array.isArray(value)) {
    const elements = (value as readonly Literal[]).map((one) => `${inner}${literal(one, depth + 1)},\n`);
    return `[\n${elements.join('')}${outer}]`;
  }
  const members = Object.entries(value).flatMap(([name, one]) => {
    if (one === undefined) return [];
    const label = /^[A-Za-z_]\w*$/.test(name) ? name : text(name);
    return [`${inner}${label}: ${literal(one, depth + 1)},\n`];
  });
  return `{\n${members.join('')}${outer}}`;
}

function text(value: string): string {
  const inside = JSON.stringify(value).slice(1, -1);
  return `'${inside.replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}
