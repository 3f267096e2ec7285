/**
 * A stream that is open in this process: its journal, what waits to be appended to it, and the state of its aggregate.
 *
 *   calls ─► queue ─► round: decided on the head known here ─► one commit on exactly that head ─► answers
 *                       ▲                                          │ others were faster: on the newer head
 *                       └──────────────────────────────────────────┘
 *
 * An answer rests on what is committed: on the commit that carried the events, or, when nothing is to be appended, on a head that
 * was the newest at some instant after the call.
 */
import { UnknownOutcomeError } from '../atom/index.js';
import { type Clock, fullJitterMs, type Random } from '../engine/index.js';
import { isLeydenError } from '../errors.js';
import type { Appended, Head, Journal, JournalClosedError, TogetherEntry } from '../journal/index.js';
import type { StreamState } from './aggregate/stream-state.js';
import { ConflictError, StreamClosedError } from './errors.js';
import type { ExpectedVersion } from './expected-version.js';
import { type FoundIn, outcomeOf, winnersOf } from './found-events.js';
import { type Found, findIn, type Receipts } from './receipts.js';
import type { Recorder } from './recorder.js';
import { Round } from './round.js';
import { type Closing, closingOf } from './stream-closing.js';
import type { Verdict, Work } from './work.js';

export interface OpenStreamFacts {
  readonly stream: string;
  readonly recorder: Recorder;
  readonly receipts: Receipts;
  readonly state: StreamState;
  /** A journal object; another one when what became of a commit could not be found out. */
  readonly openJournal: () => Journal;
  /** Commits: alone, or, in a category that is ordered, with the category's journal. */
  readonly commit: (entry: TogetherEntry) => Promise<Appended>;
  readonly clock: Clock;
  readonly random: Random;
  /** Bytes of one commit, at most. */
  readonly bytesMax: number;
}

/** Events of one commit, at most, unless one call has more. */
const eventsMax = 10_000;
/** Pauses after a race was lost for the second time, and later. */
const pauses = { leastMs: 2, mostMs: 200 } as const;

interface Decided {
  readonly work: Work;
  readonly verdict: Verdict;
  /** Index of its first event in the round. */
  readonly at: number;
  /** The events that its command id stands for already. */
  readonly found?: Found | undefined;
}

export class OpenStream {
  readonly facts: OpenStreamFacts;
  #journal: Journal;
  #queue: Work[] = [];
  #running: Promise<void> | undefined;
  /** The head that was read or written last. */
  #image: Head | undefined;
  #isOpen = false;

  constructor(facts: OpenStreamFacts) {
    this.facts = facts;
    this.#journal = facts.openJournal();
  }

  get journal(): Journal {
    return this.#journal;
  }

  /** Whether nothing waits and nothing is under way. */
  get isIdle(): boolean {
    return this.#queue.length === 0 && this.#running === undefined;
  }

  push(work: Work): void {
    this.#queue.push(work);
    // One microtask later, so that all calls of this turn of the event loop go together.
    this.#running ??= Promise.resolve().then(() => this.#run());
  }

