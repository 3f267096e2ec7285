/**
 * What a worker does with a large state in files: a snapshot beside nothing, one beside callers, and the same callers beside nothing.
 */
import { rm } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileStorage } from '../../../lib/files/index.js';
import { openPrevayler, type Prevayler } from '../../../lib/prevalence/index.js';
import { encodeState } from '../../../lib/snapshot/index.js';
import { type Archive, type ArchiveEvent, arrange } from '../archive.js';
import { openLoop } from '../open-loop.js';
import type { Sample } from '../sample.js';

const opened = new Map<string, Prevayler<Archive, ArchiveEvent>>();

/** Opens a system whose state has about so many megabytes as JSON; kept until `closeArchive`. */
export async function openFileArchive({
  directory,
  megabytes,
}: {
  directory: string;
  megabytes: number;
}): Promise<{ readonly jsonBytes: number }> {
  await rm(directory, { recursive: true, force: true });
  const prevayler = await openPrevayler<Archive, ArchiveEvent>({
    storage: fileStorage(directory),
    initialState: { shelves: [], visits: 0 },
    handler: arrange,
    ...{ snapshots: false, follow: false, retention: { keep: 1 } },
  });
  opened.set(directory, prevayler);
  await prevayler.handle('add');
  const shelfBytes = JSON.stringify(prevayler.state).length;
  while (prevayler.state.shelves.length * shelfBytes < megabytes * 1e6) await prevayler.handle('add');
  return { jsonBytes: prevayler.state.shelves.length * shelfBytes };
}

export async function closeFileArchive({ directory }: { directory: string }): Promise<void> {
  await opened.get(directory)?.close();
  opened.delete(directory);
  await rm(directory, { recursive: true, force: true });
}

export interface Timed {
  readonly ms: number;
  readonly cpuUs: number;
}

async function timed(work: () => Promise<unknown>): Promise<Timed> {
  const before = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const ms = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(before);
  return { ms, cpuUs: user + system };
}

/** A snapshot beside nothing else, and the same state through the codec alone. */
export async function writeFileSnapshot({
  directory,
}: {
  directory: string;
}): Promise<{ readonly written: Timed; readonly encoded: Timed; readonly storedBytes: number }> {
  const prevayler = opened.get(directory) as Prevayler<Archive, ArchiveEvent>;
  await prevayler.handle('visit');
  let storedBytes = 0;
  const written = await timed(async () => {
    storedBytes = (await prevayler.snapshot()).bytes;
  });
  await prevayler.prune();
  const encoded = await timed(async () => {
    for await (const _chunk of encodeState(prevayler.state));
  });
  return { written, encoded, storedBytes };
}

/** The most that was alive beside the state while a snapshot was written; collections are forced for a quarter of the time. */
export async function weighFileSnapshot({ directory }: { directory: string }): Promise<number> {
  if (globalThis.gc === undefined) throw new Error('the worker runs without --expose-gc');
  const prevayler = opened.get(directory) as Prevayler<Archive, ArchiveEvent>;
  const alive = () => {
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  await prevayler.handle('visit');
  await prevayler.snapshot();
  await prevayler.handle('visit');
  const before = Math.min(alive(), alive());
  let most = before;
  let timer: NodeJS.Timeout | undefined;
  const weigh = () => {
    const startedAt = performance.now();
    most = Math.max(most, alive());
    timer = setTimeout(weigh, 3 * (performance.now() - startedAt));
  };
  weigh();
  await prevayler.snapshot();
  clearTimeout(timer);
  await prevayler.prune();
  return most - before;
}

export interface Beside {
  readonly sample: Sample;
  /** The longest time that the event loop stood still. */
  readonly pauseMs: number;
  /** Snapshots that were made meanwhile. */
  readonly snapshots: number;
}

/** Calls at a given pace, beside one snapshot after another, or beside nothing. */
export async function handleBeside({
  directory,
  perSecond,
  forMs,
  snapshots,
}: {
  directory: string;
  perSecond: number;
  forMs: number;
  snapshots: boolean;
}): Promise<Beside> {
  const prevayler = opened.get(directory) as Prevayler<Archive, ArchiveEvent>;
  let isOver = false;
  let made = 0;
  const snapshotting = async () => {
    while (snapshots && !isOver) {
      await prevayler.snapshot();
      made += 1;
    }
  };
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const making = snapshotting();
  const sample = await openLoop({ perSecond, forMs, phase: 0, op: () => prevayler.handle('visit') });
  delay.disable();
  isOver = true;
  await making;
  await prevayler.prune();
  return { sample, pauseMs: delay.max / 1e6, snapshots: made };
}
