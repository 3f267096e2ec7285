/**
 * A process that keeps a system in files, until it is killed.
 *
 * Its callers hand in numbers, each from 1 on; the state knows the last of each, and whether one ever came out of turn. What was
 * acknowledged is written to a file before the next call, so it outlives the process.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { fileStorage } from '../../lib/files/index.js';
import { openPrevayler, type Prevayler } from '../../lib/prevalence/index.js';
import { serve, tell } from '../histories/processes.js';

export interface Turns {
  readonly last: Readonly<Record<string, number>>;
  readonly wrong: readonly string[];
}

export interface Turn {
  readonly caller: string;
  readonly n: number;
}

export interface WriterOptions {
  readonly directory: string;
  readonly takeOver?: boolean;
  readonly journalBytesMax?: number;
}

export const noTurns: Turns = { last: {}, wrong: [] };

export function takeTurn({ last, wrong }: Turns, { caller, n }: Turn): Turns {
  const isInTurn = n === (last[caller] ?? 0) + 1;
  return { last: { ...last, [caller]: n }, wrong: isInTurn ? wrong : [...wrong, `${caller}#${n}`] };
}

export function openTurns({ directory, ...options }: WriterOptions): Promise<Prevayler<Turns, Turn>> {
  const storage = fileStorage(directory, options);
  return openPrevayler<Turns, Turn>({ storage, initialState: noTurns, handler: takeTurn, snapshots: false });
}

/** Hands in numbers from 1 on, and writes down those that were acknowledged. */
export async function takeTurns(
  system: Prevayler<Turns, Turn>,
  caller: string,
  turns: number,
  acknowledged: number,
): Promise<void> {
  for (let n = 1; n <= turns; n += 1) {
    await system.handle({ caller, n });
    writeSync(acknowledged, `${caller} ${n}\n`);
  }
}

let system: Prevayler<Turns, Turn> | undefined;

/** What went wrong, as it can be sent. */
async function told(work: () => Promise<unknown>): Promise<unknown> {
  try {
    return { value: await work() };
  } catch (error) {
    const { code, message, reason, holder, outcome } = error as Record<string, unknown>;
    return { error: { code, message, reason, holder, outcome } };
  }
}

if (process.send !== undefined) {
  serve({
    open: (options: WriterOptions) =>
      told(async () => {
        system = await openTurns(options);
        return system.state;
      }),
    handle: (turn: Turn) => told(async () => (await system?.handle(turn))?.state),
    close: () => told(async () => system?.close()),
    /** Until it is killed; snapshots are made and removed meanwhile. */
    run: async (life: string, callers: number, file: string) => {
      const own = system as Prevayler<Turns, Turn>;
      const acknowledged = openSync(file, 'a');
      const snapshots = async () => {
        for (;;) {
          await own.snapshot();
          await own.prune();
          await new Promise((resume) => setTimeout(resume, 30));
        }
      };
      const calling = Array.from({ length: callers }, (_, at) => takeTurns(own, `${life}.${at}`, 1e9, acknowledged));
      const failed = (error: unknown) => tell(String((error as Error).stack));
      own
        .handle({ caller: `${life}.first`, n: 1 })
        .then(snapshots)
        .catch(failed);
      await Promise.all(calling).catch(failed);
      closeSync(acknowledged);
    },
  });
}
