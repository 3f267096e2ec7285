/**
 * Goal: a command runs under its lock and not without it, whoever is killed, stopped or cut off, and the exit code tells what happened.
 * Method: the compiled command in processes of its own, as two shells would run it, on real stores.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Embedded, startEmbedded } from '../../lib/embedded/index.js';
import { AtomTable, createClient } from '../../lib/index.js';
import { Lock, Session } from '../../lib/recipes/index.js';
import { describeEngine, engines, type OpenEngine } from '../support/engines.js';
import { lives, until } from '../support/processes.js';
import { type Compiled, compileCommand, type Run } from '../support/typed.js';

const leaseMs = 2_000;
const lease = ['--lease', `${leaseMs}ms`];

let command: Compiled;
let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'leyden-lock-run-'));
  command = await compileCommand();
});
afterAll(async () => {
  await command.close();
  rmSync(folder, { recursive: true, force: true });
});

const envFor = (endpoint: string, table: string) => ({
  AWS_ENDPOINT_URL_DYNAMODB: endpoint,
  AWS_REGION: 'local',
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
  LEYDEN_TABLE: table,
});

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Says its own process id and that of what it has started, and sleeps. */
const sleeper = ['sh', '-c', 'sleep 60 & echo pids $$ $!; wait'];

async function pidsOf(run: Run): Promise<readonly number[]> {
  await run.says('pids ');
  await until(() => /pids \d+ \d+\n/.test(run.stdout()));
  return (/pids (\d+) (\d+)\n/.exec(run.stdout()) ?? []).slice(1).map(Number);
}

for (const row of engines.filter(({ name }) => name === 'dynalite' || name === 'dynamodb-local')) {
  describeEngine(row, () => {
    let opened: OpenEngine;
    let env: NodeJS.ProcessEnv;
    beforeAll(async () => {
      opened = await row.open();
      const tableName = opened.uniqueTable();
      await new AtomTable({ engine: opened.engine, tableName }).create();
      env = envFor(opened.endpoint as string, tableName);
    });
    afterAll(() => opened.close());

    it('a second shell waits, is told for whom, and runs after the first, under a larger token', async () => {
      const gate = path.join(folder, `gate-${row.name}`);
      const held = `echo begins $LEYDEN_LOCK_NAME $LEYDEN_FENCING_TOKEN; until [ -e ${gate} ]; do sleep 0.05; done; echo ends`;
      const first = command.start(['lock', 'run', 'turn', '--', 'sh', '-c', held], env);
      await first.says('begins turn 1');
      const script = `[ -e ${gate} ] && echo in turn; ${held}`;
      const second = command.start(['lock', 'run', 'turn', '--', 'sh', '-c', script], env);
      await second.says(`lock turn is held by process ${first.child.pid} on `);
      writeFileSync(gate, '');
      expect(await first.ended).toMatchObject({ code: 0, stdout: 'begins turn 1\nends\n' });
      expect(await second.ended).toMatchObject({ code: 0, stdout: 'in turn\nbegins turn 2\nends\n' });
    });

    it('is taken over from a shell that was killed with -9, and its command is stopped before', async () => {
      const first = command.start(['lock', 'run', 'killed', ...lease, '--', ...sleeper], env);
      const pids = await pidsOf(first);
      const second = command.start(
        ['lock', 'run', 'killed', ...lease, '--', 'sh', '-c', 'echo token $LEYDEN_FENCING_TOKEN'],
        env,
      );
      await second.says('waiting');
      first.signal('SIGKILL');
      await until(() => !pids.some(lives), 0.8 * leaseMs);
      expect(second.stdout()).toBe('');
      expect(await second.ended).toMatchObject({ code: 0, stdout: 'token 2\n' });
    });
  });
}

