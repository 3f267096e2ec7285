/**
 * Reading the journal, file by file, from a position to its end.
 *
 *   journal-3 up to where journal-4 says that it ends ─► journal-4 up to … ─► the newest, to the end of what is in it
 *
 * A file that another one comes after is read exactly as far as it counts, and any damage there is an error. In the newest one the last
 * record may be torn, by a crash or since it is being written right now: what is not whole there is passed over, unless something
 * shows that more was written after it. So no record that was ever acknowledged is passed over for a torn one.
 */
import { JournalDamagedError } from './errors.js';
import { FileReading, type FoundBatch, type JournalEnd } from './file-reading.js';
import { type JournalFiles, Vanished } from './journal-files.js';
import type { JournalHeader } from './journal-header.js';
import type { JournalPosition } from './journal-position.js';

export interface ReadOptions {
  /** Reads as far as this and no further; what comes up to there is known to be whole. */
  readonly limit?: { readonly number: number; readonly offset: number } | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * @throws {Vanished} when a file was pruned meanwhile, or `from` is beyond what counts of its file
 * @throws {JournalDamagedError} `ERR_JOURNAL_DAMAGED`
 */
export async function* readJournal(
  files: JournalFiles,
  from: JournalPosition,
  { limit, signal }: ReadOptions = {},
): AsyncGenerator<FoundBatch, JournalEnd> {
  let position = from;
  for (;;) {
    const { number } = position;
    if (!files.has(number)) {
      if (number === 0 && files.first === undefined) return { position, last: undefined, isEnded: false };
      throw new Vanished(number);
    }
    const next = files.has(number + 1) ? await files.header(number + 1) : undefined;
    const isLimited = limit?.number === number;
    const to = isLimited ? limit.offset : next?.before?.length;
    if (to !== undefined && position.offset > to) {
      position = await carriedOver(files, next, position);
      continue;
    }
    const reading = new FileReading(files, await files.header(number), position, to);
    yield* reading.read(signal);
    position = reading.end.position;
    if (isLimited) return reading.end;
    if (next === undefined) {
      // It may have got a successor meanwhile, which says how much of it counts.
      await files.list();
      if (!files.has(number + 1)) return reading.end;
      continue;
    }
    requireJoin(files, next, position);
    position = { ...next.starts, number: next.number, offset: next.length };
  }
}

/**
 * Where one goes on who has read more of a file than counts in it: the last commit of a writer that died was written anew into the
 * next file. If it was not, it never counted.
 */
async function carriedOver(
  files: JournalFiles,
  next: JournalHeader | undefined,
  { number, place, chain, ...point }: JournalPosition,
): Promise<JournalPosition> {
  if (next?.starts.place === place - 1) {
    const from = { ...next.starts, number: next.number, offset: next.length };
    for await (const { number: carrier, found } of readJournal(files, from)) {
      const [first] = found;
      if (first?.read.chain !== chain) break;
      return { ...point, place, chain, number: carrier, offset: first.end };
    }
  }
  throw new Vanished(number);
}

/** What comes next goes on where this ended. */
function requireJoin(
  files: JournalFiles,
  next: JournalHeader,
  { number, place, seq, time, chain }: JournalPosition,
): void {
  const { starts, before } = next;
  const joins = before?.number === number && starts.place === place && starts.seq === seq && starts.time === time;
  if (joins && starts.chain === chain) return;
  const detail = `it goes on after commit ${starts.place}, event ${starts.seq}, and the file before it ends with ${place}, ${seq}`;
  throw new JournalDamagedError(files.pathOf('journal', next.number), 'gap', detail, { offset: 0, place });
}
