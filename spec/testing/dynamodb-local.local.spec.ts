// Goal: DynamoDB Local starts, answers, and never outlives the process that started it.
// Method: real child processes; whether java lives is asked of the operating system by its process id.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from '@jest/globals';
import { findDynamoDBLocal, startDynamoDBLocal } from '../../lib/testing/index.js';

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function goneSoon(pid: number): Promise<boolean> {
  for (let i = 0; i < 250 && lives(pid); i++) await new Promise((done) => setTimeout(done, 20));
  return !lives(pid);
}

const { missing } = findDynamoDBLocal();

(missing === undefined ? describe : describe.skip)(
  `startDynamoDBLocal()${missing ? `: skipped, ${missing}` : ''}`,
  () => {
    it('answers, closes twice, and leaves no process', async () => {
      const local = await startDynamoDBLocal();
      const client = new DynamoDBClient(local.clientConfig);
      expect((await client.send(new ListTablesCommand({}))).TableNames).toEqual([]);
      expect(lives(local.pid)).toBe(true);
      await Promise.all([local.close(), local.close()]);
      expect(lives(local.pid)).toBe(false);
      client.destroy();
    });

    it('refuses a taken port', async () => {
      const other = createServer();
      await new Promise<void>((done) => other.listen(0, done));
      const { port } = other.address() as AddressInfo;
      await expect(startDynamoDBLocal({ port })).rejects.toMatchObject({
        code: 'ERR_DYNAMODB_LOCAL',
        reason: 'port-in-use',
      });
      await new Promise((done) => other.close(done));
    });

    it('dies with its starter when that one is killed', async () => {
      const module = new URL('../../lib/testing/dynamodb-local.ts', import.meta.url).href;
      const path = await mkdtemp(join(tmpdir(), 'leyden-local-'));
      const script = `import { startDynamoDBLocal } from ${JSON.stringify(module)};
      const local = await startDynamoDBLocal({ path: ${JSON.stringify(path)} });
      console.log(local.pid); setInterval(() => {}, 1000);`;
      const starter = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const pid = await new Promise<number>((done) =>
        starter.stdout.once('data', (line) => done(Number(String(line)))),
      );
      expect(lives(pid)).toBe(true);
      starter.kill('SIGKILL');
      expect(await goneSoon(pid)).toBe(true);
      await rm(path, { recursive: true, force: true });
    });

    it('does not keep a process alive that forgot to close it', async () => {
      const module = new URL('../../lib/testing/dynamodb-local.ts', import.meta.url).href;
      const script = `import { startDynamoDBLocal } from ${JSON.stringify(module)}; console.log((await startDynamoDBLocal()).pid);`;
      const starter = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const pid = await new Promise<number>((done) =>
        starter.stdout.once('data', (line) => done(Number(String(line)))),
      );
      await new Promise((done) => starter.once('exit', done));
      expect(await goneSoon(pid)).toBe(true);
    });

    it('tells the last words of a java that would not run', async () => {
      const home = await mkdtemp(join(tmpdir(), 'leyden-home-'));
      await writeFile(join(home, 'DynamoDBLocal.jar'), 'no jar');
      await expect(startDynamoDBLocal({ home })).rejects.toMatchObject({
        reason: 'exited',
        message: /[Ii]nvalid|corrupt/,
      });
      await rm(home, { recursive: true });
    });
  },
);

describe('findDynamoDBLocal()', () => {
  it('says what is missing', () => {
    expect(findDynamoDBLocal({ home: '/nowhere' }).missing).toContain('/nowhere');
  });
});
