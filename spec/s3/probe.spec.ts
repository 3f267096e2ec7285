// Goal: no system begins in a bucket that can't keep writers apart, and what is wrong with a bucket is said with its remedy. Method: each
// way in which services differ from S3, and each refusal, when a system is opened.
import { describe, expect, it } from '@jest/globals';
import { openPrevayler } from '../../lib/prevalence/index.js';
import { s3Storage } from '../../lib/s3/index.js';
import { startFaultProxy } from '../../lib/testing/index.js';
import type { Conduct } from '../support/s3/conduct.js';
import { mishaps, registerBench, type S3Bench, sum } from './s3-place.js';

const bench = registerBench();

/** Opens a system with a client that no other one has, so that the bucket is probed. */
async function opening({ client, bucket, prefix }: S3Bench, maxAttempts = 1) {
  const system = await openPrevayler({
    ...sum,
    storage: s3Storage({ client: client({ maxAttempts }), bucket, prefix: prefix() }),
  });
  await system.close();
}

describe('probeOnce', () => {
  it('asks once per client and bucket, and leaves nothing behind', async () => {
    const { server, client, bucket, prefix } = bench();
    const sdk = client();
    const name = prefix();
    server.takeCounts();
    for (const storage of [
      s3Storage({ client: sdk, bucket, prefix: name }),
      s3Storage({ client: sdk, bucket, prefix: `${name}/two` }),
    ]) {
      await (await openPrevayler({ ...sum, storage })).close();
    }
    // Of these, two GETs are of each system: its pointer and its head.
    expect(server.takeCounts()).toEqual({ PutObject: 7, GetObject: 5, DeleteObject: 1 });
    expect(
      server
        .objects(bucket)
        .keys()
        .filter((key) => key.startsWith(name)),
    ).toEqual([]);
  });

  it('is not asked by who may not write', async () => {
    const { server, client, bucket, prefix } = bench();
    server.takeCounts();
    const storage = s3Storage({ client: client(), bucket, prefix: prefix() });
    await (await openPrevayler({ ...sum, storage, mode: 'read-only' })).close();
    expect(server.takeCounts()).toEqual({ GetObject: 2 });
  });

  it.each<[string, Partial<Conduct>, string]>([
    ['takes no notice of the conditions', { ignoresConditions: true }, 'no notice of If-None-Match: *'],
    ['finds no ETag to match that it told', { quotesLiterally: true }, 'does not find If-Match met'],
    ['looks first and writes then', { looksThenWrites: true }, 'of 4 PUTs at once'],
  ])('refuses a service that %s', async (_, conduct, said) => {
    const place = bench();
    Object.assign(place.server.conduct, conduct);
    await expect(opening(place)).rejects.toMatchObject({
      code: 'ERR_BUCKET',
      reason: 'no-conditional-writes',
      outcome: 'not-done',
      message: expect.stringContaining(said),
    });
    expect(
      place.server
        .objects(place.bucket)
        .keys()
        .filter((key) => key.includes('/probe/')),
    ).toEqual([]);
  });

  it.each<[string, Partial<Conduct>]>([
    ['has no checksums', { withoutChecksums: true }],
    ['says 412 of what is missing', { missingIsUnmet: true }],
    ['says 409 of writes at once', { tellsRaces: true }],
  ])('takes a service that %s', async (_, conduct) => {
    const place = bench();
    Object.assign(place.server.conduct, conduct);
    await opening(place);
  });

  it('refuses a service whose ETags are made of something else than the content', async () => {
    const place = bench();
    const sdk = place.client();
    // Of size and second, as of a file.
    sdk.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          const input = args.input as { IfMatch?: string; Key?: string };
          const isStale = input.IfMatch !== undefined && input.IfMatch !== '"size-6"';
          if (!isStale && input.IfMatch !== undefined) {
            input.IfMatch = place.server.object(place.bucket, input.Key ?? '')?.etag ?? '"none"';
          }
          const answer = await next(args);
          if (String(commandName).startsWith('DeleteObject')) return answer;
          return { ...answer, output: { ...(answer.output as object), ETag: '"size-6"' } as never };
        },
      { step: 'initialize', name: 'etags' },
    );
    const storage = s3Storage({ client: sdk, bucket: place.bucket, prefix: place.prefix() });
    await expect(openPrevayler({ ...sum, storage })).rejects.toMatchObject({
      reason: 'no-conditional-writes',
      message: expect.stringContaining('one ETag of two contents'),
    });
  });

  it('is not misled by a copy that was made on the way', async () => {
    const { server, client, bucket, prefix } = bench();
    for (const skip of [0, 1, 2, 3, 6]) {
      const doubled = { fault: 'duplicate', answer: 'second', operations: ['PutObject'], path: '/probe/' } as const;
      const proxy = await startFaultProxy({ target: server.endpoint, rules: [{ ...doubled, skip, times: 1 }] });
      const sdk = client({ endpoint: proxy.endpoint });
      await (await openPrevayler({ ...sum, storage: s3Storage({ client: sdk, bucket, prefix: prefix() }) })).close();
      expect(proxy.stats().faults).toEqual({ duplicate: 1 });
      await proxy.close();
    }
  });

  it('goes on from the step that was not done for certain', async () => {
    const { server, client, bucket, prefix } = bench();
    const probed = new Set<string>();
    let asked = 0;
    // Each second request fails, so that no probe would come to its end without a failure.
    server.conduct.refuse = ({ key }) => {
      if (!key.includes('/probe/')) return undefined;
      probed.add(key);
      asked += 1;
      return asked % 2 === 1 ? 'XAmzContentSHA256Mismatch' : undefined;
    };
    await opening({ ...bench(), client, bucket, prefix });
    expect(probed.size).toBe(1);
  });

  it('asks anew when an answer was lost, by whoever', async () => {
    for (const maxAttempts of [1, 3]) {
      const { client, bucket, prefix } = bench();
      const sdk = client({ maxAttempts });
      mishaps(sdk).push({ operation: 'PutObject', when: 'after', times: 1 });
      await (await openPrevayler({ ...sum, storage: s3Storage({ client: sdk, bucket, prefix: prefix() }) })).close();
    }
  });

  it('asks anew when it is opened again after a failure', async () => {
    const { server, client, bucket, prefix } = bench();
    const storage = s3Storage({ client: client(), bucket, prefix: prefix() });
    server.conduct.refuse = () => 'AccessDenied';
    await expect(openPrevayler({ ...sum, storage })).rejects.toMatchObject({ reason: 'denied' });
    server.conduct.refuse = undefined;
    await (await openPrevayler({ ...sum, storage })).close();
  });
});

