/** One side of a migration: a log without a system, where its past begins, and its events from anywhere on. */
import type { Clock } from '../engine/index.js';
import { isLeydenError } from '../errors.js';
import { isMigrating } from '../journal/index.js';
import { EventDigest, type EventRun, runAfter } from './migrated-events.js';
import type { Log, LogBase, Storage } from './storage.js';

export interface SideOptions {
  readonly format: string;
  readonly readOnly: boolean;
  readonly clock: Clock;
  readonly onWarning: (error: unknown) => void;
  readonly signal: AbortSignal | undefined;
}

export class MigrationSide {
  readonly name: string;
  readonly log: Log;
  readonly #signal: AbortSignal | undefined;
  /** Number of the last event that was told. */
  #seq = 0;
  #time = 0;
  #doubt: number | undefined;

  constructor(storage: Storage, { signal, ...request }: SideOptions) {
    this.name = storage.name;
    this.#signal = signal;
    this.log = storage.open({
      ...{ ...request, retention: {} },
      consumer: {
        apply: ({ commit: { first, count, time } }) => this.#took(first + count - 1, time),
        capture: () => undefined,
        restore: (_captured, { seq, time }) => this.#took(seq, time),
      },
    });
  }

  /** Number of the newest event, as of the last look. */
  get seq(): number {
    return this.#seq;
  }

  /** Time of the newest commit, as of the last look, whether or not there are events in it. */
  get time(): number {
    return this.#time;
  }

  /** Number of the first event that was there at the last reading, and may not count. */
  get doubt(): number | undefined {
    return this.#doubt;
  }

  /** Takes note of what was appended here. */
  #took(seq: number, time: number): void {
    this.#seq = seq;
    this.#time = time;
  }

  async recover(): Promise<void> {
    await this.log.recover(this.#signal);
  }

  /** Looks for what is new; answers the number of the newest event. */
  async look(): Promise<number> {
    await this.log.catchUp('strong', this.#signal);
    return this.#seq;
  }

  /** Whether an earlier attempt holds it. Writes nothing. */
  async isHeldByMigration(): Promise<boolean> {
    let isHeld = false;
    await this.log.append({
      claims: true,
      decide({ image }) {
        isHeld = isMigrating(image.holder);
        return undefined;
      },
    });
    return isHeld;
  }

  /** The oldest state that can be had: with all events up to `seq`; 0 = from nothing. */
  async start(): Promise<LogBase> {
    for (const { seq } of [{ seq: 0 }, ...(await this.log.snapshots(this.#signal))]) {
      const state = await this.stateAt(seq);
      if (state !== undefined) return state;
    }
    // Says itself what is wrong.
    const { captured, at } = await this.log.pastStart({ seq: this.#seq }, this.#signal);
    return { captured, seq: at.seq, time: at.time };
  }

  /** The newest state that can be had, of those that are not after event `seq`. */
  async stateAt(seq: number): Promise<LogBase | undefined> {
    try {
      const { captured, at } = await this.log.pastStart({ seq }, this.#signal);
      return { captured, seq: at.seq, time: at.time };
    } catch (error) {
      // Older than all that is kept, or in a snapshot that can't be read.
      if (isLeydenError(error, 'ERR_JOURNAL_COMPACTED') || isLeydenError(error, 'ERR_SNAPSHOT_DAMAGED'))
        return undefined;
      throw error;
    }
  }

  /** All events after `seq`, up to the newest that is known to count. */
  async *runsAfter(seq: number): AsyncGenerator<EventRun> {
    this.#doubt = undefined;
    for await (const read of this.log.read(seq + 1, this.#signal)) {
      this.#signal?.throwIfAborted();
      const run = runAfter(read, seq);
      if (run === undefined) continue;
      if (read.isInDoubt === true) this.#doubt = run.first;
      else yield run;
    }
  }

  /** The digest of the events after `from`, up to event `to` if there are so many. */
  async digest(from: number, to: number, onSeq: (seq: number) => void): Promise<EventDigest> {
    const digest = new EventDigest(from);
    if (to <= from) return digest;
    for await (const run of this.runsAfter(from)) {
      const rest = to - digest.seq;
      // Of a commit that goes on after it, the digest of the state after all of it does not count.
      digest.add(run.lines.length <= rest ? run : { ...run, lines: run.lines.slice(0, rest), stateDigest: undefined });
      onSeq(digest.seq);
      if (digest.seq >= to) break;
    }
    return digest;
  }
}
