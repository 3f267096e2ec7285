// Goal: a system in a bucket costs what is written of it, and works with several writers and large things. Method: requests are counted
// by the stand-in; what all storages owe is in spec/contract.
import { describe, expect, it } from '@jest/globals';
import { compressed } from '../../lib/codec/index.js';
import { openPrevayler, type PrevaylerOptions, type Storage, sealedStorage } from '../../lib/prevalence/index.js';
import { deleteS3Storage, s3SnapshotStore, s3Storage } from '../../lib/s3/index.js';
import { noise, range } from '../support/prevalent.js';
import { mishaps, registerBench, sum } from './s3-place.js';

const bench = registerBench();

/** A system of its own; its client has probed the bucket. */
async function place() {
  const { server, client, bucket, prefix } = bench();
  const sdk = client();
  const at = { client: sdk, bucket, prefix: prefix() };
  const open = <S, E>(system: Omit<PrevaylerOptions<S, E, unknown>, 'storage'> & { readonly storage?: Storage }) =>
    openPrevayler<S, E, unknown>({ storage: s3Storage(at), ...system });
  await (await open({ ...sum, storage: s3Storage({ ...at, prefix: `${at.prefix}/probed` }) })).close();
  const keys = () =>
    server
      .objects(bucket)
      .keys()
      .filter((key) => key.startsWith(`${at.prefix}/`))
      .map((key) => key.slice(at.prefix.length + 1));
  server.takeCounts();
  return { server, at, open, keys, sdk };
}

