/**
 * Records the history of atoms in child processes, so that it outlives them.
 *
 *   {"on":"call","id":"p1.0#7","at":"812...","key":"a","kind":"write"}        written before the call is sent
 *   {"on":"ret","id":"p1.0#7","at":"813...","told":{"outcome":"done",...}}   written after it returned
 *
 * Each line reaches the kernel by one `writeSync` before the recorder returns. A process that is killed between the two
 * leaves an open operation, which is what it is. Stamps are of `process.hrtime`, on Linux one clock for all processes of
 * a machine, so that the files of several can be merged. An id names process, restart and call: a restarted process is
 * somebody else.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { Op, ReadOp, WriteOp } from './history.js';

/** What a read found. */
export type ReadAnswer = Pick<ReadOp, 'version' | 'by' | 'value' | 'incarnation'>;
/** What the caller of a write was told. */
export type WriteAnswer = Pick<WriteOp, 'outcome' | 'version' | 'value' | 'base' | 'incarnation'>;

export interface RecorderOptions {
  readonly folder: string;
  /** Name of the process. */
  readonly name: string;
  /** How often a process of this name was started before. */
  readonly restart: number;
  /** @defaultValue `process.hrtime.bigint` */
  readonly now?: () => bigint;
}

interface CallLine {
  readonly on: 'call';
  readonly id: string;
  readonly at: string;
  readonly key: string;
  readonly kind: Op['kind'];
}

interface RetLine {
  readonly on: 'ret';
  readonly id: string;
  readonly at: string;
  /** Absent when a read failed. */
  readonly told?: ReadAnswer | WriteAnswer | undefined;
}

/** Writes the history of one process. */
export class Recorder {
  readonly file: string;
  readonly #prefix: string;
  readonly #fd: number;
  readonly #now: () => bigint;
  #calls = 0;

  /** @throws when this restart of this process has a file already. */
  constructor({ folder, name, restart, now = () => process.hrtime.bigint() }: RecorderOptions) {
    this.#prefix = `${name}.${restart}`;
    this.file = path.join(folder, `${this.#prefix}.jsonl`);
    this.#fd = openSync(this.file, 'ax');
    this.#now = now;
  }

  /** Records a read; what it threw is thrown on, and recorded as a read that told nothing. */
  async read<T>(key: string, run: (id: string) => Promise<T>, answer: (result: T) => ReadAnswer): Promise<T> {
    const id = this.#call(key, 'read');
    try {
      const result = await run(id);
      this.#ret(id, answer(result));
      return result;
    } catch (error) {
      this.#ret(id, undefined);
      throw error;
    }
  }

  /**
   * Records a write. `id` is its own for what it writes.
   *
   * @param answer what its caller was told, of its result or of what it threw
   */
  async write<T>(
    key: string,
    run: (id: string) => Promise<T>,
    answer: { readonly returned: (result: T) => WriteAnswer; readonly threw: (error: unknown) => WriteAnswer },
  ): Promise<T> {
    const id = this.#call(key, 'write');
    let result: T;
    try {
      result = await run(id);
    } catch (error) {
      this.#ret(id, answer.threw(error));
      throw error;
    }
    this.#ret(id, answer.returned(result));
    return result;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #call(key: string, kind: Op['kind']): string {
    this.#calls += 1;
    const id = `${this.#prefix}#${this.#calls}`;
    this.#line({ on: 'call', id, at: String(this.#now()), key, kind });
    return id;
  }

  #ret(id: string, told: ReadAnswer | WriteAnswer | undefined): void {
    this.#line({ on: 'ret', id, at: String(this.#now()), told });
  }

  #line(line: CallLine | RetLine): void {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    for (let written = 0; written < bytes.length; ) written += writeSync(this.#fd, bytes, written);
  }
}

/** Merges the files of several processes: the history of each key, in order of call. */
export function readHistories(files: readonly string[]): Map<string, Op[]> {
  const histories = new Map<string, Op[]>();
  const found = files.flatMap((file) => opsOf(linesOf(file)));
  found.sort((a, b) => (a.op.call < b.op.call ? -1 : 1));
  for (const { key, op } of found) {
    const history = histories.get(key);
    if (history === undefined) histories.set(key, [op]);
    else history.push(op);
  }
  return histories;
}

/** A last line without its end is of a process that died while writing it: it had not returned to its caller. */
function linesOf(file: string): (CallLine | RetLine)[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.slice(0, -1).map((line) => JSON.parse(line) as CallLine | RetLine);
}

function opsOf(lines: readonly (CallLine | RetLine)[]): { readonly key: string; readonly op: Op }[] {
  const rets = new Map<string, RetLine>();
  for (const line of lines) if (line.on === 'ret') rets.set(line.id, line);
  const ops: { readonly key: string; readonly op: Op }[] = [];
  for (const line of lines) {
    if (line.on === 'ret') continue;
    const { key, kind, id } = line;
    const ret = rets.get(id);
    const stamps = { id, call: BigInt(line.at), ret: ret && BigInt(ret.at) };
    if (kind === 'write') ops.push({ key, op: { kind, outcome: 'unknown', ...ret?.told, ...stamps } as WriteOp });
    // A read that told nothing proves nothing.
    else if (ret?.told !== undefined) ops.push({ key, op: { kind, ...ret.told, ...stamps } as ReadOp });
  }
  return ops;
}
