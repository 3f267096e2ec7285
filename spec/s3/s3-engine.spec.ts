// Goal: objects under ETags are items under conditions. Method: the stand-in, other writers between a look and a write, and answers
// that are lost with and without the SDK's own retries.
import { describe, expect, it } from '@jest/globals';
import type { Item } from '../../lib/codec/index.js';
import { isTransient } from '../../lib/engine/index.js';
import { Bucket, type S3ClientLike } from '../../lib/s3/bucket.js';
import { S3Engine } from '../../lib/s3/s3-engine.js';
import { mishaps, registerBench } from './s3-place.js';

const bench = registerBench();

/** Two engines on one bucket, as two processes have them, and a key of their own. */
function pair(maxAttempts = 1) {
  const { server, bucket, client, prefix } = bench();
  const key = `${prefix()}/head`;
  const sdk = client({ maxAttempts });
  const engine = new S3Engine(new Bucket(sdk, bucket), 'id');
  const other = new S3Engine(new Bucket(client(), bucket), 'id');
  const item = (token: string): Item => ({ id: { S: key }, l: { S: token } });
  const put = (on: S3Engine, token: string, base?: string) =>
    on.put({
      table: bucket,
      item: item(token),
      condition:
        base === undefined
          ? { expression: 'attribute_not_exists(#k)', names: { '#k': 'id' } }
          : { expression: '#l = :l', names: { '#l': 'l' }, values: { ':l': { S: base } } },
    });
  const get = (on: S3Engine) => on.get({ table: bucket, key: { id: { S: key } }, consistent: true });
  return { server, engine, other, item, put, get, key, bucket, mishaps: mishaps(sdk) };
}

