// Goal: every kind of fault does to the engine and to a client of the AWS SDK what its name says, and nothing else does.
// Method: dynalite behind the proxy; each fault strikes the first PutItem, once, and the item is looked up past the proxy.
import { request } from 'node:http';
import {
  CreateTableCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  GetItemCommand,
  ListTablesCommand,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Embedded, startEmbedded } from '../../lib/embedded/index.js';
import { chooser } from '../../lib/testing/fault-rules.js';
import {
  type FaultChoice,
  type FaultKind,
  type FaultProxy,
  type FaultRule,
  faultProfiles,
  faultRules,
  startFaultProxy,
} from '../../lib/testing/index.js';

let store: Embedded;
let direct: DynamoDBClient;
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  store = await startEmbedded();
  direct = new DynamoDBClient(store.clientConfig);
  await direct.send(
    new CreateTableCommand({
      TableName: 'jar',
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
  await new Promise((done) => setTimeout(done, 20));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(async () => {
  direct.destroy();
  await store.close();
});

async function proxied(choice: FaultChoice): Promise<FaultProxy> {
  const proxy = await startFaultProxy({ target: store.endpoint, seed: 1, ...choice });
  cleanups.push(() => proxy.close());
  return proxy;
}

function clientOf(proxy: FaultProxy, config: DynamoDBClientConfig = { maxAttempts: 1 }): DynamoDBClient {
  const client = new DynamoDBClient({ ...store.clientConfig, endpoint: proxy.endpoint, ...config });
  cleanups.push(() => client.destroy());
  return client;
}

let keys = 0;
const freshKey = () => `k${keys++}`;
const create = (pk: string) =>
  new PutItemCommand({ TableName: 'jar', Item: { pk: { S: pk } }, ConditionExpression: 'attribute_not_exists(pk)' });
const add = (pk: string) =>
  new UpdateItemCommand({
    TableName: 'jar',
    Key: { pk: { S: pk } },
    UpdateExpression: 'ADD v :one',
    ExpressionAttributeValues: { ':one': { N: '1' } },
    ReturnValues: 'ALL_NEW',
  });
const get = (pk: string, consistent = true) =>
  new GetItemCommand({ TableName: 'jar', Key: { pk: { S: pk } }, ConsistentRead: consistent });
const applied = async (pk: string) => (await direct.send(get(pk))).Item !== undefined;
const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));

interface Seen {
  readonly name?: string;
  readonly message?: string;
  readonly status?: number | undefined;
  readonly attempts?: number | undefined;
  readonly applied: boolean;
}

/** Name and message. In a realm of its own, as jest gives each spec, the SDK takes socket errors for strangers and wraps them. */
function said(error: Error): { readonly name: string; readonly message: string } {
  const [, name = error.name, message = error.message] =
    /^AWS SDK error wrapper for (\w+): (.*)$/.exec(error.message) ?? [];
  return { name, message };
}

/** A first create under one fault, and what the client and the engine make of it. */
async function firstCreate(rule: FaultRule, config?: DynamoDBClientConfig): Promise<Seen> {
  const proxy = await proxied({ rules: [{ operations: ['PutItem'], times: 1, ...rule }] });
  const pk = freshKey();
  const outcome = await clientOf(proxy, config)
    .send(create(pk))
    .then(
      (answer) => ({ name: 'ok', attempts: answer.$metadata.attempts }),
      (error) => ({
        ...said(error),
        status: error.$metadata?.httpStatusCode as number | undefined,
        attempts: error.$metadata?.attempts as number | undefined,
      }),
    );
  expect(proxy.stats().faults).toEqual({ [rule.fault]: 1 });
  return { ...outcome, applied: await applied(pk) };
}

const limited: DynamoDBClientConfig = {
  maxAttempts: 1,
  requestHandler: { requestTimeout: 100, throwOnRequestTimeout: true },
};
const limitedRetrying: DynamoDBClientConfig = { ...limited, maxAttempts: 4 };
const retrying: DynamoDBClientConfig = {};

describe('startFaultProxy()', () => {
  describe('with one attempt', () => {
    const lost = { name: 'TimeoutError', message: expect.stringMatching(/ECONNRESET|socket hang up/) };
    it.each<[FaultKind, object]>([
      ['reset-before', { ...lost, applied: false }],
      ['reset-after', { ...lost, applied: true }],
      ['close-before', { ...lost, applied: false }],
      ['close-after', { ...lost, applied: true }],
      ['cut-body', { message: expect.stringContaining('aborted'), applied: true }],
      ['throttle', { name: 'ProvisionedThroughputExceededException', status: 400, attempts: 1, applied: false }],
      ['conflict', { name: 'TransactionConflictException', status: 400, attempts: 1, applied: false }],
    ])('%s', async (fault, seen) => {
      expect(await firstCreate({ fault })).toMatchObject(seen);
    });

    it.each<[FaultKind, boolean]>([
      ['swallow-before', false],
      ['swallow-after', true],
    ])('%s: the client gives up, the engine has it or not', async (fault, done) => {
      expect(await firstCreate({ fault }, limited)).toMatchObject({
        name: 'TimeoutError',
        applied: done,
      });
    });

    it.each<[FaultKind, boolean]>([
      ['5xx-before', false],
      ['5xx-after', true],
    ])('%s: in JSON a named error, in HTML a SyntaxError', async (fault, done) => {
      expect(await firstCreate({ fault, body: 'json' })).toMatchObject({
        name: 'InternalServerError',
        status: 500,
        applied: done,
      });
      expect(await firstCreate({ fault, body: 'html' })).toMatchObject({
        name: 'SyntaxError',
        status: 503,
        applied: done,
      });
    });

    it('duplicate: the first answer is the good one, the second a failed condition of our own making', async () => {
      expect(await firstCreate({ fault: 'duplicate', answer: 'first' })).toMatchObject({ name: 'ok', applied: true });
      expect(await firstCreate({ fault: 'duplicate', answer: 'second' })).toMatchObject({
        name: 'ConditionalCheckFailedException',
        attempts: 1,
        applied: true,
      });
    });

    it('duplicate with a delay: the second copy comes after the answer', async () => {
      const proxy = await proxied({ rules: [{ fault: 'duplicate', delayMs: [30, 30] }] });
      const pk = freshKey();
      expect((await clientOf(proxy).send(add(pk))).Attributes?.v).toEqual({ N: '1' });
      expect(proxy.stats().pending).toBe(1);
      await wait(80);
      expect((await direct.send(get(pk))).Item?.v).toEqual({ N: '2' });
    });

    it('late: reset at once, applied later', async () => {
      const proxy = await proxied({ rules: [{ fault: 'late', delayMs: [50, 50] }] });
      const pk = freshKey();
      await expect(clientOf(proxy).send(create(pk))).rejects.toThrow('ECONNRESET');
      expect(await applied(pk)).toBe(false);
      await wait(120);
      expect(await applied(pk)).toBe(true);
    });

    it.each(['before', 'after'] as const)('delay %s: slow, and good', async (side) => {
      const begun = performance.now();
      expect(await firstCreate({ fault: 'delay', delayMs: [80, 80], side })).toMatchObject({
        name: 'ok',
        applied: true,
      });
      expect(performance.now() - begun).toBeGreaterThan(75);
    });

    it('delay before: the request is delivered though the client has gone', async () => {
      const seen = await firstCreate({ fault: 'delay', delayMs: [200, 200], side: 'before' }, limited);
      expect(seen).toMatchObject({ name: 'TimeoutError', applied: false });
      const proxy = await proxied({ rules: [{ fault: 'delay', delayMs: [150, 150], side: 'before' }] });
      const pk = freshKey();
      await expect(clientOf(proxy, limited).send(create(pk))).rejects.toMatchObject({ name: 'TimeoutError' });
      await wait(120);
      expect(await applied(pk)).toBe(true);
    });

    it('answer: any error, before or after the write', async () => {
      const expired = { status: 400, type: 'TransactionInProgressException' };
      expect(await firstCreate({ fault: 'answer', canned: expired })).toMatchObject({
        name: expired.type,
        applied: false,
      });
      const empty = { status: 200, body: '', applied: true };
      expect(await firstCreate({ fault: 'answer', canned: empty })).toMatchObject({ applied: true });
    });
  });

  describe('with the four attempts of the SDK', () => {
    it.each<[FaultKind]>([['reset-after'], ['close-after'], ['cut-body'], ['5xx-after']])(
      '%s: the retry meets our own item',
      async (fault) => {
        expect(await firstCreate({ fault }, retrying)).toMatchObject({
          name: 'ConditionalCheckFailedException',
          attempts: 2,
          applied: true,
        });
      },
    );

    it.each<[FaultKind]>([['reset-before'], ['close-before'], ['5xx-before'], ['throttle']])(
      '%s: the retry is the first to arrive',
      async (fault) => {
        expect(await firstCreate({ fault }, retrying)).toMatchObject({ name: 'ok', attempts: 2, applied: true });
      },
    );

    it('swallow: the retry goes through, or meets our own item', async () => {
      expect(await firstCreate({ fault: 'swallow-before' }, limitedRetrying)).toMatchObject({
        name: 'ok',
        attempts: 2,
      });
      expect(await firstCreate({ fault: 'swallow-after' }, limitedRetrying)).toMatchObject({
        name: 'ConditionalCheckFailedException',
        attempts: 2,
      });
    });

    it('conflict is not retried', async () => {
      expect(await firstCreate({ fault: 'conflict' }, retrying)).toMatchObject({
        name: 'TransactionConflictException',
        attempts: 1,
      });
    });

    it('a plain ADD counts twice when its answer is lost', async () => {
      const proxy = await proxied({ rules: [{ fault: 'reset-after', operations: ['UpdateItem'], times: 1 }] });
      const answer = await clientOf(proxy, retrying).send(add(freshKey()));
      expect(answer.Attributes?.v).toEqual({ N: '2' });
    });

    it('late: the retry is applied, and the late copy again', async () => {
      const proxy = await proxied({ rules: [{ fault: 'late', times: 1, delayMs: [300, 300] }] });
      const pk = freshKey();
      expect((await clientOf(proxy, retrying).send(add(pk))).Attributes?.v).toEqual({ N: '1' });
      await wait(450);
      expect((await direct.send(get(pk))).Item?.v).toEqual({ N: '2' });
    });
  });

  describe('stale', () => {
    it('gives an old answer to reads that are not consistent, never to consistent ones', async () => {
      const proxy = await proxied({ profile: 'stale-reads', rate: 1 });
      const client = clientOf(proxy);
      const pk = freshKey();
      await client.send(add(pk));
      await client.send(get(pk));
      await client.send(add(pk));
      expect((await client.send(get(pk, false))).Item?.v).toEqual({ N: '1' });
      for (let i = 0; i < 5; i++) expect((await client.send(get(pk))).Item?.v).toEqual({ N: '2' });
    });
  });

  describe('without a fault', () => {
    it('hands bodies and headers on as they are', async () => {
      const proxy = await proxied({ profile: 'calm' });
      const post = (endpoint: string) =>
        new Promise<{ status?: number | undefined; headers: object; body: string }>((done, failed) => {
          const headers = {
            'Content-Type': 'application/x-amz-json-1.0',
            'X-Amz-Target': 'DynamoDB_20120810.DescribeTable',
            'X-Amz-Date': '20260101T000000Z',
            Authorization:
              'AWS4-HMAC-SHA256 Credential=a/20260101/local/dynamodb/aws4_request, SignedHeaders=host, Signature=b',
          };
          const sent = request(endpoint, { method: 'POST', headers, agent: false }, (answer) => {
            let body = '';
            answer.setEncoding('utf8').on('data', (part) => {
              body += part;
            });
            answer.on('end', () => done({ status: answer.statusCode, headers: answer.headers, body }));
          });
          sent.on('error', failed).end('{"TableName":"jar"}');
        });
      const [behind, through] = [await post(store.endpoint), await post(proxy.endpoint)];
      expect(through.body).toBe(behind.body);
      expect(through.status).toBe(200);
      const stable = (headers: object) => ({ ...headers, date: '', 'x-amzn-requestid': '', 'keep-alive': '' });
      expect(stable(through.headers)).toEqual(stable(behind.headers));
      expect(through.headers).toHaveProperty('x-amz-crc32');
    });

    it('carries 300 KB, and many at once', async () => {
      const client = clientOf(await proxied({ profile: 'calm' }));
      const text = 'é'.repeat(150_000);
      const Item = { pk: { S: freshKey() }, text: { S: text } };
      await client.send(new PutItemCommand({ TableName: 'jar', Item }));
      expect((await client.send(get(Item.pk.S))).Item?.text).toEqual({ S: text });
      await Promise.all(Array.from({ length: 100 }, () => client.send(new ListTablesCommand({}))));
    });

    it('resets the client when the engine is away', async () => {
      const gone = await startEmbedded();
      const proxy = await startFaultProxy({ target: gone.endpoint, profile: 'calm' });
      cleanups.push(() => proxy.close());
      await gone.close();
      await expect(clientOf(proxy).send(new ListTablesCommand({}))).rejects.toThrow('ECONNRESET');
      expect(proxy.stats().engineFailures).toBe(1);
    });
  });

  it('strikes the chosen operation by count', async () => {
    const proxy = await proxied({ rules: [{ fault: 'throttle', operations: ['PutItem'], skip: 2, times: 1 }] });
    const client = clientOf(proxy);
    const outcomes: string[] = [];
    for (let i = 0; i < 4; i++) {
      await client.send(get('none'));
      outcomes.push(
        await client.send(create(freshKey())).then(
          () => 'ok',
          (error) => error.name,
        ),
      );
    }
    expect(outcomes).toEqual(['ok', 'ok', 'ProvisionedThroughputExceededException', 'ok']);
    expect(proxy.stats()).toMatchObject({ requests: 8, passed: 7, faults: { throttle: 1 }, delivered: 7 });
  });

  it('stops when told', async () => {
    const proxy = await proxied({ profile: 'reset-before', rate: 1 });
    const client = clientOf(proxy);
    await expect(client.send(get('none'))).rejects.toThrow();
    proxy.setFaults({ profile: 'calm' });
    await client.send(get('none'));
  });

  it('refuses a probability that is none', async () => {
    await expect(proxied({ profile: 'delay', rate: 2 })).rejects.toThrow(RangeError);
  });
});

describe('close()', () => {
  it.each([
    [false, false],
    [true, true],
  ])('with flush %s, late copies are delivered: %s', async (flush, delivered) => {
    const proxy = await proxied({ rules: [{ fault: 'late', delayMs: [60_000, 60_000] }] });
    const pk = freshKey();
    await expect(clientOf(proxy).send(create(pk))).rejects.toThrow();
    const begun = performance.now();
    await Promise.all([proxy.close({ flush }), proxy.close()]);
    expect(performance.now() - begun).toBeLessThan(1_000);
    expect(await applied(pk)).toBe(delivered);
    expect(proxy.stats()).toMatchObject({ pending: 0, dropped: flush ? 0 : 1 });
  });

  it('cuts requests that wait', async () => {
    const proxy = await proxied({ rules: [{ fault: 'swallow-before' }] });
    const waiting = clientOf(proxy).send(get('none'));
    const failed = expect(waiting).rejects.toThrow();
    await wait(50);
    await proxy.close();
    await failed;
  });
});

describe('fault profiles', () => {
  const kinds = (seed: number, rules: readonly FaultRule[]) => {
    const choose = chooser(rules, seed);
    return Array.from({ length: 2_000 }, (_, i) => choose(i % 3 ? 'PutItem' : 'GetItem')?.kind);
  };

  it('chooses the same for the same seed, and differently for another', () => {
    const rules = faultRules('all-mixed', 0.3);
    expect(kinds(5, rules)).toEqual(kinds(5, rules));
    expect(kinds(5, rules)).not.toEqual(kinds(6, rules));
  });

  it.each(faultProfiles.map((profile) => [profile]))('%s strikes about as often as asked', (profile) => {
    const chosen = kinds(3, faultRules(profile, 0.3)).filter((kind, i) => kind !== undefined && i % 3 !== 0).length;
    const writes = 1_333;
    expect(chosen / writes).toBeGreaterThan(0.25);
    expect(chosen / writes).toBeLessThan(0.35);
  });

  it('mixes twelve kinds, and stale reads', () => {
    expect(new Set(kinds(3, faultRules('all-mixed', 0.3)).filter(Boolean)).size).toBe(13);
  });
});
