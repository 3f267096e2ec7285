/** What a worker does with a large state: builds it, writes it as a snapshot, reads it back. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { AtomTable } from '../../../lib/atom/index.js';
import { SdkEngine } from '../../../lib/engine/index.js';
import { atomStorage, openPrevayler } from '../../../lib/prevalence/index.js';
import { type Archive, type ArchiveEvent, arrange } from '../archive.js';
import type { BankPlace } from '../banks.js';
import { clientOf } from '../clients.js';
import { weighed } from '../weighed-engine.js';

async function openArchive({ place, name }: BankPlace) {
  const engine = weighed(new SdkEngine(clientOf(place.endpoint)));
  const table = new AtomTable({ engine: engine.engine, tableName: place.table });
  const prevayler = await openPrevayler<Archive, ArchiveEvent>({
    storage: atomStorage(table, name),
    initialState: { shelves: [], visits: 0 },
    handler: arrange,
    snapshots: false,
  });
  return { prevayler, engine };
}

export interface SnapshotWritten {
  /** Bytes of the state's JSON, and of all items of one snapshot. */
  readonly jsonBytes: number;
  readonly storedBytes: number;
  readonly digest: string;
  /** One figure per round. */
  readonly writeMs: readonly number[];
  readonly stringifyMs: readonly number[];
  /** The longest time that the event loop stood still while writing. */
  readonly pauseMs: readonly number[];
}

/** Builds a state of so many megabytes and writes it in each round, in turn with `JSON.stringify` of the same state. */
export async function writeSnapshots(
  args: BankPlace & { readonly megabytes: number; readonly rounds: number },
): Promise<SnapshotWritten> {
  const { prevayler, engine } = await openArchive(args);
  try {
    await prevayler.handle('add');
    const shelfBytes = JSON.stringify(prevayler.state).length;
    const shelves = Math.ceil((args.megabytes * 1e6) / shelfBytes);
    for (let at = 1; at < shelves; at += 1) await prevayler.handle('add');
    const [writeMs, stringifyMs, pauseMs]: [number[], number[], number[]] = [[], [], []];
    let [jsonBytes, storedBytes] = [0, 0];
    // The first round is for warming up.
    for (let round = 0; round <= args.rounds; round += 1) {
      await prevayler.handle('visit');
      const before = engine.counts().bytesWritten ?? 0;
      const written = await timedSnapshot(() => prevayler.snapshot());
      storedBytes = (engine.counts().bytesWritten ?? 0) - before;
      const startedAt = performance.now();
      jsonBytes = JSON.stringify(prevayler.state).length;
      if (round === 0) continue;
      stringifyMs.push(performance.now() - startedAt);
      writeMs.push(written.ms);
      pauseMs.push(written.pauseMs);
    }
    const digest = await prevayler.stateDigest();
    return { jsonBytes, storedBytes, digest, writeMs, stringifyMs, pauseMs };
  } finally {
    await prevayler.close();
  }
}

async function timedSnapshot(snapshot: () => Promise<unknown>): Promise<{ ms: number; pauseMs: number }> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const startedAt = performance.now();
  await snapshot();
  const ms = performance.now() - startedAt;
  delay.disable();
  return { ms, pauseMs: delay.max / 1e6 };
}

export interface SnapshotRead {
  readonly digest: string;
  readonly readMs: readonly number[];
  readonly parseMs: readonly number[];
}

/** Opens the system from its snapshot in each round, in turn with `JSON.parse` of the same state. */
export async function readSnapshots(args: BankPlace & { readonly rounds: number }): Promise<SnapshotRead> {
  const [readMs, parseMs]: [number[], number[]] = [[], []];
  let digest = '';
  for (let round = 0; round <= args.rounds; round += 1) {
    const startedAt = performance.now();
    const { prevayler } = await openArchive(args);
    const openedAt = performance.now();
    digest = await prevayler.stateDigest();
    const text = JSON.stringify(prevayler.state);
    await prevayler.close();
    const parsedFrom = performance.now();
    const { visits } = JSON.parse(text) as Archive;
    if (round === 0 || visits === 0) continue;
    parseMs.push(performance.now() - parsedFrom);
    readMs.push(openedAt - startedAt);
  }
  return { digest, readMs, parseMs };
}