  async close(): Promise<void> {
    await this.#running;
    await this.#journal.close();
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const works = this.#take();
      if (works.length === 0) continue;
      try {
        const again = await this.#round(works);
        this.#queue.unshift(...again);
      } catch (error) {
        this.#failAll(works, error);
      }
    }
    this.#running = undefined;
  }

  #failAll(works: readonly Work[], error: unknown): void {
    const isUnknown = isLeydenError(error) && error.outcome === 'unknown';
    const reason = error instanceof UnknownOutcomeError ? error.reason : 'evidence-evicted';
    for (const work of works) {
      if (isUnknown) work.fail(error, { outcome: 'unknown', reason });
      else work.refuse(closedOr(this.facts.stream, error));
    }
    // What is known here may be what is wrong.
    this.#isOpen = false;
    if (isUnknown) this.lost();
  }

  /** What became of a commit could not be found out: its journal object writes nothing more. */
  lost(): void {
    this.#isOpen = false;
    this.facts.state.jumped();
    this.#journal = this.facts.openJournal();
  }

  /** Something else than this has committed through its journal object. */
  learned(): void {
    const { image } = this.#journal;
    if (image === undefined) this.#isOpen = false;
    else if (this.#isOpen) this.#image = image;
  }

  /** Those that go together, at most. */
  #take(): Work[] {
    const works: Work[] = [];
    let bytes = 0;
    while (this.#queue.length > 0) {
      const work = this.#queue[0] as Work;
      if (works.length > 0 && (bytes + work.bytes > this.facts.bytesMax || works.length >= eventsMax)) break;
      this.#queue.shift();
      if (work.isOver) continue;
      bytes += work.bytes;
      works.push(work);
    }
    return works;
  }

  /** @returns those that are to be decided again. */
  async #round(works: readonly Work[]): Promise<readonly Work[]> {
    const { recorder, clock, stream } = this.facts;
    // A head that is read after the calls were made is as new as they can ask for.
    const isFresh = !this.#isOpen;
    if (isFresh) await this.#open();
    const image = this.#image;
    const closed = closingOf(image);
    if (closed !== undefined) {
      if (!isFresh && (await this.#isBehind())) return works;
      for (const work of works) work.refuse(new StreamClosedError('append to', stream, closed));
      return [];
    }
    const time = Math.max(Math.floor(clock.now()), image?.time ?? 0);
    const round = new Round(recorder, { image, time });
    const decided: Decided[] = [];
    const later: Work[] = [];
    for (const work of works) {
      if (work.isOver) continue;
      if (later.length > 0 || (round.lines.length > 0 && this.#isFull(round, work))) later.push(work);
      else decided.push(await this.#decide(work, round));
    }
    if (round.lines.length === 0) {
      // Nothing to write: what is told must be true of a head that is the newest now.
      const needsProof = decided.some(({ verdict, found }) => found === undefined && !isFinal(verdict));
      if (needsProof && !isFresh && (await this.#isBehind())) return works;
      for (const one of decided) await this.#tell(one, round, undefined);
      return later;
    }
    for (const { work, verdict } of decided) work.markSent(verdict.kind === 'append' && verdict.lines.length > 0);
    let appended: Appended;
    try {
      appended = await this.#commit(round);
    } catch (error) {
      this.#failAll(
        decided.map(({ work }) => work),
        error,
      );
      return later;
    }
    const { image: newest } = this.#journal;
    if (newest === undefined) this.#isOpen = false;
    else this.#image = newest;
    if (appended.status === 'nothing') return [...(await this.#beaten(decided, round)), ...later];
    this.facts.state.committed(round, appended);
    for (const one of decided) await this.#tell(one, round, appended);
    return later;
  }

  #isFull(round: Round, work: Work): boolean {
    return round.bytes + work.bytes > this.facts.bytesMax || round.lines.length >= eventsMax;
  }

  async #decide(work: Work, round: Round): Promise<Decided> {
    const { commandId } = work;
    const at = round.lines.length;
    if (commandId !== undefined) {
      const found = await this.#find(commandId, round);
      if (found !== undefined) return { work, verdict: nothing, at, found };
    }
    const verdict = await this.#verdictOf(work, round);
    // What is told with the commit must be true of what it is made on.
    if (!isFinal(verdict))
      round.isAnywhere &&= verdict.kind === 'append' && verdict.anywhere && verdict.lines.length > 0;
    if (verdict.kind === 'append') round.add(verdict.lines, commandId);
    return { work, verdict, at };
  }

  async #verdictOf(work: Work, round: Round): Promise<Verdict> {
    try {
      const verdict = await work.decide(round);
      if (verdict.kind === 'append')
        this.#journal.requireSize(verdict.lines.reduce((sum, { bytes }) => sum + bytes + 1, 0));
      return verdict;
    } catch (error) {
      return { kind: 'refuse', error, final: true };
    }
  }

  /** The events of a command that was there before, in this round, in the head, or with a receipt. */
  async #find(commandId: string, round: Round): Promise<Found | undefined> {
    const own = round.mark(commandId);
    if (own !== undefined) {
      round.isAnywhere = false;
      return { from: round.base + own.at + 1, to: round.base + own.at + own.count };
    }
    const { image } = round;
    if (image === undefined) return undefined;
    const found = findIn(image.tail, commandId);
    if (found !== undefined || image.pages === 0) return found;
    return this.facts.receipts.get(commandId);
  }

  async #open(): Promise<void> {
    const journal = this.#journal;
    const image = await journal.readHead();
    this.#image = image;
    if (image !== undefined && image.place > journal.cursor.place) {
      journal.jump(image);
      this.facts.state.jumped();
    }
    this.#isOpen = true;
  }

  /** Whether the head has moved on; then what is known here is newer now. */
  async #isBehind(): Promise<boolean> {
    const place = this.#image?.place ?? 0;
    this.#isOpen = false;
    await this.#open();
    return (this.#image?.place ?? 0) !== place;
  }

  async #commit(round: Round): Promise<Appended> {
    const journal = this.#journal;
    const { text, marks, time } = round;
    const body = journal.fitsHead(text) ? undefined : await journal.prepare(text);
    const note = this.facts.state.noteAfter(round);
    return this.facts.commit({
      journal,
      body,
      batch: {
        bodyText: body === undefined ? undefined : text,
        decide: ({ image }) => {
          const draft = { text: body === undefined ? text : '', count: round.lines.length, marks };
          // Commits without events, a writer's first word among them, change nothing that was decided on.
          if (image.seq === round.base) return { ...draft, time: Math.max(time, image.time), note };
          return holdsOn(image, round) ? draft : undefined;
        },
      },
    });
  }

  /** Others were faster: who has been so often enough is told. */
  async #beaten(decided: readonly Decided[], round: Round): Promise<Work[]> {
    const again: Work[] = [];
    const lost = Math.max(...decided.map(({ work }) => work.conflicts));
    const { clock, random } = this.facts;
    if (lost > 0) await clock.sleep(fullJitterMs(random, pauses, lost - 1));
    for (const { work, verdict } of decided) {
      work.markSent(false);
      if (verdict.kind === 'append') work.conflicts += 1;
      if (work.conflicts <= work.conflictsMax) again.push(work);
      else {
        const version = this.#image?.seq ?? 0;
        work.giveUp(this.facts.stream, round.base, version, await winnersOf(this.#foundIn, round.base));
      }
    }
    return again;
  }

  async #tell({ work, verdict, at, found }: Decided, round: Round, appended: Appended | undefined): Promise<void> {
    try {
      if (found !== undefined) work.conclude(await outcomeOf(this.#foundIn, found));
      else if (verdict.kind === 'refuse') work.refuse(verdict.error);
      else if (verdict.kind === 'conflict') work.refuse(await this.#conflict(verdict.expected, verdict.version));
      else if (verdict.lines.length === 0 || appended?.status !== 'applied') {
        work.conclude({ events: [], version: round.base + at, time: round.time, repeated: false });
      } else {
        const { commit } = appended;
        const events = round.committed(commit, at, verdict.lines.length);
        work.conclude({
          events,
          version: commit.first + at + verdict.lines.length - 1,
          time: commit.time,
          repeated: false,
        });
      }
    } catch (error) {
      // Its events stand, or were there before; only telling them has failed.
      work.fail(error, { outcome: found !== undefined || verdict.kind === 'append' ? 'done' : 'not-done' });
    }
  }

  async #conflict(expected: ExpectedVersion, actual: number): Promise<ConflictError> {
    const after = typeof expected === 'number' ? expected : 0;
    return new ConflictError({
      stream: this.facts.stream,
      expected,
      actual,
      events: await winnersOf(this.#foundIn, after),
    });
  }

  get #foundIn(): FoundIn {
    return { journal: this.#journal, recorder: this.facts.recorder, image: this.#image };
  }
}

const nothing: Verdict = { kind: 'append', lines: [], anywhere: true };

/** Whether nothing that is still to come can change it. */
function isFinal(verdict: Verdict): boolean {
  return verdict.kind !== 'append' && verdict.final;
}

/** Whether what was decided on an earlier head holds on this one: it expected nothing, and none of its commands came meanwhile. */
function holdsOn({ tail }: Head, { image, isAnywhere, marks }: Round): boolean {
  if (!isAnywhere) return false;
  if (marks.length === 0) return true;
  const isSeen = (tail[0]?.place ?? Number.POSITIVE_INFINITY) <= (image?.place ?? 0) + 1;
  return isSeen && marks.every(({ id }) => findIn(tail, id) === undefined);
}

function closedOr(stream: string, error: unknown): unknown {
  if (!isLeydenError(error, 'ERR_JOURNAL_CLOSED')) return error;
  const closed = closingOf(error as unknown as JournalClosedError);
  return new StreamClosedError('append to', stream, closed as Closing);
}
