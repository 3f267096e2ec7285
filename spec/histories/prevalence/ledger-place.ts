/** Where the system of a run lives, as one process has it: items of a table, or objects of a bucket. */
import { S3Client } from '@aws-sdk/client-s3';
import { AtomTable } from '../../../lib/atom/index.js';
import { SdkEngine } from '../../../lib/engine/index.js';
import { atomStorage, type Storage } from '../../../lib/prevalence/index.js';
import { Bucket } from '../../../lib/s3/bucket.js';
import { deleteS3Storage, s3Storage } from '../../../lib/s3/index.js';
import { localClient, localConfig } from '../local-client.js';
import type { StoreName } from '../stores.js';
import { keyName } from '../subject.js';

export const ledgerName = 'ledger';

export interface LedgerPlace {
  /** Each instance gets one of its own. */
  storage(): Storage;
  /** Removes the pointer to the snapshots, so that there is nothing to begin from. */
  forgetSnapshots(): Promise<unknown>;
  create(): Promise<unknown>;
  remove(): Promise<unknown>;
  close(): void;
}

export interface PlaceFacts {
  readonly store: StoreName;
  /** Of the store, or of a proxy before it. */
  readonly endpoint: string;
  /** Of the table, or of the prefix of all keys. */
  readonly table: string;
}

export function ledgerPlace(facts: PlaceFacts): LedgerPlace {
  return facts.store === 's3' ? placeInBucket(facts) : placeInTable(facts);
}

function placeInTable({ endpoint, table: tableName }: PlaceFacts): LedgerPlace {
  const client = localClient(endpoint);
  const engine = new SdkEngine(client);
  const table = () => new AtomTable({ engine, tableName, keyName });
  return {
    storage: () => atomStorage(table(), ledgerName),
    forgetSnapshots: () => engine.delete({ table: tableName, key: { [keyName]: { S: `${ledgerName}/snap` } } }),
    create: () => table().create(),
    remove: () => engine.deleteTable(tableName),
    close: () => client.destroy(),
  };
}

const bucket = 'runs';
/** Small, so that there are pages. */
const headBytesMax = 2_048;

function placeInBucket({ endpoint, table: prefix }: PlaceFacts): LedgerPlace {
  // The SDK's own retries, as users have them.
  const client = new S3Client({ ...localConfig, endpoint });
  return {
    storage: () => s3Storage({ client, bucket, prefix, headBytesMax }),
    forgetSnapshots: () => new Bucket(client, bucket).delete(`${prefix}/snap`),
    // The stand-in has each bucket that is named.
    create: async () => {},
    remove: () => deleteS3Storage({ client, bucket, prefix }),
    close: () => client.destroy(),
  };
}
