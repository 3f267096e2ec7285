/**
 * Seen from outside, by `strace`: whatever a process acknowledges was written before the start of a sync that ended well before it was
 * acknowledged, and the directory was seen to be its own after that. One caller after another, and a hundred at once.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import { repository } from '../support/command.js';

const folder = mkdtempSync(path.join(tmpdir(), 'leyden-traced-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** One call of the system, and between which lines of the trace it was under way. */
interface SystemCall {
  readonly name: string;
  readonly args: string;
  readonly start: number;
  readonly end: number;
  readonly result: string;
}

/** Reads what `strace -f` wrote: a call that was interrupted by one of another thread stands in two lines. */
function callsOf(trace: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const open = new Map<string, Omit<SystemCall, 'end' | 'result'>>();
  for (const [line, text] of trace.split('\n').entries()) {
    const resumed = /^(\d+) +<\.\.\. (\w+) resumed>.* = (-?\d+|\?)/.exec(text);
    if (resumed !== null) {
      const begun = open.get(resumed[1] as string);
      if (begun !== undefined) calls.push({ ...begun, end: line, result: resumed[3] as string });
      continue;
    }
    const [, thread, name, args] = /^(\d+) +(\w+)\((.*)$/.exec(text) ?? [];
    if (thread === undefined || name === undefined || args === undefined) continue;
    if (args.endsWith('<unfinished ...>')) open.set(thread, { name, args, start: line });
    else calls.push({ name, args, start: line, end: line, result: / = (-?\d+|\?)[^=]*$/.exec(args)?.[1] ?? '?' });
  }
  return calls.sort((a, b) => a.end - b.end);
}

/** The acknowledgements that came too early, and how many there were. */
function judge(calls: readonly SystemCall[]) {
  const ofJournal = ({ args }: SystemCall) => args.includes('/journal-');
  const writes = calls.filter((call) => call.name === 'pwrite64' && ofJournal(call));
  const syncs = calls.filter((call) => call.name === 'fdatasync' && ofJournal(call) && call.result === '0');
  const looks = calls.filter(({ name, args }) => name.includes('stat') && args.includes('/holder-'));
  const fileOf = ({ args }: SystemCall) => /^\d+</.exec(args)?.[0];
  const early: string[] = [];
  const acknowledged = calls.filter(({ name, args }) => name === 'write' && args.includes('/acknowledged>'));
  for (const told of acknowledged) {
    const [, caller, n] = /"(\w+) (\d+)\\n"/.exec(told.args) ?? [];
    const write = writes.find(({ args }) => args.includes(`{\\"caller\\":\\"${caller}\\",\\"n\\":${n}}`));
    const sync = write && syncs.find((call) => call.start > write.end && fileOf(call) === fileOf(write));
    const look = sync && looks.find((call) => call.start > sync.end);
    if (look === undefined || look.end >= told.start) early.push(`${caller} ${n}`);
  }
  return { early, acknowledged: acknowledged.length, syncs: syncs.length, writes: writes.length };
}

async function traced(callers: number, turns: number) {
  const trace = path.join(folder, `trace-${callers}`);
  const names = 'trace=pwrite64,write,fdatasync,stat,statx,newfstatat';
  const node = [process.execPath, '--import', 'tsx', fileURLToPath(new URL('./traced-writer.ts', import.meta.url))];
  const args = [
    path.join(folder, `journal-of-${callers}`),
    path.join(folder, 'acknowledged'),
    `${callers}`,
    `${turns}`,
  ];
  const env = { ...process.env, UV_USE_IO_URING: '0' };
  const options = { cwd: repository, env, encoding: 'utf8' } as const;
  const ended = spawnSync('strace', ['-f', '-y', '-s', '200000', '-e', names, '-o', trace, ...node, ...args], options);
  if (ended.status !== 0) throw new Error(`${ended.status}: ${ended.stderr}`);
  return judge(callsOf(readFileSync(trace, 'utf8')));
}

const probe = spawnSync('strace', ['-f', '-o', '/dev/null', 'true']);
const isHere = probe.status === 0;
if (!isHere) {
  process.stderr.write(
    `*** sync before acknowledging: SKIPPED, as there is no strace that works: ${probe.stderr ?? probe.error} ***\n`,
  );
}

(isHere ? describe : describe.skip)('fileStorage() under strace', () => {
  it('acknowledges each append after a sync of its own', async () => {
    const { early, acknowledged, syncs } = await traced(1, 100);
    expect(early).toEqual([]);
    expect(acknowledged).toBe(100);
    expect(syncs).toBeGreaterThanOrEqual(100);
  });

  it('acknowledges those that go together after one sync for all of them', async () => {
    const { early, acknowledged, syncs, writes } = await traced(100, 100);
    expect(early).toEqual([]);
    expect(acknowledged).toBe(10_000);
    expect(syncs).toBeLessThan(1_000);
    // One write and one sync for each batch, but for a few of headers.
    expect(writes).toBe(syncs);
  });
});
