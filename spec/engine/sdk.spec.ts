// Goal: the engine on the SDK tells done, not done and unclear apart, whatever the client does.
// Method: each error that the service, the SDK or the network can give, with one and with two copies sent, thrown by a
// stand-in of a client; and the real clients, plain and document, over dynalite.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { startEmbedded } from '../../lib/embedded/index.js';
import { createClient, isTransient, type RefusalKind, SdkEngine } from '../../lib/engine/index.js';

const put = { table: 't', item: { id: { S: 'a' } } };

function failing(error: unknown): SdkEngine {
  return new SdkEngine({ config: {}, send: async () => Promise.reject(error) });
}

function failure(
  facts: { name?: string; code?: string; fault?: string; status?: number },
  attempts: number | undefined,
) {
  const { name = 'Error', code, fault, status } = facts;
  const error = Object.assign(new Error(name), { $metadata: { attempts, httpStatusCode: status } });
  return Object.assign(error, { name }, code && { code }, fault && { $fault: fault });
}

type Row = readonly [what: Parameters<typeof failure>[0], kind: RefusalKind | undefined, transient: boolean];

const rows: readonly Row[] = [
  [{ name: 'ProvisionedThroughputExceededException', fault: 'client', status: 400 }, 'throttled', true],
  [{ name: 'ThrottlingException', fault: 'client', status: 400 }, 'throttled', true],
  [{ name: 'RequestLimitExceeded', fault: 'client', status: 400 }, 'throttled', true],
  [{ name: 'TransactionConflictException', fault: 'client', status: 400 }, 'conflict', true],
  [{ name: 'ReplicatedWriteConflictException', fault: 'client', status: 400 }, 'conflict', true],
  [{ name: 'ValidationException', fault: 'client', status: 400 }, 'refused', false],
  [{ name: 'AccessDeniedException', fault: 'client', status: 400 }, 'refused', false],
  [{ name: 'ResourceNotFoundException', fault: 'client', status: 400 }, 'refused', false],
  [{ name: 'ItemCollectionSizeLimitExceededException', fault: 'client', status: 400 }, 'refused', false],
  [{ name: 'ExpiredTokenException', fault: 'client', status: 400 }, 'refused', false],
  [{ name: 'Unknown', status: 413 }, 'refused', false],
  [{ code: 'ECONNREFUSED' }, 'unreachable', true],
  [{ code: 'ENOTFOUND' }, 'unreachable', true],
  [{ code: 'EAI_AGAIN' }, 'unreachable', true],
  [{ name: 'TransactionInProgressException', fault: 'client', status: 400 }, undefined, true],
  [{ name: 'InternalServerError', fault: 'server', status: 500 }, undefined, true],
  [{ name: 'ServiceUnavailableException', status: 503 }, undefined, true],
  [{ name: 'SyntaxError', status: 500 }, undefined, true],
  [{ name: 'SyntaxError', status: 200 }, undefined, true],
  [{ name: 'SyntaxError', status: 400 }, undefined, false],
  [{ name: 'Unknown', status: 408 }, undefined, true],
  [{ name: 'TimeoutError', code: 'ECONNRESET' }, undefined, true],
  [{ name: 'Error', code: 'EPIPE' }, undefined, true],
  [{ name: 'Error', code: 'ECONNRESET', status: 400 }, undefined, true],
  [{ name: 'SocketError', code: 'UND_ERR_SOCKET' }, undefined, true],
  [{ name: 'HTTPParserError', code: 'HPE_INVALID_CONSTANT' }, undefined, true],
  [{ name: 'Error' }, undefined, false],
];

