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
import { type Clock, fullJitterMs, type Random } from '../engine/index.js';
import { isLeydenError } from '../errors.js';
import {
  type Appended,
  type Head,
  type Journal,
  type PreparedBody,
  settledBy,
  type TogetherEntry,
} from '../journal/index.js';
import type { StreamSnapshots } from './aggregate/stream-snapshots.js';
import type { StreamState } from './aggregate/stream-state.js';
import { ConflictError, StreamClosedError } from './errors.js';
import { bytesOf } from './event-line.js';
import { conflictOf, type FoundIn, outcomeOf, winnersOf } from './found-events.js';
import { areNew, type Found, type Receipts } from './receipts.js';
import type { Recorder } from './recorder.js';
import { eventsMax, Round } from './round.js';
import { closingOf } from './stream-closing.js';
import type { Verdict, Work } from './work.js';

export interface OpenStreamFacts {
  readonly stream: string;
  readonly recorder: Recorder;
  readonly receipts: Receipts;
  readonly snapshots: StreamSnapshots;
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

/** Pauses after a race was lost for the second time, and later. */
const pauses = { leastMs: 2, mostMs: 200 } as const;

interface Decided {
  readonly work: Work;
  readonly verdict: Verdict;
  /** Index of its first event in the round. */
  readonly at: number;
  /** The events that its command id stands for already. */
  readonly found?: Found | undefined;
  /** Whether nothing that is still to come, or that came already and is not known here, can change it. */
  readonly isFinal: boolean;
}

export class OpenStream {
  readonly facts: OpenStreamFacts;
  #journal: Journal;
  #queue: Work[] = [];
  #running: Promise<void> | undefined;
  /** The head that was read or written last. */
  #image: Head | undefined;
  #isOpen = false;
  /** How often the head was asked for, by a read or a commit, and at which of these it was what is known here, or later. */
  #asked = 0;
  #answered = 0;
  /** The body of a commit that was not made, for the next one if that has the same events. */
  #spare: { readonly journal: Journal; readonly text: string; readonly body: PreparedBody } | undefined;

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
    work.since = this.#asked;
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
    const settled = settledBy(error);
    for (const work of works) work.fail(error, settled);
    // What is known here may be what is wrong.
    this.#isOpen = false;
    if (settled.outcome === 'unknown') this.lost();
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
      if (work.isOver) {
        // It left while it was on its way, and others were faster.
        work.settle({ outcome: 'not-done' });
        continue;
      }
      bytes += work.bytes;
      works.push(work);
    }
    return works;
  }

  /** @returns those that are to be decided again. */
  async #round(works: readonly Work[]): Promise<readonly Work[]> {
    const { recorder, clock, bytesMax } = this.facts;
    if (!this.#isOpen) await this.#open();
    const image = this.#image;
    const closed = closingOf(image);
    if (closed !== undefined) {
      if (!this.#isNewFor(works) && (await this.#isBehind())) return works;
      for (const work of works) await this.#refuseClosed(work, closed);
      return [];
    }
    const time = Math.max(Math.floor(clock.now()), image?.time ?? 0);
    const round = new Round(recorder, { image, time });
    const decided: Decided[] = [];
    const later: Work[] = [];
    for (const work of works) {
      if (work.isOver) continue;
      const isFull = later.length > 0 || round.isFull(work.bytes, bytesMax);
      const one = isFull ? undefined : await this.#decide(work, round);
      if (one !== undefined) decided.push(one);
      else if (!work.isOver) later.push(work);
    }
    // Who has left meanwhile takes its events along, and what was decided behind it rests on them.
    if (decided.some(({ work, verdict }) => work.isOver && hasLines(verdict))) return works;
    if (round.lines.length === 0) {
      // Nothing to write: what is told must be true of a head that was the newest after the call.
      const unproven = decided.filter(({ isFinal }) => !isFinal);
      if (!this.#isNewFor(unproven.map(({ work }) => work)) && (await this.#isBehind())) return works;
      for (const one of decided) await this.#tell(one, round, undefined);
      return later;
    }
    for (const { work, verdict } of decided) work.markSent(hasLines(verdict));
    let appended: Appended;
    this.#asked += 1;
    const asked = this.#asked;
    try {
      appended = await this.#commit(round);
    } catch (error) {
      const called = decided.map(({ work }) => work);
      if (!isLeydenError(error, 'ERR_JOURNAL_CLOSED')) {
        this.#failAll(called, error);
        return later;
      }
      for (const work of called) work.markSent(false);
      this.#isOpen = false;
      return works;
    }
    const { image: newest } = this.#journal;
    if (newest === undefined) this.#isOpen = false;
    else [this.#image, this.#answered] = [newest, asked];
    if (appended.status === 'nothing') return [...(await this.#beaten(decided, round)), ...later];
    this.facts.state.committed(round, appended, newest);
    for (const one of decided) await this.#tell(one, round, appended);
    return later;
  }

  /** Whether what is known here was the newest at some instant after all these calls. */
  #isNewFor(works: readonly Work[]): boolean {
    return works.every(({ since }) => since < this.#answered);
  }

  /** A command that was there before is told so, as long as there is anything left of the stream. */
  async #refuseClosed(work: Work, closed: StreamClosedError['closed']): Promise<void> {
    const { commandId } = work;
    const isThere = commandId !== undefined && closed === 'archived';
    const found = isThere ? await this.facts.receipts.find(commandId, this.#image) : undefined;
    if (found === undefined) work.refuse(new StreamClosedError('append to', this.facts.stream, closed));
    else await this.#tellFound(work, found);
  }

  /** `undefined`: its caller has left, or there is no room for its events in the round. */
  async #decide(work: Work, round: Round): Promise<Decided | undefined> {
    const { commandId } = work;
    const at = round.lines.length;
    if (commandId !== undefined) {
      const found = round.found(commandId) ?? (await this.facts.receipts.find(commandId, round.image));
      if (found !== undefined) return { work, verdict: nothing, at, found, isFinal: true };
    }
    // A handler that does not answer holds up nobody but its caller.
    const left = () => undefined;
    const verdict = await Promise.race([this.#verdictOf(work, round), work.promise.then(left, left)]);
    if (verdict === undefined) return undefined;
    if (hasLines(verdict) && round.isFull(sizeOf(verdict), this.facts.bytesMax)) return undefined;
    // What is told with the commit must be true of what it is made on.
    const isFinal = verdict.kind !== 'append' && verdict.final && commandId === undefined;
    if (!isFinal) round.isAnywhere &&= hasLines(verdict) && verdict.anywhere;
    if (verdict.kind === 'append') round.add(verdict.lines, commandId);
    return { work, verdict, at, isFinal };
  }

  async #verdictOf(work: Work, round: Round): Promise<Verdict> {
    try {
      const verdict = await work.decide(round);
      this.#journal.requireSize(sizeOf(verdict));
      return verdict;
    } catch (error) {
      return { kind: 'refuse', error, final: !isLeydenError(error, 'ERR_APPEND_TOO_LARGE') };
    }
  }

  async #open(): Promise<void> {
    const journal = this.#journal;
    this.#asked += 1;
    const asked = this.#asked;
    const image = await journal.readHead();
    [this.#image, this.#answered] = [image, asked];
    if (image !== undefined && (await journal.reach(image))) this.facts.state.jumped();
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
    const body = journal.fitsHead(text) ? undefined : await this.#bodyOf(text);
    const note = this.facts.state.noteAfter(round);
    const appended = await this.facts.commit({
      journal,
      body,
      batch: {
        bodyText: body === undefined ? undefined : text,
        decide: ({ image }) => {
          const draft = { text: body === undefined ? text : '', count: round.lines.length, marks };
          // Commits without events, a writer's first word among them, change nothing that was decided on but the time; and the note, in
          // which a prune says what it rests on.
          const isNote = note === undefined || areSame(image.note, round.image?.note);
          const isSame = image.seq === round.base && isNote && (image.time <= time || !round.isTimed);
          if (isSame) return { ...draft, time: Math.max(time, image.time), note };
          return holdsOn(image, round) ? draft : undefined;
        },
      },
    });
    if (appended.status === 'nothing' && body !== undefined) this.#spare = { journal, text, body };
    return appended;
  }

  async #bodyOf(text: string): Promise<PreparedBody> {
    const journal = this.#journal;
    const spare = this.#spare;
    this.#spare = undefined;
    return spare?.journal === journal && spare.text === text ? spare.body : journal.prepare(text);
  }

  /** Others were faster: who has been so often enough is told. */
  async #beaten(decided: readonly Decided[], round: Round): Promise<Work[]> {
    const again: Work[] = [];
    const lost = Math.max(...decided.map(({ work }) => work.conflicts));
    const { clock, random } = this.facts;
    const isConflict = this.#image?.seq !== round.base;
    for (const { work } of decided) work.markSent(false);
    if (isConflict && lost > 0) await clock.sleep(fullJitterMs(random, pauses, lost - 1));
    for (const { work, verdict, found } of decided) {
      if (isConflict && verdict.kind === 'append' && found === undefined) work.conflicts += 1;
      if (work.conflicts <= work.conflictsMax) again.push(work);
      else await this.#giveUp(work, round.base);
    }
    return again;
  }

  /** Its events were there before. */
  async #tellFound(work: Work, found: Found): Promise<void> {
    // A receipt may be newer than what is known here.
    if (found.to > (this.#image?.seq ?? 0)) await this.#open();
    work.conclude(await outcomeOf(this.#foundIn, found));
  }

  /** One whose command came meanwhile, by another call, is told that. */
  async #giveUp(work: Work, base: number): Promise<void> {
    const { commandId } = work;
    const found = commandId === undefined ? undefined : await this.facts.receipts.find(commandId, this.#image);
    if (found !== undefined) await this.#tellFound(work, found);
    else work.giveUp(this.facts.stream, base, this.#image?.seq ?? 0, await winnersOf(this.#foundIn, base));
  }

  async #tell({ work, verdict, at, found }: Decided, round: Round, appended: Appended | undefined): Promise<void> {
    try {
      if (found !== undefined) await this.#tellFound(work, found);
      else if (verdict.kind === 'refuse') work.refuse(verdict.error);
      else if (verdict.kind === 'conflict') work.refuse(await this.#conflict(verdict));
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

  async #conflict({ expected, version, final }: Verdict & { readonly kind: 'conflict' }): Promise<ConflictError> {
    // It may have been decided behind others that went on a later head.
    const actual = final ? Math.max(version, this.#image?.seq ?? 0) : version;
    if (final) return conflictOf(this.#foundIn, { expected, actual });
    return new ConflictError({ stream: this.facts.stream, expected, actual, events: [] });
  }

  get #foundIn(): FoundIn {
    return { journal: this.#journal, recorder: this.facts.recorder, image: this.#image };
  }
}

const nothing: Verdict = { kind: 'append', lines: [], anywhere: true };

function hasLines(verdict: Verdict): verdict is Verdict & { readonly kind: 'append' } {
  return verdict.kind === 'append' && verdict.lines.length > 0;
}

function areSame(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  return one === other || (one !== undefined && other !== undefined && Buffer.compare(one, other) === 0);
}

/** Bytes of the text of its events. */
function sizeOf(verdict: Verdict): number {
  return verdict.kind === 'append' ? bytesOf(verdict.lines) : 0;
}

/** Whether what was decided on an earlier head holds on this one: it expected nothing, and none of its commands came meanwhile. */
function holdsOn(later: Head, { image, isAnywhere, marks }: Round): boolean {
  if (!isAnywhere) return false;
  const ids = marks.map(({ id }) => id);
  return ids.length === 0 || areNew(ids, later, image);
}
