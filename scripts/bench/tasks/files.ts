/** What a worker does with a journal in files: events, a journal to recover, recovery, and the loops that these are compared with. */
import { open, rm, stat } from 'node:fs/promises';
import { compressed, encrypted, keyRing } from '../../../lib/codec/index.js';
import { encodeCommit } from '../../../lib/files/commit-record.js';
import { fileStorage } from '../../../lib/files/index.js';
import { JournalFiles } from '../../../lib/files/journal-files.js';
import { readJournal } from '../../../lib/files/journal-reader.js';
import { nodeFileSystem } from '../../../lib/files/node-file-system.js';
import { openPrevayler, type Prevayler, type Storage, sealedStorage } from '../../../lib/prevalence/index.js';
import { LineFile, parseLines } from '../baselines/line-file.js';
import { countedFiles, gatheringFiles } from '../file-systems.js';
import { type Board, emptyBoard, type Landing, land, landing } from '../flights.js';
import { closedLoop, noCounts, type Sample } from '../sample.js';

export type FileWay = 'ours' | 'ours, never synced' | 'ours, sealed' | 'a sync per event' | 'never synced';

const keys = keyRing({ current: 'bench', keys: { bench: Buffer.alloc(32, 7) } });

function openBoard(storage: Storage): Promise<Prevayler<Board, Landing>> {
  return openPrevayler<Board, Landing>({
    storage,
    initialState: emptyBoard,
    handler: land,
    snapshots: false,
    follow: false,
  });
}

/** Events in a closed loop, in a new directory that is removed afterwards. Wrong is an answer that does not hold more flights than the last. */
export async function fileEvents({
  way,
  directory,
  callers,
  forMs,
}: {
  way: FileWay;
  directory: string;
  callers: number;
  forMs: number;
}): Promise<Sample> {
  await rm(directory, { recursive: true, force: true });
  const { handle, counts, close } = await openWay(way, directory);
  const last = new Array<number>(callers).fill(0);
  let next = 0;
  try {
    return await closedLoop({
      ...{ callers, forMs, counts },
      op: () => {
        next += 1;
        return handle(landing(next - 1));
      },
      judge(caller, { flights }) {
        const isMore = flights > (last[caller] as number);
        last[caller] = flights;
        return isMore || 'wrong';
      },
    });
  } finally {
    await close();
    await rm(directory, { recursive: true, force: true });
  }
}

async function openWay(way: FileWay, directory: string) {
  if (way === 'a sync per event' || way === 'never synced') {
    const file = await LineFile.make(directory, { syncs: way === 'a sync per event' });
    const counts = () => ({ ...noCounts, commits: file.syncs });
    return { handle: (event: Landing) => file.handle(event), counts, close: () => file.close() };
  }
  const { fileSystem, counts } = countedFiles(way !== 'ours, never synced');
  const plain = fileStorage(directory, { fileSystem });
  const storage = way === 'ours, sealed' ? sealedStorage(plain, encrypted({ keys, inner: compressed() })) : plain;
  const prevayler = await openBoard(storage);
  return {
    handle: async (event: Landing) => (await prevayler.handle(event)).state,
    counts,
    close: () => prevayler.close(),
  };
}

export interface FilledFiles {
  /** Bytes of the journal's files. */
  readonly bytes: number;
  /** Where its lines stand without what is around them: facts and events; and the events alone. */
  readonly lines: string;
  readonly events: string;
}

/** Makes a journal of `count` events, so many to a commit, and beside it what is in it as plain lines. */
export async function fillFiles({
  directory,
  count,
  together,
}: {
  directory: string;
  count: number;
  together: number;
}): Promise<FilledFiles> {
  await rm(directory, { recursive: true, force: true });
  const prevayler = await openBoard(fileStorage(directory, { fileSystem: gatheringFiles }));
  for (let at = 0; at < count; at += together) {
    const events = Array.from({ length: Math.min(together, count - at) }, (_, index) => landing(at + index));
    await Promise.all(events.map((event) => prevayler.handle(event)));
  }
  await prevayler.close();
  const [lines, events] = [`${directory}.lines`, `${directory}.events`];
  return { bytes: await copyLines(directory, lines, events), lines, events };
}

/** The bodies of the records, one after the other; answers how many bytes the journal's files have. */
async function copyLines(directory: string, linesPath: string, eventsPath: string): Promise<number> {
  const [lines, events] = [await open(linesPath, 'w'), await open(eventsPath, 'w')];
  const files = new JournalFiles({ fileSystem: nodeFileSystem, directory, label: '', codec: undefined });
  await files.list();
  const { starts, length } = await files.header(1);
  for await (const { found } of readJournal(files, { ...starts, number: 1, offset: length })) {
    const bodies = found.map(({ read, holds }) => `${encodeCommit(read.commit, read.chain, holds)}\n`);
    await lines.write(bodies.join(''));
    await events.write(found.map(({ read }) => `${read.text}\n`).join(''));
  }
  await lines.close();
  await events.close();
  const sizes = files.numbers.map(async (number) => (await stat(files.pathOf('journal', number))).size);
  return (await Promise.all(sizes)).reduce((total, size) => total + size, 0);
}

export interface RecoveredFiles {
  readonly board: Board;
  readonly ms: number;
  readonly cpuUs: number;
}

/** Recovers by a new instance that knows nothing, and closes it. */
export async function recoverFiles({ directory }: { directory: string }): Promise<RecoveredFiles> {
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const prevayler = await openBoard(fileStorage(directory));
  const ms = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  const board = prevayler.state;
  await prevayler.close();
  return { board, ms, cpuUs: user + system };
}

/** Reads lines and parses each. */
export async function parseLineFile({ path: from }: { path: string }): Promise<{
  readonly count: number;
  readonly ms: number;
  readonly cpuUs: number;
}> {
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const count = await parseLines(from);
  const { user, system } = process.cpuUsage(cpuBefore);
  return { count, ms: performance.now() - startedAt, cpuUs: user + system };
}
