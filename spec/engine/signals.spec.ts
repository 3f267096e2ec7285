// Goal: a call that can be aborted keeps the SDK's cached middleware, and an abort reaches the transport all the same: at once,
// and nothing is sent of what still waits for a connection. Method: a server that answers when it is told to.
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { createClient, type DynamoDBClientLike, SdkEngine } from '../../lib/engine/index.js';

let server: Server;
let config: { endpoint: string; region: string; credentials: { accessKeyId: string; secretAccessKey: string } };
/** Answers that the server owes. */
let owed: ServerResponse[];
let arrived: (() => void) | undefined;

beforeEach(async () => {
  owed = [];
  arrived = undefined;
  server = createServer((request, response) => {
    request.resume();
    owed.push(response);
    arrived?.();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  config = {
    endpoint: `http://127.0.0.1:${port}`,
    region: 'local',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  };
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const put = { table: 'some', item: { id: { S: 'a' } } };
const nextArrival = () =>
  new Promise<void>((resolve) => {
    arrived = resolve;
  });
const cacheOf = (client: DynamoDBClientLike) => (client as unknown as { handlers?: WeakMap<object, unknown> }).handlers;

async function answered(engine: SdkEngine, signal: AbortSignal) {
  const arrival = nextArrival();
  const answer = engine.put(put, { signal });
  await arrival;
  owed.shift()?.end('{}');
  return answer;
}

it('keeps the cached middleware', async () => {
  const client = createClient(config);
  const engine = new SdkEngine(client);
  const { signal } = new AbortController();
  expect(await answered(engine, signal)).toMatchObject({ status: 'applied' });
  const cached = cacheOf(client)?.get(PutItemCommand);
  expect(cached).toBeDefined();
  expect(await answered(engine, signal)).toMatchObject({ status: 'applied' });
  expect(cacheOf(client)?.get(PutItemCommand)).toBe(cached);
  client.destroy();
});

it('is unclear at once when it is aborted under way, on a client of ours and on any other', async () => {
  const lean = createClient(config);
  const plain = new DynamoDBClient({ ...config, maxAttempts: 1 });
  for (const client of [lean, plain, DynamoDBDocumentClient.from(plain)]) {
    const stop = new AbortController();
    const arrival = nextArrival();
    const answer = new SdkEngine(client).put(put, { signal: stop.signal });
    await arrival;
    stop.abort(new Error('enough'));
    expect(await answer).toMatchObject({ status: 'unclear' });
    owed = [];
  }
  lean.destroy();
  plain.destroy();
});

it('rejects a read with the reason of the abort', async () => {
  const client = createClient(config);
  const stop = new AbortController();
  const arrival = nextArrival();
  const read = new SdkEngine(client).get({ table: 'some', key: { id: { S: 'a' } }, consistent: true }, stop);
  await arrival;
  const reason = new Error('enough');
  stop.abort(reason);
  await expect(read).rejects.toBe(reason);
  client.destroy();
});

it('never sends what was aborted while it waited for a connection', async () => {
  const client = createClient({ ...config, socketsMax: 1 });
  const engine = new SdkEngine(client);
  const arrival = nextArrival();
  const first = engine.put(put);
  await arrival;
  const stop = new AbortController();
  const second = engine.put(put, { signal: stop.signal });
  await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  expect(await second).toMatchObject({ status: 'unclear' });
  owed.shift()?.end('{}');
  expect(await first).toMatchObject({ status: 'applied' });
  // What comes over the one connection next is the next call, not the one that was given up.
  expect(await answered(engine, new AbortController().signal)).toMatchObject({ status: 'applied' });
  expect(owed).toEqual([]);
  client.destroy();
});

it('leaves no listener behind', async () => {
  const client = createClient(config);
  const engine = new SdkEngine(client);
  const { signal } = new AbortController();
  const added: string[] = [];
  const removed: string[] = [];
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (type: string, ...rest: [never]) => {
    added.push(type);
    add(type, ...rest);
  };
  signal.removeEventListener = (type: string, ...rest: [never]) => {
    removed.push(type);
    remove(type, ...rest);
  };
  await answered(engine, signal);
  expect(added).toEqual(['abort']);
  expect(removed).toEqual(['abort']);
  client.destroy();
});
