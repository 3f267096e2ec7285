/**
 * When a snapshot is due. Any instance may make it, and one should.
 *
 *   size    the journal since the newest snapshot has as many bytes as that snapshot: so, in the long run, snapshots at most
 *           double what is written. Small systems wait for `bytesMin` or `eventsMin`.
 *   replay  replaying the journal since then would take longer than `replayMsMax`, at the rate that was measured here
 *
 * Instances see the same journal, so all would find it due at the same commit. Each waits for a share more, drawn anew for each
 * snapshot; the first says in the pointer that it is at it, and `SnapshotPointer.beginIfDue` tells the others. Who fails waits longer each
 * time. No timers: whoever owns the schedule asks after each commit.
 */
import { type Random, systemRandom } from '../engine/index.js';

/** Options of {@link SnapshotSchedule}. */
export interface SnapshotScheduleOptions {
  /**
   * Less journal than this, in bytes, is worth no snapshot, unless it has `eventsMin` events.
   * @defaultValue 1,000,000
   */
  readonly bytesMin?: number;
  /** @defaultValue 1,000 */
  readonly eventsMin?: number;
  /**
   * How long a replay may take, in milliseconds. A large state whose journal replays slowly is then written more often than its
   * size asks for. `Infinity`: size alone counts.
   * @defaultValue 60,000
   */
  readonly replayMsMax?: number;
  /**
   * How far apart instances are drawn: each waits for up to this share more.
   * @defaultValue 0.25
   */
  readonly spread?: number;
  /**
   * Pause after a failure, in milliseconds; doubles with each one more, and half of it is drawn.
   * @defaultValue 1,000
   */
  readonly retryMs?: number;
  /** @defaultValue 600,000 */
  readonly retryMsMax?: number;
  /** @defaultValue `Math.random` */
  readonly random?: Random;
}

/** What has happened since the newest snapshot. */
export interface SnapshotProgress {
  readonly eventsSince: number;
  /** Stored bytes of their commits. */
  readonly bytesSince: number;
  /** Stored bytes of the newest snapshot; 0 for none. */
  readonly snapshotBytes: number;
  /** Events that a replay gets through in a millisecond; `undefined` as long as nothing was measured. */
  readonly eventsPerMs: number | undefined;
}

type Settings = Required<Omit<SnapshotScheduleOptions, 'random'>>;
type Limits = Pick<Settings, 'bytesMin' | 'eventsMin' | 'replayMsMax'>;

const defaults: Settings = {
  bytesMin: 1_000_000,
  eventsMin: 1_000,
  replayMsMax: 60_000,
  spread: 0.25,
  retryMs: 1_000,
  retryMsMax: 600_000,
};

/** Why a snapshot is due, if it is. `share` is 1 or more: how much further than the limits it must be. */
export function whyDue(
  { eventsSince, bytesSince, snapshotBytes, eventsPerMs }: SnapshotProgress,
  { bytesMin, eventsMin, replayMsMax }: Limits,
  share = 1,
): 'size' | 'replay' | undefined {
  if (eventsSince === 0) return undefined;
  const isWorthIt = bytesSince >= bytesMin * share || eventsSince >= eventsMin * share;
  if (isWorthIt && bytesSince >= snapshotBytes * share) return 'size';
  const replayMs = eventsPerMs === undefined ? 0 : eventsSince / eventsPerMs;
  return replayMs > replayMsMax * share ? 'replay' : undefined;
}

/** Measured replays count less when they are followed by more than this. */
const memoryMs = 10_000;

/** What one instance knows of when a snapshot is due. Times are of a clock that never steps back. */
export class SnapshotSchedule {
  readonly #options: Settings;
  readonly #random: Random;
  #seq = 0;
  #bytesSince = 0;
  #newest: { readonly seq: number; readonly bytes: number } = { seq: 0, bytes: 0 };
  #replayed = { events: 0, ms: 0 };
  #share: number;
  #failures = 0;
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(options: SnapshotScheduleOptions = {}) {
    const { random = systemRandom, ...limits } = options;
    const given = Object.entries(limits).filter(([, value]) => value !== undefined);
    const all: Settings = { ...defaults, ...Object.fromEntries(given) };
    for (const [name, value] of Object.entries(all)) {
      if (typeof value === 'number' && value >= 0) continue;
      throw new RangeError(`Cannot schedule snapshots: ${name} must be a number of at least 0: ${String(value)}`);
    }
    this.#options = all;
    this.#random = random;
    this.#share = this.#drawShare();
  }

  get progress(): SnapshotProgress {
    const { events, ms } = this.#replayed;
    return {
      eventsSince: Math.max(0, this.#seq - this.#newest.seq),
      bytesSince: this.#bytesSince,
      snapshotBytes: this.#newest.bytes,
      eventsPerMs: ms > 0 && events > 0 ? events / ms : undefined,
    };
  }

  /** A commit was seen, own or another's, in order: `seq` of its last event, and its stored bytes. */
  committed(seq: number, bytes: number): void {
    this.#seq = seq;
    if (seq > this.#newest.seq) this.#bytesSince += bytes;
  }

  /** So many events were replayed in so many milliseconds. */
  replayed(events: number, ms: number): void {
    const before = this.#replayed;
    const weight = before.ms > memoryMs ? memoryMs / before.ms : 1;
    this.#replayed = { events: before.events * weight + events, ms: before.ms * weight + ms };
  }

  /** This is the newest snapshot now, whoever made it. */
  published({ seq, bytes }: { readonly seq: number; readonly bytes: number }): void {
    const { eventsSince } = this.progress;
    this.#newest = { seq, bytes };
    // Where in the journal its bytes are is not known; they are taken to be spread evenly.
    const left = this.progress.eventsSince;
    this.#bytesSince = left === 0 ? 0 : this.#bytesSince * Math.min(1, left / eventsSince);
    this.#failures = 0;
    this.#notBefore = Number.NEGATIVE_INFINITY;
    this.#share = this.#drawShare();
  }

  /** Making one failed, or somebody else is at it: not again for a while, and longer each time. */
  postponed(nowMs: number): void {
    const { retryMs, retryMsMax } = this.#options;
    const pauseMs = Math.min(retryMsMax, retryMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    this.#notBefore = nowMs + pauseMs * (0.5 + this.#random.next() / 2);
  }

  /** Why this instance should make a snapshot now, if it should. */
  due(nowMs: number): 'size' | 'replay' | undefined {
    if (nowMs < this.#notBefore) return undefined;
    return whyDue(this.progress, this.#options, this.#share);
  }

  #drawShare(): number {
    return 1 + this.#options.spread * this.#random.next();
  }
}
