/** Definitions of tables: what is refused, and how one is described. Plain data both ways. */
import { validationError } from './memory-error.js';
import type { CreateTableRequest, KeyAttribute, TableDescription } from './port.js';

const tableName = /^[A-Za-z0-9_.-]{3,255}$/;

/** Refuses a definition as the service would. */
export function refuseTable({ table, partitionKey, sortKey, indexes = [], billing }: CreateTableRequest): void {
  for (const name of [table, ...indexes.map((one) => one.name)]) {
    if (tableName.test(name)) continue;
    throw validationError(
      `Invalid table/index name.  Table/index names must be between 3 and 255 characters long, and may contain only the characters a-z, A-Z, 0-9, '_', '-', and '.': ${name}`,
    );
  }
  if (new Set(indexes.map((one) => one.name)).size < indexes.length) {
    throw validationError('One or more parameter values were invalid: Duplicate index name');
  }
  const types = new Map<string, KeyAttribute['type']>();
  const schemas = [{ partitionKey, sortKey }, ...indexes];
  for (const schema of schemas) {
    if (schema.partitionKey.name === schema.sortKey?.name) {
      throw validationError('Both the Hash Key and the Range Key element in the KeySchema have the same name');
    }
    for (const key of [schema.partitionKey, schema.sortKey]) {
      if (key === undefined) continue;
      if ((types.get(key.name) ?? key.type) !== key.type) {
        throw validationError(`Cannot define an attribute with two types: ${key.name}`);
      }
      types.set(key.name, key.type);
    }
  }
  if (billing.mode === 'provisioned' && !(billing.readUnits >= 1 && billing.writeUnits >= 1)) {
    throw validationError('ReadCapacityUnits and WriteCapacityUnits must be greater than or equal to 1');
  }
}

/** How a table of the memory engine describes itself. */
export function describeMemoryTable(definition: CreateTableRequest): TableDescription {
  const { table, partitionKey, sortKey, billing, streamViewType } = definition;
  return {
    status: 'ACTIVE',
    partitionKey,
    sortKey,
    billingMode: billing.mode,
    streamArn: streamViewType && `arn:aws:dynamodb:memory:000000000000:table/${table}/stream/0`,
    streamViewType,
    replication: 'none',
  };
}
