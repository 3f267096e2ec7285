/**
 * Goal: the demo, as a stranger runs it, proves what it says, notices what is wrong, and leaves nothing behind.
 * Method: small runs of the real thing in processes of its own.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { startEmbedded } from '../../lib/embedded/index.js';
import { AtomTable, createClient } from '../../lib/index.js';
import type { Figures } from '../../scripts/demo/report.js';
import { repository } from '../support/command.js';

interface Demo {
  readonly child: ChildProcess;
  readonly stderr: () => string;
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string }>;
  /** Whether any process of the demo lives. */
  readonly lives: () => boolean;
  /** What it has left in the folder of temporary files. */
  readonly leftovers: () => readonly string[];
}

const running: Demo[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const { child, ended, lives } of running.splice(0)) {
    if (lives()) process.kill(-(child.pid as number), 'SIGKILL');
    await ended;
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Starts the demo in a process group of its own, with temporary files where nobody else's are. */
function start(args: readonly string[]): Demo {
  const folder = mkdtempSync(path.join(tmpdir(), 'demo-spec-'));
  folders.push(folder);
  const child = spawn(process.execPath, ['--import', 'tsx', 'scripts/demo/main.ts', ...args], {
    cwd: repository,
    detached: true,
    env: { ...process.env, NODE_OPTIONS: '', TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const demo: Demo = {
    child,
    stderr: () => stderr,
    ended: new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout }))),
    lives: () => groupLives(child.pid as number),
    leftovers: () => readdirSync(folder).filter((name) => name.startsWith('leyden-jar')),
  };
  running.push(demo);
  return demo;
}

/** Whether the group has a member that is not merely waiting for somebody to take note of its end. */
function groupLives(group: number): boolean {
  const lines = execFileSync('ps', ['-A', '-o', 'pgid=,stat='], { encoding: 'utf8' }).trim().split('\n');
  return lines.map((line) => line.trim().split(/\s+/)).some(([id, state]) => id === `${group}` && state?.[0] !== 'Z');
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((done) => setTimeout(done, 10));
}

// Four processes start, which takes long where others are at work as well.
jest.setTimeout(60_000);

describe('npm start', () => {
  it('counts every row once although a process is killed', async () => {
    const demo = start(['--rows', '3000', '--chunk', '500', '--window', '100', '--processes', '2', '--json']);
    const { code, stdout } = await demo.ended;
    expect([code, demo.stderr()]).toEqual([0, expect.stringContaining('was killed with SIGKILL')]);
    const figures: Figures = JSON.parse(stdout);
    expect(figures).toMatchObject({
      processes: 2,
      rows: 3_000,
      chunks: 6,
      swaps: 9_000,
      equal: true,
      differences: [],
    });
    expect(figures.summary.flights).toBe(3_000);
    expect(figures.bands.reduce((sum, { flights }) => sum + flights, 0)).toBe(3_000);
    expect(figures.hours.reduce((sum, { flights }) => sum + flights, 0)).toBe(3_000);
    // What the dead one held was gone on with by another one, once.
    expect(figures.resumed.map(({ chunk, stage }) => ({ chunk, stage }))).toEqual(figures.returned);
    expect(figures.resumed.map(({ worker }) => worker)).not.toContain(figures.killed?.worker);
    expect(Object.values(figures.chunksFinished)).toHaveLength(1);
    expect(figures.writes).toBeLessThan(figures.swaps);
    expect([demo.lives(), demo.leftovers()]).toEqual([false, []]);
  });

  it('tells a difference of one minute, and spares a table that it did not make', async () => {
    await using store = await startEmbedded();
    const client = createClient(store.clientConfig);
    try {
      const table = new AtomTable({ client, tableName: 'not-the-demos' });
      await table.create();
      await table.atom('mine').reset('stays');
      const flags = ['--rows', '500', '--processes', '1', '--no-kill', '--falsify'];
      const demo = start([...flags, '--engine', store.endpoint, '--table', 'not-the-demos']);
      const { code, stdout } = await demo.ended;
      expect(code).toBe(1);
      expect(stdout).toMatch(/^summary: delay is -?\d+ in the atom, -?\d+ by the computation$/m);
      expect(stdout).toMatch(/\n500 rows: atoms equal the sequential computation: NO\n$/);
      expect(await table.atom('mine').deref()).toBe('stays');
    } finally {
      client.destroy();
    }
  });

  it('leaves no process and no file behind when it is interrupted', async () => {
    const demo = start(['--window', '20', '--processes', '2']);
    await until(() => demo.stderr().includes('2 processes'));
    expect(demo.leftovers()).toHaveLength(1);
    // As a terminal does it: the whole group gets the signal.
    process.kill(-(demo.child.pid as number), 'SIGINT');
    expect((await demo.ended).code).toBe(130);
    expect([demo.lives(), demo.leftovers()]).toEqual([false, []]);
  });

  it('leaves no process and no file behind when it is killed itself', async () => {
    const demo = start(['--window', '20', '--processes', '2']);
    await until(() => demo.stderr().includes('2 processes'));
    demo.child.kill('SIGKILL');
    await until(() => !demo.lives());
    expect(demo.leftovers()).toEqual([]);
  });
});
