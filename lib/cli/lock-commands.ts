/** `leyden lock …`: running a command while holding a lock; who holds it, and taking it from who is gone. */
import type { AtomTable } from '../atom/index.js';
import { isLeydenError } from '../errors.js';
import type { Holder, Lock, LockGrant } from '../recipes/index.js';
import { type Call, type CommandGroup, command } from './command.js';
import { asUsage, CommandError, exitCodes, UsageError } from './exit.js';
import { duration, exitCode, fencingToken } from './flag-values.js';
import {
  type HeldFlags,
  heldFlags,
  heldText,
  keepLooking,
  openHeld,
  pauseIfItMayPass,
  purposeOf,
  termsOf,
  untilStopped,
} from './held.js';
import { sessionLooksSilent } from './holders.js';
import type { Output } from './output.js';
import { supervise } from './supervise.js';

interface RunFlags extends HeldFlags {
  readonly wait?: number;
  readonly busyExitCode?: number;
}

/** Who holds a lock, in words. */
function holderText(name: string, holder: Holder | undefined): string {
  if (holder === undefined) return `lock ${name} is held`;
  const { host, pid, token, purpose, grantedAt } = holder;
  const what = purpose === undefined ? '' : `, for ${purpose}`;
  const since = new Date(grantedAt).toISOString();
  return `lock ${name} is held by process ${pid} on ${host}, since ${since} under token ${token}${what}`;
}

const factsOf = (name: string, holder: Holder | undefined) => ({
  lock: name,
  holder: holder && { ...holder, token: String(holder.token) },
});

/**
 * Waits for the lock. Whoever waits shorter than the lease of a holder that died would find it busy for ever, if nobody waits longer: a lease
 * ends only for somebody who has watched it for its whole length. So a wait goes on when its holder looks dead.
 */
async function acquire(
  lock: Lock,
  waitMs: number,
  { output, flags }: Call<RunFlags>,
  signal: AbortSignal,
  another: () => AtomTable,
): Promise<LockGrant> {
  const free = await lock.tryAcquire({ signal });
  if (free !== undefined) return free;
  const seen = await lock.holder();
  if (waitMs > 0 && !flags.quiet) {
    output.note('waiting', factsOf(lock.name, seen), `${holderText(lock.name, seen)}; waiting`);
  }
  const granted = await withinMs(lock, waitMs, signal, output);
  if (granted !== undefined) return granted;
  const holder = await lock.holder();
  const silentMs = holder === undefined ? 0 : await sessionLooksSilent(another(), holder.session);
  if (silentMs > 0 && !flags.quiet) {
    output.note(
      'silent',
      factsOf(lock.name, holder),
      `${holderText(lock.name, holder)}, which looks dead; taking over`,
    );
  }
  const late = await (holder === undefined ? lock.tryAcquire({ signal }) : withinMs(lock, silentMs, signal, output));
  if (late !== undefined) return late;
  const { busy } = exitCodes;
  const text = holderText(lock.name, holder).replace(/^l/, 'L');
  throw new CommandError('ERR_BUSY', `${text}; the command was not run`, { exitCode: flags.busyExitCode ?? busy });
}

/** `undefined` when it is not granted in that time. What may pass is no reason to give up a wait. */
async function withinMs(
  lock: Lock,
  waitMs: number,
  signal: AbortSignal,
  output: Output,
): Promise<LockGrant | undefined> {
  const endAt = performance.now() + waitMs;
  for (let leftMs = waitMs; leftMs > 0; leftMs = endAt - performance.now()) {
    try {
      return await lock.acquire({ waitMs: leftMs, signal });
    } catch (error) {
      if (isLeydenError(error, 'ERR_LOCK_TIMEOUT')) return undefined;
      await pauseIfItMayPass(error, signal, output);
    }
  }
  return undefined;
}

/** Whether it was held until now. What can't be told is settled by the end of the session. */
const released = (grant: LockGrant): Promise<boolean> => grant.release().catch(() => true);

