// Goal: the stand-in answers the SDK as S3 does, in all that buckets are used for here; and it differs from S3 where it is told to.
// Method: one suite of plain and conditional calls by the SDK, over the stand-in and over whatever is at LEYDEN_S3_ENDPOINT; then
// what only the stand-in can be asked for.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { describeEndpoint, endpoints, localCredentials, type OpenEndpoint } from './s3/endpoints.js';
import type { StoredObject } from './s3/stored-objects.js';
import { type S3StandIn, type S3StandInOptions, startS3StandIn } from './s3-stand-in.js';

/** The name of the error, or what was answered. */
const told = <T>(answer: Promise<T>): Promise<T | string> =>
  answer.catch((error: { readonly name: string; readonly $metadata?: { readonly httpStatusCode?: number } }) =>
    `${error.name} ${error.$metadata?.httpStatusCode ?? ''}`.trim(),
  );

for (const row of endpoints) {
  describeEndpoint(row, () => {
    let opened: OpenEndpoint;
    let client: S3Client;
    let Bucket: string;
    beforeAll(async () => {
      opened = await row.open();
      client = opened.client;
      Bucket = await opened.bucket();
    });
    afterAll(() => opened.close());

    const unlessLacking = (what: string) => (row.lacks.has(what) ? it.skip : it);
    let keys = 0;
    const newKey = () => `key ${++keys}+ü/&<">`;
    const put = (Key: string, Body: string | Buffer | Readable, more: Partial<PutObjectCommandInput> = {}) =>
      client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
    const get = async (Key: string) => {
      const answer = await client.send(new GetObjectCommand({ Bucket, Key }));
      return { ...answer, text: await answer.Body?.transformToString() };
    };

    it('gives back what was put, with its ETag, metadata and type', async () => {
      const key = newKey();
      const { ETag } = await put(key, 'body', { Metadata: { place: '7' }, ContentType: 'text/plain' });
      expect(ETag).toBe('"841a2d689ad86bd1611447453c22c6fc"');
      expect(await get(key)).toMatchObject({ text: 'body', ETag, Metadata: { place: '7' }, ContentType: 'text/plain' });
      expect(await client.send(new HeadObjectCommand({ Bucket, Key: key }))).toMatchObject({ ETag, ContentLength: 4 });
      await put(key, Buffer.alloc(0));
      expect((await get(key)).text).toBe('');
    });

    unlessLacking('chunks')('takes a body that is sent in chunks, its checksum behind it', async () => {
      const key = newKey();
      const parts = Array.from({ length: 40 }, (_, index) => Buffer.alloc(10_000, index));
      const body = Buffer.concat(parts);
      await put(key, Readable.from(parts), { ContentLength: body.length, ContentEncoding: 'br' });
      const answer = await client.send(new GetObjectCommand({ Bucket, Key: key }));
      expect(Buffer.from((await answer.Body?.transformToByteArray()) ?? []).equals(body)).toBe(true);
      expect(answer.ContentEncoding).toMatch(/^br(,aws-chunked)?$/);
    });

    unlessLacking('checksums')('refuses a body that is not what its checksum says', async () => {
      expect(await told(put(newKey(), 'body', { ChecksumCRC32: 'AAAAAA==' }))).toMatch(
        /^(BadDigest|InvalidRequest) 400$/,
      );
      expect(await told(put(newKey(), 'body', { ContentMD5: 'AAAAAAAAAAAAAAAAAAAAAA==' }))).toBe('BadDigest 400');
    });

    it('knows nothing of what was never put, and of what was deleted', async () => {
      const key = newKey();
      expect(await told(get(key))).toBe('NoSuchKey 404');
      expect(await told(client.send(new HeadObjectCommand({ Bucket, Key: key })))).toBe('NotFound 404');
      expect(await client.send(new DeleteObjectCommand({ Bucket, Key: key }))).toMatchObject({});
      await put(key, 'body');
      await client.send(new DeleteObjectCommand({ Bucket, Key: key }));
      expect(await told(get(key))).toBe('NoSuchKey 404');
    });

    it('deletes many at once', async () => {
      const names = [newKey(), newKey(), newKey()];
      for (const name of names) await put(name, name);
      const Objects = [...names.slice(0, 2), 'never there'].map((Key) => ({ Key }));
      const { Deleted = [] } = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
      expect(Deleted.map(({ Key }) => Key).sort()).toEqual(Objects.map(({ Key }) => Key).sort());
      expect(await told(get(names[0] as string))).toBe('NoSuchKey 404');
      expect((await get(names[2] as string)).text).toBe(names[2]);
    });

    it('names a bucket that is not there', async () => {
      const absent = { Bucket: `${Bucket}-absent` };
      expect(await told(client.send(new GetObjectCommand({ ...absent, Key: 'k' })))).toBe('NoSuchBucket 404');
      expect(await told(client.send(new PutObjectCommand({ ...absent, Key: 'k', Body: 'x' })))).toBe(
        'NoSuchBucket 404',
      );
      expect(await told(client.send(new HeadBucketCommand(absent)))).toBe('NotFound 404');
      expect(await told(client.send(new HeadBucketCommand({ Bucket })))).toMatchObject({});
    });

    unlessLacking('conditions')('creates once under If-None-Match', async () => {
      const key = newKey();
      const { ETag } = await put(key, 'first', { IfNoneMatch: '*' });
      expect(ETag).toBeDefined();
      expect(await told(put(key, 'second', { IfNoneMatch: '*' }))).toBe('PreconditionFailed 412');
      expect((await get(key)).text).toBe('first');
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, writer) => told(put(`${key}!`, `${writer}`, { IfNoneMatch: '*' }))),
      );
      expect(answers.filter((answer) => typeof answer !== 'string')).toHaveLength(1);
    });

    unlessLacking('conditions')('overwrites under If-Match what it has seen, and nothing else', async () => {
      const key = newKey();
      const { ETag: first } = await put(key, 'first');
      const { ETag: second } = await put(key, 'second', { IfMatch: first });
      expect(await told(put(key, 'third', { IfMatch: first }))).toBe('PreconditionFailed 412');
      expect((await get(key)).text).toBe('second');
      expect(await told(put(newKey(), 'x', { IfMatch: second }))).toBe('NoSuchKey 404');
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, writer) => told(put(key, `${writer}`, { IfMatch: second }))),
      );
      expect(answers.filter((answer) => typeof answer !== 'string')).toHaveLength(1);
    });

    describe('a listing', () => {
      let many: string;
      const list = (input: Partial<ListObjectsV2CommandInput>) =>
        client.send(new ListObjectsV2Command({ Bucket: many, ...input }));
      const names = ['a', 'a/1', 'a/2/x', 'a/2/y', 'a/3', 'b', 'z\u{ff5e}', 'z\u{1f600}'];
      beforeAll(async () => {
        many = await opened.bucket();
        for (const Key of names) await client.send(new PutObjectCommand({ Bucket: many, Key, Body: Key }));
      });
      const keysOf = ({ Contents = [] }: Awaited<ReturnType<typeof list>>) => Contents.map(({ Key }) => Key);
      const prefixesOf = ({ CommonPrefixes = [] }: Awaited<ReturnType<typeof list>>) =>
        CommonPrefixes.map(({ Prefix }) => Prefix);

      unlessLacking('listings')('has the order of UTF-8 bytes, sizes and ETags', async () => {
        const all = await list({});
        expect(keysOf(all)).toEqual(names);
        expect(all).toMatchObject({ KeyCount: names.length, IsTruncated: false });
        expect(all.Contents?.[0]).toMatchObject({ Size: 1, ETag: '"0cc175b9c0f1b6a831c399e269772661"' });
        expect(
          keysOf(await list({ EncodingType: 'url', Prefix: 'a/' })).map((key) => decodeURIComponent(key ?? '')),
        ).toEqual(names.slice(1, 5));
      });

      unlessLacking('listings')('goes on where the page before has ended', async () => {
        const seen: (string | undefined)[] = [];
        let ContinuationToken: string | undefined;
        do {
          const page = await list({ MaxKeys: 3, ...(ContinuationToken !== undefined && { ContinuationToken }) });
          expect(page.KeyCount).toBeLessThanOrEqual(3);
          seen.push(...keysOf(page));
          ContinuationToken = page.NextContinuationToken;
        } while (ContinuationToken !== undefined);
        expect(seen).toEqual(names);
      });

      unlessLacking('listings')('begins with a prefix, after a key, and folds what shares a prefix', async () => {
        expect(keysOf(await list({ Prefix: 'a/', StartAfter: 'a/2/x' }))).toEqual(['a/2/y', 'a/3']);
        const folded = await list({ Prefix: 'a/', Delimiter: '/' });
        expect([keysOf(folded), prefixesOf(folded)]).toEqual([['a/1', 'a/3'], ['a/2/']]);
        expect(folded.KeyCount).toBe(3);
        expect(prefixesOf(await list({ Delimiter: '/' }))).toEqual(['a/']);
        const first = await list({ Delimiter: '/', MaxKeys: 2 });
        expect([keysOf(first), prefixesOf(first), first.IsTruncated]).toEqual([['a'], ['a/'], true]);
        const rest = await list({ Delimiter: '/', ContinuationToken: first.NextContinuationToken });
        expect([keysOf(rest), prefixesOf(rest)]).toEqual([names.slice(5), []]);
      });
    });
  });
}

