/** What `lock run` and `elect` share: the session that they hold something under, and the command that they run meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AtomTable } from '../atom/index.js';
import { isLeydenError } from '../errors.js';
import type { Session } from '../recipes/index.js';
import type { Flag } from './command.js';
import { asUsage, exitCodeOf } from './exit.js';
import { Farewell } from './farewell.js';
import { duration, exitCode } from './flag-values.js';
import type { Output } from './output.js';
import { stopSignals } from './signals.js';
import type { Terms } from './supervise.js';

const leaseMsDefault = 15_000;
const killAfterMsDefault = 10_000;
/** Pause before something is tried again. */
const againMs = 1_000;
/** How long a good-bye may take. */
const leaveMsMax = 2_000;
/** Looks in one lease whether it was taken by force. */
const looksPerLease = 3;

/** Flags of both. */
export interface HeldFlags {
  readonly lease?: number;
  readonly killAfter?: number;
  readonly lostExitCode?: number;
  readonly foreground?: boolean;
  readonly purpose?: string;
  readonly quiet?: boolean;
}

export const heldFlags: readonly Flag[] = [
  {
    words: '--lease <duration>',
    about: 'how long others wait after the last sign of life (default: 15s)',
    read: duration('--lease', '300ms', '1h'),
  },
  {
    words: '--kill-after <duration>',
    about: 'from SIGTERM to SIGKILL (default: 10s, and 15 % of the lease at most)',
    read: duration('--kill-after'),
  },
  {
    words: '--foreground',
    about:
      'the command stays in the foreground, for what asks at the terminal; what it starts in turn is then not stopped',
  },
  { words: '--purpose <text>', about: 'what it is for; others see it (default: the command)' },
  { words: '--quiet', about: 'says nothing of waiting' },
  { words: '--lost-exit-code <n>', about: 'when it was lost (default: 76)', read: exitCode('--lost-exit-code') },
];

export const heldText: string =
  'SIGINT, SIGTERM, SIGHUP and SIGQUIT are handed on to the command. When the lease is lost it is stopped, with what it has ' +
  'started: SIGTERM, then SIGKILL. It is stopped, too, when leyden is killed. Only what stops leyden without ending it (SIGSTOP, ' +
  'a suspended machine) can leave it at work after the lease; so what it writes to should refuse older tokens than it has seen.';

/** The session; nothing is sent yet. */
export async function openHeld(table: AtomTable, flags: HeldFlags, words: readonly string[]): Promise<Session> {
  const { Session } = await import('../recipes/index.js');
  return asUsage(
    () => new Session(table, { leaseMs: flags.lease ?? leaseMsDefault, purpose: purposeOf(flags, words) }),
  );
}

/** For people who look at the table. Arguments are left out: there may be secrets among them. */
export function purposeOf(flags: HeldFlags, words: readonly string[]): string {
  return flags.purpose ?? (words[0] as string);
}

/**
 * Waits a moment after an error of a wait that another try may not meet: a lost lease, a store that did not answer.
 *
 * @throws any other error; the reason of `signal`.
 */
export async function pauseIfItMayPass(error: unknown, signal: AbortSignal, output: Output): Promise<void> {
  signal.throwIfAborted();
  if (!isLeydenError(error) || !(error.retryable || error.outcome === 'unknown')) throw error;
  const { code, message } = error;
  output.note('obstacle', { code, message }, `${message}; trying again`);
  await pause(signal);
}

/** @throws the reason of `signal`. */
export async function pause(signal: AbortSignal): Promise<void> {
  await sleep(againMs, undefined, { signal }).catch(() => signal.throwIfAborted());
}

/** Ends the session, so that others need not wait. Where nobody hears it they do; this process is not kept for it. */
async function leave(session: Session): Promise<void> {
  const late = new AbortController();
  const { signal } = late;
  await Promise.race([session.close(), sleep(leaveMsMax, undefined, { signal }).catch(() => {})]);
  late.abort();
}

/** Runs `work`, until a signal asks to end, whose exit code it is then; and ends the session. `farewell` is for what it gives back. */
export async function untilStopped(
  session: Session,
  output: Output,
  work: (stop: AbortSignal, farewell: Farewell) => Promise<number>,
): Promise<number> {
  const stop = stopSignals();
  const farewell = new Farewell(output);
  try {
    return await work(stop.signal, farewell);
  } catch (error) {
    if (stop.by !== undefined && error === stop.signal.reason) return exitCodeOf(stop.by);
    throw error;
  } finally {
    await farewell.done(leave(session), undefined);
    stop.close();
  }
}

export function termsOf(flags: HeldFlags, words: readonly string[], env: NodeJS.ProcessEnv): Terms {
  const { lease = leaseMsDefault, killAfter = killAfterMsDefault, foreground = false } = flags;
  return { words, env, foreground, leaseMs: lease, killAfterMs: killAfter };
}

/** Looks now and then whether it was taken by force, which only a look can tell; gives what ends that. */
export function keepLooking(look: () => Promise<void>, leaseMs: number): () => void {
  // A loss is heard from the signal; an obstacle passes, or becomes a loss.
  const timer = setInterval(() => void look().catch(() => {}), leaseMs / looksPerLease);
  return () => clearInterval(timer);
}
