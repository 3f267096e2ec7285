// Goal: a bucket that is out of reach is waited for as an atom is, and then that is said by an error with a name, the bucket's, which
// tells what is known of what was to be written. Method: a client that gets no connection, or is told to slow down, for a while or for
// ever, on a virtual clock.
import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../lib/engine/index.js';
import { Bucket, type S3ClientLike } from '../../lib/s3/bucket.js';
import { deleteS3StorageFrom } from '../../lib/s3/delete-s3-storage.js';
import { deleteObject, putOnce, reading } from '../../lib/s3/insisting.js';
import { probeOnce } from '../../lib/s3/probe.js';
import { snapshotStoreIn } from '../../lib/s3/s3-snapshot-store.js';
import { VirtualClock } from '../../lib/testing/index.js';

const refused = () => Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:443'), { code: 'ECONNREFUSED' });
const slowDown = () =>
  Object.assign(new Error('Please reduce your request rate.'), {
    ...{ name: 'SlowDown', $fault: 'client', $metadata: { httpStatusCode: 503, attempts: 3 } },
  });

/** Fails by `failure` until `untilMs`; then nothing is there and everything is done. */
function place(failure: () => Error, untilMs: number) {
  const clock = new VirtualClock();
  const client: S3ClientLike = {
    config: {},
    async send(command: { constructor: { name: string } }) {
      await clock.sleep(1);
      if (clock.monotonicMs() < untilMs) throw failure();
      if (command.constructor.name !== 'GetObjectCommand') return { ETag: '"1"', $metadata: { attempts: 1 } };
      throw Object.assign(new Error('no such key'), {
        name: 'NoSuchKey',
        $fault: 'client',
        $metadata: { attempts: 1 },
      });
    },
  };
  const sources = { clock, random: seededRandom(1) };
  return { clock, client, sources, bucket: new Bucket(client, 'till') };
}
type Place = ReturnType<typeof place>;

/** What is asked without an atom, and what is known of it in the end. */
const requests: readonly [string, (place: Place) => Promise<unknown>, outcome: string][] = [
  ['the probe', ({ client, bucket, sources }) => probeOnce(client, bucket, 'state', sources), 'not-done'],
  [
    'reading a part',
    ({ bucket, sources }) => Promise.resolve(snapshotStoreIn(bucket, 'state', sources).get('id', 0)),
    'not-done',
  ],
  [
    'writing a part',
    ({ bucket, sources }) => putOnce(bucket, 'key', Buffer.from('part'), sources, undefined),
    'unknown',
  ],
  ['deleting an object', ({ bucket, sources }) => deleteObject(bucket, 'key', sources, undefined), 'unknown'],
  [
    'a listing',
    ({ bucket, sources }) =>
      reading({ bucket: 'till', sources, signal: undefined }, () => bucket.list('key', undefined)),
    'not-done',
  ],
];

describe('BucketUnavailableError', () => {
  it.each(requests)('ends %s after half a minute, with the obstacle and a remedy', async (_, ask, outcome) => {
    for (const failure of [refused, slowDown]) {
      const there = place(failure, Number.POSITIVE_INFINITY);
      await expect(there.clock.run(ask(there))).rejects.toMatchObject({
        ...{ code: 'ERR_BUCKET_UNAVAILABLE', bucket: 'till', outcome, retryable: true },
        message: expect.stringMatching(
          new RegExp(`^Cannot use bucket till: tried for \\d+ ms, last obstacle: .*${failure().message}; try again`),
        ),
      });
      expect(there.clock.monotonicMs()).toBeGreaterThan(30_000);
      expect(there.clock.monotonicMs()).toBeLessThan(46_000);
    }
  });

  it.each(requests.slice(1, 4))('is not thrown by %s when the bucket is back before that', async (_, ask) => {
    const there = place(refused, 25_000);
    await there.clock.run(ask(there));
    expect(there.clock.monotonicMs()).toBeGreaterThan(25_000);
  });
});