describe('the stand-in', () => {
  let standIn: S3StandIn;
  const clients: S3Client[] = [];
  const start = async (options: S3StandInOptions = {}, config: S3ClientConfig = {}) => {
    standIn = await startS3StandIn({ buckets: ['state'], ...options });
    const client = new S3Client({
      ...{ endpoint: standIn.endpoint, region: 'us-east-1', credentials: localCredentials, maxAttempts: 1 },
      ...config,
    });
    clients.push(client);
    return client;
  };
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await standIn.close();
  });
  const at = { Bucket: 'state', Key: 'head' };
  const put = (client: S3Client, Body: string, more: Partial<PutObjectCommandInput> = {}) =>
    told(client.send(new PutObjectCommand({ ...at, Body, ...more })));
  const get = (client: S3Client) =>
    told(client.send(new GetObjectCommand(at)).then(({ Body }) => Body?.transformToString()));

  it('keeps a checksum, tells it, and so the SDK finds out about altered bytes', async () => {
    const client = await start();
    expect(await put(client, '123456789')).toMatchObject({ ChecksumCRC32: 'y/Q5Jg==', ChecksumType: 'FULL_OBJECT' });
    standIn.spoil('state', 'head', () => Buffer.from('123456780'));
    await expect(get(client)).resolves.toMatch(/^Error/);
    standIn.conduct.withoutChecksums = true;
    expect(await get(client)).toBe('123456780');
  });

  it('finds again what one before it was given, in a folder', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'leyden-jar-objects-'));
    const before = await start({ folder });
    const told = await put(before, 'body', { Metadata: { place: '7' } });
    await before.send(new PutObjectCommand({ ...at, Key: 'page/1', Body: 'gone' }));
    await before.send(new DeleteObjectCommand({ ...at, Key: 'page/1' }));
    const { headers } = standIn.object('state', 'head') as StoredObject;
    await standIn.close();
    const client = await start({ folder });
    expect(standIn.objects('state').keys()).toEqual(['head']);
    expect(standIn.object('state', 'head')).toMatchObject({ headers, etag: (told as { ETag: string }).ETag });
    expect(await get(client)).toBe('body');
    expect(await put(client, 'other', { IfNoneMatch: '*' })).toBe('PreconditionFailed 412');
    await rm(folder, { recursive: true });
  });

  it('lists 1,000 keys a page', async () => {
    const client = await start();
    for (let index = 0; index < 2_345; index += 1) {
      standIn.objects('state').put(`k${String(index).padStart(5, '0')}`, Buffer.from('x'), {}, {}, 0);
    }
    const sizes: (number | undefined)[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await client.send(new ListObjectsV2Command({ Bucket: 'state', MaxKeys: 5_000, ContinuationToken }));
      sizes.push(page.KeyCount);
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    expect(sizes).toEqual([1_000, 1_000, 345]);
  });

  it('makes and removes buckets', async () => {
    const client = await start();
    await client.send(new CreateBucketCommand({ Bucket: 'second' }));
    expect(await told(client.send(new CreateBucketCommand({ Bucket: 'second' })))).toBe('BucketAlreadyOwnedByYou 409');
    await put(client, 'x', { Bucket: 'second' });
    expect(await told(client.send(new DeleteBucketCommand({ Bucket: 'second' })))).toBe('BucketNotEmpty 409');
  });

  it('tells of writes that race, if it is to', async () => {
    const client = await start({ conduct: { tellsRaces: true } });
    standIn.beforePut = () => put(client, 'other');
    expect(await put(client, 'mine', { IfNoneMatch: '*' })).toBe('ConditionalRequestConflict 409');
    expect(await put(client, 'mine', { IfNoneMatch: '*' })).toBe('PreconditionFailed 412');
    standIn.beforePut = () => client.send(new DeleteObjectCommand(at));
    const etag = standIn.object('state', 'head')?.etag;
    expect(await put(client, 'mine', { IfMatch: etag })).toBe('ConditionalRequestConflict 409');
  });

  it('ignores conditions as s3rver does', async () => {
    const client = await start({ conduct: { ignoresConditions: true } });
    expect(await put(client, 'one', { IfNoneMatch: '*' })).toMatchObject({});
    expect(await put(client, 'two', { IfNoneMatch: '*' })).toMatchObject({});
    expect(await put(client, 'three', { IfMatch: '"stale"' })).toMatchObject({});
    expect(await get(client)).toBe('three');
  });

  it('takes quotes literally and a missing key for an unmet condition as radosgw does', async () => {
    const client = await start({ conduct: { quotesLiterally: true, missingIsUnmet: true } });
    expect(await put(client, 'x', { IfMatch: '"841a2d689ad86bd1611447453c22c6fc"' })).toBe('PreconditionFailed 412');
    await put(client, 'body');
    expect(await put(client, 'x', { IfMatch: '"841a2d689ad86bd1611447453c22c6fc"' })).toBe('PreconditionFailed 412');
    expect(await put(client, 'x', { IfMatch: '841a2d689ad86bd1611447453c22c6fc' })).toMatchObject({});
  });

  it('refuses what it is told to refuse', async () => {
    const client = await start();
    for (const [code, status] of [
      ['AccessDenied', 403],
      ['SlowDown', 503],
      ['InternalError', 500],
      ['PermanentRedirect', 301],
    ] as const) {
      standIn.conduct.refuse = ({ operation }) => (operation === 'PutObject' ? code : undefined);
      expect(await put(client, 'x')).toBe(`${code} ${status}`);
    }
    standIn.conduct.refuse = undefined;
    expect(await get(client)).toBe('NoSuchKey 404');
  });

  it('refuses what it does not know', async () => {
    const client = await start();
    expect(await told(client.send(new GetObjectCommand({ ...at, Range: 'bytes=0-1' })))).toBe('NotImplemented 501');
    expect(await told(client.send(new GetObjectCommand({ ...at, VersionId: '1' })))).toBe('NotImplemented 501');
  });

  it('tells what it was asked', async () => {
    const client = await start();
    await put(client, 'body', { IfNoneMatch: '*' });
    await get(client);
    expect(standIn.takeCounts()).toEqual({ PutObject: 1, GetObject: 1 });
    await get(client);
    expect(standIn.takeCounts()).toEqual({ GetObject: 1 });
    expect(standIn.requests[0]).toEqual({
      ...{ operation: 'PutObject', bucket: 'state', key: 'head', status: 200 },
      ...{ condition: 'If-None-Match: *', checked: true, bytes: 4 },
    });
  });
});
