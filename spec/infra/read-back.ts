/** Leads templates back to the CreateTable input of the table that they define. Knows nothing of how they were written. */
import type { CloudFormationResource } from '../../lib/infra/index.js';
import type { Made } from './cdk-stand-in.js';
import type { Table } from './sent-table.js';

export function fromCloudFormation({ Type, Properties }: CloudFormationResource): Table {
  if (Type !== 'AWS::DynamoDB::Table') throw new Error(`Cannot read back: ${Type}`);
  const {
    TimeToLiveSpecification: ttl,
    PointInTimeRecoverySpecification: recovery,
    ...rest
  } = Properties as never as {
    TimeToLiveSpecification?: { AttributeName: string; Enabled: boolean };
    PointInTimeRecoverySpecification?: { PointInTimeRecoveryEnabled: boolean };
    StreamSpecification?: object;
    SSESpecification?: { SSEEnabled: boolean };
    DeletionProtectionEnabled?: boolean;
  };
  const { SSEEnabled, ...key } = rest.SSESpecification ?? { SSEEnabled: false };
  return without({
    ...rest,
    StreamSpecification: rest.StreamSpecification && { StreamEnabled: true, ...rest.StreamSpecification },
    SSESpecification: SSEEnabled ? { Enabled: true, ...key } : undefined,
    DeletionProtectionEnabled: rest.DeletionProtectionEnabled ?? false,
    timeToLive: ttl?.Enabled === true ? ttl.AttributeName : undefined,
    backups: recovery?.PointInTimeRecoveryEnabled ?? false,
  });
}

interface HclKeys {
  readonly hash_key: string;
  readonly range_key?: string;
  readonly read_capacity?: number;
  readonly write_capacity?: number;
}

interface HclTable extends HclKeys {
  readonly name: string;
  readonly billing_mode: string;
  readonly attribute: readonly { name: string; type: string }[];
  readonly global_secondary_index?: readonly (HclKeys & { name: string; projection_type: string })[];
  readonly stream_enabled?: boolean;
  readonly stream_view_type?: string;
  readonly ttl?: readonly { attribute_name: string; enabled: boolean }[];
  readonly point_in_time_recovery: readonly { enabled: boolean }[];
  readonly server_side_encryption?: readonly { enabled: boolean; kms_key_arn?: string }[];
  readonly deletion_protection_enabled: boolean;
  readonly tags?: Readonly<Record<string, string>>;
}

/** A configuration, as its parser gives it: blocks are lists. */
export interface Terraform {
  readonly resource: { readonly aws_dynamodb_table: Readonly<Record<string, readonly unknown[]>> };
  readonly data?: { readonly aws_iam_policy_document: Readonly<Record<string, readonly unknown[]>> };
}

export function fromTerraform(parsed: Terraform): Table {
  const [[table]] = Object.values(parsed.resource.aws_dynamodb_table) as unknown as [[HclTable]];
  const [key] = table.server_side_encryption ?? [];
  const [ttl] = table.ttl ?? [];
  return without({
    TableName: table.name,
    AttributeDefinitions: table.attribute.map(({ name, type }) => ({ AttributeName: name, AttributeType: type })),
    BillingMode: table.billing_mode,
    ...keysOf(table),
    GlobalSecondaryIndexes: table.global_secondary_index?.map((index) => ({
      IndexName: index.name,
      Projection: { ProjectionType: index.projection_type },
      ...keysOf(index),
    })),
    StreamSpecification: table.stream_enabled && { StreamEnabled: true, StreamViewType: table.stream_view_type },
    SSESpecification: key && {
      Enabled: key.enabled,
      SSEType: 'KMS',
      ...(key.kms_key_arn && { KMSMasterKeyId: key.kms_key_arn }),
    },
    Tags: table.tags && Object.entries(table.tags).map(([Key, Value]) => ({ Key, Value })),
    DeletionProtectionEnabled: table.deletion_protection_enabled,
    timeToLive: ttl?.enabled ? ttl.attribute_name : undefined,
    backups: table.point_in_time_recovery[0]?.enabled ?? false,
  });
}

function keysOf({ hash_key, range_key, read_capacity, write_capacity }: HclKeys): object {
  return {
    KeySchema: [
      { AttributeName: hash_key, KeyType: 'HASH' },
      ...(range_key === undefined ? [] : [{ AttributeName: range_key, KeyType: 'RANGE' }]),
    ],
    ...(read_capacity !== undefined && {
      ProvisionedThroughput: { ReadCapacityUnits: read_capacity, WriteCapacityUnits: write_capacity },
    }),
  };
}

interface CdkKeys {
  readonly partitionKey: { readonly name: string; readonly type: string };
  readonly sortKey?: { readonly name: string; readonly type: string };
  readonly readCapacity?: number;
  readonly writeCapacity?: number;
}

interface CdkTable extends CdkKeys {
  readonly tableName: string;
  readonly billingMode: string;
  readonly stream?: string;
  readonly timeToLiveAttribute?: string;
  readonly pointInTimeRecoverySpecification?: { readonly pointInTimeRecoveryEnabled: boolean };
  readonly deletionProtection?: boolean;
  readonly encryption?: string;
  readonly encryptionKey?: string;
}

export function fromCdk(made: readonly Made[]): Table {
  const table = made.find(({ type }) => type === 'Table')?.props as unknown as CdkTable;
  const indexes = made
    .filter(({ type }) => type === 'index')
    .map(({ props }) => props as unknown as CdkKeys & { indexName: string });
  const tags = made.filter(({ type }) => type === 'tag').map(({ props }) => props);
  const types = { STRING: 'S', NUMBER: 'N', BINARY: 'B' } as Readonly<Record<string, string>>;
  const keys = [table, ...indexes].flatMap(({ partitionKey, sortKey }) =>
    sortKey ? [partitionKey, sortKey] : [partitionKey],
  );
  const named = new Map(keys.map(({ name, type }) => [name, types[type.replace('AttributeType.', '')]]));
  return without({
    TableName: table.tableName,
    AttributeDefinitions: [...named].map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
    BillingMode: table.billingMode.replace('BillingMode.', ''),
    ...cdkKeys(table),
    GlobalSecondaryIndexes:
      indexes.length === 0
        ? undefined
        : indexes.map((index) => ({
            IndexName: index.indexName,
            Projection: { ProjectionType: 'ALL' },
            ...cdkKeys(index),
          })),
    StreamSpecification: table.stream && {
      StreamEnabled: true,
      StreamViewType: table.stream.replace('StreamViewType.', ''),
    },
    SSESpecification: table.encryption && {
      Enabled: true,
      SSEType: 'KMS',
      ...(table.encryption === 'TableEncryption.CUSTOMER_MANAGED' && { KMSMasterKeyId: table.encryptionKey }),
    },
    Tags: tags.length === 0 ? undefined : tags,
    DeletionProtectionEnabled: table.deletionProtection ?? false,
    timeToLive: table.timeToLiveAttribute,
    backups: table.pointInTimeRecoverySpecification?.pointInTimeRecoveryEnabled ?? false,
  });
}

function cdkKeys({ partitionKey, sortKey, readCapacity, writeCapacity }: CdkKeys): object {
  return keysOf({
    hash_key: partitionKey.name,
    ...(sortKey && { range_key: sortKey.name }),
    ...(readCapacity !== undefined && { read_capacity: readCapacity }),
    ...(writeCapacity !== undefined && { write_capacity: writeCapacity }),
  });
}

/** Without what is `undefined`, and as plain JSON. */
function without(table: object): Table {
  return JSON.parse(JSON.stringify(table)) as Table;
}
