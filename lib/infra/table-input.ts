/** The definition in the service's own words, and in those of `AtomTable`. */
import type {
  CreateTableCommandInput,
  GlobalSecondaryIndex,
  KeySchemaElement,
  ProvisionedThroughput,
} from '@aws-sdk/client-dynamodb';
import type { AtomTableBaseOptions, CreateOptions } from '../atom/index.js';
import type { KeyAttribute } from '../engine/index.js';
import type { TableDefinition } from './definition.js';

/** The options of an `AtomTable` on this table, beside client or engine. */
export function tableOptions(definition: TableDefinition): AtomTableBaseOptions {
  const { tableName, keyName, sortKeyName, attributeNames } = definition;
  return { tableName, keyName, attributeNames, ...(sortKeyName !== undefined && { sortKeyName }) };
}

/**
 * The options with which `AtomTable.create` and `ensure` make this table, as far as they go: protection, backups, keys and tags are
 * for templates.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { createOptions, defineTable, tableOptions } from 'leyden-jar/infra';
 *
 * const state = defineTable({ tableName: 'state', billing: { mode: 'provisioned', readUnits: 5, writeUnits: 5 } });
 * const table = new AtomTable({ engine: new MemoryEngine(), ...tableOptions(state) });
 * console.log((await table.create(createOptions(state))).billingMode); // => provisioned
 * ```
 */
export function createOptions({ billing, streamViewType, indexes }: TableDefinition): CreateOptions {
  return { billing, indexes, ...(streamViewType !== undefined && { streamViewType }) };
}

/** The table as `CreateTable` takes it. Time to live and backups are turned on by calls of their own. */
export function createTableInput(definition: TableDefinition): CreateTableCommandInput {
  const { streamViewType, deletionProtection, encryption, tags } = definition;
  return {
    ...tableShape(definition),
    ...(streamViewType !== undefined && {
      StreamSpecification: { StreamEnabled: true, StreamViewType: streamViewType },
    }),
    ...(deletionProtection && { DeletionProtectionEnabled: true }),
    ...(encryption !== 'aws-owned' && { SSESpecification: { Enabled: true, ...keyOf(definition) } }),
    ...(Object.keys(tags).length > 0 && { Tags: tagList(definition) }),
  };
}

/** What `CreateTable` and a template say in the same words. */
export interface TableShape {
  readonly TableName: string;
  readonly AttributeDefinitions: { readonly AttributeName: string; readonly AttributeType: KeyAttribute['type'] }[];
  readonly KeySchema: KeySchemaElement[];
  readonly BillingMode: 'PROVISIONED' | 'PAY_PER_REQUEST';
  readonly ProvisionedThroughput?: ProvisionedThroughput;
  readonly GlobalSecondaryIndexes?: GlobalSecondaryIndex[];
}

export function tableShape(definition: TableDefinition): TableShape {
  const { tableName, keyName, sortKeyName, indexes, billing } = definition;
  const partitionKey: KeyAttribute = { name: keyName, type: 'S' };
  const sortKey: KeyAttribute | undefined = sortKeyName === undefined ? undefined : { name: sortKeyName, type: 'S' };
  const throughput =
    billing.mode === 'provisioned'
      ? { ProvisionedThroughput: { ReadCapacityUnits: billing.readUnits, WriteCapacityUnits: billing.writeUnits } }
      : {};
  const keys = [partitionKey, sortKey, ...indexes.flatMap((index) => [index.partitionKey, index.sortKey])];
  const types = new Map(keys.flatMap((key) => (key === undefined ? [] : [[key.name, key.type]])));
  return {
    TableName: tableName,
    AttributeDefinitions: [...types].map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
    KeySchema: keySchema(partitionKey, sortKey),
    BillingMode: billing.mode === 'provisioned' ? ('PROVISIONED' as const) : ('PAY_PER_REQUEST' as const),
    ...throughput,
    ...(indexes.length > 0 && {
      GlobalSecondaryIndexes: indexes.map((index) => ({
        IndexName: index.name,
        KeySchema: keySchema(index.partitionKey, index.sortKey),
        Projection: { ProjectionType: 'ALL' as const },
        ...throughput,
      })),
    }),
  };
}

/** The key at rest, where it is not the service's own. */
export function keyOf({ encryption }: TableDefinition): { SSEType: 'KMS'; KMSMasterKeyId?: string } {
  return { SSEType: 'KMS', ...(typeof encryption === 'object' && { KMSMasterKeyId: encryption.kmsKeyArn }) };
}

export function tagList({ tags }: TableDefinition): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

function keySchema(partitionKey: KeyAttribute, sortKey: KeyAttribute | undefined): KeySchemaElement[] {
  const schema: KeySchemaElement[] = [{ AttributeName: partitionKey.name, KeyType: 'HASH' }];
  if (sortKey !== undefined) schema.push({ AttributeName: sortKey.name, KeyType: 'RANGE' });
  return schema;
}
