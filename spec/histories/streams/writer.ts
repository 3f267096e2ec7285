/** Writes items one after the other, each many times: the `n`-th write of an item says so. Several items at a time, none twice. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine, Random } from '../../../lib/engine/index.js';

export interface WriterOptions {
  readonly engine: Engine;
  readonly table: string;
  readonly random: Random;
  readonly keys: number;
  /** How often each item was written until now; kept up to date. */
  readonly counts: Map<string, number>;
  /** Writes of all items together; fewer when it is stopped before. */
  readonly writes: number;
  /** How fast, about. */
  readonly writesPerSecond: number;
}

const lanes = 4;
const againMs = 200;

export class Writer {
  readonly #options: WriterOptions;
  readonly #stopped = new AbortController();
  readonly #working: Promise<unknown>;
  #written = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#working = Promise.all(Array.from({ length: lanes }, (_, lane) => this.#work(lane)));
    this.#working.catch(() => {});
  }

  get written(): number {
    return this.#written;
  }

  /** Resolves when all is written. */
  async done(): Promise<void> {
    await this.#working;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.done();
  }

  async #work(lane: number): Promise<void> {
    const { random, keys, counts, writes, writesPerSecond } = this.#options;
    const pauseMs = (1_000 * lanes) / writesPerSecond;
    const mine = Array.from({ length: Math.ceil(keys / lanes) }, (_, at) => at * lanes + lane).filter(
      (at) => at < keys,
    );
    const beganAt = performance.now();
    for (let turn = 1; this.#written < writes && !this.#stopped.signal.aborted; turn += 1) {
      this.#written += 1;
      const key = `k${mine[random.int(mine.length)]}`;
      const n = (counts.get(key) ?? 0) + 1;
      counts.set(key, n);
      await this.#put(key, n);
      const aheadMs = turn * pauseMs - (performance.now() - beganAt);
      if (aheadMs > 0) await sleep(aheadMs);
    }
  }

  /** Until it is acknowledged. The same write made twice is one change, and one record. */
  async #put(key: string, n: number): Promise<void> {
    const { engine, table } = this.#options;
    for (;;) {
      const { status } = await engine.put({ table, item: { id: { S: key }, n: { N: String(n) } } });
      if (status === 'applied') return;
      await sleep(againMs);
    }
  }
}
