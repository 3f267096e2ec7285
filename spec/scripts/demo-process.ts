/** The demo as a stranger runs it: in processes of its own, of which nothing is left after a spec. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { startEmbedded } from '../../lib/embedded/index.js';
import { AtomTable, createClient } from '../../lib/index.js';
import { repository } from '../support/command.js';

/** A demo that was started. */
interface Demo {
  readonly child: ChildProcess;
  readonly stderr: () => string;
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string }>;
  /** Whether any process of the demo lives. */
  readonly lives: () => boolean;
  /** What it has left in the folder of temporary files. */
  readonly leftovers: () => readonly string[];
}

/** How a demo in another's table ended. */
interface GuestEnd {
  readonly code: number | null;
  readonly stdout: string;
  /** What the table's owner has in it. */
  readonly mine: unknown;
  /** Of all items that are in the table. */
  readonly keys: readonly (string | undefined)[];
}

const running: Demo[] = [];
const folders: string[] = [];

/** Ends all that is left, and removes its files. */
export async function endAll(): Promise<void> {
  for (const { child, ended, lives } of running.splice(0)) {
    if (lives()) process.kill(-(child.pid as number), 'SIGKILL');
    await ended;
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** Starts the demo in a process group of its own, with temporary files where nobody else's are. */
export function start(args: readonly string[]): Demo {
  const folder = mkdtempSync(path.join(tmpdir(), 'demo-spec-'));
  folders.push(folder);
  // What tsx has compiled before: each of the processes would do it anew.
  const compiled = `tsx-${userInfo().uid}`;
  mkdirSync(path.join(tmpdir(), compiled), { recursive: true });
  symlinkSync(path.join(tmpdir(), compiled), path.join(folder, compiled));
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

/** Lets the demo run in a table that somebody else has made and uses. */
export async function runAsGuest(args: readonly string[]): Promise<GuestEnd> {
  await using store = await startEmbedded();
  const client = createClient(store.clientConfig);
  try {
    const table = new AtomTable({ client, tableName: 'not-the-demos' });
    await table.create();
    await table.atom('mine').reset('stays');
    const ended = await start([...args, '--engine', store.endpoint, '--table', 'not-the-demos']).ended;
    const { Items = [] } = await client.send(new ScanCommand({ TableName: 'not-the-demos' }));
    return { ...ended, mine: await table.atom('mine').deref(), keys: Items.map(({ id }) => id?.S) };
  } finally {
    client.destroy();
  }
}

/** Interrupts a demo as a terminal does it: the whole group gets the signal. Returns its exit code. */
export async function interrupt({ child, ended }: Demo): Promise<number | null> {
  process.kill(-(child.pid as number), 'SIGINT');
  return (await ended).code;
}

/** Looks every now and then until the condition holds; throws when the demo ends by itself before. */
export async function until({ child, stderr }: Demo, condition: () => boolean): Promise<void> {
  while (!condition()) {
    if (child.exitCode !== null) throw new Error(`The demo has ended, and never was what was waited for:\n${stderr()}`);
    await new Promise((done) => setTimeout(done, 10));
  }
}
