/**
 * The state of the aggregate of one open stream: kept from one command to the next, brought up to date by what others commit,
 * loaded when it is not at hand.
 *
 *   note in the head, or nothing ─► events after it ─► state at the head known here ─► events of the round ─► state that is decided on
 */
import type { Appended, Head, Journal, ReadCommit } from '../../journal/index.js';
import { UnknownEventTypeError } from '../errors.js';
import type { RecordedEvent } from '../event.js';
import type { Recorder } from '../recorder.js';
import type { Round } from '../round.js';
import type { AnyAggregateType } from './aggregate-type.js';
import { decodeNote, encodeNote, type Folded } from './state-note.js';

/** Events of others that are kept to be folded later; more are read again when they are wanted. */
const pendingMax = 1_000;
/** A note that comes with each commit may have so many bytes. */
const noteBytesMax: number = 100 * 1_024;
/** A note that may stay away may have so many: it must leave the head at one write unit. */
const smallNoteBytesMax = 400;

export interface StreamStateFacts {
  readonly recorder: Recorder;
  readonly onWarning: (warning: unknown) => void;
}

export class StreamState {
  readonly #facts: StreamStateFacts;
  #type: AnyAggregateType | undefined;
  #kept: Folded | undefined;
  #pending: ReadCommit[] = [];
  /** The state as the round under way has it. */
  #ahead: { readonly round: Round; folded: Folded } | undefined;

  constructor(facts: StreamStateFacts) {
    this.#facts = facts;
  }

  /** Others have committed. */
  took(read: ReadCommit): void {
    if (this.#kept === undefined) return;
    this.#pending.push(read);
    if (this.#pending.length > pendingMax) this.jumped();
  }

  /** What others have committed was passed over. */
  jumped(): void {
    this.#kept = undefined;
    this.#pending = [];
  }

  /** The state that a call of a round is decided on. */
  async at<State>(type: AnyAggregateType, round: Round, journal: Journal): Promise<Folded<State>> {
    if (this.#ahead?.round !== round || this.#type !== type) {
      const folded = await this.load(type, round.image, journal);
      this.#type = type;
      this.#ahead = { round, folded };
    }
    return this.#advance(type, round) as Folded<State>;
  }

  /** The state at a head. */
  async load(type: AnyAggregateType, image: Head | undefined, journal: Journal): Promise<Folded> {
    const kept = this.#type === type ? this.#kept : undefined;
    const seq = image?.seq ?? 0;
    if (kept !== undefined && kept.seq <= seq) {
      const folded = foldAll(
        type,
        kept,
        this.#pending.flatMap((read) => this.#facts.recorder.records(read, kept.seq + 1, seq)),
      );
      if (folded.seq === seq) return folded;
    }
    let folded = this.#noted(type, image);
    if (image === undefined || folded.seq === seq) return folded;
    for await (const read of journal.readTo(image, folded.seq + 1)) {
      folded = foldAll(type, folded, this.#facts.recorder.records(read, folded.seq + 1, seq));
    }
    return folded;
  }

  /** What the head is to keep after a round. */
  noteAfter(round: Round): Uint8Array | undefined {
    const type = this.#type;
    if (type === undefined || this.#ahead?.round !== round || type.truth === 'events') return undefined;
    try {
      const folded = this.#advance(type, round);
      const note = encodeNote(type, folded);
      return note.byteLength <= (type.truth === 'aggregate' ? noteBytesMax : smallNoteBytesMax) ? note : undefined;
    } catch (error) {
      this.#facts.onWarning(error);
      return undefined;
    }
  }

  /** A round is in the journal: what was decided is the state now. */
  committed(round: Round, appended: Appended): void {
    const type = this.#type;
    const ahead = this.#ahead?.round === round;
    this.#ahead = undefined;
    if (type === undefined) return;
    if (!ahead || appended.status !== 'applied' || appended.commit.first !== round.base + 1) {
      this.jumped();
      return;
    }
    try {
      this.#kept = this.#advance(type, round);
      this.#pending = [];
    } catch {
      // An event that can't be applied: whoever loads is told.
      this.jumped();
    }
  }

  #advance(type: AnyAggregateType, round: Round): Folded {
    const ahead = this.#ahead as { folded: Folded };
    ahead.folded = foldAll(type, ahead.folded, round.provisional(ahead.folded.seq + 1));
    return ahead.folded;
  }

  #noted(type: AnyAggregateType, image: Head | undefined): Folded {
    const nothing = { state: type.initial, seq: 0 };
    if (image?.note === undefined || type.truth === 'events') return nothing;
    try {
      const noted = decodeNote(image.note, type);
      return noted !== undefined && noted.seq <= image.seq ? noted : nothing;
    } catch (error) {
      this.#facts.onWarning(error);
      return nothing;
    }
  }
}

/** @throws {UnknownEventTypeError}; what `apply` throws. */
export function foldAll(type: AnyAggregateType, from: Folded, events: readonly RecordedEvent[]): Folded {
  let { state, seq } = from;
  for (const event of events) {
    if (type.eventTypes?.has(event.type) === false) throw new UnknownEventTypeError(type.name, event);
    state = type.apply(state, event);
    seq = event.seq;
  }
  return { state, seq };
}
