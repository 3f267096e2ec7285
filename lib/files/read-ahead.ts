/**
 * A file that is read from some place on, piece by piece: while one block is worked on, the next one is on its way.
 *
 * A block that was not full is the last one that is kept: the file may have grown since, so from there on the file itself is asked.
 */
import type { OpenFile } from './file-system.js';

const blockBytes: number = 512 * 1_024;

interface Block {
  readonly position: number;
  readonly bytes: Buffer;
}

export class ReadAhead {
  readonly #file: OpenFile;
  #block: Block | undefined;
  #next: Promise<Block> | undefined;
  /** Lends its bytes to the block after the next. */
  #spare: Buffer | undefined;

  constructor(file: OpenFile) {
    this.#file = file;
  }

  /** As `OpenFile.read`, for places that never go back. */
  async read(into: Uint8Array, position: number): Promise<number> {
    let count = 0;
    while (count < into.length) {
      const block = await this.#blockAt(position + count);
      const from = position + count - block.position;
      const piece = block.bytes.subarray(from, from + into.length - count);
      into.set(piece, count);
      count += piece.length;
      if (piece.length === 0) return count;
    }
    return count;
  }

  /** Waits for what is on its way, so that the file can be closed. */
  async settled(): Promise<void> {
    await this.#next?.catch(() => {});
  }

  /** The block that has this place, or ends before it: then the file does. */
  async #blockAt(position: number): Promise<Block> {
    const block = this.#block;
    if (block !== undefined && position < block.position + block.bytes.length) return block;
    const next = this.#next ?? this.#blockFrom(position);
    this.#next = undefined;
    const found = await next;
    this.#spare = block?.bytes;
    this.#block = found;
    if (found.bytes.length === blockBytes) {
      this.#next = this.#blockFrom(found.position + blockBytes);
      this.#next.catch(() => {});
    }
    return found;
  }

  async #blockFrom(position: number): Promise<Block> {
    const spare = this.#spare;
    this.#spare = undefined;
    const bytes = spare?.length === blockBytes ? spare : Buffer.allocUnsafeSlow(blockBytes);
    return { position, bytes: bytes.subarray(0, await this.#file.read(bytes, position)) };
  }
}
