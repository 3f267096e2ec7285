// Goal: a prevalent system in a bucket is what it is on every storage. Method: the public contract, over the stand-in, and over whatever
// speaks S3 where there is any.
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, it } from '@jest/globals';
import { s3Storage } from '../../lib/s3/index.js';
import { storageContract, type TestedStore } from '../../lib/testing/index.js';
import { describeEndpoint, endpoints, type OpenEndpoint } from '../support/s3/endpoints.js';

/** A system under a prefix of its own. */
interface S3Store extends TestedStore {
  readonly prefix: string;
}

for (const row of endpoints) {
  describeEndpoint(row, () => {
    let opened: OpenEndpoint;
    let bucket: string;
    let [systems, writes] = [0, 0];
    beforeAll(async () => {
      opened = await row.open();
      bucket = await opened.bucket();
      opened.client.middlewareStack.add(
        (next, { commandName }) =>
          (args) => {
            if (/^(?:Put|Delete)Object/.test(String(commandName))) writes += 1;
            return next(args);
          },
        { step: 'initialize', name: 'counted' },
      );
    }, 120_000);
    afterAll(() => opened.close());

    const objectsOf = async ({ prefix }: S3Store): Promise<Uint8Array[]> => {
      const { Contents = [] } = await opened.client.send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: `${prefix}/` }),
      );
      const bodies = Contents.map(async ({ Key }) => {
        const { Body } = await opened.client.send(new GetObjectCommand({ Bucket: bucket, Key }));
        return (await Body?.transformToByteArray()) ?? new Uint8Array();
      });
      return Promise.all(bodies);
    };

    const facts = storageContract<S3Store>({
      eventBytesMax: 8 * 1_024 * 1_024,
      seals: true,
      newStore() {
        systems += 1;
        const prefix = `system-${systems}`;
        return { prefix, view: () => s3Storage({ client: opened.client, bucket, prefix }), writes: () => writes };
      },
      storedBytes: objectsOf,
      async damageSnapshot({ prefix }, id) {
        const Key = `${prefix}/part/${id}/0`;
        await opened.client.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
        await opened.client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'something else' }));
      },
    });
    for (const { name, run } of facts) it(name, run, 60_000);
  });
}
