// Goal: the texts are what they say they are, and all of them define the table that `AtomTable.create` makes.
// Method: parsers of YAML and HCL, and a stand-in for the CDK's classes, lead each text back to a CreateTable input, which is compared
// with the one that `create()` sends.
import { parse as parseHcl } from '@cdktn/hcl2json';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { parse as parseYaml } from 'yaml';
import { AtomTable } from '../../lib/atom/index.js';
import {
  type CloudFormationResource,
  cdk,
  cloudFormation,
  cloudFormationYaml,
  createOptions,
  createTableInput,
  defineTable,
  type TableDefinition,
  tableOptions,
  terraform,
} from '../../lib/infra/index.js';
import { evaluateConstruct, type Made } from './cdk-stand-in.js';
import { fromCdk, fromCloudFormation, fromTerraform, type Terraform } from './read-back.js';
import { type Table, tableMadeBy } from './sent-table.js';

/** A variable of IAM's, no template of ours. */
const variable = `$\{aws:PrincipalTag/tenant}`;
const kmsKeyArn = 'arn:aws:kms:eu-west-1:111122223333:key/abcd-1';
/** Small, large, and odd ones. */
const definitions: Readonly<Record<string, TableDefinition>> = {
  'of defaults': defineTable({ tableName: 'state' }),
  'with everything': defineTable({
    tableName: 'Order.state_2',
    keyName: 'pk',
    sortKeyName: 'sk',
    streamViewType: 'NEW_AND_OLD_IMAGES',
    indexes: [
      { name: 'by-status', partitionKey: { name: 'status', type: 'S' }, sortKey: { name: 'due', type: 'N' } },
      { name: 'by-hash', partitionKey: { name: 'hash', type: 'B' } },
      { name: 'inverse', partitionKey: { name: 'sk', type: 'S' }, sortKey: { name: 'pk', type: 'S' } },
    ],
    encryption: { kmsKeyArn },
    tags: { team: 'a/b c', 'cost:centre': '7', no: 'yes' },
    roles: {
      App: { features: ['read', 'write'], leadingKeys: ['orders/*', variable, '%{x}"\\\'\n', 'é'] },
      Worker: ['query', 'stream', 'sweep'],
      Deploy: ['create', 'verify'],
    },
  }),
  'provisioned, without protection': defineTable({
    tableName: '9-lives',
    logicalId: 'Lives',
    billing: { mode: 'provisioned', readUnits: 5, writeUnits: 6 },
    indexes: [{ name: 'by-status', partitionKey: { name: 'status', type: 'S' } }],
    attributeNames: { expiresAt: 'ttl' },
    timeToLive: true,
    pointInTimeRecovery: false,
    deletionProtection: false,
    encryption: 'aws-managed',
  }),
  'without time to live': defineTable({ tableName: 'state', timeToLive: false, streamViewType: 'KEYS_ONLY' }),
};

for (const [title, definition] of Object.entries(definitions)) {
  describe(`a table ${title}`, () => {
    let sent: Table;
    beforeAll(async () => {
      sent = await tableMadeBy((client) =>
        new AtomTable({ client, ...tableOptions(definition) }).create(createOptions(definition)),
      );
    });
    /** What `create()` has no option for is compared with the definition itself. */
    const expectSame = (made: Table): void => {
      const { DeletionProtectionEnabled, SSESpecification, Tags, backups, timeToLive, ...shape } = made;
      const { timeToLive: own, ...wanted } = sent;
      expect(shape).toEqual(wanted);
      expect(timeToLive).toEqual(definition.timeToLiveAttribute === undefined ? undefined : own);
      const {
        DeletionProtectionEnabled: isProtected,
        SSESpecification: key,
        Tags: tags,
      } = createTableInput(definition);
      expect({ DeletionProtectionEnabled, SSESpecification, Tags: Tags?.toSorted(byKey) }).toEqual({
        DeletionProtectionEnabled: isProtected ?? false,
        SSESpecification: key,
        Tags: tags?.toSorted(byKey),
      });
      expect(backups).toBe(definition.pointInTimeRecovery);
    };

    it('createTableInput() is what create() sends, and what create() has no option for', () => {
      const { DeletionProtectionEnabled, SSESpecification, Tags, ...shape } = createTableInput(definition);
      const { timeToLive, ...wanted } = sent;
      expect(timeToLive).toBe(definition.attributeNames.expiresAt);
      expect(shape).toEqual(wanted);
      expect(DeletionProtectionEnabled ?? false).toBe(definition.deletionProtection);
    });

    it('CloudFormation: the same table', () => {
      expectSame(
        fromCloudFormation(cloudFormation(definition).Resources[definition.logicalId] as CloudFormationResource),
      );
    });

    it('YAML reads as the template, in both versions of YAML', () => {
      const template = JSON.parse(JSON.stringify(cloudFormation(definition)));
      expect(parseYaml(cloudFormationYaml(definition))).toEqual(template);
      expect(parseYaml(cloudFormationYaml(definition), { version: '1.1' })).toEqual(template);
    });

    it('Terraform: the same table, and the same policies', async () => {
      const parsed = (await parseHcl('state.tf', terraform(definition))) as Terraform;
      expectSame(fromTerraform(parsed));
      expect(policiesOfTerraform(parsed)).toEqual(policiesOfTemplate(definition));
    });

    it('CDK: the same table, and the same policies', () => {
      const made = evaluateConstruct(cdk(definition));
      expectSame(fromCdk(made));
      expect(policiesOfCdk(made)).toEqual(policiesOfTemplate(definition));
    });
  });
}

