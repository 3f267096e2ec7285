/**
 * Reading the journal, file by file, from a position to its end.
 *
 *   journal-3 up to where journal-4 says that it ends ─► journal-4 up to … ─► the newest, to the end of what is in it
 *
 * A file that another one comes after is read exactly as far as it counts, and any damage there is an error. In the newest one the last
 * record may be torn, by a crash or since it is being written right now: what is not whole there is passed over, unless something
 * shows that more was written after it. So no record that was ever acknowledged is passed over for a torn one.
 *
 * Records are given back a chunk at a time: recovery reads millions.
 */
import { DecodeError } from '../codec/index.js';
import { isLeydenError } from '../errors.js';
import type { DecodedCommit } from './commit-record.js';
import { JournalDamagedError } from './errors.js';
import type { OpenFile } from './file-system.js';
import { type JournalFiles, Vanished } from './journal-files.js';
import type { JournalHeader, JournalPoint } from './journal-header.js';
import { ReadAhead } from './read-ahead.js';
import { frameBytes, lengthAt, nextRecord, recordAt, recordKinds } from './record.js';
import { decodeBody } from './record-body.js';

/** Where in the journal one is: behind so many commits, and at a byte of a file. */
export interface JournalPosition extends JournalPoint {
  /** Number of the file; 0 as long as there is none. */
  readonly number: number;
  readonly offset: number;
}

/** A commit that was read, and where it stands in its file. */
export interface Found extends DecodedCommit {
  readonly start: number;
  readonly end: number;
}

export interface FoundBatch {
  /** Number of the file that they are in. */
  readonly number: number;
  readonly found: readonly Found[];
}

/** How a journal ends. */
export interface JournalEnd {
  readonly position: JournalPosition;
  /** The last commit of the last file, if it was read on the way, and what was true before it. */
  readonly last: { readonly found: Found; readonly before: JournalPoint } | undefined;
  /** Whether the last file was closed. */
  readonly isEnded: boolean;
}

export interface ReadOptions {
  /** Reads as far as this and no further; what comes up to there is known to be whole. */
  readonly limit?: { readonly number: number; readonly offset: number } | undefined;
  readonly signal?: AbortSignal | undefined;
}

const chunkBytes: number = 256 * 1_024;

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

/** The reading of one file. */
class FileReading {
  readonly #files: JournalFiles;
  readonly #header: JournalHeader;
  readonly #path: string;
  readonly #to: number | undefined;
  #position: JournalPosition;
  #last: JournalEnd['last'];
  #isEnded = false;
  #ahead: ReadAhead | undefined;

  constructor(files: JournalFiles, header: JournalHeader, from: JournalPosition, to: number | undefined) {
    this.#files = files;
    this.#header = header;
    this.#path = files.pathOf('journal', header.number);
    this.#position = from;
    this.#to = to;
  }

  get position(): JournalPosition {
    return this.#position;
  }

