/** One run of the atoms' job: workers count the flights, and what they have counted is compared. */
import { openAtoms, type RunAtoms } from './atoms.js';
import { addSpent, type CrewResult, runCrew } from './crew.js';
import type { CommonResult } from './figures.js';
import { altered, computeExpected } from './flights.js';
import { type Place, runFramed } from './frame.js';
import type { Job, Resumption } from './messages.js';
import type { DemoOptions } from './options.js';
import { showProgress } from './progress.js';
import { type Verdict, verify } from './verify.js';
import { giveBack, type Stage } from './work-list.js';

/** A chunk that was given back after the death of its holder. */
interface Returned {
  readonly chunk: number;
  readonly stage: Stage;
}

/** All that a run has found. */
export interface RunResult extends Verdict, CommonResult {
  readonly returned: readonly Returned[];
  readonly resumptions: readonly Resumption[];
}

export function runAtoms(options: DemoOptions, signal: AbortSignal): Promise<RunResult> {
  return runFramed(options, signal, {
    work: (place) => ingest(options, place, openAtoms(place.table.atoms, place.run)),
    removeItems: ({ table, run }) => removeAtoms(openAtoms(table.atoms, run)),
  });
}

/** Lets the workers count, and compares. `onProgress` is told how many rows are in. */
export async function ingest(
  { processes, kill, rowsPerChunk, window, falsify }: DemoOptions,
  { engine, run, tableName, client, table, flights, signal }: Place,
  atoms: RunAtoms,
  onProgress: (rows: number) => void = () => {},
): Promise<RunResult> {
  const rows = flights.length;
  const chunks = Math.ceil(rows / rowsPerChunk);
  const returned: Returned[] = [];
  const resumptions: Resumption[] = [];
  const progress = showProgress(rows);
  const evidenceWritersMax = Math.max(8, processes + 1);
  let crew: CrewResult;
  try {
    crew = await runCrew<Job, Resumption, never>({
      title: 'worker',
      script: new URL('worker.ts', import.meta.url),
      processes,
      kill,
      signal,
      job: { run, tableName, client, rows, rowsPerChunk, window, evidenceWritersMax },
      async giveBack(worker) {
        // Written even when the list shows nothing: the dead worker's last write may still be on its way to the store, and
        // can take effect only as long as nothing else is written.
        const [before] = await atoms.list.swapVals((list) => giveBack(list, worker), { noop: 'write' });
        for (const [chunk, held] of Object.entries(before.held)) {
          if (held.worker === worker) returned.push({ chunk: Number(chunk), stage: held.stage });
        }
      },
      hear(worker, resumption) {
        resumptions.push(resumption);
        progress.note(`${worker} has gone on with chunk ${resumption.chunk}`);
      },
      onProgress(done) {
        progress.update(done);
        onProgress(done);
      },
      onNote: progress.note,
    });
    // What the killed process counted after its last message is in here as well.
    progress.update(rows);
  } finally {
    progress.stop();
  }
  const total = addSpent([...crew.spent, table.atoms.spent()]);
  const expected = computeExpected(falsify ? altered(flights) : flights);
  const verdict = await verify(atoms, expected, chunks);
  return { engine, ...crew, ...verdict, chunks, returned, resumptions, total };
}

export async function removeAtoms(atoms: RunAtoms): Promise<void> {
  const names = [...computeExpected([]).keys()];
  await Promise.all([atoms.list, ...names.map(atoms.ledger)].map((atom) => atom.delete({ timeoutMs: 5_000 })));
}
