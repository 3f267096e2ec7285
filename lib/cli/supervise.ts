/**
 * A command that may run only as long as something is held.
 *
 *     lease:    |------- relied on: 80 % -------|-- 15 %: SIGTERM .. SIGKILL --|-- 5 % --| others may take over
 *
 * When it is lost by silence, the command has been stopped before anybody else can hold the same, unless it can't be stopped. When it
 * was taken, the command is stopped as quickly, but others may be at work meanwhile: the fencing token tells them apart.
 */
import { Child } from './child.js';
import type { Output } from './output.js';
import { onSignals, others } from './signals.js';

/** The share of a lease in which a command is stopped. */
const stoppingShare = 0.15;

/** How a command is run that somebody watches over. */
export interface Terms {
  readonly words: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly foreground: boolean;
  readonly leaseMs: number;
  /** Longest time from SIGTERM to SIGKILL. */
  readonly killAfterMs: number;
}

/** How it ended. */
export interface Ended {
  /** As the shell says it. */
  readonly exitCode: number;
  /** The signal that asked this process to end meanwhile; it was handed on. */
  readonly asked: NodeJS.Signals | undefined;
  /** Why what was held is no longer; then the command was stopped, if it had not ended. */
  readonly loss: unknown;
}

/** Runs the command until it ends, or until `held` aborts; signals are handed on to it. */
export async function supervise(terms: Terms, held: AbortSignal, output: Output): Promise<Ended> {
  const { words, env, foreground, leaseMs, killAfterMs } = terms;
  const graceMs = Math.min(killAfterMs, stoppingShare * leaseMs);
  let asked: NodeJS.Signals | undefined;
  let running: Child | undefined;
  // From before it is started, so that no signal finds this process deaf.
  const early: NodeJS.Signals[] = [];
  const deaf = onSignals(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'], (name) => {
    asked = name;
    // The terminal tells its whole foreground group by itself.
    if (foreground && (name === 'SIGINT' || name === 'SIGQUIT')) return;
    if (running === undefined) early.push(name);
    else running.signal(name);
  });
  const unmeant = onSignals(others, (name) => {
    // The terminal tells its whole foreground group by itself.
    if (!(foreground && name === 'SIGWINCH')) running?.signal(name);
  });
  const awake = foreground ? () => {} : sleepTogether(() => running, held);
  try {
    const child = await Child.start(words, { env, foreground, graceMs });
    running = child;
    for (const name of early) child.signal(name);
    const lost = whenAborted(held);
    const first = await Promise.race([child.ended, lost.then(() => 'lost' as const)]);
    if (first === 'lost') {
      const { message } = held.reason as Error;
      output.note('lost', { reason: message }, `${message}; stopping the command`);
      await child.stop();
    }
    // Each look at `aborted` looks at the clocks.
    const loss: unknown = held.aborted ? held.reason : undefined;
    await child.close();
    return { exitCode: await child.ended, asked, loss };
  } finally {
    deaf();
    unmeant();
    awake();
  }
}

function whenAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((done) => signal.addEventListener('abort', () => done(), { once: true }));
}

/** Ctrl-Z stops the command together with this process, and it goes on only if what was held still is. */
function sleepTogether(child: () => Child | undefined, held: AbortSignal): () => void {
  const leave = [
    onSignals(['SIGTSTP'], () => {
      child()?.signal('SIGSTOP');
      process.kill(process.pid, 'SIGSTOP');
    }),
    onSignals(['SIGCONT'], () => {
      if (!held.aborted) child()?.signal('SIGCONT');
    }),
  ];
  return () => {
    for (const off of leave) off();
  };
}
