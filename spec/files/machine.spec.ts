/** Who lives: worked out from injected facts, and seen of real processes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { type HolderIdentity, judgeLife, processFacts, thisMachine } from '../../lib/files/machine.js';
import { until } from '../support/processes.js';

const self: HolderIdentity = {
  pid: 10,
  startTime: '500',
  host: 'here',
  machineId: 'm1',
  bootId: 'b1',
  pidNamespace: 'pid:[1]',
  command: 'bank.js',
};
const other: HolderIdentity = { ...self, pid: 11, startTime: '600' };

/** Processes that are there. */
const table =
  (processes: Record<number, { startTime?: string; isZombie?: boolean }>) =>
  (pid: number): { readonly isZombie: boolean; readonly startTime?: string } | undefined =>
    processes[pid] === undefined ? undefined : { isZombie: false, ...processes[pid] };

describe('judgeLife()', () => {
  it.each([
    ['alive: the process is there', {}, { 11: { startTime: '600' } }, 'alive'],
    ['dead: no process has its id', {}, {}, 'dead'],
    ['dead: its id is used by a later process', {}, { 11: { startTime: '601' } }, 'dead'],
    ['dead: it is a zombie', {}, { 11: { startTime: '600', isZombie: true } }, 'dead'],
    [
      'dead: the machine was started anew, though a process has its id',
      { bootId: 'b0' },
      { 11: { startTime: '600' } },
      'dead',
    ],
    ['alive: nobody says when the process with its id started', {}, { 11: {} }, 'alive'],
    ['alive: nobody wrote down when it started', { startTime: undefined }, { 11: { startTime: '600' } }, 'alive'],
    ['dead: this machine had another name', { host: 'there' }, {}, 'dead'],
    ['unknown: on another machine', { host: 'there', bootId: 'b0' }, {}, 'unknown'],
    ['unknown: on another machine, and neither tells its boot', { host: 'there', bootId: undefined }, {}, 'unknown'],
    [
      'unknown: on another machine with this name, which has another boot',
      { machineId: 'm2', bootId: 'b0' },
      {},
      'unknown',
    ],
    ['unknown: in another container', { pidNamespace: 'pid:[2]' }, {}, 'unknown'],
    ['dead: in a container before the machine was started anew', { pidNamespace: 'pid:[2]', bootId: 'b0' }, {}, 'dead'],
  ] as const)('%s', (_, facts, processes, life) => {
    expect(judgeLife({ ...other, ...facts }, self, table(processes))).toBe(life);
  });
});

describe('thisMachine', () => {
  it('knows this process, and that it lives', () => {
    const me = thisMachine.self();
    expect(me).toMatchObject({ pid: process.pid, host: expect.any(String), command: expect.any(String) });
    expect(thisMachine.lifeOf(me)).toBe('alive');
  });

  it('takes an id that was used again for another process', () => {
    const me = thisMachine.self();
    if (me.startTime === undefined) return;
    expect(thisMachine.lifeOf({ ...me, startTime: `${me.startTime}0` })).toBe('dead');
  });

  it('sees a process live and die', async () => {
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    const pid = child.pid as number;
    const identity = { ...thisMachine.self(), pid, startTime: processFacts(pid)?.startTime };
    expect(thisMachine.lifeOf(identity)).toBe('alive');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(thisMachine.lifeOf(identity)).toBe('dead');
  });

  it('takes a zombie for dead', async () => {
    // The shell is replaced by a program that never looks at its child.
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60']);
    const [line] = await once(parent.stdout, 'data');
    const pid = Number(String(line).trim());
    await until(() => processFacts(pid)?.isZombie !== false);
    expect(thisMachine.lifeOf({ ...thisMachine.self(), pid, startTime: undefined })).toBe('dead');
    parent.kill('SIGKILL');
    await once(parent, 'exit');
  });

  it.each([0, -1, 1.5, Number.NaN])('takes %s for no process', (pid) => {
    expect(thisMachine.lifeOf({ ...thisMachine.self(), pid })).toBe('dead');
  });
});
