/** What a worker does to recover: from our journal, and from one item per event. */
import { setImmediate as turn } from 'node:timers/promises';
import { type BankPlace, openBank } from '../banks.js';
import type { EventForm } from '../baselines/event-items.js';
import { fillItemJournal, replayItemJournal } from '../baselines/item-journal.js';
import { clientOf } from '../clients.js';
import { type Board, landing } from '../flights.js';
import { type Counts, closedLoop } from '../sample.js';

const callers = 2_000;

/** Adds landings, in the order of their numbers, until there are `count`. */
export async function fillJournal({ count, ...where }: BankPlace & { count: number }): Promise<Counts> {
  const { prevayler, engine } = await openBank(where);
  try {
    let next = prevayler.state.flights;
    await closedLoop({
      callers: Math.min(callers, count),
      ops: count - next,
      op() {
        next += 1;
        return prevayler.handle(landing(next - 1));
      },
    });
    return engine.counts();
  } finally {
    await prevayler.close();
  }
}

export interface Recovered {
  readonly board: Board;
  readonly ms: number;
  readonly cpuUs: number;
  readonly counts: Counts;
}

/** Recovers by a new instance that knows nothing, and closes it. */
export async function recover(where: BankPlace): Promise<Recovered> {
  return timed(async () => {
    const { prevayler, engine } = await openBank(where);
    const readyAt = performance.now();
    const board = prevayler.state;
    const counts = engine.counts();
    await prevayler.close();
    return { board, counts, readyAt };
  });
}

export async function fillItems(args: BankPlace & { count: number; form: EventForm }): Promise<void> {
  const { place, name, ...rest } = args;
  await fillItemJournal(clientOf(place.endpoint), place, name, rest);
}

export async function replayItems({ place, name }: BankPlace): Promise<Recovered> {
  return timed(async () => {
    const { board, tally } = await replayItemJournal(clientOf(place.endpoint), place, name);
    return { board, counts: tally.counts(), readyAt: performance.now() };
  });
}

async function timed(run: () => Promise<{ board: Board; counts: Counts; readyAt: number }>): Promise<Recovered> {
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const { board, counts, readyAt } = await run();
  const { user, system } = process.cpuUsage(cpuBefore);
  return { board, ms: readyAt - startedAt, cpuUs: user + system, counts };
}

export interface RecoveryMemory {
  readonly recovered: Recovered;
  /** Most bytes that were alive at once, beyond those before: forced collections all the time. */
  readonly aliveBytes: number;
  readonly samples: number;
}

const everyMs = 10;

/** Bytes that are alive: heap, and buffers outside of it. */
function aliveBytes(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/**
 * Recovers with a forced collection every few milliseconds, and tells the most that was alive. The state itself is some
 * kilobytes. Needs `--expose-gc` and a process of its own; its time says nothing.
 */
export async function weighRecovery({ place, name, small }: BankPlace & { small: string }): Promise<RecoveryMemory> {
  if (globalThis.gc === undefined) throw new Error('the worker runs without --expose-gc');
  // A small journal first: what a process holds once it has recovered anything is not of the recovery.
  await recover({ place, name: small });
  await turn();
  const before = Math.min(aliveBytes(), aliveBytes());
  let most = before;
  let samples = 0;
  const timer = setInterval(() => {
    most = Math.max(most, aliveBytes());
    samples += 1;
  }, everyMs);
  const recovered = await recover({ place, name });
  clearInterval(timer);
  return { recovered, aliveBytes: most - before, samples };
}

export interface RecoveryResident {
  readonly recovered: Recovered;
  /** How much more memory the operating system saw the process hold at its peak than before. */
  readonly residentBytes: number;
}

/** Recovers at full speed in a process that has done nothing but a small recovery before. */
export async function residentRecovery(args: BankPlace & { small: string }): Promise<RecoveryResident> {
  await recover({ place: args.place, name: args.small });
  const before = process.resourceUsage().maxRSS;
  const recovered = await recover({ place: args.place, name: args.name });
  return { recovered, residentBytes: (process.resourceUsage().maxRSS - before) * 1_024 };
}
