/**
 * The reading of one file of the journal, from a position in it to its end, or as far as it counts.
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
import { type JournalPosition, pointAfter } from './journal-position.js';
import { ReadAhead } from './read-ahead.js';
import { frameBytes, recordAt, recordKinds } from './record.js';
import { decodeBody } from './record-body.js';
import { endFrom } from './torn-end.js';

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

const chunkBytes: number = 256 * 1_024;

export class FileReading {
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

  /** @throws {JournalDamagedError} when it is not the torn end of the newest file. */
  async #isTorn(file: OpenFile): Promise<boolean> {
    const { offset } = this.#position;
    if (this.#to !== undefined) throw this.#damaged('it is not what was written', offset);
    const end = await endFrom(offset, {
      framing: this.#header.framing,
      read: (into, position) => this.#fill(file, into, position),
      size: () => this.#sizeOf(file),
    });
    if (end === 'damaged') throw this.#damaged('it is not what was written, and more comes after it', offset);
    return end === 'torn';
  }

  #damaged(detail: string, offset: number, place: number = this.#position.place, cause?: unknown): JournalDamagedError {
    return new JournalDamagedError(this.#path, 'damaged', detail, { offset, place, cause });
  }
}
