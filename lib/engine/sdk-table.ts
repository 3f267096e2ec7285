/** Tables between the port's form and the SDK's. Plain data both ways. */
import type {
  AttributeDefinition,
  CreateTableCommandInput,
  KeySchemaElement,
  TableDescription as SdkTableDescription,
} from '@aws-sdk/client-dynamodb';
import type { CreateTableRequest, KeyAttribute, TableDescription } from './port.js';

export function createTableInput(request: CreateTableRequest): CreateTableCommandInput {
  const { table, partitionKey, sortKey, billing, streamViewType, indexes = [] } = request;
  const throughput =
    billing.mode === 'provisioned'
      ? { ProvisionedThroughput: { ReadCapacityUnits: billing.readUnits, WriteCapacityUnits: billing.writeUnits } }
      : {};
  const definitions = new Map<string, AttributeDefinition>();
  for (const key of [partitionKey, sortKey, ...indexes.flatMap((one) => [one.partitionKey, one.sortKey])]) {
    if (key !== undefined) definitions.set(key.name, { AttributeName: key.name, AttributeType: key.type });
  }
  return {
    TableName: table,
    AttributeDefinitions: [...definitions.values()],
    KeySchema: keySchema(partitionKey, sortKey),
    BillingMode: billing.mode === 'on-demand' ? 'PAY_PER_REQUEST' : 'PROVISIONED',
    ...throughput,
    ...(streamViewType !== undefined && {
      StreamSpecification: { StreamEnabled: true, StreamViewType: streamViewType },
    }),
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

function keySchema(partitionKey: KeyAttribute, sortKey: KeyAttribute | undefined): KeySchemaElement[] {
  return [
    { AttributeName: partitionKey.name, KeyType: 'HASH' },
    ...(sortKey === undefined ? [] : [{ AttributeName: sortKey.name, KeyType: 'RANGE' as const }]),
  ];
}

export function tableDescription(table: SdkTableDescription): TableDescription {
  const keyOf = (kind: 'HASH' | 'RANGE'): KeyAttribute | undefined => {
    const name = table.KeySchema?.find((one) => one.KeyType === kind)?.AttributeName;
    if (name === undefined) return undefined;
    const type = table.AttributeDefinitions?.find((one) => one.AttributeName === name)?.AttributeType ?? 'S';
    return { name, type: type as KeyAttribute['type'] };
  };
  const replicated = (table.Replicas?.length ?? 0) > 0;
  return {
    status: table.TableStatus ?? 'UNKNOWN',
    partitionKey: keyOf('HASH') ?? { name: '', type: 'S' },
    sortKey: keyOf('RANGE'),
    // On-demand tables carry a billing summary; a table that never had one is provisioned.
    billingMode: table.BillingModeSummary?.BillingMode === 'PAY_PER_REQUEST' ? 'on-demand' : 'provisioned',
    streamArn: table.LatestStreamArn,
    streamViewType: table.StreamSpecification?.StreamViewType,
    replication: !replicated ? 'none' : table.MultiRegionConsistency === 'STRONG' ? 'strong' : 'eventual',
  };
}
