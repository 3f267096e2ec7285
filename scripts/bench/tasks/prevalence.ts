/** What a worker does with a prevalent system: events in closed and open loops, and a look at what it has come to. */
import { type Bank, type BankPlace, openBank, openMemoryBank } from '../banks.js';
import { type Board, landing } from '../flights.js';
import { openLoop } from '../open-loop.js';
import { closedLoop, type Sample } from '../sample.js';

const banks = new Map<string, Bank>();

async function bankOf({ place, name }: BankPlace): Promise<Bank> {
  const key = `${place.endpoint} ${place.table} ${name}`;
  let bank = banks.get(key);
  if (bank === undefined) {
    bank = await openBank({ place, name });
    banks.set(key, bank);
  }
  return bank;
}

function land(bank: Bank, base: number): Promise<{ readonly state: Board }> {
  const event = landing(base + bank.next);
  bank.next += 1;
  return bank.prevayler.handle(event);
}

/** Landings of one process have numbers of their own. */
const numbersPerProcess = 10_000_000;

export interface HandleArguments extends BankPlace {
  readonly callers: number;
  readonly forMs?: number;
  readonly ops?: number;
  /** Index of the process among those that write. */
  readonly process?: number;
}

/** Events in a closed loop. Wrong is an answer whose state does not hold more flights than the caller's last. */
export async function handle({ callers, forMs, ops, process = 0, ...where }: HandleArguments): Promise<Sample> {
  return loop(await bankOf(where), callers, process, { ...(forMs && { forMs }), ...(ops && { ops }) });
}

function loop(bank: Bank, callers: number, process: number, length: { forMs?: number; ops?: number }): Promise<Sample> {
  const last = new Array<number>(callers).fill(0);
  return closedLoop({
    callers,
    ...length,
    counts: bank.engine.counts,
    op: () => land(bank, process * numbersPerProcess),
    judge(caller, { state }) {
      const isMore = state.flights > (last[caller] as number);
      last[caller] = state.flights;
      return isMore || 'wrong';
    },
  });
}

export interface PaceArguments extends BankPlace {
  readonly perSecond: number;
  readonly forMs: number;
  readonly process: number;
  readonly processes: number;
}

/** Events at a given pace, whatever the answers take. */
export async function pace({ perSecond, forMs, process, processes, ...where }: PaceArguments): Promise<Sample> {
  const bank = await bankOf(where);
  return openLoop({
    perSecond,
    forMs,
    phase: process / processes,
    counts: bank.engine.counts,
    op: () => land(bank, process * numbersPerProcess),
  });
}

/** What one process holds. */
export interface Standing {
  readonly board: Board;
  readonly seq: number;
  readonly digest: string;
}

/** What this process holds once it has caught up with all others; opens the system when it has none yet. */
export async function standing(where: BankPlace): Promise<Standing> {
  const { prevayler } = await bankOf(where);
  await prevayler.sync();
  return { board: prevayler.state, seq: prevayler.seq, digest: await prevayler.stateDigest() };
}

export async function closeBanks(_: object): Promise<void> {
  const all = [...banks.values()];
  banks.clear();
  await Promise.all(all.map(({ prevayler }) => prevayler.close()));
}

/** The same loop on the memory engine, whose prices follow the published rules: a check of what the other engines report. */
export async function handleInMemory({ callers, ops }: { callers: number; ops: number }): Promise<Sample> {
  const bank = await openMemoryBank();
  try {
    const sample = await loop(bank, callers, 0, { ops });
    const { flights } = bank.prevayler.state;
    return { ...sample, wrong: sample.wrong + Math.abs(flights - sample.finished) };
  } finally {
    await bank.prevayler.close();
  }
}

/** How long a read of the state takes, against a read of a property of an object; nanoseconds, loop included. */
export async function readState({
  reads,
}: {
  reads: number;
}): Promise<{ readonly ours: number; readonly plain: number }> {
  const bank = await openMemoryBank();
  try {
    await land(bank, 0);
    const { prevayler } = bank;
    const plain = { state: prevayler.state };
    const time = (read: () => number) => {
      let sum = 0;
      const startedAt = performance.now();
      for (let at = 0; at < reads; at += 1) sum += read();
      const ns = ((performance.now() - startedAt) * 1e6) / reads;
      if (sum !== reads) throw new Error('the state is not what it was');
      return ns;
    };
    const ours = () => prevayler.state.flights;
    const theirs = () => plain.state.flights;
    for (const read of [ours, theirs]) time(read);
    return { ours: time(ours), plain: time(theirs) };
  } finally {
    await bank.prevayler.close();
  }
}