describe('a template', () => {
  const definition = definitions['with everything'] as TableDefinition;

  it('keeps the table when the stack goes, unless deletionProtection is off', () => {
    const policiesOf = (one: TableDefinition) => {
      const { DeletionPolicy, UpdateReplacePolicy } = cloudFormation(one).Resources[
        one.logicalId
      ] as CloudFormationResource;
      return [
        DeletionPolicy,
        UpdateReplacePolicy,
        /prevent_destroy = true/.test(terraform(one)),
        /RETAIN/.test(cdk(one)),
      ];
    };
    expect(policiesOf(definition)).toEqual(['Retain', 'Retain', true, true]);
    const loose = defineTable({ tableName: 'state', deletionProtection: false });
    expect(policiesOf(loose)).toEqual(['Delete', 'Delete', false, false]);
  });

  it('hands out names and ARNs of what it made', async () => {
    expect(Object.keys(cloudFormation(definition).Outputs)).toEqual([
      'OrderState2TableName',
      'OrderState2TableArn',
      'OrderState2TableStreamArn',
      'OrderState2TableAppPolicyArn',
      'OrderState2TableWorkerPolicyArn',
      'OrderState2TableDeployPolicyArn',
    ]);
    const { output } = await parseHcl('state.tf', terraform(definition));
    expect(Object.keys(output)).toEqual([
      'order_state_2_app_policy_arn',
      'order_state_2_arn',
      'order_state_2_deploy_policy_arn',
      'order_state_2_name',
      'order_state_2_stream_arn',
      'order_state_2_worker_policy_arn',
    ]);
  });
});

const byKey = (one: { Key?: string | undefined }, other: { Key?: string | undefined }) =>
  String(one.Key) < String(other.Key) ? -1 : 1;

/** Statements by role, with the resources in one language: `arn`, `arn/index/x`, `stream`. */
type Policies = Readonly<Record<string, readonly unknown[]>>;

function policiesOfTemplate(definition: TableDefinition): Policies {
  const { Resources } = cloudFormation(definition);
  const named = Object.keys(definition.roles).map((role) => {
    const policy = Resources[`${definition.logicalId}${role}Policy`]?.Properties as {
      PolicyDocument: { Statement: object[] };
    };
    const statements = JSON.parse(JSON.stringify(policy.PolicyDocument.Statement)) as { Resource: unknown[] }[];
    return [role, statements.map((one) => ({ ...one, Resource: one.Resource.map(inWords) }))] as const;
  });
  return Object.fromEntries(named);
}

function inWords(resource: unknown): unknown {
  const { 'Fn::GetAtt': attribute, 'Fn::Sub': text } = resource as {
    'Fn::GetAtt'?: [string, string];
    'Fn::Sub'?: string;
  };
  if (attribute !== undefined) return attribute[1] === 'Arn' ? 'arn' : 'stream';
  return text === undefined ? resource : text.replace(/^\$\{\w+\.Arn\}/, 'arn');
}

function policiesOfTerraform({ data }: Terraform): Policies {
  interface Statement {
    readonly sid: string;
    readonly actions: readonly string[];
    readonly resources: readonly string[];
    readonly condition?: readonly { test: string; variable: string; values: readonly string[] }[];
  }
  const roles = Object.entries(data?.aws_iam_policy_document ?? {}).map(([name, [document]]) => {
    const statements = (document as { statement: Statement[] }).statement.map(
      ({ sid, actions, resources, condition }) => ({
        Sid: sid,
        Effect: 'Allow',
        Action: actions,
        Resource: resources.map((one) =>
          one
            .replace(/^\$\{aws_dynamodb_table\.\w+\.arn\}/, 'arn')
            .replace(/^\$\{aws_dynamodb_table\.\w+\.stream_arn\}/, 'stream'),
        ),
        ...(condition && {
          Condition: Object.fromEntries(
            condition.map(({ test, variable, values }) => {
              const texts = values.map((value) => value.replace(/([$%])\1\{/g, '$1{'));
              return [test, { [variable]: test === 'ForAllValues:StringLike' ? texts : texts[0] }];
            }),
          ),
        }),
      }),
    );
    const role = name.split('_').at(-1) as string;
    return [`${role.charAt(0).toUpperCase()}${role.slice(1)}`, statements] as const;
  });
  return Object.fromEntries(roles);
}

function policiesOfCdk(made: readonly Made[]): Policies {
  const roles = made
    .filter(({ type }) => type === 'ManagedPolicy')
    .map(({ id, props }) => {
      const statements = (props.statements as { props: Record<string, unknown> }[]).map(({ props: given }) => ({
        Sid: given.sid,
        Effect: 'Allow',
        Action: given.actions,
        Resource: given.resources,
        ...(given.conditions !== undefined && { Condition: given.conditions }),
      }));
      return [id.replace(/Policy$/, ''), statements] as const;
    });
  return Object.fromEntries(roles);
}
