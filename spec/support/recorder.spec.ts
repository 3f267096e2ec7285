// Goal: a history survives the death of the process that made it. Method: a child that records and is killed midway.
import { execFile } from 'node:child_process';
import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { checkChain } from './chain-check.js';
import { repository } from './command.js';
import { Recorder, readHistories } from './recorder.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'leyden-jar-recorder-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const files = () => readdirSync(folder).map((name) => path.join(folder, name));
const done = (version: number, value: unknown, by: string, old?: unknown) => ({
  returned: () => ({ outcome: 'done', version, value, base: { by, value: old } }) as const,
  threw: () => ({ outcome: 'unknown' }) as const,
});

describe('Recorder', () => {
  it('records what several processes did, by key and in order of call', async () => {
    const one = new Recorder({ folder, name: 'one', restart: 0 });
    const two = new Recorder({ folder, name: 'two', restart: 3 });
    await one.write('a', async () => 'x', done(1, 'x', ''));
    await two.write('b', async () => 'y', done(1, 'y', ''));
    await two.write('a', async () => 'z', done(2, 'z', 'one.0#1', 'x'));
    await one.read(
      'a',
      async () => 'z',
      (value) => ({ version: 2, by: 'two.3#2', value }),
    );
    one.close();
    two.close();
    const histories = readHistories(files().toReversed());
    expect([...histories.keys()]).toEqual(['a', 'b']);
    expect(histories.get('a')?.map(({ id }) => id)).toEqual(['one.0#1', 'two.3#2', 'one.0#2']);
    expect(checkChain(histories.get('a') ?? [])).toMatchObject({ ok: true, versions: 2 });
    expect(checkChain(histories.get('b') ?? [])).toMatchObject({ ok: true, versions: 1 });
  });

  it('records what was thrown, and throws it on', async () => {
    const recorder = new Recorder({ folder, name: 'one', restart: 0 });
    const fail = () => Promise.reject(new Error('lost'));
    await expect(recorder.write('a', fail, done(1, 'x', ''))).rejects.toThrow('lost');
    await expect(recorder.read('a', fail, () => ({ version: 0, by: '', value: undefined }))).rejects.toThrow('lost');
    recorder.close();
    const history = readHistories(files()).get('a');
    expect(history).toEqual([expect.objectContaining({ kind: 'write', outcome: 'unknown', ret: expect.anything() })]);
  });

  it('refuses to go on in the file of an earlier process', () => {
    new Recorder({ folder, name: 'one', restart: 0 }).close();
    expect(() => new Recorder({ folder, name: 'one', restart: 0 })).toThrow('EEXIST');
  });

  it('leaves an open operation when its process is killed', async () => {
    const script = `
      import { Recorder } from ${JSON.stringify(path.join(repository, 'spec/support/recorder.ts'))};
      const recorder = new Recorder({ folder: ${JSON.stringify(folder)}, name: 'child', restart: 0 });
      const told = { outcome: 'done', version: 1, value: 1, base: { by: '' } };
      await recorder.write('a', async () => 1, { returned: () => told, threw: () => told });
      await recorder.write('a', async () => process.kill(process.pid, 'SIGKILL'), { returned: () => told, threw: () => told });
    `;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
    const signal = await new Promise((resolve) => {
      const child = execFile(process.execPath, args, { cwd: repository }, () => resolve(child.signalCode));
    });
    expect(signal).toBe('SIGKILL');
    appendFileSync(files()[0] as string, '{"on":"ret","id":"child.0#2","at":"1');
    const history = readHistories(files()).get('a') ?? [];
    expect(history).toMatchObject([{ outcome: 'done' }, { outcome: 'unknown', ret: undefined }]);
    expect(checkChain(history)).toMatchObject({ ok: true, versions: 1, unknown: 1, unknownApplied: 0 });
  });
});