  get end(): JournalEnd {
    // The record that says that it ended may not be on the disk; all before it is. So whoever goes on counts up to there.
    const offset = this.#position.offset - (this.#isEnded ? frameBytes + 1 : 0);
    return { position: { ...this.#position, offset }, last: this.#last, isEnded: this.#isEnded };
  }

  async *read(signal: AbortSignal | undefined): AsyncGenerator<FoundBatch> {
    if (this.#position.offset === this.#to) return;
    const file = await this.#files.open(this.#header.number);
    try {
      yield* this.#chunks(file, signal);
    } finally {
      await this.#ahead?.settled();
      // What was only read has lost nothing when closing it fails.
      await file.close().catch(() => {});
    }
  }

  async *#chunks(file: OpenFile, signal: AbortSignal | undefined): AsyncGenerator<FoundBatch> {
    let buffer = Buffer.allocUnsafeSlow(this.#chunkBytes());
    let have = 0;
    let ahead = this.#readAhead(file);
    for (;;) {
      signal?.throwIfAborted();
      const from = this.#position.offset;
      const room = Math.min(buffer.length, (this.#to ?? Number.POSITIVE_INFINITY) - from) - have;
      const got = room > 0 ? await this.#fill(ahead, buffer.subarray(have, have + room), from + have) : 0;
      have += got;
      const { found, at, wanted } = await this.#take(buffer, have);
      if (found.length > 0) yield { number: this.#header.number, found };
      have -= at;
      buffer.copyWithin(0, at, at + have);
      if (wanted === 0) {
        if (got === room && !this.#isFull) continue;
        if (this.#to !== undefined && !this.#isFull) throw this.#damaged('it ends early', from + have);
        // Somebody has put an older one in its place, or cut it.
        if (got === 0 && (await this.#sizeOf(file)) < from) throw new Vanished(this.#header.number);
        return;
      }
      // A record that is not whole: there is more of it, or this is all, or it is none.
      if (wanted !== 'bad' && got === room && !this.#isFullWith(have)) {
        if (wanted > buffer.length) buffer = Buffer.concat([buffer.subarray(0, have)], wanted + chunkBytes);
        continue;
      }
      if (await this.#isTorn(file)) return;
      // What was read of it is old.
      await ahead.settled();
      ahead = this.#readAhead(file);
      have = 0;
    }
  }

  #readAhead(file: OpenFile): ReadAhead {
    this.#ahead = new ReadAhead(file);
    return this.#ahead;
  }

  #chunkBytes(): number {
    const left = this.#to === undefined ? chunkBytes : this.#to - this.#position.offset;
    return Math.min(chunkBytes, left);
  }

  get #isFull(): boolean {
    return this.#position.offset === this.#to;
  }

  #isFullWith(have: number): boolean {
    return this.#position.offset + have === this.#to;
  }

  async #sizeOf(file: OpenFile): Promise<number> {
    try {
      return await file.size();
    } catch (error) {
      throw this.#damaged('it cannot be read', this.#position.offset, this.#position.place, error);
    }
  }

  async #fill(file: Pick<OpenFile, 'read'>, into: Uint8Array, position: number): Promise<number> {
    try {
      return await file.read(into, position);
    } catch (error) {
      throw this.#damaged('it cannot be read', position, this.#position.place, error);
    }
  }

  /** The whole records at the beginning of `buffer`, and what the next one wants: 0 when nothing is left. */
  async #take(buffer: Buffer, have: number) {
    const { framing } = this.#header;
    const start = this.#position.offset;
    const found: Found[] = [];
    let { place, seq, time } = this.#position;
    let at = 0;
    let wanted: number | 'bad' = 0;
    while (at < have) {
      const total = recordAt(framing, buffer, at, have);
      if (total === 'bad' || at + total > have) {
        wanted = total;
        break;
      }
      if (this.#isEnded) throw this.#damaged('something comes after its end', start + at, place);
      const kind = buffer[at + frameBytes];
      if (kind === recordKinds.commit) {
        const body = buffer.subarray(at + frameBytes + 1, at + total);
        const decoding = this.#decode(body, place + 1, start + at);
        const decoded = decoding instanceof Promise ? await decoding : decoding;
        const { commit } = decoded.read;
        if (commit.place !== place + 1 || commit.first !== seq + 1 || commit.time < time) {
          throw this.#damaged('a commit that does not join on to the one before', start + at, place);
        }
        found.push({ read: decoded.read, holds: decoded.holds, start: start + at, end: start + at + total });
        place = commit.place;
        seq += commit.count;
        time = commit.time;
      } else if (kind === recordKinds.end) this.#isEnded = true;
      else throw this.#damaged('a record of a kind that is not known here', start + at, place);
      at += total;
    }
    if (this.#isEnded && wanted !== 0) throw this.#damaged('something comes after its end', start + at, place);
    this.#moved(found, start + at);
    return { found, at, wanted };
  }

  #moved(found: readonly Found[], offset: number): void {
    const start = this.#position;
    const last = found.at(-1);
    if (last !== undefined) this.#last = { found: last, before: pointAfter(start, found, found.length - 1) };
    const { place, seq, time, chain, epoch, holder } = pointAfter(start, found);
    this.#position = { place, seq, time, chain, epoch, holder, number: this.#header.number, offset };
  }

  #decode(body: Buffer, place: number, offset: number): DecodedCommit | Promise<DecodedCommit> {
    const explained = (error: unknown) => {
      // A key that is not at hand says nothing about the file.
      const isOther = isLeydenError(error) && !(error instanceof DecodeError);
      return isOther ? error : this.#damaged('a record that can not be opened', offset, place - 1, error);
    };
    try {
      const decoding = decodeBody(this.#header.seal, body, place);
      if (!(decoding instanceof Promise)) return decoding;
      return decoding.catch((error: unknown) => {
        throw explained(error);
      });
    } catch (error) {
      throw explained(error);
    }
  }

  /**
   * What is at the position now is no whole record: `true` when it is the torn end of the newest file; `false` when it was being
   * written, and is whole now.
   */
  async #isTorn(file: OpenFile): Promise<boolean> {
    const { offset } = this.#position;
    if (this.#to !== undefined) throw this.#damaged('it is not what was written', offset);
    const { framing } = this.#header;
    for (let isSeen = false; ; isSeen = true) {
      const rest = Buffer.allocUnsafeSlow(Math.max(0, (await this.#sizeOf(file)) - offset));
      const have = await this.#fill(file, rest, offset);
      const total = recordAt(framing, rest, 0, have);
      if (total !== 'bad' && total <= have) return false;
      const bytes = rest.subarray(0, have);
      const isFollowed =
        (lengthAt(framing, bytes, 0, have) ?? have) < have || nextRecord(framing, bytes, 0) !== undefined;
      if (!isFollowed) return true;
      // What was written before what comes after it was seen must be whole when it is read after that.
      if (isSeen) throw this.#damaged('it is not what was written, and more comes after it', offset);
    }
  }

  #damaged(detail: string, offset: number, place: number = this.#position.place, cause?: unknown): JournalDamagedError {
    return new JournalDamagedError(this.#path, 'damaged', detail, { offset, place, cause });
  }
}

/** What is true after the first `count` of these commits. Of many at once, as recovery reads millions. */
export function pointAfter(
  before: JournalPoint,
  found: readonly DecodedCommit[],
  count: number = found.length,
): JournalPoint {
  const last = found[count - 1];
  if (last === undefined) return before;
  const { commit, chain } = last.read;
  let at = count - 1;
  while (at > 0 && found[at]?.holds === undefined) at -= 1;
  const { epoch, holder } = found[at]?.holds ?? before;
  return { place: commit.place, seq: commit.first + commit.count - 1, time: commit.time, chain, epoch, holder };
}