const run = command<RunFlags>(
  {
    words: 'run <name>',
    runsAnother: true,
    about: 'run a command while holding a lock',
    more:
      "The command finds the fencing token in LEYDEN_FENCING_TOKEN, the lock's name in LEYDEN_LOCK_NAME. Its exit code is that of " +
      `leyden.\n\n${heldText}\n\n` +
      'A wait goes on for about one and a half leases of the holder when that looks dead, also with --wait 0.',
    flags: [
      {
        words: '--wait <duration>',
        about: 'how long to wait for it; 0: not at all (default: for ever)',
        read: duration('--wait'),
      },
      ...heldFlags,
      {
        words: '--busy-exit-code <n>',
        about: 'when it is held by somebody else (default: 75)',
        read: exitCode('--busy-exit-code'),
      },
    ],
    examples: [
      'leyden lock run deploy --table state -- ./deploy.sh production',
      'leyden lock run nightly --wait 0 --busy-exit-code 0 -- ./report.sh   # cron on several machines',
      'leyden lock run migrate --lease 1m --wait 10m -- npm run migrate',
    ],
  },
  (call) =>
    call.withTable(async (table, another) => {
      const { flags, shell, output } = call;
      const [name] = call.operands as [string];
      const { Lock } = await import('../recipes/index.js');
      const session = await openHeld(table, flags, call.command);
      const lock = asUsage(() => new Lock(session, name, { purpose: purposeOf(flags, call.command) }));
      return untilStopped(session, async (stop) => {
        const grant = await acquire(lock, flags.wait ?? Number.POSITIVE_INFINITY, call, stop, another);
        stop.throwIfAborted();
        let isLost = false;
        try {
          const env = { ...shell.env, LEYDEN_FENCING_TOKEN: String(grant.token), LEYDEN_LOCK_NAME: name };
          const watching = keepLooking(() => grant.extend(), session.leaseMs);
          const ended = await supervise(termsOf(flags, call.command, env), grant.signal, output).finally(watching);
          isLost = ended.loss !== undefined || !(await released(grant));
          return isLost ? (flags.lostExitCode ?? exitCodes.lost) : ended.exitCode;
        } finally {
          if (!isLost) await released(grant);
        }
      });
    }),
);

/** The lock, for who only looks or orders; nothing is sent for its session. */
async function lockFor(table: AtomTable, name: string): Promise<Lock> {
  const { Lock, Session } = await import('../recipes/index.js');
  return asUsage(() => new Lock(new Session(table), name));
}

const holder = command(
  {
    words: 'holder <name>',
    about: 'print who holds a lock, and how many wait for it',
    more:
      'Where nobody does, it says so and ends with 1; with --json it prints "held":false and ends with 1 as well.\n\n' +
      'It is what the item says. A holder that died stands there until somebody who waits takes over.',
    examples: ['leyden lock holder deploy --table state', 'leyden lock holder deploy --json | jq -r .holder.token'],
  },
  ({ operands, output, withTable }) =>
    withTable(async (table) => {
      const [name] = operands as [string];
      const found = await (await lockFor(table, name)).holder();
      if (found !== undefined) {
        const text = `${holderText(name, found)}; ${found.waiting} waiting`;
        output.result({ held: true, ...factsOf(name, found) }, text);
        return exitCodes.done;
      }
      if (!output.json) throw new CommandError('ERR_NOT_HELD', `Nobody holds lock ${name}`);
      output.result({ held: false, lock: name }, undefined);
      return exitCodes.failed;
    }),
);

const release = command<{ readonly token?: bigint }>(
  {
    words: 'release <name>',
    about: 'take a lock by force from whoever holds it under a token',
    more:
      'For people who know that the holder is gone: it is handed to the next at once, without waiting for the lease. A holder ' +
      'that lives notices at its next look ("lock run": a third of its lease later, and stops its command); so what it writes to ' +
      'should refuse older tokens than it has seen.\n\n' +
      'Where it is not held under that token it is left alone, and leyden ends with 1; with --json it prints "released":false.',
    flags: [
      {
        words: '--token <n>',
        about: 'the fencing token that it is held under, as "lock holder" prints it (required)',
        read: fencingToken('--token'),
      },
    ],
    examples: ['leyden lock release deploy --token 7 --table state'],
  },
  async ({ operands, flags: { token }, output, withTable }) => {
    const [name] = operands as [string];
    if (token === undefined) throw new UsageError(`Under which token? Give --token; "leyden lock holder" prints it`);
    return withTable(async (table) => {
      const isReleased = await (await lockFor(table, name)).forceRelease({ token });
      if (!isReleased && !output.json) {
        const what = `it is not held under token ${token}; nothing was changed`;
        throw new CommandError('ERR_CONDITION', `Cannot release lock ${name}: ${what}`);
      }
      output.result({ lock: name, token: String(token), released: isReleased }, 'released');
      return isReleased ? exitCodes.done : exitCodes.failed;
    });
  },
);

export const lockCommands: CommandGroup = {
  word: 'lock',
  about: 'locks with fencing tokens',
  commands: [run, holder, release],
};
