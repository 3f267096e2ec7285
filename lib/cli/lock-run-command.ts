/** `leyden lock run`: running a command while holding a lock. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AtomTable } from '../atom/index.js';
import { unlessAborted } from '../engine/index.js';
import { isLeydenError } from '../errors.js';
import type { Lock, LockGrant } from '../recipes/index.js';
import { type Call, type Command, command } from './command.js';
import { asUsage, CommandError, exitCodes } from './exit.js';
import { duration, exitCode } from './flag-values.js';
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
import { factsOf, holderText, sessionLooksSilent } from './holders.js';
import type { Output } from './output.js';
import { supervise } from './supervise.js';

interface RunFlags extends HeldFlags {
  readonly wait?: number;
  readonly atLeast?: number;
  readonly busyExitCode?: number;
}

/**
 * Waits for the lock. Whoever waits shorter than the lease of a holder that died would find it busy for ever, if nobody waits longer: a lease
 * ends only for somebody who has watched it for its whole length. So a wait goes on when its holder looks dead.
 *
 * @returns `undefined` when it is busy, and nothing is to be said of it.
 * @throws CommandError when it is busy.
 */
async function acquire(
  lock: Lock,
  waitMs: number,
  { output, flags }: Call<RunFlags>,
  signal: AbortSignal,
  another: () => AtomTable,
): Promise<LockGrant | undefined> {
  const endAt = performance.now() + waitMs;
  const insist = async <R>(step: () => Promise<R>): Promise<R> => {
    for (;;) {
      try {
        return await step();
      } catch (error) {
        if (performance.now() >= endAt) throw error;
        await pauseIfItMayPass(error, signal, output);
      }
    }
  };
  const free = await insist(() => lock.tryAcquire({ signal }));
  if (free !== undefined) return free;
  const holderNow = () => unlessAborted(lock.holder(), signal);
  const seen = await insist(holderNow);
  if (waitMs > 0 && !flags.quiet) {
    output.note('waiting', factsOf(lock.name, seen), `${holderText(lock.name, seen)}; waiting`);
  }
  const granted = await withinMs(lock, endAt - performance.now(), signal, output);
  if (granted !== undefined) return granted;
  const holder = await holderNow();
  const silentMs =
    holder === undefined ? 0 : await unlessAborted(sessionLooksSilent(another(), holder.session), signal);
  if (silentMs > 0 && !flags.quiet) {
    output.note(
      'silent',
      factsOf(lock.name, holder),
      `${holderText(lock.name, holder)}, which looks dead; taking over`,
    );
  }
  const late = await (holder === undefined ? lock.tryAcquire({ signal }) : withinMs(lock, silentMs, signal, output));
  if (late !== undefined) return late;
  const { busyExitCode: busy = exitCodes.busy } = flags;
  if (flags.quiet && busy === exitCodes.done) return undefined;
  const text = holderText(lock.name, holder).replace(/^l/, 'L');
  throw new CommandError('ERR_BUSY', `${text}; the command was not run`, { exitCode: busy });
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

/**
 * Keeps it until `endAt`, so that who comes late finds it busy.
 *
 * @returns whether it was held when the command had ended; `undefined` when nothing was left to wait for.
 */
async function kept(grant: LockGrant, endAt: number, stop: AbortSignal): Promise<boolean | undefined> {
  const leftMs = endAt - performance.now();
  if (leftMs <= 0 || stop.aborted) return undefined;
  await grant.extend().catch(() => {});
  if (grant.signal.aborted) return false;
  await sleep(leftMs, undefined, { signal: AbortSignal.any([stop, grant.signal]) }).catch(() => {});
  return true;
}

export const lockRunCommand: Command = command<RunFlags>(
  {
    words: 'run <name>',
    runsAnother: true,
    about: 'run a command while holding a lock',
    more:
      "The command finds the fencing token in LEYDEN_FENCING_TOKEN, the lock's name in LEYDEN_LOCK_NAME. Its exit code is that of " +
      `leyden.\n\n${heldText}\n\n` +
      'A wait goes on for about one and a half leases of the holder when that looks dead, also with --wait 0.\n\n' +
      'A job that several machines start at the same time of day wants --at-least, or one whose clock is late runs it again. --quiet ' +
      'says nothing of a busy lock where that ends with 0.',
    flags: [
      {
        words: '--wait <duration>',
        about: 'how long to wait for it; 0: not at all (default: for ever)',
        read: duration('--wait'),
      },
      {
        words: '--at-least <duration>',
        about: 'keeps it so long, also when the command ends sooner (default: 0)',
        read: duration('--at-least', '0', '20d'),
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
      'leyden lock run nightly --wait 0 --at-least 1m --busy-exit-code 0 --quiet -- ./report.sh   # cron on several machines',
      'leyden lock run migrate --lease 1m --wait 10m -- npm run migrate',
    ],
  },
  (call) =>
    call.withTable(async (table, another) => {
      const { flags, shell, output } = call;
      const { lostExitCode: lost = exitCodes.lost } = flags;
      const [name] = call.operands as [string];
      const { Lock } = await import('../recipes/index.js');
      const session = await openHeld(table, flags, call.command);
      const lock = asUsage(() => new Lock(session, name, { purpose: purposeOf(flags, call.command) }));
      return untilStopped(session, output, async (stop, farewell) => {
        const grant = await acquire(lock, flags.wait ?? Number.POSITIVE_INFINITY, call, stop, another);
        if (grant === undefined) return exitCodes.done;
        stop.throwIfAborted();
        const endAt = performance.now() + (flags.atLeast ?? 0);
        const watching = keepLooking(() => grant.extend(), session.leaseMs);
        try {
          const env = { ...shell.env, LEYDEN_FENCING_TOKEN: String(grant.token), LEYDEN_LOCK_NAME: name };
          const ended = await supervise(termsOf(flags, call.command, env), grant.signal, output);
          if (ended.loss !== undefined) return lost;
          const wasHeld = await kept(grant, endAt, stop);
          const isReleased = await farewell.done(released(grant), true);
          return (wasHeld ?? isReleased) ? ended.exitCode : lost;
        } finally {
          watching();
          if (grant.isHeld) await farewell.done(released(grant), true);
        }
      });
    }),
);
