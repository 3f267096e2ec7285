/** One call of `migrate`: its two sides, and the steps in their order. */
import type { Clock } from '../engine/index.js';
import { isLeydenError } from '../errors.js';
import { digestState } from '../snapshot/index.js';
import { MigrateError, type MigrateReason } from './migrate-error.js';
import type { MigrateOptions, MigrateProgress, MigrateReport } from './migrate-options.js';
import { cut, type EventDigest, type EventRun } from './migrated-events.js';
import { MigrationSide } from './migration-side.js';
import type { Log, Storage } from './storage.js';

const progressMs = 100;

export class Migration {
  readonly #options: MigrateOptions;
  readonly #source: MigrationSide;
  readonly #target: MigrationSide;
  /** The source once more, to take the right to write there. */
  #fence: MigrationSide | undefined;
  /** Whether the right to write at the old place may have been taken, and not from an earlier call. */
  #isFenced = false;
  #isDone = false;
  #copied = 0;
  #isHeld = false;
  /** What the clock says at the new place: nothing that is written there may be newer than the event that comes next. */
  #timeThere = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(options: MigrateOptions) {
    const { from, to } = options;
    this.#options = options;
    this.#source = this.#side(from, true, from.clock);
    this.#target = this.#side(
      to,
      false,
      withNow(to.clock, () => this.#timeThere),
    );
  }

  async run(): Promise<MigrateReport> {
    const { fence = false } = this.#options;
    await this.#source.recover();
    const { seq: seqThere } = this.#source;
    const startsAt = await this.#startsAt(await this.#openTarget());
    const digest = await this.#compare(startsAt);
    await this.#requireRoom(digest);
    await this.#copy(digest);
    if (fence !== false) await this.#copyFenced(digest, fence === 'take-over');
    // What came while it was at work may be left to a later call.
    if (fence !== false || digest.seq < seqThere) this.#requireNoDoubt();
    // An attempt that had copied all of it may have died before it gave up the right to write there.
    if (await this.#target.isHeldByMigration()) await this.#hold();
    if (this.#isHeld) {
      await this.#verify(startsAt, digest);
      await this.#target.log.release();
    } else this.#tell('verify', digest.seq, digest.seq, true);
    this.#isDone = true;
    return { seq: digest.seq, copied: this.#copied, startsAt, digest: digest.text() };
  }

  /** Whatever fails of it, all else is done. */
  async close(): Promise<void> {
    const sides = [this.#target, this.#source, ...(this.#fence === undefined ? [] : [this.#fence])];
    const isToGiveBack = this.#isFenced && !this.#isDone;
    const given = await Promise.allSettled(isToGiveBack ? [this.#fence?.log.release()] : []);
    const closed = await Promise.allSettled(sides.map(({ log }) => log.close()));
    for (const one of [...given, ...closed]) if (one.status === 'rejected') throw one.reason;
  }

  /**
   * As soon as there is something to write: where all is there already nobody is disturbed, and what was compared is what is there.
   * It is taken from an earlier attempt, and from nobody else.
   */
  async #hold(): Promise<void> {
    if (this.#isHeld) return;
    try {
      await this.#target.log.hold({ isMigration: true });
    } catch (error) {
      if (!isLeydenError(error, 'ERR_NOT_WRITER')) throw error;
      this.#fail('in-use', this.#target.seq, error);
    }
    this.#isHeld = true;
  }

  /** Something without events, such as a right that was given up, may be newer than the event that comes next. */
  async #requireRoom({ seq }: EventDigest): Promise<void> {
    try {
      for await (const { time } of this.#source.runsAfter(seq)) {
        if (time < this.#target.time) this.#fail('different', seq);
        break;
      }
    } catch (error) {
      this.#explain(error, seq);
    }
  }

  #side(storage: Storage, readOnly: boolean, clock: Clock): MigrationSide {
    const { format = '', signal, onWarning = () => {} } = this.#options;
    return new MigrationSide(storage, { format, readOnly, clock, onWarning, signal });
  }

  /**
   * Opens the new place, which begins with the oldest state of the old one if that does not have what was before it.
   *
   * @returns the number of events in that state
   */
  async #openTarget(): Promise<number> {
    const target = this.#target;
    const start = await this.#source.start();
    let refusal: unknown;
    if (start.seq > 0) {
      this.#timeThere = start.time;
      refusal = await refusalOf(target.log.begin(start, this.#options.signal));
      // Who has begun it holds it.
      this.#isHeld = refusal === undefined;
    }
    this.#timeThere = 0;
    await target.recover();
    // Something without events, such as the right of somebody: nothing to compare, and nothing to begin with.
    if (refusal !== undefined && target.seq === 0) throw refusal;
    return start.seq;
  }

  /** Number of the event after which both sides can be compared. */
  async #startsAt(seq: number): Promise<number> {
    const { seq: targetSeq } = this.#target;
    if (targetSeq === 0) return 0;
    if (targetSeq < seq) this.#fail('pruned', targetSeq);
    if (targetSeq > (await this.#source.look())) this.#fail('different', targetSeq);
    const startsAt = Math.max(seq, (await this.#target.start()).seq);
    const states = await this.#statesAt(startsAt);
    if (states === 'different') this.#fail('different', startsAt);
    // Neither a state nor an event that both have.
    if (states === 'unknown' && startsAt === targetSeq) this.#fail('pruned', targetSeq);
    return startsAt;
  }

  /** Whether both have the same state with so many events; `unknown` when one of them has kept none. */
  async #statesAt(seq: number): Promise<'same' | 'different' | 'unknown'> {
    if (seq === 0) return 'same';
    const digests: string[] = [];
    for (const side of [this.#source, this.#target]) {
      const state = await side.stateAt(seq);
      if (state?.seq !== seq) return 'unknown';
      digests.push(await digestState(state.captured));
    }
    return digests[0] === digests[1] ? 'same' : 'different';
  }

  /** What the new place has is what the old one has. */
  async #compare(startsAt: number): Promise<EventDigest> {
    const to = this.#target.seq;
    const tell = (seq: number) => this.#tell('compare', seq, to);
    const digest = await this.#source.digest(startsAt, to, tell).catch((error) => this.#explain(error, startsAt));
    if (digest.seq < to) this.#requireNoDoubt();
    const there = await this.#target.digest(startsAt, to, tell);
    if (digest.seq !== to || digest.text() !== there.text()) this.#fail('different', to);
    this.#tell('compare', to, to, true);
    return digest;
  }

  /** Copies all, then what came meanwhile, and so on, as long as that becomes much less each time. */
  async #copy(digest: EventDigest): Promise<void> {
    for (let before = Number.POSITIVE_INFINITY; ; ) {
      const count = await this.#copyNew(digest);
      if (count === 0 || count > before / 2) break;
      before = count;
    }
    this.#tell('copy', digest.seq, digest.seq, true);
  }

  /** Copies what is there by now, and is not at the new place; returns how many events that were. */
  async #copyNew(digest: EventDigest): Promise<number> {
    const { seq } = digest;
    try {
      for await (const run of this.#source.runsAfter(seq)) {
        await this.#append(run);
        digest.add(run);
        this.#tell('copy', digest.seq, Math.max(this.#source.seq, digest.seq));
      }
    } catch (error) {
      this.#explain(error, digest.seq);
    }
    return digest.seq - seq;
  }

  async #append(run: EventRun): Promise<void> {
    const { log } = this.#target;
    await this.#hold();
    const pieces = cut(run, log.appendBytesMax);
    if (pieces === undefined) return this.#fail('too-large', run.first);
    for (const piece of pieces) {
      this.#options.signal?.throwIfAborted();
      await appendRun(log, piece, (seq) => this.#fail('different', seq));
      this.#copied += piece.lines.length;
    }
  }

  /** Takes the right to write at the old place, and copies what was done by then. */
  async #copyFenced(digest: EventDigest, takeOver: boolean): Promise<void> {
    const { from } = this.#options;
    this.#fence = this.#side(from, false, from.clock);
    await this.#fence.recover();
    try {
      // Who took it before may have copied all, and whoever wrote here may write there by now: it is not to be given back to them.
      this.#isFenced = !(await this.#fence.isHeldByMigration());
      // The fence of a call that died, or is over, is no hindrance.
      await this.#fence.log.hold({ takeOver, isMigration: true });
    } catch (error) {
      if (!isLeydenError(error, 'ERR_NOT_WRITER')) throw error;
      this.#fail('held', digest.seq, error);
    }
    // What is acknowledged there was before the right was taken, and whoever reads now reads all of it.
    await this.#copyNew(digest);
    this.#tell('copy', digest.seq, digest.seq, true);
  }

  /** What may not count is not copied. So what was there at the last reading must count. */
  #requireNoDoubt(): void {
    const { doubt } = this.#source;
    if (doubt !== undefined) this.#fail('in-doubt', doubt);
  }

  /** Reads back what is at the new place now. */
  async #verify(startsAt: number, digest: EventDigest): Promise<void> {
    const { seq } = digest;
    const back = await this.#target.digest(startsAt, Number.POSITIVE_INFINITY, (at) => this.#tell('verify', at, seq));
    if (back.seq !== seq || back.text() !== digest.text()) this.#fail('altered', seq);
    this.#tell('verify', seq, seq, true);
  }

  #tell(phase: MigrateProgress['phase'], seq: number, seqTotal: number, isLast = false): void {
    const { onProgress, to } = this.#options;
    const now = to.clock.monotonicMs();
    if (onProgress === undefined || (!isLast && now - this.#toldAt < progressMs)) return;
    this.#toldAt = now;
    onProgress({ phase, seq, seqTotal });
  }

  /** What is gone at the old place was pruned while it was copied. */
  #explain(error: unknown, seq: number): never {
    if (isLeydenError(error, 'ERR_JOURNAL_COMPACTED')) this.#fail('pruned', seq, error);
    throw error;
  }

  #fail(reason: MigrateReason, seq: number, cause?: unknown): never {
    const { from, to } = this.#options;
    throw new MigrateError(reason, { from: from.name, to: to.name, seq, cause });
  }
}

/** Appends events as they are, if they are the next ones. */
async function appendRun(log: Log, run: EventRun, onOther: (seq: number) => never): Promise<void> {
  const { first, lines, ...facts } = run;
  const text = lines.join('\n');
  const body = log.fitsHead(text) ? undefined : await log.prepare(text);
  const batch = {
    bodyText: body === undefined ? undefined : text,
    decide({ seq }: { readonly seq: number }) {
      if (seq !== first - 1) onOther(seq);
      return { ...facts, text: body === undefined ? text : '', count: lines.length };
    },
    adopt() {},
  };
  await log.append(batch, body);
}

/** Why a log did not begin with a state, if that is because it has begun already. */
async function refusalOf(begun: Promise<void>): Promise<unknown> {
  try {
    await begun;
    return undefined;
  } catch (error) {
    if (isLeydenError(error, 'ERR_LOG_NOT_EMPTY')) return error;
    throw error;
  }
}

function withNow(clock: Clock, now: () => number): Clock {
  return {
    now,
    monotonicMs: () => clock.monotonicMs(),
    sleep: (ms, options) => clock.sleep(ms, options),
    ...(clock.elsewhere !== undefined && { elsewhere: (work) => clock.elsewhere?.(work) ?? work }),
  };
}
