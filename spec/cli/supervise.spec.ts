/** Goal: a command is stopped with all that it has started, before a lease can end for others. Method: real commands under a signal of ours. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Output } from '../../lib/cli/output.js';
import { type Ended, supervise, type Terms } from '../../lib/cli/supervise.js';
import { lives, until } from '../support/processes.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'leyden-supervise-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const nowhere = new Writable({ write: (_text, _encoding, done) => done() });
const output = new Output({ stdout: nowhere, stderr: nowhere }, false);

let files = 0;
interface Running {
  readonly held: AbortController;
  readonly ended: Promise<Ended>;
  said(): string;
  /** The numbers behind `pids`. */
  pids(): Promise<readonly number[]>;
}

/** Runs a script whose standard output is a file. */
function running(script: string, terms: Partial<Terms> = {}, held = new AbortController()): Running {
  files += 1;
  const file = path.join(folder, `said-${files}`);
  const words = ['sh', '-c', `exec > ${file}\n${script}`];
  const given = { words, env: process.env, foreground: false, leaseMs: 2_000, killAfterMs: 10_000, ...terms };
  const ended = supervise(given, held.signal, output);
  const said = () => {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      return '';
    }
  };
  return {
    held,
    ended,
    said,
    async pids() {
      await until(() => /pids [\d ]+\n/.test(said()));
      return (/pids ([\d ]+)\n/.exec(said())?.[1] ?? '').split(' ').map(Number);
    },
  };
}

const lost = new Error('lost');
const stubborn = `trap '' TERM; (while :; do sleep 0.05; done) & echo pids $$ $!; while :; do sleep 0.05; done`;

describe('supervise()', () => {
  it('gives back how the command ended', async () => {
    expect(await running('exit 3').ended).toEqual({ exitCode: 3, asked: undefined, loss: undefined });
    expect((await running('kill -9 $$').ended).exitCode).toBe(137);
  });

  it.each([
    ['nonesuch-command', 127],
    ['', 127],
    ['/etc/passwd', 126],
  ])('tells of %s as the shell does', async (file, exitCode) => {
    await expect(running('', { words: [file] }).ended).rejects.toMatchObject({ code: 'ERR_COMMAND', exitCode });
  });

  it('stops what ignores SIGTERM, and what that has started, within 15 % of the lease', async () => {
    const run = running(stubborn);
    const pids = await run.pids();
    const startedMs = performance.now();
    run.held.abort(lost);
    expect(await run.ended).toMatchObject({ exitCode: 137, loss: lost });
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    await until(() => !pids.some(lives), 1_000);
  });

  it('stops it sooner where --kill-after says so', async () => {
    const run = running(stubborn, { leaseMs: 3_600_000, killAfterMs: 0 });
    await run.pids();
    run.held.abort(lost);
    expect((await run.ended).exitCode).toBe(137);
  });

  it('lets it end by itself after SIGTERM, although it was stopped', async () => {
    const run = running(`trap 'echo bye; exit 4' TERM; echo pids $$; while :; do sleep 0.05; done`, {
      leaseMs: 60_000,
    });
    const [pid = 0] = await run.pids();
    process.kill(pid, 'SIGSTOP');
    run.held.abort(lost);
    expect(await run.ended).toMatchObject({ exitCode: 4, loss: lost });
    expect(run.said()).toContain('bye');
  });

  it('looks at the clocks when the command has ended', async () => {
    // Over after the first look, and nobody is told, as after a thaw.
    let looks = 0;
    const held = new AbortController();
    const aborted = () => {
      looks += 1;
      return looks > 1;
    };
    Object.defineProperties(held.signal, { aborted: { get: aborted }, reason: { get: () => lost } });
    expect(await running('exit 0', {}, held).ended).toMatchObject({ exitCode: 0, loss: lost });
  });

  it('hands a signal on to the whole group, and says that it came', async () => {
    const run = running(
      `trap 'echo got; exit 6' TERM; (trap 'echo got as well; exit' TERM; echo ready; while :; do sleep 0.05; done) & echo pids $$ $!; wait`,
    );
    await run.pids();
    // A shell that was just forked has not its own traps yet.
    await until(() => run.said().includes('ready'));
    process.emit('SIGTERM', 'SIGTERM');
    expect(await run.ended).toMatchObject({ exitCode: 6, asked: 'SIGTERM' });
    await until(() => run.said().includes('got as well'), 2_000);
  });

  it('hands on signals that mean nothing to this process', async () => {
    const run = running(`trap 'echo got; exit 6' USR1; echo pids $$; while :; do sleep 0.05; done`);
    await run.pids();
    process.emit('SIGUSR1', 'SIGUSR1');
    expect(await run.ended).toEqual({ exitCode: 6, asked: undefined, loss: undefined });
    expect(run.said()).toContain('got');
  });

  it('in the foreground leaves SIGINT to the terminal, and stops the command alone', async () => {
    const run = running(`(sleep 5) & echo pids $$ $!; wait`, { foreground: true });
    const [, started = 0] = await run.pids();
    process.emit('SIGINT', 'SIGINT');
    await new Promise((done) => setTimeout(done, 100));
    run.held.abort(lost);
    expect(await run.ended).toMatchObject({ exitCode: 143, asked: 'SIGINT', loss: lost });
    expect(lives(started)).toBe(true);
    process.kill(started, 'SIGKILL');
  });
});