describe('deleting a system', () => {
  it('that ends in the middle does not say that nothing was done', async () => {
    const { clock, sources } = place(refused, 0);
    const listing = { Contents: [{ Key: 'state/page/1', Size: 1 }], IsTruncated: true, NextContinuationToken: 'next' };
    for (const [pages, outcome] of [
      [0, 'not-done'],
      [1, 'unknown'],
    ] as const) {
      let lists = 0;
      const client: S3ClientLike = {
        config: {},
        async send({ constructor: { name } }: { constructor: { name: string } }) {
          if (name === 'ListObjectsV2Command') lists += 1;
          if (lists > pages) throw refused();
          return { ...listing, $metadata: { attempts: 1 } };
        },
      };
      const deleting = deleteS3StorageFrom({ client, bucket: 'till', prefix: 'state' }, sources);
      await expect(clock.run(deleting)).rejects.toMatchObject({ code: 'ERR_BUCKET_UNAVAILABLE', outcome });
    }
  });
});

describe('requests at once', () => {
  const keys = ['state/page/1', 'state/page/2', 'state/page/3'];
  type Command = { constructor: { name: string }; input: { Key?: string; IfMatch?: string; IfNoneMatch?: string } };

  it.each<[string, (there: Place) => Promise<unknown>]>([
    [
      'of a deletion',
      ({ client, sources }) => deleteS3StorageFrom({ client, bucket: 'till', prefix: 'state' }, sources),
    ],
    ['of a probe', ({ client, bucket, sources }) => probeOnce(client, bucket, 'state', sources)],
  ])('%s are not made again once one of them was refused', async (_, ask) => {
    const { clock, sources } = place(refused, 0);
    let sent = 0;
    let created = false;
    const client: S3ClientLike = {
      config: {},
      async send({ constructor: { name }, input }: Command) {
        sent += 1;
        const $metadata = { attempts: 1 };
        if (name === 'ListObjectsV2Command') return { Contents: keys.map((Key) => ({ Key, Size: 1 })), $metadata };
        if (name === 'DeleteObjectCommand' && !keys.includes(input.Key ?? '')) return { $metadata };
        if (name === 'PutObjectCommand' && !created) {
          created = true;
          return { ETag: '"1"', $metadata };
        }
        await clock.sleep(10);
        const isFirst = input.Key === keys[0] || input.IfMatch !== undefined;
        if (isFirst) throw Object.assign(new Error('no'), { name: 'AccessDenied', $fault: 'client', $metadata });
        throw Object.assign(slowDown(), { $metadata: { httpStatusCode: 503, attempts: 1 } });
      },
    };
    const bucket = new Bucket(client, 'till');
    const there = { clock, client, sources, bucket };
    await expect(clock.run(ask(there))).rejects.toMatchObject({ reason: 'denied' });
    const before = sent;
    await clock.run(clock.sleep(60_000));
    expect(sent).toBe(before);
  });
});

describe('putOnce', () => {
  it('does not send the content again to look at what is there', async () => {
    const sent: string[] = [];
    const client: S3ClientLike = {
      config: {},
      async send({ constructor: { name } }: { constructor: { name: string } }) {
        sent.push(name);
        if (sent.length === 1) throw Object.assign(new Error('unmet'), { name: 'PreconditionFailed' });
        if (sent.length < 4) throw refused();
        throw Object.assign(new Error('denied'), { name: 'AccessDenied', $fault: 'client' });
      },
    };
    const { clock, sources } = place(refused, 0);
    const putting = putOnce(new Bucket(client, 'till'), 'key', Buffer.from('part'), sources, undefined);
    await expect(clock.run(putting)).rejects.toMatchObject({ reason: 'denied' });
    expect(sent).toEqual(['PutObjectCommand', 'GetObjectCommand', 'GetObjectCommand', 'GetObjectCommand']);
  });
});
