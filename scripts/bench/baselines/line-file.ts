/** Events as lines of JSON in a file, by somebody who needs no more: appended one at a time, and read in a loop. */
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type Board, emptyBoard, type Landing, land } from '../flights.js';

export interface LineFileOptions {
  /** Whether each event is synced before it is acknowledged. The ancestor flushes to the system, and does not wait for the disk. */
  readonly syncs: boolean;
}

/** A journal under a lock: handles an event, appends its line, and lets the next one in. */
export class LineFile {
  syncs = 0;
  readonly #file: FileHandle;
  readonly #options: LineFileOptions;
  #board = emptyBoard;
  #end = 0;
  #lock: Promise<unknown> = Promise.resolve();

  private constructor(file: FileHandle, options: LineFileOptions) {
    this.#file = file;
    this.#options = options;
  }

  static async make(path: string, options: LineFileOptions): Promise<LineFile> {
    return new LineFile(await open(path, 'w'), options);
  }

  handle(event: Landing): Promise<Board> {
    const turn = this.#lock.then(() => this.#append(event));
    this.#lock = turn;
    return turn;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #append(event: Landing): Promise<Board> {
    const board = land(this.#board, event);
    const line = Buffer.from(`${JSON.stringify(event)}\n`);
    await this.#file.write(line, 0, line.length, this.#end);
    this.#end += line.length;
    if (this.#options.syncs) {
      await this.#file.datasync();
      this.syncs += 1;
    }
    this.#board = board;
    return board;
  }
}

/** Reads lines in large pieces, and parses each. Answers how many there were. */
export async function parseLines(path: string): Promise<number> {
  let count = 0;
  let rest = '';
  for await (const piece of createReadStream(path, { encoding: 'utf8', highWaterMark: 1_024 * 1_024 })) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() as string;
    for (const line of lines) {
      JSON.parse(line);
      count += 1;
    }
  }
  return count;
}
