/**
 * The past of a system: states that were, by a replay from a snapshot that was kept. Nothing of the instance changes by it.
 */
import { isLeydenError } from '../errors.js';
import { digestState, type PaceOptions } from '../snapshot/index.js';
import { StateDivergedError } from './errors.js';
import type { Captured, Replica } from './replica.js';
import type { Log, PastTarget } from './storage.js';

/** A state that was. */
export interface PastState<S> {
  readonly state: S;
  /** Number of the last event in it. */
  readonly seq: number;
  /** Time of the last commit in it, epoch milliseconds; 0 for none. */
  readonly time: number;
}

export interface PastOptions<S, E, R> {
  readonly system: string;
  readonly log: Log;
  readonly handlerVersion: string | undefined;
  /** A replica that stops at that event. */
  readonly newReplica: (untilSeq: number) => Replica<S, E, R>;
  /** How long work goes on beside those who call. */
  readonly pace: PaceOptions;
}

/** A replica of the past. */
interface Replayed<S, E, R> {
  readonly replica: Replica<S, E, R>;
  /** Events that were in the snapshot that it began from. */
  readonly from: number;
  /** Handler versions of the events after that. */
  readonly versions: ReadonlySet<string | undefined>;
}

interface Until {
  readonly seq: number;
  readonly time: number;
}

export class Past<S, E, R> {
  readonly #options: PastOptions<S, E, R>;

  constructor(options: PastOptions<S, E, R>) {
    this.#options = options;
  }

  async at(target: PastTarget, signal: AbortSignal | undefined): Promise<PastState<S>> {
    const { system } = this.#options;
    const until = requireTarget(system, target);
    const { replica } = await this.#replay(target, until, signal);
    if (target.seq !== undefined && replica.seq < target.seq) {
      throw new RangeError(`Cannot look at event ${target.seq} of ${system}: the last one is ${replica.seq}`);
    }
    return { state: replica.state, seq: replica.seq, time: replica.time };
  }

  /** Compares each kept snapshot with a replay from the one before; returns how many could be. */
  async verify(signal: AbortSignal | undefined): Promise<number> {
    const { system, log, handlerVersion, pace } = this.#options;
    let compared = 0;
    for (const { seq } of await log.snapshots(signal)) {
      const until = { seq, time: Number.POSITIVE_INFINITY };
      // One that is pruned meanwhile can't be compared either.
      const stored = await this.#replayIfKept({ seq }, until, signal);
      if (stored === undefined) continue;
      const replayed = await this.#replayIfKept({ seq: seq - 1 }, until, signal);
      if (replayed === undefined) continue;
      compared += 1;
      const one = await digestState(stored.replica.state, pace);
      const other = await digestState(replayed.replica.state, pace);
      if (one === other) continue;
      const range = { from: replayed.from + 1, to: seq };
      throw new StateDivergedError(system, range, [...replayed.versions], handlerVersion);
    }
    return compared;
  }

  async #replayIfKept(target: PastTarget, until: Until, signal: AbortSignal | undefined) {
    try {
      return await this.#replay(target, until, signal);
    } catch (error) {
      if (isLeydenError(error, 'ERR_JOURNAL_COMPACTED')) return undefined;
      throw error;
    }
  }

  /** From the newest snapshot that is not after `target`, up to `until`. */
  async #replay(target: PastTarget, until: Until, signal: AbortSignal | undefined): Promise<Replayed<S, E, R>> {
    const { log, newReplica } = this.#options;
    const { captured, at, commits } = await log.pastStart(target, signal);
    const replica = newReplica(until.seq);
    const versions = new Set<string | undefined>();
    if (captured !== undefined) replica.restore(captured as Captured<S, R>, at);
    for await (const read of commits()) {
      if (replica.seq >= until.seq || read.commit.time > until.time) break;
      replica.apply(read);
      if (read.commit.count > 0) versions.add(read.commit.handlerVersion);
    }
    return { replica, from: at.seq, versions };
  }
}

function requireTarget(system: string, { seq, time }: PastTarget): Until {
  if (seq !== undefined) {
    if (!Number.isSafeInteger(seq) || seq < 0) {
      throw new RangeError(`Cannot look at the past of ${system}: seq must be a whole number of at least 0: ${seq}`);
    }
    return { seq, time: Number.POSITIVE_INFINITY };
  }
  if (!Number.isFinite(time)) {
    throw new RangeError(`Cannot look at the past of ${system}: give { seq } or { time }: ${time}`);
  }
  return { seq: Number.POSITIVE_INFINITY, time };
}
