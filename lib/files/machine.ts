/**
 * Which process holds a directory, and whether it still lives: what this machine can say of that.
 *
 * A process id alone says little: it is used again. With the time at which its process started, within one boot of one machine and one
 * namespace of process ids, it is one process for ever.
 *
 *   another machine, or another namespace of ids      unknown   nothing can be seen of it from here
 *   this machine, but it was started anew since       dead
 *   no process has the id; or it is a zombie's        dead      a zombie has no open files, and runs no more
 *   the process with the id started at another time   dead      the id was used again
 *   otherwise                                         alive
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';

/** A process, told apart from every other that ever ran on a machine. What the system does not tell is missing. */
export interface HolderIdentity {
  readonly pid: number;
  /** When it started, in the system's own words. */
  readonly startTime?: string | undefined;
  readonly host: string;
  /** Of the installation, which stays when a name is given again. */
  readonly machineId?: string | undefined;
  /** Changes whenever the machine is started. */
  readonly bootId?: string | undefined;
  readonly pidNamespace?: string | undefined;
  /** Name of the program, for people. */
  readonly command: string;
}

export type Life = 'alive' | 'dead' | 'unknown';

/** What is asked of the machine. */
export interface Machine {
  /** This process. */
  self(): HolderIdentity;
  /** Whether another process, perhaps of another machine, lives. Synchronous. */
  lifeOf(identity: HolderIdentity): Life;
}

/** What a system tells of a process that is there. */
export interface ProcessFacts {
  readonly startTime?: string | undefined;
  readonly isZombie: boolean;
}

/** The machine that this process runs on. */
export const thisMachine: Machine = {
  self: () => own(),
  lifeOf: (identity) => judgeLife(identity, own(), processFacts),
};

/**
 * Whether `identity` lives, seen from `self`. Pure.
 *
 * @param look facts of the process that has an id now; `undefined` when none has
 */
export function judgeLife(
  identity: HolderIdentity,
  self: HolderIdentity,
  look: (pid: number) => ProcessFacts | undefined,
): Life {
  // The boot alone is enough, as a machine may be given another name. Machines that were copied may differ in nothing but their names.
  const isThisBoot = identity.bootId !== undefined && identity.bootId === self.bootId;
  const isHere = identity.host === self.host && identity.machineId === self.machineId;
  if (!isThisBoot && !isHere) return 'unknown';
  if (identity.bootId !== self.bootId) return 'dead';
  if (identity.pidNamespace !== self.pidNamespace) return 'unknown';
  const found = look(identity.pid);
  if (found === undefined || found.isZombie) return 'dead';
  const isKnown = found.startTime !== undefined && identity.startTime !== undefined;
  return isKnown && found.startTime !== identity.startTime ? 'dead' : 'alive';
}

let known: HolderIdentity | undefined;

function own(): HolderIdentity {
  known ??= {
    pid: process.pid,
    startTime: processFacts(process.pid)?.startTime,
    host: hostname(),
    machineId: told(() => readFileSync('/etc/machine-id', 'utf8').trim()),
    bootId: told(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    pidNamespace: told(() => readlinkSync('/proc/self/ns/pid')),
    command: path.basename(process.argv[1] ?? process.execPath),
  };
  return known;
}

/** Of the process that has this id now; `undefined` when none has. */
export function processFacts(pid: number): ProcessFacts | undefined {
  // Asked first: of others' processes a system may hide everything else.
  if (!isThere(pid)) return undefined;
  if (process.platform === 'linux') return linuxFacts(pid);
  if (process.platform === 'win32') return { isZombie: false };
  const line = told(() => execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim());
  const [, state = '', startTime] = line?.match(/^(\S+)\s+(.+)$/) ?? [];
  return { startTime, isZombie: state.startsWith('Z') };
}

function isThere(pid: number): boolean {
  if (!(Number.isSafeInteger(pid) && pid > 0)) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as { readonly code?: unknown }).code !== 'ESRCH';
  }
}

function linuxFacts(pid: number): ProcessFacts {
  const stat = told(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // The name of the program comes second, in parentheses, and may have any characters in it.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  return { startTime: fields[19], isZombie: fields[0] === 'Z' || fields[0] === 'X' };
}

/** What a system does not tell, or tells with nothing in it, is missing. */
function told(read: () => string): string | undefined {
  try {
    return read() || undefined;
  } catch {
    return undefined;
  }
}
