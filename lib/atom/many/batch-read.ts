/**
 * Items of many keys, read in batches of at most a hundred, until each has been looked up.
 *
 *   keys ──100──► request ──► items, missing ones ──► take
 *     ▲                        │ left over
 *     └───── pause, if the store was short of breath; none, if the answer was full ◄┘
 *
 * A batch that is not through within its time ends the reading: what has not been looked up by then is returned, never dropped.
 */
import { type Item, itemBytes } from '../../codec/index.js';
import { batchGetKeysMax, itemBytesMax, onAbort } from '../../engine/index.js';
import type { Tally } from '../diagnostics/trace.js';
import { Again, Sender } from '../sender.js';
import { type AtomKey, type Cells, keyTextOf } from './cells.js';

/** An answer with more bytes than this had no room for another item: the service cuts at 16 MB. */
const fullBytes = 16 * 1_024 * 1_024 - itemBytesMax;

/** Who wants to know what lies under a key. */
export interface Wanted {
  readonly key: AtomKey;
}

export interface BatchReading<W extends Wanted> {
  readonly consistent: boolean;
  /** Requests under way at a time. */
  readonly concurrency: number;
  /** Monotonic milliseconds at which the whole reading ends. */
  readonly deadlineAt: number;
  /** How long one batch is tried. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Counts what it costs, where somebody listens. */
  readonly tally?: Tally | undefined;
  /** Called for each key right before a request for it leaves. */
  begin?(wanted: W): void;
  /** Called once for each key that was looked up: `undefined` = there is no item. Must not throw. */
  take(wanted: W, item: Item | undefined): void | Promise<void>;
}

/** What was not looked up, and the last obstacle. */
export interface LeftOver<W> {
  readonly wanted: readonly W[];
  readonly cause: unknown;
}

/**
 * Reads; resolves with what was left over at the deadline, if anything. Keys must be distinct.
 *
 * @throws what the store refuses for good, and `signal.reason`.
 */
export function readBatches<W extends Wanted>(
  cells: Cells,
  wanted: readonly W[],
  reading: BatchReading<W>,
): Promise<LeftOver<W>> {
  const { signal } = reading;
  const reader = new BatchReader(cells, wanted, reading);
  if (signal === undefined) return reader.read();
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const leave = () => {
      reader.stop();
      reject(signal.reason);
    };
    const unlisten = onAbort(signal, leave);
    reader.read().finally(unlisten).then(resolve, reject);
  });
}

class BatchReader<W extends Wanted> {
  readonly #cells: Cells;
  readonly #reading: BatchReading<W>;
  readonly #queue: W[];
  #stopped = false;
  #cause: unknown;

  constructor(cells: Cells, wanted: readonly W[], reading: BatchReading<W>) {
    this.#cells = cells;
    this.#reading = reading;
    // Taken from its end.
    this.#queue = [...wanted].reverse();
  }

  stop(): void {
    this.#stopped = true;
  }

  async read(): Promise<LeftOver<W>> {
    const workers = Math.min(this.#reading.concurrency, Math.ceil(this.#queue.length / batchGetKeysMax));
    await Promise.all(Array.from({ length: workers }, () => this.#work()));
    return { wanted: this.#queue.reverse(), cause: this.#cause };
  }

  async #work(): Promise<void> {
    try {
      while (this.#queue.length > 0 && !this.#stopped) {
        const left = await this.#readBatch(this.#queue.splice(-batchGetKeysMax).reverse());
        this.#queue.push(...left.reverse());
        if (this.#cells.ground.clock.monotonicMs() >= this.#reading.deadlineAt) this.#stopped = true;
      }
    } catch (error) {
      this.#stopped = true;
      throw error;
    }
  }

  /** One batch until nothing of it is left over, or an answer was full; what is left goes with those who come next. */
  async #readBatch(batch: readonly W[]): Promise<W[]> {
    const { clock } = this.#cells.ground;
    const { signal, timeoutMs } = this.#reading;
    const deadlineAt = Math.min(this.#reading.deadlineAt, clock.monotonicMs() + timeoutMs);
    const sender = new Sender(this.#cells.bulk, this.#cells.retry);
    let left = [...batch];
    try {
      return await sender.persist(about(batch), { deadlineAt, ...(signal && { signal }) }, async () => {
        const asked = left.length;
        const { items, unprocessed } = await this.#send(sender, left);
        left = await this.#take(left, items, unprocessed);
        if (left.length === 0 || isFull(items)) return left;
        throw new Again('throttled', new Error(`the store left ${left.length} of ${asked} keys unprocessed`));
      });
    } catch (error) {
      if (!(error instanceof Again)) throw error;
      this.#stopped = true;
      this.#cause = error.cause;
      return left;
    }
  }

  async #send(sender: Sender, batch: readonly W[]) {
    const { engine, tableName } = this.#cells.ground;
    const { consistent, begin, tally } = this.#reading;
    if (begin !== undefined) for (const one of batch) begin(one);
    const request = { table: tableName(), keys: batch.map(({ key }) => key.item), consistent };
    return sender.tryRead((signal) => {
      const answer = engine.batchGet(request, { signal });
      return tally === undefined ? answer : tally.readingMany(answer, batch.length, consistent);
    });
  }

  /** Hands over what came; returns what is left over. */
  async #take(batch: readonly W[], items: readonly Item[], unprocessed: readonly Item[]): Promise<W[]> {
    const { keyNames } = this.#cells.ground;
    const found = new Map(items.map((item) => [keyTextOf(item, keyNames), item]));
    const unread = new Set(unprocessed.map((key) => keyTextOf(key, keyNames)));
    const left: W[] = [];
    for (const one of batch) {
      const { text } = one.key;
      if (unread.has(text)) left.push(one);
      else if (!this.#reading.signal?.aborted) await this.#reading.take(one, found.get(text));
    }
    return left;
  }
}

/** What those are told who are told of pauses. */
function about([first, ...others]: readonly Wanted[]): string {
  return `${first?.key.text}${others.length > 0 ? ` and ${others.length} more` : ''}`;
}

/** Whether the store stopped because the answer was as large as answers get, and not because it was short of breath. */
function isFull(items: readonly Item[]): boolean {
  let bytes = 0;
  for (const item of items) bytes += itemBytes(item);
  return bytes >= fullBytes;
}