describe('on dynalite', () => {
  let store: Embedded;
  let env: NodeJS.ProcessEnv;
  let table: AtomTable;
  let session: Session;
  let client: ReturnType<typeof createClient>;
  beforeAll(async () => {
    store = await startEmbedded();
    client = createClient(store.clientConfig);
    table = new AtomTable({ client, tableName: 'state' });
    await table.create();
    session = new Session(table);
    env = envFor(store.endpoint, 'state');
  });
  afterAll(async () => {
    await session.close();
    await table.close();
    client.destroy();
    await store.close();
  });

  let names = 0;
  let name = '';
  afterEach(async () => {
    // Whatever happened: it is free, and nobody is left in its queue.
    expect(await new Lock(session, name).holder()).toBeUndefined();
  });
  const lockRun = (flags: readonly string[], ...words: readonly string[]): Run => {
    names += 1;
    name = `lock-${names}`;
    return command.start(['lock', 'run', name, ...flags, '--', ...words], env);
  };

  it('is taken over from a dead one by runs that would not wait', async () => {
    const first = lockRun(lease, ...sleeper);
    const pids = await pidsOf(first);
    first.signal('SIGKILL');
    await pause(leaseMs);
    expect(pids.filter(lives)).toEqual([]);
    const later = await command.start(['lock', 'run', name, '--wait', '0', '--', 'echo', 'ran'], env).ended;
    expect([later.code, later.stdout, later.stderr]).toEqual([
      0,
      'ran\n',
      expect.stringContaining('looks dead; taking over'),
    ]);
  });

  describe('a signal', () => {
    it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
      '%s reaches the command once, and that decides',
      async (signal) => {
        const short = signal.slice(3);
        const run = lockRun(
          [],
          'sh',
          '-c',
          `trap 'echo got ${short}' ${short}; echo ready; for i in 1 2 3 4 5; do sleep 0.1; done; exit 5`,
        );
        await run.says('ready');
        run.signal(signal);
        expect(await run.ended).toMatchObject({ code: 5, stdout: `ready\ngot ${short}\n` });
      },
    );

    it('ends a wait, and leaves no ticket', async () => {
      const holding = lockRun([], ...sleeper);
      await pidsOf(holding);
      const waiting = command.start(['lock', 'run', name, '--', 'echo', 'ran'], env);
      await waiting.says('waiting');
      await pause(300);
      expect((await new Lock(session, name).holder())?.waiting).toBe(1);
      waiting.signal('SIGINT');
      // As a shell wants it, that it may end its loop.
      expect(await waiting.ended).toMatchObject({ signal: 'SIGINT', stdout: '' });
      expect((await new Lock(session, name).holder())?.waiting).toBe(0);
      holding.signal('SIGTERM');
      await holding.ended;
    });

    it('SIGTSTP stops the command as well, and SIGCONT lets both go on', async () => {
      const run = lockRun(
        [],
        'sh',
        '-c',
        'echo pids $$ 0; i=0; while [ $i -lt 20 ]; do sleep 0.1; i=$((i+1)); echo $i; done',
      );
      await pidsOf(run);
      run.signal('SIGTSTP');
      await pause(400);
      const before = run.stdout();
      await pause(500);
      expect(run.stdout()).toBe(before);
      run.signal('SIGCONT');
      expect(await run.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/\n20\n$/) });
    });
  });

  describe('a lost lease', () => {
    it('stops the command, and ends with 76, when it is taken by force', async () => {
      const run = lockRun(lease, ...sleeper);
      const pids = await pidsOf(run);
      const lock = new Lock(session, name);
      expect(await lock.forceRelease({ token: (await lock.holder())?.token ?? 0n })).toBe(true);
      expect(await run.ended).toMatchObject({ code: 76, stderr: expect.stringContaining('it was released by force') });
      expect(pids.filter(lives)).toEqual([]);
    });

    it('stops a command that ignores SIGTERM, and what it has started', async () => {
      const stubborn = `trap '' TERM; (while :; do sleep 0.1; done) & echo pids $$ $!; while :; do sleep 0.1; done`;
      const run = lockRun([...lease, '--lost-exit-code', '3'], 'sh', '-c', stubborn);
      const pids = await pidsOf(run);
      const lock = new Lock(session, name);
      await lock.forceRelease({ token: (await lock.holder())?.token ?? 0n });
      expect((await run.ended).code).toBe(3);
      expect(pids.filter(lives)).toEqual([]);
    });

    it('stops the command of one that was stopped itself for longer than the lease', async () => {
      const run = lockRun(lease, ...sleeper);
      const pids = await pidsOf(run);
      run.signal('SIGSTOP');
      const next = command.start(['lock', 'run', name, ...lease, '--', 'echo', 'next'], env);
      expect(await next.ended).toMatchObject({ code: 0, stdout: 'next\n' });
      run.signal('SIGCONT');
      expect((await run.ended).code).toBe(76);
      expect(pids.filter(lives)).toEqual([]);
    });
  });

  describe('elect', () => {
    it('leads where the last leader was killed, and resigns when the command ends', async () => {
      const words = [
        'elect',
        'boss',
        ...lease,
        '--',
        'sh',
        '-c',
        'echo term $LEYDEN_FENCING_TOKEN; echo pids $$ 0; sleep $LONG',
      ];
      const first = command.start(words, { ...env, LONG: '60' });
      const pids = await pidsOf(first);
      const second = command.start(words, { ...env, LONG: '0.2' });
      await pause(500);
      first.signal('SIGKILL');
      expect(await second.ended).toMatchObject({ code: 0, stdout: expect.stringContaining('term 2') });
      expect(pids.filter((pid) => pid > 0 && lives(pid))).toEqual([]);
      const third = await command.start(['elect', 'boss', '--', 'sh', '-c', 'exit 4'], env).ended;
      expect([third.code, third.stderr]).toEqual([4, 'leyden: leading boss in term 3\n']);
    });

    it('--restart runs it again, until a signal comes', async () => {
      const script = 'echo term $LEYDEN_FENCING_TOKEN; [ $LEYDEN_FENCING_TOKEN = 1 ] || exec sleep 60';
      const run = command.start(['elect', 'again', '--restart', '--quiet', '--', 'sh', '-c', script], env);
      await run.says('term 2');
      run.signal('SIGTERM');
      expect(await run.ended).toMatchObject({ code: 143, stderr: '' });
    });
  });
});

