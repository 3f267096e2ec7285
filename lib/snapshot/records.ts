/**
 * Records: the frames of a state that is written as a stream.
 *
 *   stream   magic (16 bytes), format (1), record, record, …, end
 *   record   length of the payload (4, little-endian), type (1), CRC-32 of type and payload (4), payload
 *
 * The checksum stands before anything is believed: a length, a JSON text, a count of holes. It is there against damage; that
 * the whole is right is told by the digest at the end.
 */
import { crc32 } from 'node:zlib';
import { SnapshotDamagedError } from './errors.js';

/** Types of records. Letters, for who looks at the bytes. */
export const recordTypes = {
  /** A container is opened: kind. */
  open: 0x4f, // O
  /** Members of the container that was opened last: a JSON array. */
  members: 0x4d, // M
  /** The same, with definitions and references in it. */
  shared: 0x52, // R
  /** A member that is an object or a text that was opened before: its number, 4 bytes. */
  again: 0x41, // A
  /** A long leaf is opened: JSON of its tag, and its head. */
  leaf: 0x4c, // L
  /** A piece of text of the leaf: a JSON string. */
  text: 0x54, // T
  /** Some bytes of the leaf. */
  bytes: 0x42, // B
  /** The end of what was opened last. */
  close: 0x43, // C
  /** The end of the state: its digest, 32 bytes. */
  end: 0x45, // E
} as const;

export type RecordType = (typeof recordTypes)[keyof typeof recordTypes];

const magic = Buffer.from('leyden-jar state');
const format = 1;
const preludeBytes = magic.length + 1;
const headBytes = 9;
/** Bytes that a payload may have. What is written is smaller: see {@link recordBytesLimit}. */
const payloadBytesMax = 16 * 1024 * 1024;

/** Weight of members that a record can be asked to hold; six bytes of text for each is the most that it can take. */
export const recordBytesLimit: number = 1024 * 1024;

/** Frames records into one buffer after the other. */
export class RecordWriter {
  #buffer: Buffer = Buffer.allocUnsafeSlow(256 * 1024);
  #filled = 0;

  /** Bytes that wait to be taken. */
  get filled(): number {
    return this.#filled;
  }

  /** Adds what a stream begins with. */
  begin(): void {
    this.#reserve(preludeBytes);
    magic.copy(this.#buffer, this.#filled);
    this.#buffer[this.#filled + magic.length] = format;
    this.#filled += preludeBytes;
  }

  /** Adds a record of text; answers its bytes, which are good until the next call. */
  text(type: RecordType, text: string): Uint8Array {
    // A unit of UTF-16 takes up to three bytes.
    this.#reserve(headBytes + text.length * 3);
    const start = this.#filled + headBytes;
    return this.#seal(type, this.#buffer.write(text, start, 'utf8'));
  }

  /** Adds a record of bytes. */
  bytes(type: RecordType, bytes: Uint8Array): void {
    this.#reserve(headBytes + bytes.length);
    this.#buffer.set(bytes, this.#filled + headBytes);
    this.#seal(type, bytes.length);
  }

  /** Adds a record of one number. */
  number(type: RecordType, number: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(number);
    this.bytes(type, bytes);
  }

  /** A copy of all that was added since the last time. */
  take(): Uint8Array {
    const taken = new Uint8Array(this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
    return taken;
  }

  /** Forgets it instead. */
  drop(): void {
    this.#filled = 0;
  }

  #seal(type: RecordType, length: number): Uint8Array {
    const start = this.#filled + headBytes;
    const payload = this.#buffer.subarray(start, start + length);
    this.#buffer.writeUInt32LE(length, this.#filled);
    this.#buffer[this.#filled + 4] = type;
    this.#buffer.writeUInt32LE(crc32(payload, type), this.#filled + 5);
    this.#filled += headBytes + length;
    return payload;
  }

  #reserve(bytes: number): void {
    if (this.#filled + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#filled + bytes, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#filled);
    this.#buffer = larger;
  }
}

/** One record. The payload is good until the next one. */
export interface StateRecord {
  readonly type: number;
  readonly payload: Buffer;
}

/** Cuts a stream, in chunks of any size, into records. Holds no more than one record and one chunk. */
export class RecordReader {
  #buffer: Buffer = Buffer.alloc(0);
  #position = 0;
  #begun = false;
  /** Chunks behind the buffer, and the bytes that must be here before they are joined to it. */
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #wanted = 0;
  /** Bytes of the stream so far. */
  bytes = 0;

  /** Takes the next chunk; every record before was read. */
  push(chunk: Uint8Array): void {
    this.#waiting.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    this.#waitingBytes += chunk.byteLength;
    this.bytes += chunk.byteLength;
    if (this.rest < this.#wanted) return;
    this.#buffer = Buffer.concat([this.#buffer.subarray(this.#position), ...this.#waiting]);
    this.#position = 0;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  /** Bytes that are no record yet. */
  get rest(): number {
    return this.#buffer.length - this.#position + this.#waitingBytes;
  }

  /**
   * The next record, if all of it is here.
   *
   * @throws {SnapshotDamagedError} `damaged`, `foreign`, `newer-format`
   */
  next(): StateRecord | undefined {
    if (this.rest < this.#wanted || (!this.#begun && !this.#begin()) || !this.#has(headBytes)) return undefined;
    const length = this.#buffer.readUInt32LE(this.#position);
    if (length > payloadBytesMax) throw new SnapshotDamagedError('damaged', 'a record of absurd length');
    if (!this.#has(headBytes + length)) return undefined;
    const type = this.#buffer[this.#position + 4] as number;
    const sum = this.#buffer.readUInt32LE(this.#position + 5);
    const start = this.#position + headBytes;
    const payload = this.#buffer.subarray(start, start + length);
    if (crc32(payload, type) !== sum) throw new SnapshotDamagedError('damaged', 'a record with a wrong checksum');
    this.#position = start + length;
    return { type, payload };
  }

  #has(bytes: number): boolean {
    this.#wanted = this.rest < bytes ? bytes : 0;
    return this.#wanted === 0;
  }

  #begin(): boolean {
    const known = Math.min(this.rest, magic.length);
    if (!this.#buffer.subarray(0, known).equals(magic.subarray(0, known))) {
      throw new SnapshotDamagedError('foreign', 'it does not begin as a state does');
    }
    if (!this.#has(preludeBytes)) return false;
    const found = this.#buffer[magic.length] as number;
    if (found > format) {
      throw new SnapshotDamagedError('newer-format', `format is ${found}, this release knows ${format}`);
    }
    if (found !== format) throw new SnapshotDamagedError('damaged', `format is ${found}`);
    this.#position = preludeBytes;
    this.#begun = true;
    return true;
  }
}