describe('S3Engine', () => {
  it('makes an item and replaces it with one PUT each', async () => {
    const { server, engine, put, get, item } = pair();
    server.takeCounts();
    expect(await put(engine, 'a')).toEqual({ status: 'applied' });
    expect(await put(engine, 'b', 'a')).toEqual({ status: 'applied' });
    expect(server.takeCounts()).toEqual({ PutObject: 2 });
    expect(await get(engine)).toEqual(item('b'));
  });

  it('says no only after a look, and shows what it saw', async () => {
    const { server, engine, other, put, item } = pair();
    await put(engine, 'a');
    await put(other, 'b', 'a');
    server.takeCounts();
    // What is remembered here says no as well, and is out of date.
    expect(await put(engine, 'c', 'b')).toEqual({ status: 'applied' });
    expect(await put(engine, 'd', 'x')).toEqual({ status: 'condition-failed', image: item('c'), resent: false });
    expect(server.takeCounts()).toEqual({ GetObject: 2, PutObject: 1 });
  });

  it('looks when the PUT is refused, and judges on what stands there', async () => {
    const { server, engine, other, put, item } = pair();
    await put(engine, 'a');
    await put(other, 'b', 'a');
    server.takeCounts();
    expect(await put(engine, 'c', 'a')).toEqual({ status: 'condition-failed', image: item('b'), resent: false });
    expect(server.takeCounts()).toEqual({ PutObject: 1, GetObject: 1 });
  });

  it('does not believe that a PUT was stored which has no ETag', async () => {
    const { bucket, item } = pair();
    // As something on the way may answer that says yes to everything.
    const send = async () => ({ $metadata: { attempts: 1, httpStatusCode: 200 } });
    const engine = new S3Engine(new Bucket({ config: {}, send }, bucket), 'id');
    expect(await engine.put({ table: bucket, item: item('a') })).toMatchObject({ status: 'unclear' });
  });

  it('takes a look that was given up on for no refusal', async () => {
    const { bucket, item } = pair();
    const giving = new AbortController();
    // Refuses the PUT, and never answers the look after it.
    const send = (_command: unknown, options: { readonly abortSignal?: AbortSignal } = {}) => {
      sent += 1;
      if (sent === 1) {
        return Promise.reject(
          Object.assign(new Error('unmet'), { name: 'PreconditionFailed', $metadata: { attempts: 1 } }),
        );
      }
      return new Promise((_, reject) => {
        options.abortSignal?.addEventListener('abort', () => reject(new Error('AbortError')));
        giving.abort(new Error('no answer in time'));
      });
    };
    let sent = 0;
    const engine = new S3Engine(new Bucket({ config: {}, send: send as S3ClientLike['send'] }, bucket), 'id');
    const answer = await engine.put({ table: bucket, item: item('a') }, { signal: giving.signal });
    expect(answer).toMatchObject({ status: 'not-applied', kind: 'unreachable' });
  });

  it('writes again where the condition holds on what another one wrote', async () => {
    const { engine, other, item, bucket, get } = pair();
    const condition = { expression: 'attribute_not_exists(#x)', names: { '#x': 'x' } };
    await engine.put({ table: bucket, item: item('a') });
    await other.put({ table: bucket, item: item('b'), condition });
    expect(await engine.put({ table: bucket, item: item('c'), condition })).toEqual({ status: 'applied' });
    expect(await get(other)).toEqual(item('c'));
  });

  it('gives up for a while when others come between each time', async () => {
    const { server, engine, other, item, bucket } = pair();
    const condition = { expression: 'attribute_not_exists(#x)', names: { '#x': 'x' } };
    await engine.put({ table: bucket, item: item('a') });
    let writes = 0;
    const interfere = async (): Promise<void> => {
      writes += 1;
      await other.put({ table: bucket, item: item(`other ${writes}`), condition });
      server.beforePut = interfere;
    };
    server.beforePut = interfere;
    const answer = await engine.put({ table: bucket, item: item('b'), condition });
    server.beforePut = undefined;
    expect(answer).toMatchObject({ status: 'not-applied', kind: 'conflict' });
    expect(writes).toBe(4);
  });

  it('takes equal bytes for its own write where there is no condition, and replaces others', async () => {
    const { server, engine, other, item, bucket, get } = pair();
    await other.put({ table: bucket, item: item('a') });
    server.takeCounts();
    expect(await engine.put({ table: bucket, item: item('a') })).toEqual({ status: 'applied' });
    expect(server.takeCounts()).toEqual({ PutObject: 1, GetObject: 1 });
    expect(await engine.put({ table: bucket, item: item('b') })).toEqual({ status: 'applied' });
    expect(await get(other)).toEqual(item('b'));
  });

  it('sends no PUT without a condition, whatever is asked', async () => {
    const { server, engine, item, bucket, put, key } = pair();
    await engine.put({ table: bucket, item: item('a') });
    await engine.put({ table: bucket, item: item('b') });
    await put(engine, 'c', 'b');
    const puts = server.requests.filter((one) => one.operation === 'PutObject' && one.key === key);
    expect(puts.map(({ condition }) => condition?.replace(/".*"/, 'etag'))).toEqual([
      'If-None-Match: *',
      'If-Match: etag',
      'If-Match: etag',
    ]);
  });

  it('sees that an object is gone, by 404 and by 412', async () => {
    for (const missingIsUnmet of [false, true]) {
      const { server, engine, other, put, get, key, bucket } = pair();
      server.conduct.missingIsUnmet = missingIsUnmet;
      await put(engine, 'a');
      await other.delete({ table: bucket, key: { id: { S: key } } });
      expect(await put(engine, 'b', 'a')).toEqual({ status: 'condition-failed', image: undefined, resent: false });
      expect(await get(engine)).toBeUndefined();
      expect(await put(engine, 'c')).toEqual({ status: 'applied' });
    }
  });

  it('fetches no body of what is known already', async () => {
    const { server, engine, put, get, item } = pair();
    await put(engine, 'a');
    expect(await get(engine)).toEqual(item('a'));
    expect(server.requests.at(-1)).toMatchObject({ operation: 'GetObject', status: 304 });
  });

  it('tells that an answer was lost as unclear, and then by evidence', async () => {
    const { engine, put, get, item, mishaps } = pair();
    mishaps.push({ operation: 'PutObject', when: 'after', times: 1 });
    expect(await put(engine, 'a')).toMatchObject({ status: 'unclear' });
    expect(await put(engine, 'a')).toEqual({ status: 'condition-failed', image: item('a'), resent: false });
    mishaps.push({ operation: 'PutObject', when: 'before', times: 1 });
    expect(await put(engine, 'b', 'a')).toMatchObject({ status: 'unclear' });
    expect(await get(engine)).toEqual(item('a'));
  });

  it('says `resent` when the SDK had sent it before', async () => {
    const { engine, put, item, mishaps } = pair(3);
    mishaps.push({ operation: 'PutObject', when: 'after', times: 1 });
    expect(await put(engine, 'a')).toEqual({ status: 'condition-failed', image: item('a'), resent: true });
    mishaps.push({ operation: 'PutObject', when: 'before', times: 1 });
    expect(await put(engine, 'b', 'a')).toEqual({ status: 'applied' });
  });

  it('says nothing for certain of a PUT that was refused after another copy of it', async () => {
    const { server, engine, other, put, item, bucket, mishaps } = pair(2);
    const condition = { expression: 'attribute_not_exists(#x)', names: { '#x': 'x' } };
    await put(engine, 'a');
    mishaps.push({ operation: 'PutObject', when: 'after', times: 1 });
    let puts = 0;
    // The first copy is stored; another one writes on top of it; the second copy is refused, though the condition holds.
    const interfere = async () => {
      puts += 1;
      if (puts === 2) await other.put({ table: bucket, item: item('other'), condition });
      else server.beforePut = interfere;
    };
    server.beforePut = interfere;
    expect(await engine.put({ table: bucket, item: item('b'), condition })).toMatchObject({ status: 'unclear' });
  });

  it('tells a race of S3 itself as a conflict, and a full line as throttled', async () => {
    const { server, engine, put } = pair();
    await put(engine, 'a');
    server.conduct.refuse = () => 'SlowDown';
    expect(await put(engine, 'b', 'a')).toMatchObject({ status: 'not-applied', kind: 'throttled' });
    server.conduct.refuse = () => 'InternalError';
    expect(await put(engine, 'b', 'a')).toMatchObject({ status: 'unclear' });
    server.conduct.refuse = () => 'AccessDenied';
    expect(await put(engine, 'b', 'a')).toMatchObject({
      status: 'not-applied',
      kind: 'refused',
      error: { code: 'ERR_BUCKET', reason: 'denied' },
    });
    server.conduct.refuse = undefined;
    expect(await put(engine, 'b', 'a')).toEqual({ status: 'applied' });
  });

  it('reads many, and leaves out what is not there', async () => {
    const { engine, bucket, key } = pair();
    const keys = Array.from({ length: 40 }, (_, index) => ({ id: { S: `${key}-${index}` } }));
    for (const one of keys.slice(0, 39))
      await engine.put({ table: bucket, item: { ...one, d: { B: Uint8Array.of(1) } } });
    const { items, unprocessed } = await engine.batchGet({ table: bucket, keys, consistent: true });
    expect([items.length, unprocessed]).toEqual([39, []]);
  });

  it('leaves to its caller what met a passing trouble', async () => {
    const { server, engine, bucket, key } = pair();
    const keys = Array.from({ length: 20 }, (_, index) => ({ id: { S: `${key}-${index}` } }));
    for (const one of keys) await engine.put({ table: bucket, item: { ...one, d: { B: Uint8Array.of(1) } } });
    const fresh = new S3Engine(new Bucket(bench().client(), bucket), 'id');
    server.conduct.refuse = (request) => (request.key.endsWith('-3') ? 'SlowDown' : undefined);
    const { items, unprocessed } = await fresh.batchGet({ table: bucket, keys, consistent: true });
    expect(items).toHaveLength(15);
    expect(unprocessed).toEqual([keys[3], ...keys.slice(16)]);
  });

  it('reads again what comes damaged, and then says so', async () => {
    const { server, engine, other, put, get, key, bucket, item } = pair();
    await put(other, 'a');
    const whole = server.object(bucket, key)?.body as Buffer;
    let reads = 0;
    server.conduct.withoutChecksums = true;
    server.spoil(bucket, key, (body) => body.subarray(0, body.length - 1));
    server.conduct.refuse = () => {
      reads += 1;
      if (reads === 8) server.spoil(bucket, key, () => whole);
      return undefined;
    };
    expect(await get(engine)).toEqual(item('a'));
    server.spoil(bucket, key, (body) => body.subarray(0, body.length - 1));
    const fresh = new S3Engine(new Bucket(bench().client(), bucket), 'id');
    await expect(get(fresh)).rejects.toMatchObject({ code: 'ERR_OBJECT_DAMAGED', reason: 'damaged', key });
    expect(await put(fresh, 'b', 'a')).toMatchObject({
      status: 'not-applied',
      kind: 'refused',
      error: { code: 'ERR_OBJECT_DAMAGED' },
    });
  });

  it.each([true, false])(
    'takes what comes damaged in several ways for a trouble of the line: checksums %s',
    async (checked) => {
      const { server, other, put, get, key, bucket, item } = pair();
      await put(other, 'a');
      const whole = server.object(bucket, key)?.body as Buffer;
      server.conduct.withoutChecksums = !checked;
      let reads = 0;
      server.conduct.refuse = () => {
        reads += 1;
        server.spoil(bucket, key, () =>
          Buffer.concat([whole.subarray(0, -1), Buffer.of((whole.at(-1) as number) ^ reads)]),
        );
        return undefined;
      };
      const fresh = new S3Engine(new Bucket(bench().client(), bucket), 'id');
      const error = await get(fresh).catch((error: unknown) => error);
      expect([isTransient(error), reads]).toEqual([true, 8]);
      expect(await put(fresh, 'b', 'a')).toMatchObject({ status: 'not-applied', kind: 'unreachable' });
      server.conduct.refuse = undefined;
      server.spoil(bucket, key, () => whole);
      expect(await get(fresh)).toEqual(item('a'));
    },
  );

  it('takes a wrong checksum of the service for damage', async () => {
    const { server, other, put, get, key, bucket } = pair();
    await put(other, 'a');
    server.spoil(bucket, key, (body) => Buffer.concat([body.subarray(0, -1), Buffer.from('!')]));
    const fresh = new S3Engine(new Bucket(bench().client(), bucket), 'id');
    await expect(get(fresh)).rejects.toMatchObject({ code: 'ERR_OBJECT_DAMAGED', reason: 'damaged' });
  });

  it('gives up waiting at its signal: a write is unclear, a read rejects', async () => {
    const { server, engine, item, bucket, key } = pair();
    const stop = new AbortController();
    server.beforePut = async () => stop.abort(new Error('enough'));
    const { signal } = stop;
    expect(await engine.put({ table: bucket, item: item('a') }, { signal })).toMatchObject({ status: 'unclear' });
    await expect(engine.get({ table: bucket, key: { id: { S: key } }, consistent: true }, { signal })).rejects.toThrow(
      'enough',
    );
  });

  it('refuses by name what buckets have not', async () => {
    const { engine, bucket, key } = pair();
    const name = 'UnknownOperationException';
    expect(await engine.supportsTransactions()).toBe(false);
    const refused = { status: 'not-applied', kind: 'refused', error: { name } };
    expect(await engine.update()).toMatchObject(refused);
    expect(await engine.batchWrite()).toMatchObject(refused);
    expect(await engine.transactWrite()).toMatchObject(refused);
    const condition = { expression: 'attribute_exists(l)' };
    expect(await engine.delete({ table: bucket, key: { id: { S: key } }, condition })).toMatchObject(refused);
    for (const ask of ['query', 'scan', 'transactGet', 'describeTable', 'createTable', 'deleteTable'] as const) {
      await expect(engine[ask]()).rejects.toMatchObject({ name });
    }
    await expect(engine.describeTimeToLive()).rejects.toMatchObject({ name });
    await expect(engine.updateTimeToLive()).rejects.toMatchObject({ name });
  });

  it('counts what it sends', async () => {
    const { engine, put, get } = pair();
    await put(engine, 'a');
    await get(engine);
    await put(engine, 'b', 'x');
    expect(engine.spent()).toMatchObject({ requests: 3, attempts: 3, conditionsFailed: 0, unclear: 0 });
  });
});
