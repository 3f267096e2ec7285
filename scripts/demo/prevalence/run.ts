/**
 * One run of the prevalence job: writers send the flights, a snapshot is taken and the journal pruned meanwhile, a fresh
 * process recovers, and everything is compared.
 *
 * Invariant: however it ends, no process of its own is left, and its instance of the system is closed.
 */
import type { PrevaylerStats } from '../../../lib/prevalence/index.js';
import { addSpent, runCrew } from '../crew.js';
import type { CommonResult } from '../figures.js';
import { altered } from '../flights.js';
import { type Place, runFramed } from '../frame.js';
import type { Job } from '../messages.js';
import type { DemoOptions } from '../options.js';
import { showProgress } from '../progress.js';
import { Desk, type Order } from './desk.js';
import type { Finding, Held, Recovery, RecoveryJob, Resumption } from './messages.js';
import { type FlightSystem, openSystem } from './system.js';
import { compareBooks, compareOrder, computeBook } from './verify.js';
import { type Watched, Watcher } from './watcher.js';

/** All that a run has found. */
export interface RunResult extends CommonResult, Watched {
  /** Chunks that the killed process held. */
  readonly returned: readonly number[];
  readonly resumptions: readonly Resumption[];
  /** What every writer held at its end. */
  readonly writers: ReadonlyMap<string, Held>;
  /** What each writer has counted; of a killed one, what its last message said. */
  readonly stats: ReadonlyMap<string, PrevaylerStats>;
  readonly recovery: Recovery;
}

export function runPrevalence(options: DemoOptions, signal: AbortSignal): Promise<RunResult> {
  return runFramed(options, signal, {
    work: (place) => work(options, place),
    // Only the library knows the names of all its items, so they are found by how they begin.
    removeItems: ({ table, run }) => table.removeItems(`${run}/`),
  });
}

async function work(options: DemoOptions, place: Place): Promise<RunResult> {
  const { rowsPerChunk, window, falsify } = options;
  const { engine, run, tableName, client, table, flights, signal } = place;
  const rows = flights.length;
  const evidenceWritersMax = Math.max(8, options.processes + 1);
  const job = { run, tableName, client, rows, rowsPerChunk, window, evidenceWritersMax };
  await using system = await openSystem(table.atoms, run, { signal });
  const sent = await send(options, place, job, system);
  const spent = table.atoms.spent();
  // The middle, or the first point after it that pruning has left.
  const pastSeq = Math.min(Math.max(Math.floor(rows / 2), sent.snapshot.seq), sent.order.length);
  const recovery = await recover({ ...job, pastSeq }, place);
  const truth = falsify ? altered(flights) : flights;
  const all = flights.map((_, row) => row);
  const differences = [
    ...compareOrder(sent.order, rows),
    ...compareHeld(sent, recovery.held, rows),
    ...compareBooks('in the fresh process', recovery.book, computeBook(truth, all, rowsPerChunk)),
    ...compareBooks(
      `after event ${pastSeq}`,
      recovery.past.book,
      computeBook(truth, sent.order.slice(0, recovery.past.seq), rowsPerChunk),
    ),
    ...(recovery.past.seq === pastSeq ? [] : [`past: event ${recovery.past.seq}, asked for ${pastSeq}`]),
  ];
  const chunks = Math.ceil(rows / rowsPerChunk);
  return { engine, ...sent, chunks, recovery, total: addSpent([...sent.spent, spent]), differences };
}

type Sent = Omit<RunResult, 'engine' | 'chunks' | 'recovery' | 'total' | 'differences'>;

/** Lets the writers send all flights, and watches. */
async function send(
  { processes, kill }: DemoOptions,
  { flights, signal }: Place,
  job: Omit<Job, 'worker'>,
  system: FlightSystem,
): Promise<Sent> {
  const desk = new Desk(Math.ceil(flights.length / job.rowsPerChunk));
  const returned: number[] = [];
  const resumptions: Resumption[] = [];
  const writers = new Map<string, Held>();
  const stats = new Map<string, PrevaylerStats>();
  const progress = showProgress(flights.length);
  const broken = new AbortController();
  const watcher = new Watcher(system, {
    rows: flights.length,
    rowsPerChunk: job.rowsPerChunk,
    onNote: progress.note,
    onFailure: (error) => broken.abort(error),
  });
  try {
    const crew = await runCrew<Job, Finding, Order>({
      title: 'writer',
      script: new URL('writer.ts', import.meta.url),
      processes,
      kill,
      signal: AbortSignal.any([signal, broken.signal]),
      job,
      giveBack: (writer) => void returned.push(...desk.giveBack(writer)),
      hear(writer, finding, tell) {
        if (finding.kind === 'ask') desk.ask(writer, tell);
        else if (finding.kind === 'held') writers.set(writer, finding.held);
        else if (finding.kind === 'stats') stats.set(writer, finding.stats);
        else {
          desk.done(writer, finding.chunk);
          if (finding.resumption === undefined) return;
          resumptions.push(finding.resumption);
          progress.note(`${writer} has gone on with chunk ${finding.chunk}`);
        }
      },
      onProgress: progress.update,
      onNote: progress.note,
    });
    const watched = await watcher.end();
    progress.update(watched.order.length);
    return { ...crew, ...watched, returned, resumptions, writers, stats };
  } finally {
    await watcher.close();
    progress.stop();
  }
}

/** Lets a process that has seen nothing recover the system. */
async function recover(job: Omit<RecoveryJob, 'worker'>, { signal }: Place): Promise<Recovery> {
  let found: Recovery | undefined;
  await runCrew<RecoveryJob, Recovery, never>({
    title: 'fresh',
    script: new URL('fresh.ts', import.meta.url),
    processes: 1,
    kill: false,
    job,
    giveBack() {},
    hear(_, recovery) {
      found = recovery;
    },
    onProgress() {},
    onNote() {},
    signal,
  });
  if (found === undefined) throw new Error('Cannot compare: the fresh process has said nothing');
  return found;
}

/** What is wrong with what the instances hold at the end: all must be at the last event, with one state. */
function compareHeld({ writers, held }: Sent, fresh: Held, rows: number): readonly string[] {
  const all = [...writers, ['watcher', held] as const, ['fresh process', fresh] as const];
  return all
    .filter(([, { seq, digest }]) => seq !== rows || digest !== fresh.digest)
    .map(
      ([name, { seq, digest }]) =>
        `${name}: holds event ${seq} and state ${digest}, expected ${rows} and ${fresh.digest}`,
    );
}
