// Goal: an embedded store starts, refuses and ends cleanly, and keeps what it acknowledged.
// Method: real sockets and folders; a child process for the lock and for kill -9.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  GetItemCommand,
  ListTablesCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type Embedded, type EmbeddedError, startEmbedded } from '../../lib/embedded/index.js';
import { isLeydenError } from '../../lib/errors.js';
import { until } from '../support/processes.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'leyden-embedded-'));
  cleanups.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function started(options: Parameters<typeof startEmbedded>[0] = {}): Promise<Embedded> {
  const store = await startEmbedded(options);
  cleanups.push(() => store.close());
  return store;
}

function clientOf(store: { readonly clientConfig: Embedded['clientConfig'] }, maxAttempts = 1): DynamoDBClient {
  const client = new DynamoDBClient({ ...store.clientConfig, maxAttempts });
  cleanups.push(() => client.destroy());
  return client;
}

async function makeTable(client: DynamoDBClient, name = 'jar'): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName: name,
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
  await new Promise((done) => setTimeout(done, 20));
}

const put = (pk: string, n: number) =>
  new PutItemCommand({ TableName: 'jar', Item: { pk: { S: pk }, n: { N: String(n) } } });
const get = (pk: string) => new GetItemCommand({ TableName: 'jar', Key: { pk: { S: pk } }, ConsistentRead: true });

async function failure(options: Parameters<typeof startEmbedded>[0]): Promise<EmbeddedError> {
  const error = await startEmbedded(options).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (!isLeydenError(error, 'ERR_EMBEDDED')) throw new Error(`expected ERR_EMBEDDED, got ${String(error)}`);
  return error as EmbeddedError;
}

/** A child that runs a store under `path`; resolves to its endpoint. */
async function child(path: string): Promise<{ process: ChildProcess; endpoint: string }> {
  const script = `import { startEmbedded } from ${JSON.stringify(new URL('../../lib/embedded/index.ts', import.meta.url).href)};
    const store = await startEmbedded({ path: ${JSON.stringify(path)} }); console.log(store.endpoint);`;
  const running = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  cleanups.push(() => running.kill('SIGKILL'));
  const endpoint = await new Promise<string>((done) =>
    running.stdout?.once('data', (data) => done(String(data).trim())),
  );
  return { process: running, endpoint };
}

describe('startEmbedded()', () => {
  it('answers the SDK, and a new table is active at once', async () => {
    const client = clientOf(await started());
    await makeTable(client);
    const { Table } = await client.send(new DescribeTableCommand({ TableName: 'jar' }));
    expect(Table?.TableStatus).toBe('ACTIVE');
    await client.send(put('a', 1));
    expect((await client.send(get('a'))).Item).toEqual({ pk: { S: 'a' }, n: { N: '1' } });
  });

  it('runs two stores that know nothing of each other', async () => {
    const [one, two] = [clientOf(await started()), clientOf(await started())];
    await makeTable(one);
    expect((await two.send(new ListTablesCommand({}))).TableNames).toEqual([]);
  });

  it('refuses a taken port, says so, and leaves the folder unlocked', async () => {
    const { port } = await started();
    const path = await folder();
    expect(await failure({ port, path })).toMatchObject({
      reason: 'port-in-use',
      port,
      retryable: true,
      outcome: 'not-done',
    });
    await started({ path });
  });

  it('refuses a folder that is open in this process', async () => {
    const path = await folder();
    const first = await started({ path });
    expect(await failure({ path })).toMatchObject({ reason: 'path-in-use', path });
    await first.close();
    await started({ path });
  });

  it('refuses a folder that is open in another process', async () => {
    const path = await folder();
    const other = await child(path);
    expect(await failure({ path })).toMatchObject({ reason: 'path-in-use', path });
    const there = clientOf({ clientConfig: { ...(await started()).clientConfig, endpoint: other.endpoint } });
    expect((await there.send(new ListTablesCommand({}))).TableNames).toEqual([]);
  });

  it('refuses a path that is a file, or below one', async () => {
    const file = join(await folder(), 'file');
    await writeFile(file, '');
    expect((await failure({ path: file })).reason).toBe('path-unusable');
    expect((await failure({ path: join(file, 'below') })).reason).toBe('path-unusable');
    expect((await failure({ path: '/proc/leyden' })).message).toContain('cannot be written');
  });

  it('refuses a port that is none', async () => {
    await expect(startEmbedded({ port: 65_536 })).rejects.toThrow(RangeError);
  });

  it('makes a missing folder, and finds the data there after a restart', async () => {
    const path = join(await folder(), 'deep', 'jar');
    const first = await started({ path });
    const before = clientOf(first);
    await makeTable(before);
    await before.send(put('a', 7));
    await first.close();
    expect((await readdir(path)).length).toBeGreaterThan(0);
    const after = clientOf(await started({ path }));
    expect((await after.send(get('a'))).Item?.n).toEqual({ N: '7' });
  });

  it('keeps every acknowledged write when the process is killed', async () => {
    const path = await folder();
    const other = await child(path);
    const endpointOf = {
      endpoint: other.endpoint,
      region: 'local',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    };
    const client = clientOf({ clientConfig: endpointOf });
    await makeTable(client);
    const acknowledged: string[] = [];
    let running = true;
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let n = 0; running; n++) {
        try {
          await client.send(put(`${writer}-${n}`, n));
          acknowledged.push(`${writer}-${n}`);
        } catch {
          return;
        }
      }
    });
    await until(() => acknowledged.length > 50);
    const dead = new Promise((done) => other.process.once('exit', done));
    other.process.kill('SIGKILL');
    await dead;
    running = false;
    await Promise.all(writers);
    const after = clientOf(await started({ path }));
    for (const pk of acknowledged) expect((await after.send(get(pk))).Item).toBeDefined();
  });

  it('survives a client that leaves in the middle of a request', async () => {
    const store = await started();
    const socket = connect(store.port, '127.0.0.1');
    await new Promise((done) => socket.once('connect', done));
    await new Promise((done) => socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{', done));
    await new Promise((done) => setTimeout(done, 20));
    socket.resetAndDestroy();
    await new Promise((done) => setTimeout(done, 20));
    expect((await clientOf(store).send(new ListTablesCommand({}))).TableNames).toEqual([]);
  });
});

describe('close()', () => {
  it('is idempotent, frees the port, and ends idle connections at once', async () => {
    const store = await started();
    await clientOf(store).send(new ListTablesCommand({}));
    const begun = performance.now();
    await Promise.all([store.close(), store.close()]);
    await store[Symbol.asyncDispose]();
    expect(performance.now() - begun).toBeLessThan(1_000);
    const again = createServer();
    await new Promise<void>((done) => again.listen(store.port, '127.0.0.1', done));
    expect((again.address() as AddressInfo).port).toBe(store.port);
    await new Promise((done) => again.close(done));
  });

  it('ends while requests are open, and what was acknowledged is on disk', async () => {
    const path = await folder();
    const store = await started({ path });
    const client = clientOf(store);
    await makeTable(client);
    const acknowledged: number[] = [];
    const writes = Array.from({ length: 200 }, (_, n) =>
      client.send(put(`k${n}`, n)).then(
        () => acknowledged.push(n),
        () => {},
      ),
    );
    while (acknowledged.length < 10) await new Promise((done) => setTimeout(done, 1));
    await store.close();
    await Promise.all(writes);
    expect(acknowledged.length).toBeLessThan(200);
    const after = clientOf(await started({ path }));
    for (const n of acknowledged) expect((await after.send(get(`k${n}`))).Item).toBeDefined();
  });
});
