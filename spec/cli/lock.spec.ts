/** Goal: `leyden lock run` and `elect` run their command when they hold what it needs, and give back what they held; all can see who does. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as askStore, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Embedded, startEmbedded } from '../../lib/embedded/index.js';
import { AtomTable, createClient } from '../../lib/index.js';
import { Election, Lock, Session } from '../../lib/recipes/index.js';
import { until } from '../support/processes.js';
import { type Said, typed } from '../support/typed.js';

let store: Embedded;
let client: ReturnType<typeof createClient>;
let table: AtomTable;
let session: Session;
let folder = '';
let where: string[] = [];
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'leyden-lock-'));
  store = await startEmbedded();
  client = createClient(store.clientConfig);
  table = new AtomTable({ client, tableName: 'state' });
  await table.create();
  session = new Session(table);
  where = ['--table', 'state', '--endpoint-url', store.endpoint];
});
afterAll(async () => {
  await session.close();
  await table.close();
  client.destroy();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Answers for a store, with a failure while `fails` says so. */
async function proxyBefore(
  endpoint: string,
  fails: () => boolean,
): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    if (fails()) {
      const body = { __type: 'com.amazonaws.dynamodb.v20120810#InternalServerError', message: 'later' };
      response.writeHead(500, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body));
      return;
    }
    const { method, headers, url } = request;
    const asked = askStore(`${endpoint}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    request.pipe(asked);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close().closeAllConnections();
    },
  };
}

const sessions: Session[] = [];
afterEach(async () => {
  for (const one of sessions.splice(0)) await one.close();
});

const lockRun = (name: string, flags: readonly string[], ...words: readonly string[]): Promise<Said> =>
  typed(['lock', 'run', name, ...flags, ...where, '--', ...words]);

/** Holds a lock and never renews it. */
async function holdSilently(name: string, leaseMs: number) {
  const silent = new Session(table, { leaseMs, renewal: 'manual' });
  sessions.push(silent);
  return new Lock(silent, name, { purpose: 'silence' }).acquire();
}

describe('lock run', () => {
  it('runs the command with the token and the name, and releases the lock', async () => {
    const file = path.join(folder, 'env');
    const script = `echo $LEYDEN_LOCK_NAME $LEYDEN_FENCING_TOKEN > ${file}; exit 5`;
    for (const token of [1, 2]) {
      expect(await lockRun('plain', [], 'sh', '-c', script)).toEqual({ code: 5, stdout: '', stderr: '' });
      expect(readFileSync(file, 'utf8')).toBe(`plain ${token}\n`);
    }
    expect(await new Lock(session, 'plain').holder()).toBeUndefined();
  });

  it('releases the lock when the command can not be run', async () => {
    const { code, stderr } = await lockRun('absent', ['--json'], 'nonesuch-command');
    expect([code, JSON.parse(stderr).error.code]).toEqual([127, 'ERR_COMMAND']);
    expect(await new Lock(session, 'absent').holder()).toBeUndefined();
  });

  it('says whom a living holder is, at once, with 75', async () => {
    await using _grant = await new Lock(session, 'busy').acquire();
    const { code, stderr } = await lockRun('busy', ['--wait', '0'], 'true');
    expect([code, stderr]).toEqual([
      75,
      expect.stringMatching(
        /^leyden: Lock busy is held by process \d+ on .+, since .+Z under token 1; the command was not run\n$/,
      ),
    ]);
    const other = await lockRun('busy', ['--wait', '0', '--busy-exit-code', '0', '--json'], 'true');
    expect([other.code, JSON.parse(other.stderr).error.code]).toEqual([0, 'ERR_BUSY']);
  });

  it('says nothing of a busy lock when told to be quiet, and that it is no failure', async () => {
    await using _grant = await new Lock(session, 'quiet').acquire();
    const flags = ['--wait', '0', '--quiet'];
    expect(await lockRun('quiet', [...flags, '--busy-exit-code', '0'], 'true')).toEqual({
      ...{ code: 0, stdout: '', stderr: '' },
    });
    expect((await lockRun('quiet', flags, 'true')).stderr).toContain('the command was not run');
  });

  it('waits for a store that fails for a while, as it waits for a holder', async () => {
    let failsUntil: number | undefined;
    await using proxy = await proxyBefore(store.endpoint, () => {
      failsUntil ??= performance.now() + 4_000;
      return performance.now() < failsUntil;
    });
    const at = ['--table', 'state', '--endpoint-url', proxy.url, '--timeout', '300ms'];
    const { code, stderr } = await typed(['lock', 'run', 'patient', ...at, '--', 'true']);
    expect([code, stderr]).toEqual([0, expect.stringContaining('; trying again\n')]);
  });

  // So many requests are answered until it asks who holds the lock.
  it.each([4, 5])(
    'ends at a signal also while a store does not tell who the holder is (after %p requests)',
    async (most) => {
      const name = `deaf-${most}`;
      await using _grant = await new Lock(session, name).acquire();
      let asked = 0;
      await using proxy = await proxyBefore(store.endpoint, () => {
        asked += 1;
        if (asked === most + 1) setTimeout(() => process.emit('SIGTERM', 'SIGTERM'), 500);
        return asked > most;
      });
      const startedAt = performance.now();
      const { code } = await typed([
        'lock',
        'run',
        name,
        '--table',
        'state',
        '--endpoint-url',
        proxy.url,
        '--',
        'true',
      ]);
      expect(code).toBe(143);
      expect(performance.now() - startedAt).toBeLessThan(8_000);
    },
  );

  it('takes a name that begins with a dash behind --', async () => {
    const script = '[ $LEYDEN_LOCK_NAME = -x ]';
    expect((await typed(['lock', 'run', ...where, '--', '-x', '--', 'sh', '-c', script])).code).toBe(0);
  });

  describe('--at-least', () => {
    it('keeps the lock when the command has ended, until a signal comes', async () => {
      const lock = new Lock(session, 'kept');
      const file = path.join(folder, 'kept');
      const running = lockRun('kept', ['--at-least', '1h'], 'sh', '-c', `: > ${file}; exit 5`);
      await until(() => existsSync(file));
      expect((await lockRun('kept', ['--wait', '300ms'], 'true')).code).toBe(75);
      process.emit('SIGTERM', 'SIGTERM');
      expect(await running).toEqual({ code: 5, stdout: '', stderr: '' });
      expect(await lock.holder()).toBeUndefined();
    });

    it('calls what ended before the loss no loss', async () => {
      const lock = new Lock(session, 'outlived');
      const file = path.join(folder, 'outlived');
      const script = `until [ -e ${file} ]; do sleep 0.05; done`;
      const running = lockRun('outlived', ['--at-least', '1h', '--lease', '3s'], 'sh', '-c', script);
      let token: bigint | undefined;
      while (token === undefined) token = (await lock.holder())?.token;
      writeFileSync(file, '');
      await new Promise((done) => setTimeout(done, 500));
      await lock.forceRelease({ token });
      expect(await running).toEqual({ code: 0, stdout: '', stderr: '' });
    });

    it('finds out what was lost before the command ended', async () => {
      const lock = new Lock(session, 'taken');
      const file = path.join(folder, 'taken');
      const script = `until [ -e ${file} ]; do sleep 0.05; done`;
      const running = lockRun('taken', ['--at-least', '1h', '--lease', '1h'], 'sh', '-c', script);
      let token: bigint | undefined;
      while (token === undefined) token = (await lock.holder())?.token;
      await lock.forceRelease({ token });
      writeFileSync(file, '');
      expect((await running).code).toBe(76);
    });
  });

  it('says for whom it waits, unless it is to be quiet', async () => {
    await using _grant = await new Lock(session, 'waited').acquire();
    const { code, stderr } = await lockRun('waited', ['--wait', '100ms', '--json'], 'true');
    const [waiting, busy] = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect([code, waiting, busy.error.code]).toEqual([
      75,
      { event: 'waiting', lock: 'waited', holder: expect.objectContaining({ pid: process.pid, token: '1' }) },
      'ERR_BUSY',
    ]);
    expect((await lockRun('waited', ['--wait', '100ms', '--quiet'], 'true')).stderr).toMatch(/^leyden: Lock/);
  });

  it('takes over from a holder that looks dead, although it would not wait', async () => {
    await holdSilently('dead', 600);
    await new Promise((done) => setTimeout(done, 700));
    const { code, stderr } = await lockRun('dead', ['--wait', '0'], 'sh', '-c', '[ $LEYDEN_FENCING_TOKEN = 2 ]');
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining('under token 1, for silence, which looks dead; taking over'),
    ]);
  });

  it('stops the command when the lock is taken by force, and says so', async () => {
    const lock = new Lock(session, 'forced');
    const running = lockRun('forced', ['--lease', '3s', '--lost-exit-code', '9'], 'sleep', '30');
    let token: bigint | undefined;
    while (token === undefined) token = (await lock.holder())?.token;
    await lock.forceRelease({ token });
    expect(await running).toMatchObject({ code: 9, stderr: expect.stringContaining('it was released by force') });
  });

  it('is ended by a signal while it waits, and leaves no ticket', async () => {
    const lock = new Lock(session, 'signalled');
    await using _grant = await lock.acquire();
    const waiting = lockRun('signalled', [], 'true');
    while ((await lock.holder())?.waiting !== 1);
    process.emit('SIGTERM', 'SIGTERM');
    expect((await waiting).code).toBe(143);
    expect((await lock.holder())?.waiting).toBe(0);
  });
});

describe('lock holder', () => {
  it('says who holds it, and how many wait', async () => {
    const lock = new Lock(session, 'held', { purpose: 'a look' });
    const grant = await lock.acquire();
    const { code, stdout, stderr } = await typed(['lock', 'holder', 'held', ...where]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^lock held is held by process \d+ on .+, since .+Z under token 1, for a look; 0 waiting\n$/,
    );
    const next = lock.acquire();
    while ((await lock.holder())?.waiting !== 1);
    const seen = await typed(['lock', 'holder', 'held', '--json', ...where]);
    expect([seen.code, JSON.parse(seen.stdout)]).toEqual([
      0,
      {
        ...{ held: true, lock: 'held' },
        holder: {
          ...{ token: '1', pid: process.pid, host: expect.any(String), session: expect.any(String) },
          ...{ purpose: 'a look', grantedAt: expect.any(Number), waiting: 1 },
        },
      },
    ]);
    await grant.release();
    await (await next).release();
  });

  it('ends with 1 when nobody does, and says so', async () => {
    expect(await typed(['lock', 'holder', 'nobody', ...where])).toEqual({
      ...{ code: 1, stdout: '', stderr: 'leyden: Nobody holds lock nobody\n' },
    });
    expect(await typed(['lock', 'holder', 'nobody', '--json', ...where])).toEqual({
      ...{ code: 1, stdout: '{"held":false,"lock":"nobody"}\n', stderr: '' },
    });
  });
});

describe('lock release', () => {
  it('takes it from whoever holds it under the token, and from nobody else', async () => {
    const lock = new Lock(session, 'stuck');
    await using grant = await lock.acquire();
    const release = (token: string, ...flags: readonly string[]) =>
      typed(['lock', 'release', 'stuck', '--token', token, ...flags, ...where]);
    expect(await release('2')).toEqual({
      ...{ code: 1, stdout: '' },
      stderr: 'leyden: Cannot release lock stuck: it is not held under token 2; nothing was changed\n',
    });
    expect((await lock.holder())?.token).toBe(1n);
    expect(await release('1')).toEqual({ code: 0, stdout: 'released\n', stderr: '' });
    expect(await lock.holder()).toBeUndefined();
    await expect(grant.extend()).rejects.toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'taken' });
    expect(await release('1', '--json')).toEqual({
      ...{ code: 1, stdout: '{"lock":"stuck","token":"1","released":false}\n', stderr: '' },
    });
    await using _next = await lock.acquire();
    expect((await release('2', '--json')).stdout).toBe('{"lock":"stuck","token":"2","released":true}\n');
  });
});

describe('leader', () => {
  it('says who leads, and ends with 1 when nobody does', async () => {
    const election = new Election<unknown>(session, 'seen', { purpose: 'a look' });
    const leader = (...flags: readonly string[]) => typed(['leader', 'seen', ...flags, ...where]);
    expect(await leader()).toEqual({ code: 1, stdout: '', stderr: 'leyden: Nobody leads election seen\n' });
    expect(await leader('--json')).toEqual({ code: 1, stdout: '{"led":false,"election":"seen"}\n', stderr: '' });
    await using leadership = await election.campaign({ port: 8080n });
    expect(await leader()).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /^election seen: process \d+ on .+ leads as {"port":"8080"}, since .+Z in term 1, for a look\n$/,
      ),
    });
    await leadership.proclaim('\u001b[31mred');
    expect((await leader()).stdout).toContain(' leads as \\u001b[31mred, ');
    await leadership.proclaim();
    expect(JSON.parse((await leader('--json')).stdout)).toEqual({
      ...{ led: true, election: 'seen' },
      leader: {
        ...{ term: '1', pid: process.pid, host: expect.any(String), session: expect.any(String) },
        ...{ purpose: 'a look', electedAt: expect.any(Number) },
      },
    });
  });
});

describe('elect', () => {
  it('stops the command when the leadership is taken away, and stands again', async () => {
    const election = new Election<string>(session, 'deposed');
    const script = '[ $LEYDEN_FENCING_TOKEN = 2 ] || exec sleep 30';
    const running = typed(['elect', 'deposed', '--lease', '2s', ...where, '--', 'sh', '-c', script]);
    while ((await election.leader()) === undefined);
    await using onlooker = new AtomTable({ client, tableName: 'state' });
    await onlooker.atom<object>('election:deposed').swap((state) => ({ ...state, owner: null }));
    const { code, stderr } = await running;
    expect([code, stderr]).toEqual([0, expect.stringMatching(/leading .+ term 1\n.+; stopping .+\n.+ term 2\n$/)]);
  });

  it('runs the command as the leader, shows its value, and resigns', async () => {
    const election = new Election<string>(session, 'boss');
    const script = '[ $LEYDEN_ELECTION_NAME = boss ] && sleep 0.5; exit $LEYDEN_FENCING_TOKEN';
    const running = typed(['elect', 'boss', '--value', 'here:1', ...where, '--', 'sh', '-c', script]);
    let value: string | undefined;
    while (value === undefined) value = (await election.leader())?.value;
    expect(value).toBe('here:1');
    expect(await running).toEqual({ code: 1, stdout: '', stderr: 'leyden: leading boss in term 1\n' });
    expect(await election.leader()).toBeUndefined();
  });

  it('says behind whom it waits, unless it is to be quiet', async () => {
    const election = new Election<string>(session, 'waited', { purpose: 'proxy' });
    await using onlooker = new AtomTable({ client, tableName: 'state' });
    const item = onlooker.atom<{ queue?: unknown[] }>('election:waited');
    for (const flags of [['--json'], [], ['--quiet']]) {
      const leadership = await election.campaign('here:1');
      const waiting = typed(['elect', 'waited', ...flags, ...where, '--', 'true']);
      await item.waitFor((state) => (state?.queue?.length ?? 0) > 0, { pollMsMax: 100 });
      await leadership.resign();
      const { code, stderr } = await waiting;
      const term = String(leadership.term);
      const [first = ''] = stderr.split('\n');
      expect(code).toBe(0);
      if (flags[0] === '--quiet') {
        expect(stderr).toBe('');
      } else if (flags[0] === '--json') {
        expect(JSON.parse(first)).toEqual({
          event: 'waiting',
          election: 'waited',
          leader: expect.objectContaining({ term, value: 'here:1', pid: process.pid }),
        });
      } else {
        expect(first).toMatch(
          /^leyden: election waited: process \d+ on .+ leads as here:1, since .+Z in term \d+, for proxy; waiting$/,
        );
      }
    }
  });
});
