/**
 * Makes snapshots when they are due, in the background, and prunes after them if that is wished. Failures are told, not thrown.
 *
 * It is told of a commit in the middle of its being taken: the state has it already, the cursor does not yet, and a function
 * that swaps the head may be what is running. So the work begins later, and outside of whatever that was inside of.
 */
import { AsyncResource } from 'node:async_hooks';
import type { Clock } from '../engine/index.js';
import { SnapshotSchedule, type SnapshotScheduleOptions } from '../snapshot/index.js';
import type { Log, SnapshotInfo } from './storage.js';

/** When snapshots are made. */
export interface AutomaticSnapshots extends SnapshotScheduleOptions {
  /**
   * Whether what the retention does not keep is removed after each snapshot that was made here.
   * @defaultValue false
   */
  readonly prune?: boolean;
}

export interface SnapshotKeeperOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly automatic: AutomaticSnapshots;
  readonly onWarning: (error: unknown) => void;
  readonly signal: AbortSignal;
}

/** JSON text of events is stored packed: about a quarter of it. */
const packedShare = 0.25;

export class SnapshotKeeper {
  readonly #options: SnapshotKeeperOptions;
  readonly #schedule: SnapshotSchedule;
  readonly #outside = new AsyncResource('SnapshotKeeper');
  #work: Promise<void> | undefined;

  constructor(options: SnapshotKeeperOptions) {
    const { prune: _prune, ...schedule } = options.automatic;
    this.#options = options;
    this.#schedule = new SnapshotSchedule(schedule);
  }

  /** A commit was seen, own or another's. */
  committed(seq: number, textBytes: number): void {
    this.#schedule.committed(seq, textBytes * packedShare);
    this.#consider();
  }

  replayed(events: number, ms: number): void {
    this.#schedule.replayed(events, ms);
  }

  published(snapshot: SnapshotInfo): void {
    this.#schedule.published(snapshot);
  }

  async close(): Promise<void> {
    await this.#work;
  }

  #consider(): void {
    const { clock, signal } = this.#options;
    if (this.#work !== undefined || signal.aborted) return;
    if (this.#schedule.due(clock.monotonicMs()) === undefined) return;
    const begin = () => Promise.resolve().then(() => this.#make());
    this.#work = this.#outside.runInAsyncScope(begin).finally(() => {
      this.#work = undefined;
    });
  }

  async #make(): Promise<void> {
    const { log, clock, onWarning, signal, automatic } = this.#options;
    try {
      const made = await log.snapshot({ due: true, signal });
      if (made === undefined) {
        // Somebody else is at it, or was.
        this.#schedule.postponed(clock.monotonicMs());
        const newest = (await log.snapshots(signal)).at(-1);
        if (newest !== undefined) this.#schedule.published(newest);
        return;
      }
      this.#schedule.published(made);
      if (automatic.prune === true) await log.prune(signal);
    } catch (error) {
      this.#schedule.postponed(clock.monotonicMs());
      if (!signal.aborted) onWarning(error);
    }
  }
}