describe('a store that goes away', () => {
  it('is not waited for at the end by whoever presses Ctrl-C', async () => {
    const store = await startEmbedded();
    const client = createClient(store.clientConfig);
    await new AtomTable({ client, tableName: 'state' }).create();
    client.destroy();
    const script = `echo ready; until [ -e ${folder}/over ]; do sleep 0.05; done; exit 3`;
    // Without Ctrl-C the end would be tried for an hour.
    const words = ['lock', 'run', 'left', '--timeout', '1h', '--lease', '1h', '--', 'sh', '-c', script];
    const run = command.start(words, envFor(store.endpoint, 'state'));
    await run.says('ready');
    await store.close();
    writeFileSync(path.join(folder, 'over'), '');
    await run.says('giving back what is held; the store does not answer yet');
    run.signal('SIGINT');
    expect(await run.ended).toMatchObject({ code: 3 });
  });

  it('has the command stopped before others may take over', async () => {
    const store = await startEmbedded();
    const client = createClient(store.clientConfig);
    await new AtomTable({ client, tableName: 'state' }).create();
    client.destroy();
    const words = ['sh', '-c', `trap '' TERM; echo pids $$ 0; while :; do sleep 0.05; done`];
    const run = command.start(['lock', 'run', 'cut', ...lease, '--', ...words], envFor(store.endpoint, 'state'));
    const [pid = 0] = await pidsOf(run);
    const goneAt = performance.now();
    await store.close();
    await until(() => !lives(pid));
    // The last beat was before the store had gone, and others count a whole lease from it.
    expect(performance.now() - goneAt).toBeLessThan(leaseMs);
    expect(await run.ended).toMatchObject({ code: 76, stderr: expect.stringContaining('stopping the command') });
    // Nobody is left to say good-bye to.
    expect(performance.now() - goneAt).toBeLessThan(8_000);
  });
});
