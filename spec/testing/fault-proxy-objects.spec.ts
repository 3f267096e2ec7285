// Goal: before what speaks S3, every kind of fault does to the object and to the SDK what its name says; rules strike one key alone.
// Method: a stand-in for S3 behind the proxy; each fault strikes once, and the object is looked up past the proxy.
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type FaultKind,
  type FaultProxy,
  type FaultRule,
  faultRules,
  startFaultProxy,
} from '../../lib/testing/index.js';
import { localCredentials } from '../support/s3/endpoints.js';
import { type S3StandIn, startS3StandIn } from '../support/s3-stand-in.js';

let standIn: S3StandIn;
const cleanups: (() => unknown)[] = [];
beforeAll(async () => {
  standIn = await startS3StandIn();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(() => standIn.close());

async function struck(rule: FaultRule, maxAttempts = 1): Promise<{ proxy: FaultProxy; client: S3Client; Key: string }> {
  const proxy = await startFaultProxy({ target: standIn.endpoint, seed: 3, rules: [{ times: 1, ...rule }] });
  cleanups.push(() => proxy.close());
  const settings = { endpoint: proxy.endpoint, region: 'us-east-1', credentials: localCredentials };
  const client = new S3Client({
    ...settings,
    maxAttempts,
    requestHandler: { requestTimeout: 300, throwOnRequestTimeout: true },
  });
  cleanups.push(() => client.destroy());
  keys += 1;
  return { proxy, client, Key: `k${keys}` };
}
let keys = 0;
const Bucket = 'jar';
const sent = (answer: Promise<unknown>) =>
  answer.then(
    () => 'done',
    (error: Error & { readonly $metadata?: { readonly httpStatusCode?: number } }) =>
      error.$metadata?.httpStatusCode === undefined ? 'lost' : `${error.name} ${error.$metadata.httpStatusCode}`,
  );
const stands = (key: string) => standIn.object(Bucket, key)?.body.toString();

describe('startFaultProxy before S3', () => {
  it.each([
    ['reset-before', 'lost', undefined],
    ['reset-after', 'lost', 'body'],
    ['close-before', 'lost', undefined],
    ['close-after', 'lost', 'body'],
    ['swallow-before', 'lost', undefined],
    ['swallow-after', 'lost', 'body'],
    ['late', 'lost', undefined],
    ['5xx-before', 'InternalError 500', undefined],
    ['5xx-after', 'InternalError 500', 'body'],
    ['throttle', 'SlowDown 503', undefined],
    ['conflict', 'ConditionalRequestConflict 409', undefined],
    ['alter-request', 'XAmzContentSHA256Mismatch 400', undefined],
    ['delay', 'done', 'body'],
  ] as const)('%s: the PUT is %s, there stands %s', async (fault: FaultKind, told, there) => {
    const { proxy, client, Key } = await struck({ fault, operations: ['PutObject'], body: 'json', delayMs: [10, 20] });
    const put = () => sent(client.send(new PutObjectCommand({ Bucket, Key, Body: 'body', IfNoneMatch: '*' })));
    expect([await put(), stands(Key)]).toEqual([told, there]);
    await proxy.close({ flush: true });
    if (fault === 'late') expect(stands(Key)).toBe('body');
  });

  it('doubles a PUT: the second copy meets the first', async () => {
    const { client, Key } = await struck({ fault: 'duplicate', operations: ['PutObject'], answer: 'second' });
    const put = client.send(new PutObjectCommand({ Bucket, Key, Body: 'body', IfNoneMatch: '*' }));
    expect([await sent(put), stands(Key)]).toEqual(['PreconditionFailed 412', 'body']);
  });

  it.each(['alter-body', 'shorten-body', 'cut-body'] as const)('%s: the SDK finds out', async (fault) => {
    const { client, Key } = await struck({ fault });
    await client.send(new PutObjectCommand({ Bucket, Key, Body: 'body' }));
    const get = async () => (await client.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString();
    await expect(get()).rejects.toThrow();
    expect(await get()).toBe('body');
  });

  it('gives the answer that is spelled out', async () => {
    const canned = { status: 403, type: 'AccessDenied', message: 'a < b & c' };
    const { client, Key } = await struck({ fault: 'answer', operations: ['GetObject'], canned });
    await expect(client.send(new GetObjectCommand({ Bucket, Key }))).rejects.toMatchObject({
      ...{ name: 'AccessDenied', message: 'a < b & c' },
    });
  });

  it('strikes the requests of one key', async () => {
    const { proxy, client } = await struck({ fault: '5xx-before', path: 'app/snap', times: 9 });
    const put = (Key: string) => sent(client.send(new PutObjectCommand({ Bucket, Key, Body: 'body' })));
    expect(await Promise.all(['app/head', 'app/snap', 'app/page/1'].map(put))).toEqual([
      'done',
      expect.not.stringMatching('done'),
      'done',
    ]);
    expect(proxy.stats()).toMatchObject({ requests: 3, passed: 2, faults: { '5xx-before': 1 } });
  });

  it('has a retry of the SDK meet what the lost copy has put', async () => {
    const { client, Key } = await struck({ fault: 'reset-after' }, 3);
    const put = client.send(new PutObjectCommand({ Bucket, Key, Body: 'body', IfNoneMatch: '*' }));
    await expect(put).rejects.toMatchObject({ name: 'PreconditionFailed', $metadata: { attempts: 2 } });
  });
});

describe('the profile altered', () => {
  it('alters what has a checksum, and items never', () => {
    const kinds = new Set(faultRules('altered', 0.3).map(({ fault }) => fault));
    expect([...kinds].sort()).toEqual(['alter-body', 'alter-request', 'shorten-body']);
  });
});
