/**
 * A call that appends to several streams: all of its events, or none.
 *
 *   for each stream: was the command there before? ─► one transaction: expected versions on exactly the heads that are replaced
 *          ▲                                                    │ a head has moved on so far that this can't be told
 *          └────────────────────────────────────────────────────┘
 *
 * It takes its turn in the journals themselves, behind what the streams' own queues have sent, and before what they send next.
 */
import type { AtomTable } from '../../atom/index.js';
import { isLeydenError } from '../../errors.js';
import {
  type Appended as AppendedCommit,
  appendTogether,
  type Base,
  type Draft,
  type Head,
  type PreparedBody,
  settledBy,
  type TogetherEntry,
  WaitingCall,
  type WaitingFacts,
} from '../../journal/index.js';
import type { Appended } from '../append-work.js';
import { CommandIdReusedError, StreamClosedError } from '../errors.js';
import { type EventLine, haveContents } from '../event-line.js';
import { type ExpectedVersion, isMet } from '../expected-version.js';
import { conflictOf, outcomeOf } from '../found-events.js';
import type { OpenStream } from '../open-stream.js';
import { areNew, type Found } from '../receipts.js';
import { Round } from '../round.js';
import { closingOf } from '../stream-closing.js';
import type { Outcome } from '../work.js';
import type { Categories } from './categories.js';
import type { Category } from './category.js';
import { Member } from './member.js';

/** What is appended to one of the streams. */
export interface StreamPart {
  readonly open: OpenStream;
  readonly lines: readonly EventLine[];
  readonly expected: ExpectedVersion;
  readonly commandId: string | undefined;
}

export interface AppendAllFacts extends WaitingFacts {
  readonly table: AtomTable;
  readonly categories: Categories;
  readonly parts: readonly StreamPart[];
}

/** A part of the call, as it is tried. */
interface Tried extends StreamPart {
  readonly text: string;
  body?: PreparedBody | undefined;
  /** The head in which, and before which, the command was looked for and not found. */
  lookedAt?: Head | undefined;
  round?: Round;
}

/** Thrown in a decision: the command of this call has to be looked for, or was found. */
class Look extends Error {}

/** Thrown in a decision: the caller has left, and nothing is on its way. */
class Left extends Error {}

/** Thrown in a decision: a stream is not at what is expected of it. */
class Unmet extends Error {
  readonly part: Tried;
  readonly image: Head;

  constructor(part: Tried, image: Head) {
    super();
    this.part = part;
    this.image = image;
  }
}

export class AppendAll extends WaitingCall<readonly Appended[]> {
  readonly #facts: AppendAllFacts;
  readonly #parts: readonly Tried[];

  constructor(facts: AppendAllFacts) {
    super(facts);
    this.#facts = facts;
    this.#parts = facts.parts.map((part) => ({ ...part, text: part.lines.map(({ text }) => text).join('\n') }));
  }

  /** Appends; answers by {@link WaitingCall.promise}. Never rejects. */
  async run(): Promise<void> {
    try {
      while (!this.isOver) {
        const answer = await this.#repeated();
        if (answer !== undefined) return this.#done(answer);
        if (this.isOver) return;
        const appended = await this.#append();
        if (appended !== undefined) return this.#done(appended);
        this.markSent(false);
      }
    } catch (error) {
      this.fail(await this.#explained(error), settledBy(error));
    }
  }

  #done(answer: readonly Appended[]): void {
    this.settle({ outcome: 'done' });
    this.answer(answer);
  }

