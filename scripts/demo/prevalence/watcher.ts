/**
 * The parent's instance of the system. It sends no event; it reads the journal's order from the first event on, and in the
 * middle of the run takes a snapshot and prunes, while the writers go on.
 *
 *   events   1 ........ 1/3 ........ s ....................... all
 *                        `-- snapshot of s -- prune           (not before this reader is past s, too)
 */
import { rowOf } from './book.js';
import type { Held } from './messages.js';
import type { FlightSystem } from './system.js';

/** Of all events this part is in before the snapshot is begun. */
const snapshotAfter = 1 / 3;

/** The snapshot of the run. */
export interface SnapshotStory {
  readonly seq: number;
  readonly bytes: number;
  readonly ms: number;
  /** Events that were committed after the last one in it and before its end. */
  readonly eventsMeanwhile: number;
  /** Items of the journal that pruning has removed. */
  readonly itemsPruned: number;
}

/** What was watched. */
export interface Watched {
  /** Rows of the file in the order of the journal. */
  readonly order: readonly number[];
  readonly held: Held;
  readonly snapshot: SnapshotStory;
}

interface WatchOptions {
  readonly rows: number;
  readonly rowsPerChunk: number;
  onNote(text: string): void;
  /** Called when watching fails; `end` tells it again. */
  onFailure(error: unknown): void;
}

export class Watcher {
  readonly #system: FlightSystem;
  readonly #options: WatchOptions;
  readonly #order: number[] = [];
  readonly #stop = new AbortController();
  readonly #reading: Promise<void>;
  #snapshot: Promise<SnapshotStory> | undefined;
  /** Called at every event. */
  #onEvent: () => void = () => {};

  constructor(system: FlightSystem, options: WatchOptions) {
    this.#system = system;
    this.#options = options;
    this.#reading = this.#read();
    this.#reading.catch(options.onFailure);
  }

  /** When all writers are done: reads the rest, and tells what was watched. */
  async end(): Promise<Watched> {
    await this.#system.sync();
    const { seq } = this.#system;
    await Promise.race([this.#reading, this.#past(seq)]);
    this.#snapshot ??= this.#takeSnapshot();
    const snapshot = await this.#snapshot;
    await this.close();
    return { order: this.#order, held: { seq, digest: await this.#system.stateDigest() }, snapshot };
  }

  /** Reads no more. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#reading.catch(() => {});
    await this.#snapshot?.catch(() => {});
  }

  async #read(): Promise<void> {
    const { rows, rowsPerChunk } = this.#options;
    const { signal } = this.#stop;
    try {
      for await (const { event } of this.#system.changes({ from: 1, signal })) {
        this.#order.push(rowOf(event, rowsPerChunk));
        this.#onEvent();
        if (this.#order.length >= rows * snapshotAfter && this.#snapshot === undefined) {
          this.#snapshot = this.#takeSnapshot();
          this.#snapshot.catch(this.#options.onFailure);
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #takeSnapshot(): Promise<SnapshotStory> {
    const startedAt = performance.now();
    const { seq, bytes } = await this.#system.snapshot();
    const ms = performance.now() - startedAt;
    await this.#system.sync();
    const eventsMeanwhile = this.#system.seq - seq;
    await this.#past(seq);
    const { pagesRemoved, bodiesRemoved } = await this.#system.prune();
    this.#options.onNote(`a snapshot holds the first ${seq} events, and the journal before it is pruned`);
    return { seq, bytes, ms, eventsMeanwhile, itemsPruned: pagesRemoved + bodiesRemoved };
  }

  /** Resolves when the first `seq` events were read. */
  #past(seq: number): Promise<void> {
    return new Promise((resolve) => {
      const look = this.#onEvent;
      this.#onEvent = () => {
        look();
        if (this.#order.length >= seq) resolve();
      };
      this.#onEvent();
    });
  }
}
