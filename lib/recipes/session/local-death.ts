/**
 * Whether a process of this very host is dead for certain, so that nobody has to wait for its lease.
 *
 *   same boot of the same kernel, same pid namespace, same time namespace, same host name?
 *      └─ yes: no process has this pid ─────────────────────────> dead
 *              one has it, that was started at another moment ──> dead: the pid was given out again
 *      └─ no, or anything can't be read ────────────────────────> nothing is known
 *
 * All of it is read from `/proc`; where that is missing nothing is ever known. `kill(pid, 0)` asks for the pid, since `/proc` may
 * hide the processes of others. A zombie counts as alive.
 *
 * What it can't tell: a machine that was copied while it ran (a restored snapshot of a virtual machine, as Lambda's SnapStart makes them)
 * has the same boot id, the same namespaces and the same pids as its original. There a process that lives in one copy is missing in the
 * other. So this is off unless both sides ask for it.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process, as seen from its host. */
export interface LocalProcess {
  /** Which boot of which kernel, and which namespaces: where a pid means the same. */
  readonly where: string;
  readonly pid: number;
  /** When it was started, in ticks since the boot. */
  readonly startedAt: string;
}

/** The process `pid` of this host; `undefined` where that can't be told. */
export function localProcess(pid: number = process.pid): LocalProcess | undefined {
  try {
    // Of another pid namespace than ours, `/proc` would speak of other processes.
    if (readlinkSync('/proc/self') !== String(process.pid)) return undefined;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const namespaces = [readlinkSync('/proc/self/ns/pid'), timeNamespace()];
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name of the program in parentheses, and may have anything in it.
    const startedAt = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    if (boot === '' || startedAt === undefined) return undefined;
    return { where: [hostname(), boot, ...namespaces].join(' '), pid, startedAt };
  } catch {
    return undefined;
  }
}

/** Whether it is dead; `false` also where that can't be told. */
export function isDeadHere(other: LocalProcess): boolean {
  const { where, pid, startedAt } = other;
  const here = localProcess();
  if (here === undefined || here.where !== where || !Number.isSafeInteger(pid) || pid < 1) return false;
  if (!isTaken(pid)) return true;
  const present = localProcess(pid);
  return present !== undefined && present.startedAt !== startedAt;
}

/** In which the moments of starts are counted. Kernels before 5.6 have but one. */
function timeNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/time');
  } catch {
    return '';
  }
}

/** Whether a process has this pid. */
function isTaken(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