  /** `undefined`: the commands have to be looked for anew. */
  async #append(): Promise<readonly Appended[] | undefined> {
    for (const part of this.#parts) await this.#prepare(part);
    if (this.isOver) return undefined;
    this.markSent(this.#parts.some(({ lines }) => lines.length > 0));
    const { table, categories } = this.#facts;
    const members = this.#parts.map((part) => this.#member(part));
    const touched = new Map<Category, Member[]>();
    for (const [at, { open }] of this.#parts.entries()) {
      const { category, isOrdered } = categories.orderOf(open.facts.stream);
      if (!isOrdered) continue;
      const one = categories.of(category);
      touched.set(one, [...(touched.get(one) ?? []), members[at] as Member]);
    }
    const entries: TogetherEntry[] = [
      ...members.map(({ entry }) => entry),
      ...[...touched].map(([category, own]) => category.entryFor(own)),
    ];
    try {
      const appended = await appendTogether(table, entries);
      return this.#parts.map((part, at) => this.#told(part, appended[at] as AppendedCommit));
    } catch (error) {
      if (error instanceof Look) return undefined;
      if (isLeydenError(error) && error.outcome === 'unknown') {
        for (const { open } of this.#parts) open.lost();
        for (const category of touched.keys()) category.lost();
      }
      throw error;
    } finally {
      for (const { open } of this.#parts) open.learned();
    }
  }

  /** Puts the body of events that are too many for the head. */
  async #prepare(part: Tried): Promise<void> {
    const { journal } = part.open;
    if (part.body === undefined && !journal.fitsHead(part.text)) part.body = await journal.prepare(part.text);
  }

  #member(part: Tried): Member {
    const { open, text, body } = part;
    const { journal, facts } = open;
    const batch = {
      bodyText: body === undefined ? undefined : text,
      decide: (base: Base) => {
        if (this.isOver) throw new Left();
        return decide(part, base);
      },
      // Nothing else tells the state of what was committed here.
      adopt: (commit: Parameters<NonNullable<TogetherEntry['batch']['adopt']>>[0]) =>
        facts.state.took({ commit, text, chain: '' }),
    };
    return new Member(this.#facts.categories.orderOf(facts.stream), { journal, batch, body });
  }

  #told({ round, lines }: Tried, appended: AppendedCommit): Appended {
    const { commit } = appended as Extract<AppendedCommit, { status: 'applied' }>;
    const events = (round as Round).committed(commit, 0, lines.length);
    return { version: commit.first + commit.count - 1, events, time: commit.time, repeated: false };
  }

  /** What the call came to when it was made before; `undefined` when it was not. */
  async #repeated(): Promise<readonly Appended[] | undefined> {
    const named = this.#parts.filter(({ commandId }) => commandId !== undefined);
    const found = await Promise.all(named.map((part) => this.#find(part)));
    if (found.every((one) => one === undefined)) return undefined;
    // What is known here of one stream may be older than what is known of another one.
    for (const [at, part] of named.entries())
      found[at] ??= await this.#findIn(part, await part.open.journal.readHead());
    const outcomes = new Map<Tried, Outcome>();
    for (const [at, part] of named.entries()) {
      const own = found[at];
      if (own === undefined) continue;
      const { journal, facts } = part.open;
      outcomes.set(part, await outcomeOf({ journal, recorder: facts.recorder, image: part.lookedAt }, own));
    }
    for (const [part, outcome] of outcomes) {
      // One transaction: what was there before was there in all of its streams, of which some may be gone.
      for (const { lookedAt, open } of named) {
        if (closingOf(lookedAt) === 'deleted') throw new StreamClosedError('append to', open.facts.stream, 'deleted');
      }
      if (outcomes.size === named.length && haveContents(part.lines, outcome.contents ?? [])) continue;
      throw new CommandIdReusedError(part.open.facts.stream, part.commandId as string, outcome.events);
    }
    return Promise.all(
      this.#parts.map(async (part) => {
        const { version, events, time } = outcomes.get(part) ?? (await standing(part.open));
        return { version, events, time, repeated: true };
      }),
    );
  }

  /** Looks for the command in the head, and among the receipts where some may be. */
  async #find(part: Tried): Promise<Found | undefined> {
    const { open } = part;
    const known = open.journal.image;
    // A head that was looked at in vain is not looked at again.
    const image = known !== undefined && known !== part.lookedAt ? known : await open.journal.readHead();
    return this.#findIn(part, image);
  }

  async #findIn(part: Tried, image: Head | undefined): Promise<Found | undefined> {
    part.lookedAt = image;
    const { journal, facts } = part.open;
    const id = part.commandId as string;
    const found = await facts.receipts.find(id, image);
    // A receipt may be newer than what is known here.
    if (found !== undefined && found.to > (image?.seq ?? 0)) part.lookedAt = await journal.readHead();
    return found;
  }

  async #explained(error: unknown): Promise<unknown> {
    if (error instanceof Unmet) {
      const { part, image } = error;
      const { journal, facts } = part.open;
      return conflictOf({ journal, recorder: facts.recorder, image }, { expected: part.expected, actual: image.seq });
    }
    if (!isLeydenError(error, 'ERR_JOURNAL_CLOSED')) return error;
    const { journal, closed } = error as unknown as { readonly journal: string; readonly closed: string };
    const part = this.#parts.find(({ open }) => open.journal.name === journal);
    return new StreamClosedError('append to', part?.open.facts.stream ?? journal, closingOf({ closed }) ?? 'deleted');
  }
}

/** What is told of a stream that a repeated call has only checked. */
async function standing({ journal }: OpenStream): Promise<Pick<Outcome, 'version' | 'events' | 'time'>> {
  const image = await journal.readHead();
  return { version: image?.seq ?? 0, events: [], time: image?.time ?? 0 };
}

/** Decides on the head that is replaced. */
function decide(part: Tried, { image, seq, time }: Base): Draft {
  const { open, lines, expected, commandId, text, body, lookedAt } = part;
  if (commandId !== undefined && !areNew([commandId], image, lookedAt)) throw new Look();
  if (!isMet(expected, seq)) throw new Unmet(part, image);
  const round = new Round(open.facts.recorder, { image, time });
  round.add(lines, commandId);
  part.round = round;
  return { text: body === undefined ? text : '', count: lines.length, marks: round.marks };
}