describe('s3Storage', () => {
  it('opens a new system with two looks', async () => {
    const { server, open } = await place();
    await (await open(sum)).close();
    expect(server.takeCounts()).toEqual({ GetObject: 2 });
  });

  it('appends with one PUT, whatever number of callers wait together', async () => {
    const { server, open } = await place();
    const till = await open(sum);
    await till.handle(1);
    server.takeCounts();
    await till.handle(1);
    expect(server.takeCounts()).toEqual({ PutObject: 1 });
    await Promise.all(range(100).map(() => till.handle(1)));
    expect(server.takeCounts()).toEqual({ PutObject: 1 });
    await till.close();
  });

  it('moves old commits to a page when the head has 16 KB, and not before', async () => {
    const { server, open, keys, at } = await place();
    const texts = {
      initialState: 0,
      handler: (total: number, text: string) => total + text.length,
      follow: false,
      snapshots: false,
    };
    const till = await open(texts);
    for (const n of range(60)) await till.handle(noise(500, n));
    const { PutObject: puts = 0, ...others } = server.takeCounts();
    const pages = keys().filter((key) => key.startsWith('page/'));
    // Text that can't be packed: 30 KB of it, and of that at most 16 KB in the head.
    expect([pages.length, puts]).toEqual([2, 62]);
    expect(others).toEqual({ GetObject: 2 });
    const bytes = server.object(at.bucket, `${at.prefix}/page/0`)?.body.length ?? 0;
    expect([bytes > 8 * 1_024, bytes < 17 * 1_024]).toEqual([true, true]);
    await till.close();
  });

  it('looks with one GET, which brings nothing when nothing is new', async () => {
    const { server, open } = await place();
    const [till, other] = [await open(sum), await open(sum)];
    await till.handle(1);
    await other.sync();
    server.takeCounts();
    await other.sync();
    expect(server.takeCounts()).toEqual({ GetObject: 1 });
    expect(server.requests.at(-1)).toMatchObject({ operation: 'GetObject', status: 304 });
    await till.close();
    await other.close();
  });

  it('pays a lost race with a PUT, a GET and the PUT again', async () => {
    const { server, open } = await place();
    const [one, other] = [await open(sum), await open(sum)];
    await one.handle(1);
    await other.handle(1);
    await one.sync();
    await other.handle(1);
    server.takeCounts();
    expect((await one.handle(1)).state).toBe(4);
    expect(server.takeCounts()).toEqual({ PutObject: 2, GetObject: 1 });
    await one.close();
    await other.close();
  });

  it('lists nothing, ever', async () => {
    const { server, open } = await place();
    const till = await open({ ...sum, retention: { keep: 1 } });
    for (const n of range(30)) await till.handle(n);
    await till.snapshot();
    await till.prune();
    await till.close();
    await (await open(sum)).close();
    expect(server.takeCounts()).not.toHaveProperty('ListObjectsV2');
  });

  it('takes events as large as a commit may be, and large states', async () => {
    const { open, keys } = await place();
    const lines = {
      initialState: [] as readonly string[],
      handler: (all: readonly string[], one: string) => [...all, one],
      follow: false,
      snapshots: false,
    };
    const book = await open(lines);
    const large = noise(3_000_000);
    await book.handle('first');
    await book.handle(large);
    expect(keys().filter((key) => key.startsWith('body/')).length).toBeGreaterThan(4);
    await book.snapshot();
    await book.close();
    const again = await open(lines);
    expect(again.state).toEqual(['first', large]);
    await again.close();
  });

  it('stores states of many MB in parts of 2 MB, and reads them with one GET each', async () => {
    const { server, open, keys } = await place();
    const texts = range(20).map((n) => noise(1_000_000, n));
    const shelf = { initialState: [] as readonly string[], handler: () => texts, follow: false, snapshots: false };
    const one = await open(shelf);
    await one.handle(0);
    const info = await one.snapshot();
    await one.close();
    expect(keys().filter((key) => key.startsWith('part/'))).toHaveLength(info.parts);
    expect(info.parts).toBe(Math.ceil(info.bytes / (2 * 1_024 * 1_024)));
    server.takeCounts();
    const again = await open(shelf);
    expect(again.state).toEqual(texts);
    expect(server.takeCounts()).toEqual({ GetObject: 2 + info.parts });
    await again.close();
  });

  it('keeps every event once through lost answers, with the SDK trying again and without', async () => {
    for (const maxAttempts of [1, 3]) {
      const { client, bucket, prefix } = bench();
      const sdk = client({ maxAttempts });
      const at = { client: sdk, bucket, prefix: prefix() };
      const [one, other] = [
        await openPrevayler({ ...sum, storage: s3Storage(at) }),
        await openPrevayler({ ...sum, storage: s3Storage(at) }),
      ];
      const lost = mishaps(sdk);
      for (const when of ['after', 'before', 'after'] as const) {
        lost.push({ operation: 'PutObject', when, times: 2 });
        lost.push({ operation: 'GetObject', when, times: 1 });
        await Promise.all([one.handle(1), other.handle(1), one.handle(1)]);
      }
      expect([await one.sync(), await other.sync(), one.seq]).toEqual([9, 9, 9]);
      await one.close();
      await other.close();
    }
  });

  it('seals all of it through a codec', async () => {
    const { open, at } = await place();
    const storage = sealedStorage(s3Storage(at), compressed());
    const till = await open({ ...sum, storage });
    await till.handle(3);
    await till.snapshot();
    await till.close();
    const again = await open({ ...sum, storage });
    expect(again.state).toBe(3);
    await again.close();
  });

  it('takes options that are undefined for absent', async () => {
    const { open, at, keys } = await place();
    const texts = { ...sum, initialState: '', handler: (_: string, text: string) => text };
    const absent = { headBytesMax: undefined, snapshots: undefined, clock: undefined } as object;
    const till = await open({ ...texts, storage: s3Storage({ ...at, ...absent }) });
    for (const n of range(10)) await till.handle(noise(500, n));
    await till.snapshot();
    await till.close();
    expect(keys().filter((key) => key.startsWith('page/'))).toEqual([]);
    const warnings: unknown[] = [];
    await (await open({ ...texts, onWarning: (error) => warnings.push(error) })).close();
    expect(warnings).toEqual([]);
  });

  it('obeys the system where an option is none of its own', async () => {
    const { open, at } = await place();
    const foreign = { readOnly: true, format: 'other', retention: { keep: 5 } } as object;
    await (await open({ ...sum, storage: s3Storage({ ...at, ...foreign }), format: 'one' })).handle(1);
    await expect(open({ ...sum, format: 'other' })).rejects.toMatchObject({ code: 'ERR_JOURNAL_FORMAT' });
  });

  it('prunes past a page that is damaged, which nobody needs any more, and says so to who needs it', async () => {
    const { server, at, open } = await place();
    const texts = { ...sum, initialState: '', handler: (_: string, text: string) => text, retention: { keep: 1 } };
    const storage = () => s3Storage({ ...at, headBytesMax: 1_024 });
    const till = await open({ ...texts, storage: storage() });
    for (const n of range(12)) await till.handle(noise(600, n));
    const spoilt = `${at.prefix}/page/0`;
    server.spoil(at.bucket, spoilt, (body) => body.subarray(0, -1));
    await expect(open({ ...texts, storage: storage() })).rejects.toMatchObject({
      code: 'ERR_JOURNAL_GAP',
      reason: 'damaged',
      key: spoilt,
    });
    await till.snapshot();
    await till.close();
    const again = await open({ ...texts, storage: storage() });
    expect((await again.prune()).pagesRemoved).toBeGreaterThan(1);
    expect(server.object(at.bucket, spoilt)).toBeUndefined();
    await again.close();
  });

  it('refuses what can be no client, bucket or prefix', () => {
    const { client } = bench();
    const good = { client: client(), bucket: 'bucket', prefix: 'till' };
    for (const open of [s3Storage, s3SnapshotStore] as ((place?: unknown) => unknown)[]) {
      expect(() => open()).toThrow('give client, bucket and prefix in one object');
    }
    expect(() => s3Storage({ ...good, client: {} as never })).toThrow(TypeError);
    const other = { send: () => {}, config: { serviceId: 'DynamoDB' } };
    expect(() => s3Storage({ ...good, client: other })).toThrow(/not one of DynamoDB/);
    expect(() => s3Storage({ ...good, bucket: undefined as never })).toThrow(TypeError);
    expect(() => s3Storage({ ...good, bucket: 'Not_A_Bucket' })).toThrow(RangeError);
    expect(() => s3Storage({ ...good, prefix: 'a//b' })).toThrow(RangeError);
    expect(
      s3Storage({ ...good, bucket: 'arn:aws:s3:eu-west-1:123456789012:accesspoint/one', prefix: 'till/' }).name,
    ).toBe('till');
  });
});