describe('SdkEngine', () => {
  describe('put()', () => {
    for (const [what, kind, transient] of rows) {
      const label = `${what.name ?? 'Error'} ${what.code ?? what.status ?? ''}`.trim();
      it(`takes ${label} for ${kind ?? 'unclear'} after one copy, and for unclear after more`, async () => {
        const once = await failing(failure(what, 1)).put(put);
        expect(once).toMatchObject(kind === undefined ? { status: 'unclear' } : { status: 'not-applied', kind });
        expect(await failing(failure(what, 2)).put(put)).toMatchObject({ status: 'unclear' });
        expect(await failing(failure(what, undefined)).put(put)).toMatchObject({ status: 'unclear' });
        expect(isTransient(failure(what, 1))).toBe(transient);
      });
    }

    it('says of a failed condition whether more copies may have been sent', async () => {
      const failed = (attempts: number | undefined) =>
        Object.assign(failure({ name: 'ConditionalCheckFailedException' }, attempts), { Item: { id: { S: 'a' } } });
      expect(await failing(failed(1)).put(put)).toEqual({
        status: 'condition-failed',
        image: { id: { S: 'a' } },
        resent: false,
      });
      expect(await failing(failed(2)).put(put)).toMatchObject({ resent: true });
      expect(await failing(failed(undefined)).put(put)).toMatchObject({ resent: true });
    });

    it('calls a refusal unclear once the caller has stopped listening', async () => {
      const signal = AbortSignal.abort(new Error('enough'));
      const answer = await failing(failure({ name: 'ValidationException', status: 400 }, 1)).put(put, { signal });
      expect(answer.status).toBe('unclear');
    });

    it('knows errors of another realm by the message that the SDK leaves of them', async () => {
      const wrapped = new Error('AWS SDK error wrapper for TimeoutError: read ECONNRESET');
      expect(isTransient(wrapped)).toBe(true);
      expect((await failing(wrapped).put(put)).status).toBe('unclear');
      const refused = failure({}, 1);
      refused.message = 'AWS SDK error wrapper for Error: connect ECONNREFUSED 127.0.0.1:1';
      expect(await failing(refused).put(put)).toMatchObject({ status: 'not-applied', kind: 'unreachable' });
    });
  });

  describe('get()', () => {
    it('rejects with the signal’s own reason after an abort, else with the error as it is', async () => {
      const request = { table: 't', key: { id: { S: 'a' } }, consistent: true };
      const reason = new Error('enough');
      await expect(failing(new Error('x')).get(request, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      const denied = failure({ name: 'AccessDeniedException', status: 400 }, 1);
      await expect(failing(denied).get(request)).rejects.toBe(denied);
    });
  });

  it('counts requests, attempts, failed conditions, throttling', async () => {
    const engine = failing(failure({ name: 'ThrottlingException', status: 400 }, 3));
    await engine.put(put);
    expect(engine.spent()).toMatchObject({ requests: 1, attempts: 3, throttled: 1, unclear: 1, writeUnits: 0 });
    const condition = failing(failure({ name: 'ConditionalCheckFailedException' }, 1));
    await condition.put(put);
    expect(condition.spent()).toMatchObject({ requests: 1, conditionsFailed: 1, writeUnits: 1 });
  });

  it('refuses what is no client', () => {
    expect(() => new SdkEngine({} as never)).toThrow(TypeError);
  });

  it('works on a plain client, a document client and createClient alike', async () => {
    await using jar = await startEmbedded();
    const plain = new DynamoDBClient(jar.clientConfig);
    const lean = createClient(jar.clientConfig);
    const clients = [plain, DynamoDBDocumentClient.from(plain), lean];
    await new AtomTable({ client: plain, tableName: 'clients' }).create();
    for (const client of clients) {
      const table = new AtomTable({ client, tableName: 'clients' });
      await table.atom<{ n: number; bytes: Uint8Array }>('a').reset({ n: 1, bytes: new Uint8Array([1, 2]) });
      const counter = table.atom<number>('n', { initial: 0 });
      await counter.swap((n) => n + 1);
      expect(await table.atom('a').deref()).toEqual({ n: 1, bytes: new Uint8Array([1, 2]) });
    }
    const last = new AtomTable({ client: plain, tableName: 'clients' }).atom<number>('n', { initial: 0 });
    expect(await last.deref()).toBe(3);
    for (const client of [plain, lean]) client.destroy();
  });
});

describe('createClient()', () => {
  it('sends one copy, and refuses numbers that make no sense', async () => {
    const client = createClient({ region: 'local', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
    expect(await client.config.maxAttempts()).toBe(1);
    client.destroy();
    for (const options of [{ socketsMax: 0 }, { connectTimeoutMs: -1 }, { answerTimeoutMs: 1.5 }]) {
      expect(() => createClient(options)).toThrow(RangeError);
    }
  });

  for (const status of [200, 204]) {
    it(`takes an answer ${status} that says nothing for none`, () => emptyAnswer(status));
  }

  async function emptyAnswer(status: number): Promise<void> {
    const server = createServer((_, response) => response.writeHead(status).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    const client = createClient({ endpoint: `http://127.0.0.1:${port}`, region: 'local', credentials });
    const engine = new SdkEngine(client);
    try {
      expect(await engine.put({ table: 'some', item: { id: { S: 'a' } } })).toMatchObject({ status: 'unclear' });
      const error = await engine
        .get({ table: 'some', key: { id: { S: 'a' } }, consistent: true })
        .catch((reason: unknown) => reason);
      expect(isTransient(error)).toBe(true);
    } finally {
      client.destroy();
      server.close();
    }
  }
});
