/** Goal: a wrong address is told at once, and Region, profile and credentials are found where the AWS CLI finds them. */
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Compiled, compileCommand, typed } from '../support/typed.js';

const servers: Server[] = [];
const folders: string[] = [];
let command: Compiled;
beforeAll(async () => {
  command = await compileCommand();
});
afterAll(() => command.close());
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A store that answers that there is no such table, and remembers what was asked. */
async function recorder(): Promise<{ readonly url: string; readonly credentials: () => string | undefined }> {
  let authorization: string | undefined;
  const url = await serve((request, response) => {
    authorization = request.headers.authorization;
    const body = { __type: 'com.amazonaws.dynamodb.v20120810#ResourceNotFoundException', message: 'no table' };
    response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body));
  });
  return { url, credentials: () => /Credential=([^,]*)/.exec(authorization ?? '')?.[1]?.replace(/\/\d{8}\//, '/') };
}

function awsFolder(files: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const folder = mkdtempSync(path.join(tmpdir(), 'leyden-aws-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  return {
    AWS_SHARED_CREDENTIALS_FILE: path.join(folder, 'credentials'),
    AWS_CONFIG_FILE: path.join(folder, 'config'),
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

const get = ['atom', 'get', 'k', '--table', 'state'];

describe('a wrong endpoint', () => {
  it.each([
    ['where nobody listens', 'http://127.0.0.1:1', 'nobody listens there'],
    ['where there is no host', 'http://leyden-jar.invalid:8000', '(ENOTFOUND|EAI_AGAIN)'],
  ])('%s ends everything with 1 within 5 s', async (_where, url, reason) => {
    const env = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_REGION: 'local', LEYDEN_TABLE: 'state' };
    const lines = [
      ['atom', 'get', 'k', '--endpoint-url', url],
      ['atom', 'set', 'k', '1', '--endpoint-url', url],
      ['lock', 'run', 'a', '--endpoint-url', url, '--', 'echo', 'ran'],
    ];
    const startedMs = performance.now();
    for (const { code, stdout, stderr } of await Promise.all(lines.map((line) => command.start(line, env).ended))) {
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(new RegExp(`^leyden: Cannot use ${url}: .*${reason}`));
    }
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });

  it('is told in words for people, as JSON for programs', async () => {
    const args = [...get, '--endpoint-url', 'http://127.0.0.1:1'];
    const message =
      'Cannot use http://127.0.0.1:1: nobody listens there (ECONNREFUSED); check --endpoint-url and --region';
    expect(await typed(args)).toEqual({ code: 1, stdout: '', stderr: `leyden: ${message}\n` });
    expect(JSON.parse((await typed([...args, '--json'])).stderr)).toEqual({
      error: { code: 'ERR_UNREACHABLE', message },
    });
  });

  it.each([
    [200, '<html>hello</html>'],
    [404, '<html>not found</html>'],
    [301, ''],
  ])('at which a web server answers %d is told from DynamoDB', async (status, body) => {
    const url = await serve((_request, response) => response.writeHead(status).end(body));
    const { code, stderr } = await typed([...get, '--endpoint-url', url, '--json']);
    expect([code, JSON.parse(stderr).error]).toEqual([
      1,
      { code: 'ERR_UNREACHABLE', message: expect.stringContaining('what answers there is no DynamoDB') },
    ]);
  });
});

describe('credentials and Region', () => {
  it('are dummies for a store on this machine when there are none', async () => {
    const { url, credentials } = await recorder();
    const { stderr } = await typed([...get, '--endpoint-url', url]);
    expect([credentials(), stderr]).toEqual([
      'local/local/dynamodb/aws4_request',
      expect.stringContaining('does not exist here'),
    ]);
    await typed([...get, '--endpoint-url', url, '--region', 'eu-west-1']);
    expect(credentials()).toBe('local/eu-west-1/dynamodb/aws4_request');
  });

  it('are taken from the environment', async () => {
    const { url, credentials } = await recorder();
    const env = { AWS_ACCESS_KEY_ID: 'mine', AWS_SECRET_ACCESS_KEY: 's', AWS_DEFAULT_REGION: 'eu-north-1' };
    const place = { AWS_ENDPOINT_URL_DYNAMODB: url, LEYDEN_TABLE: 'state' };
    const { code, stderr } = await command.start(['atom', 'get', 'k'], { ...env, ...place }).ended;
    expect([code, stderr]).toEqual([1, expect.stringContaining('Table state does not exist here')]);
    expect(credentials()).toBe('mine/eu-north-1/dynamodb/aws4_request');
  });

  it('are those of a profile', async () => {
    const { url, credentials } = await recorder();
    const env = awsFolder({
      credentials: '[shop]\naws_access_key_id = shopkey\naws_secret_access_key = s\n',
      config: `[profile shop]\nregion = ap-south-1\nendpoint_url = ${url}\n`,
    });
    await command.start([...get, '--profile', 'shop'], env).ended;
    expect(credentials()).toBe('shopkey/ap-south-1/dynamodb/aws4_request');
    const nobody = await command.start(
      [...get, '--endpoint-url', url, '--profile', 'nobody', '--region', 'r', '--json'],
      env,
    ).ended;
    expect([nobody.code, JSON.parse(nobody.stderr).error]).toEqual([
      1,
      { code: 'ERR_CREDENTIALS', message: expect.stringContaining('Cannot find credentials of profile nobody') },
    ]);
  });

  it('are missed before anything is sent', async () => {
    const env = awsFolder({});
    const noRegion = await command.start(get, env).ended;
    expect([noRegion.code, noRegion.stderr]).toEqual([2, expect.stringMatching(/^leyden: Which Region\?/)]);
    const none = await command.start([...get, '--region', 'eu-west-1'], env).ended;
    expect([none.code, none.stderr]).toEqual([1, expect.stringMatching(/^leyden: Cannot find AWS credentials: /)]);
  });
});

describe('leyden dev', () => {
  it('prints what other shells need, and ends with 0 on Ctrl-C', async () => {
    const dev = command.start(['dev', '--table', 'mine']);
    await dev.says('Ctrl-C ends it');
    const env = Object.fromEntries(
      [...dev.stdout().matchAll(/^export (\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
    );
    expect(dev.stdout()).toMatch(/^# http:\/\/127\.0\.0\.1:\d+\n/);
    expect((await command.start(['atom', 'set', 'k', '1'], env).ended).code).toBe(0);
    expect((await command.start(['atom', 'get', 'k'], env).ended).stdout).toBe('1\n');

    const watch = command.start(['atom', 'watch', 'k'], env);
    await watch.says('1\n');
    watch.signal('SIGINT');
    expect((await watch.ended).signal).toBe('SIGINT');

    dev.signal('SIGINT');
    expect(await dev.ended).toMatchObject({ code: 0, signal: null });
  });

  it('keeps its data in a folder, and says it as JSON', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'leyden-dev-'));
    folders.push(folder);
    for (const expected of ['', '{"kept":true}']) {
      const dev = command.start(['dev', '--path', folder, '--json']);
      await dev.says('"running"');
      const { endpoint, table, env } = JSON.parse(dev.stdout());
      expect([table, env.AWS_ENDPOINT_URL_DYNAMODB]).toEqual(['leyden', endpoint]);
      const { stdout } = await command.start(['atom', 'get', 'k', '--json'], env).ended;
      expect(JSON.stringify(JSON.parse(stdout).value) ?? '').toBe(expected);
      await command.start(['atom', 'set', 'k', '{"kept":true}'], env).ended;
      dev.signal('SIGTERM');
      expect((await dev.ended).code).toBe(0);
    }
  });

  it('says that its port is taken', async () => {
    const url = await serve(() => {});
    const { code, stderr } = await typed(['dev', '--port', new URL(url).port, '--json']);
    expect([code, JSON.parse(stderr).error.code]).toEqual([1, 'ERR_EMBEDDED']);
  });
});

describe('standard output', () => {
  it('that can not be written to is a failure', async () => {
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [command.main, '--version'], { stdio: ['ignore', full, 'pipe'] });
    closeSync(full);
    let stderr = '';
    child.stderr?.on('data', (text) => {
      stderr += text;
    });
    const code = await new Promise((done) => child.once('close', done));
    expect([code, stderr]).toEqual([1, expect.stringContaining('Cannot write to standard output')]);
  });

  it('that nobody reads any longer ends it quietly', async () => {
    const run = command.start(['dev']);
    run.child.stdout?.destroy();
    expect(await run.ended).toMatchObject({ code: 141, signal: null });
  });
});
