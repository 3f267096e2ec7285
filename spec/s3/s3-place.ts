/** A bucket of the stand-in and a client of it, for the specs of one file; and ways to lose answers on the client's side. */
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { likeS3 } from '../support/s3/conduct.js';
import { localCredentials } from '../support/s3/endpoints.js';
import { type S3StandIn, startS3StandIn } from '../support/s3-stand-in.js';

/** A system that adds up. */
export const sum: {
  readonly initialState: 0;
  readonly handler: (total: number, n: number) => number;
  readonly follow: false;
  readonly snapshots: false;
} = { initialState: 0, handler: (total, n) => total + n, follow: false, snapshots: false };

export interface S3Bench {
  readonly server: S3StandIn;
  readonly bucket: string;
  /** A client that does not try again by itself, unless asked to. */
  client(config?: Partial<S3ClientConfig>): S3Client;
  /** A prefix that no other spec has. */
  prefix(): string;
}

/** Registers opening and closing with jest. What it returns is open while specs run. */
export function registerBench(): () => S3Bench {
  let server: S3StandIn;
  let prefixes = 0;
  const clients: S3Client[] = [];
  beforeAll(async () => {
    server = await startS3StandIn({ buckets: ['bucket'] });
  });
  beforeEach(() => {
    Object.assign(server.conduct, likeS3());
    server.takeCounts();
  });
  afterAll(async () => {
    for (const client of clients) client.destroy();
    await server.close();
  });
  return () => ({
    server,
    bucket: 'bucket',
    client(config) {
      const { endpoint } = server;
      const base = {
        endpoint,
        region: 'us-east-1',
        forcePathStyle: true,
        credentials: localCredentials,
        maxAttempts: 1,
      };
      const client = new S3Client({ ...base, ...config });
      clients.push(client);
      return client;
    },
    prefix() {
      prefixes += 1;
      return `system-${prefixes}`;
    },
  });
}

/** What may be in the way of one request of a client: before it is sent, or when its answer is there. */
export interface Mishap {
  readonly operation: string;
  readonly when: 'before' | 'after';
  /** How many requests it meets; the SDK's own copies count. */
  times: number;
}

/** Lets a client lose requests, or answers to them, as a network does. */
export function mishaps(client: S3Client): Mishap[] {
  const list: Mishap[] = [];
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const operation = String(commandName).replace('Command', '');
        const met = list.find((one) => one.operation === operation && one.times > 0);
        if (met === undefined) return next(args);
        met.times -= 1;
        if (met.when === 'after') await next(args);
        throw Object.assign(new Error('read ECONNRESET'), { name: 'TimeoutError', code: 'ECONNRESET', $metadata: {} });
      },
    { step: 'deserialize', priority: 'high', name: 'mishaps' },
  );
  return list;
}
