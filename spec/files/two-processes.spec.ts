/** Real processes that want one directory: who is refused, by which name, and who may take over. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { processFacts, thisMachine } from '../../lib/files/machine.js';
import { Child } from '../histories/processes.js';
import { errorOf } from '../support/prevalent.js';
import { openTurns } from './file-writer.js';

let folder: string;
let children: Child[];
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'leyden-two-'));
  children = [];
});
afterEach(async () => {
  await Promise.all(children.map((child) => child.end()));
  rmSync(folder, { recursive: true });
});

function startChild(): Child {
  const child = new Child(new URL('./file-writer.ts', import.meta.url));
  children.push(child);
  return child;
}

const holderFile = () => path.join(folder, readdirSync(folder).find((name) => name.startsWith('holder-')) as string);

describe('fileStorage() of two processes', () => {
  it('refuses the second by name of the first, and lets it in after a kill -9', async () => {
    const child = startChild();
    expect(await child.ask('open', { directory: folder })).toMatchObject({ value: { last: {} } });
    expect(await child.ask('handle', { caller: 'a', n: 1 })).toMatchObject({ value: { last: { a: 1 } } });
    const { pid } = JSON.parse(readFileSync(holderFile(), 'utf8'));
    for (const takeOver of [false, true]) {
      const error = await errorOf(openTurns({ directory: folder, takeOver }));
      expect(error).toMatchObject({
        ...{ code: 'ERR_DIRECTORY_HELD', reason: 'held' },
        holder: { pid, host: hostname(), command: 'file-writer.ts', since: expect.any(Number) },
      });
    }
    expect(await child.ask('handle', { caller: 'a', n: 2 })).toMatchObject({ value: { last: { a: 2 } } });
    await child.end();
    const mine = await openTurns({ directory: folder });
    expect(mine.state).toEqual({ last: { a: 2 }, wrong: [] });
    await mine.handle({ caller: 'a', n: 3 });
    await mine.close();
  });

  it('refuses one who was stopped and taken over, when it goes on', async () => {
    const child = startChild();
    await child.ask('open', { directory: folder });
    await child.ask('handle', { caller: 'a', n: 1 });
    child.signal('SIGSTOP');
    // As if nobody could say whether it lives.
    const holder = holderFile();
    const facts = JSON.parse(readFileSync(holder, 'utf8'));
    const elsewhere = { ...facts, host: 'elsewhere', bootId: 'another', machineId: 'another' };
    writeFileSync(holder, JSON.stringify(elsewhere));
    expect(await errorOf(openTurns({ directory: folder }))).toMatchObject({ holder: { host: 'elsewhere' } });
    const mine = await openTurns({ directory: folder, takeOver: true });
    await mine.handle({ caller: 'b', n: 1 });
    child.signal('SIGCONT');
    expect(await child.ask('handle', { caller: 'a', n: 2 })).toMatchObject({
      error: { code: 'ERR_DIRECTORY_HELD', reason: 'taken-over', holder: { pid: process.pid }, outcome: 'not-done' },
    });
    await mine.handle({ caller: 'b', n: 2 });
    expect(mine.state).toEqual({ last: { a: 1, b: 2 }, wrong: [] });
    await mine.close();
  });

  it('tells a process from an earlier one with the same id', async () => {
    const sleeper = spawn('sleep', ['60']);
    await once(sleeper, 'spawn');
    const pid = sleeper.pid as number;
    const startTime = processFacts(pid)?.startTime;
    const of = (facts: object) =>
      writeFileSync(
        path.join(folder, 'holder-0000000001'),
        JSON.stringify({
          format: 1,
          epoch: 1,
          instance: 'i',
          since: 1,
          ...thisMachine.self(),
          pid,
          startTime,
          ...facts,
        }),
      );
    of({});
    expect(await errorOf(openTurns({ directory: folder }))).toMatchObject({
      code: 'ERR_DIRECTORY_HELD',
      holder: { pid },
    });
    if (startTime !== undefined) {
      of({ startTime: String(Number(startTime) - 1) });
      await (await openTurns({ directory: folder })).close();
      of({});
    }
    sleeper.kill('SIGKILL');
    await once(sleeper, 'exit');
    await (await openTurns({ directory: folder })).close();
    expect(readdirSync(folder).filter((name) => name.startsWith('holder-'))).toEqual([]);
  });

  it('refuses a second storage object of this process, and not a second instance on one', async () => {
    const one = await openTurns({ directory: folder });
    expect(await errorOf(openTurns({ directory: folder }))).toMatchObject({ holder: { pid: process.pid } });
    await one.close();
    await (await openTurns({ directory: folder })).close();
  });
});
