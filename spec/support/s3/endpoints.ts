/**
 * The buckets that suites run over: the stand-in, and whatever speaks S3 at LEYDEN_S3_ENDPOINT.
 *
 * That one takes LEYDEN_S3_ACCESS_KEY, LEYDEN_S3_SECRET_KEY and LEYDEN_S3_REGION, or else the SDK's own way to find them;
 * `aws` as the endpoint is the service itself. LEYDEN_S3_LACKS says what is not to be asked of it: conditions, checksums, chunks,
 * listings (see `README.md` for what lacks what). Buckets are made and emptied, under names that begin with LEYDEN_S3_BUCKET
 * (default `leyden-`).
 */
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListObjectsV2Command,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { describe } from '@jest/globals';
import { startS3StandIn } from '../s3-stand-in.js';

export interface OpenEndpoint {
  readonly client: S3Client;
  readonly endpoint: string | undefined;
  /** A new bucket, which goes with `close`. */
  bucket(): Promise<string>;
  close(): Promise<void>;
}

export interface EndpointRow {
  readonly name: string;
  /** Why it is not to be had here, if so. */
  readonly missing?: string | undefined;
  /** What it can't, of what S3 can. */
  readonly lacks: ReadonlySet<string>;
  open(): Promise<OpenEndpoint>;
}

let buckets = 0;

function opened(config: S3ClientConfig, closeStore: () => Promise<void>): OpenEndpoint {
  const client = new S3Client({ forcePathStyle: true, region: 'us-east-1', ...config });
  const made: string[] = [];
  return {
    client,
    endpoint: config.endpoint as string | undefined,
    async bucket() {
      buckets += 1;
      const Bucket = `${process.env.LEYDEN_S3_BUCKET ?? 'leyden-'}${process.pid}-${Date.now().toString(36)}-${buckets}`;
      await client.send(new CreateBucketCommand({ Bucket }));
      made.push(Bucket);
      return Bucket;
    },
    async close() {
      for (const bucket of made) await empty(client, bucket);
      client.destroy();
      await closeStore();
    },
  };
}

async function empty(client: S3Client, Bucket: string): Promise<void> {
  for (;;) {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
    if (Contents.length === 0) break;
    const Objects = Contents.map(({ Key }) => ({ Key }));
    await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
  }
  await client.send(new DeleteBucketCommand({ Bucket }));
}

export const localCredentials: { readonly accessKeyId: string; readonly secretAccessKey: string } = {
  accessKeyId: 'local',
  secretAccessKey: 'local-secret',
};

const standIn: EndpointRow = {
  name: 'stand-in',
  lacks: new Set(),
  async open() {
    const server = await startS3StandIn({ buckets: [] });
    return opened({ endpoint: server.endpoint, credentials: localCredentials }, () => server.close());
  },
};

const {
  LEYDEN_S3_ENDPOINT: given,
  LEYDEN_S3_ACCESS_KEY: accessKeyId,
  LEYDEN_S3_SECRET_KEY: secretAccessKey,
  LEYDEN_S3_REGION: region = 'us-east-1',
  LEYDEN_S3_LACKS: lacking = '',
} = process.env;

const outside: EndpointRow = {
  name: given ?? 'an outside endpoint',
  missing: given === undefined ? 'LEYDEN_S3_ENDPOINT is not set' : undefined,
  lacks: new Set(lacking.split(/[ ,]+/)),
  async open() {
    const keys = accessKeyId !== undefined && secretAccessKey !== undefined;
    const config: S3ClientConfig = {
      region,
      ...(given !== 'aws' && given !== undefined && { endpoint: given }),
      ...(keys && { credentials: { accessKeyId, secretAccessKey } }),
    };
    return opened(config, async () => {});
  },
};

export const endpoints: readonly EndpointRow[] = [standIn, outside];

/** `describe` for one endpoint; where it is missing, a skipped block whose name says why, and a loud line on stderr. */
export function describeEndpoint(row: EndpointRow, suite: () => void): void {
  if (row.missing === undefined) {
    describe(row.name, suite);
    return;
  }
  process.stderr.write(`\n*** ${row.name} of S3 is SKIPPED: ${row.missing} ***\n\n`);
  describe.skip(`${row.name} is skipped: ${row.missing}`, suite);
}
