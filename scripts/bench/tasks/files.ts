/** What a worker does with a journal in files: events, a journal to recover, recovery, and the loops that these are compared with. */
import { mkdir, open, rm } from 'node:fs/promises';
import { compressed, encrypted, keyRing } from '../../../lib/codec/index.js';
import { encodeCommit } from '../../../lib/files/commit-record.js';
import { fileStorage } from '../../../lib/files/index.js';
import { JournalFile, recordOf } from '../../../lib/files/journal-file.js';
import { noPoint } from '../../../lib/files/journal-header.js';
import { type Commit, chainAfter } from '../../../lib/journal/index.js';
import { openPrevayler, type Prevayler, type Storage, sealedStorage } from '../../../lib/prevalence/index.js';
import { LineFile, parseLines } from '../baselines/line-file.js';
import { countedFiles, gatheringFiles } from '../file-systems.js';
import { type Board, emptyBoard, type Landing, land, landing, landings } from '../flights.js';
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
  try {
    return await closedLoop({
      ...{ callers, forMs, counts },
      ...landings(callers, handle),
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
  /** Bytes of the journal's file. */
  readonly bytes: number;
  /** Where its lines stand without what is around them: facts and events; and the events alone. */
  readonly lines: string;
  readonly events: string;
}

/**
 * Makes a journal of `count` events, so many to a commit, and beside it what is in it as plain lines. As a system would write it, record
 * by record, but without a system: that would take a minute for a million of them.
 */
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
  await mkdir(directory);
  const facts = { journalId: 'benchmrk', label: '', number: 1, epoch: 1, starts: noPoint, before: undefined };
  const file = await JournalFile.make({
    ...{
      fileSystem: gatheringFiles,
      directory,
      facts,
      codec: undefined,
      carried: undefined,
      maker: '1',
      onDoubt: () => {},
      requireMine: async () => {},
    },
  });
  const [lines, events] = [`${directory}.lines`, `${directory}.events`];
  const [linesFile, eventsFile] = [await open(lines, 'w'), await open(events, 'w')];
  let [chain, linesText, eventsText] = [noPoint.chain, '', ''];
  const flush = async () => {
    await linesFile.write(linesText);
    await eventsFile.write(eventsText);
    [linesText, eventsText] = ['', ''];
  };
  for (let n = 1; (n - 1) * together < count; n += 1) {
    const commit = commitOf(n, together);
    chain = chainAfter(chain, commit);
    const record = await recordOf(file.header, { commit, chain, holds: undefined });
    await file.write(record);
    await file.sync(record);
    linesText += `${encodeCommit(commit, chain, undefined)}\n`;
    eventsText += `${commit.text}\n`;
    if (linesText.length > textLengthMax) await flush();
  }
  await file.end();
  await flush();
  for (const open of [file, linesFile, eventsFile]) await open.close();
  return { bytes: file.length, lines, events };
}

const textLengthMax = 1_000_000;

/** The `n`-th commit of so many landings each. */
function commitOf(n: number, count: number): Commit {
  const first = (n - 1) * count + 1;
  const landings = Array.from({ length: count }, (_, index) => JSON.stringify(landing(first - 1 + index)));
  return {
    ...{ place: n, first, count, time: n, writer: 'benchone', n, prev: n - 1, text: landings.join('\n') },
    ...{ body: undefined, skip: [], marks: [], retires: false, handlerVersion: undefined, stateDigest: undefined },
  };
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