describe('deleteS3Storage', () => {
  it('deletes a system of more objects than a listing has, and nothing else', async () => {
    const { server, at, open, keys } = await place();
    const till = await open(sum);
    await till.handle(1);
    await till.snapshot();
    await till.close();
    const objects = server.objects(at.bucket);
    const put = (key: string) => objects.put(`${at.prefix}/${key}`, Buffer.from('x'), {}, {}, 0);
    for (const n of range(1_100)) put(`page/${n}`);
    for (const key of ['note.txt', 'page/one', 'eu/head', 'eu/page/3']) put(key);
    server.takeCounts();
    const deleted = await deleteS3Storage(at);
    expect(deleted).toEqual({ objects: 1_103, bytes: expect.any(Number), foreign: 4 });
    expect(server.takeCounts()).toEqual({ ListObjectsV2: 2, DeleteObject: 1_103 });
    expect([...keys()].sort()).toEqual(['eu/head', 'eu/page/3', 'note.txt', 'page/one']);
    expect(server.requests.slice(-2).map(({ key }) => key)).toEqual([`${at.prefix}/snap`, `${at.prefix}/head`]);
    const anew = await open(sum);
    expect(anew.seq).toBe(0);
    await anew.close();
  });

  it('leaves the head where a listing was cut short', async () => {
    const { server, at, open, sdk } = await place();
    await (await open(sum)).handle(1);
    sdk.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          const answer = await next(args);
          if (commandName !== 'ListObjectsV2Command') return answer;
          return { ...answer, output: { ...(answer.output as object), IsTruncated: true } as never };
        },
      { step: 'initialize', name: 'cut' },
    );
    await expect(deleteS3Storage(at)).rejects.toThrow('was cut short');
    expect(server.object(at.bucket, `${at.prefix}/head`)).toBeDefined();
    await expect((deleteS3Storage as (place?: unknown) => Promise<unknown>)()).rejects.toThrow('in one object');
  });

  it('goes on through passing troubles, and says what does not pass', async () => {
    const { server, at, open, sdk } = await place();
    const till = await open(sum);
    await till.handle(1);
    await till.close();
    mishaps(sdk).push(
      { operation: 'ListObjectsV2', when: 'after', times: 2 },
      { operation: 'DeleteObject', when: 'after', times: 2 },
    );
    expect(await deleteS3Storage(at)).toMatchObject({ objects: 1 });
    server.conduct.refuse = () => 'AccessDenied';
    await expect(deleteS3Storage(at)).rejects.toMatchObject({ code: 'ERR_BUCKET', reason: 'denied' });
    await expect(deleteS3Storage(at, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});