describe('BucketError', () => {
  it('says that there is no such bucket', async () => {
    await expect(opening({ ...bench(), bucket: 'no-bucket' })).rejects.toMatchObject({
      code: 'ERR_BUCKET',
      reason: 'missing',
      retryable: false,
      message: expect.stringMatching(
        /^Cannot use bucket no-bucket: .*\(missing\); create it, or name another one \[ERR_BUCKET\]$/,
      ),
    });
  });

  it('says that access is denied, and which permissions are wanted', async () => {
    const place = bench();
    place.server.conduct.refuse = () => 'AccessDenied';
    await expect(opening(place)).rejects.toMatchObject({
      reason: 'denied',
      message: expect.stringContaining('s3:ListBucket'),
    });
  });

  it('says which region the bucket is in', async () => {
    const place = bench();
    place.server.conduct.refuse = () => 'PermanentRedirect';
    await expect(opening(place)).rejects.toMatchObject({
      reason: 'other-region',
      message: expect.stringContaining('eu-west-1'),
    });
  });

  it('says it to readers too', async () => {
    const { client, prefix } = bench();
    const storage = s3Storage({ client: client(), bucket: 'no-bucket', prefix: prefix() });
    await expect(openPrevayler({ ...sum, storage, mode: 'read-only' })).rejects.toMatchObject({ reason: 'missing' });
  });

  it('is thrown by `handle` when it comes to that later, and nothing has happened', async () => {
    const { server, client, bucket, prefix } = bench();
    const storage = s3Storage({ client: client(), bucket, prefix: prefix() });
    const system = await openPrevayler({ ...sum, storage });
    await system.handle(1);
    server.conduct.refuse = ({ operation }) => (operation === 'PutObject' ? 'AccessDenied' : undefined);
    await expect(system.handle(2)).rejects.toMatchObject({ code: 'ERR_BUCKET', reason: 'denied' });
    server.conduct.refuse = undefined;
    expect(await system.handle(4)).toMatchObject({ state: 5, seq: 2 });
    await system.close();
  });
});
