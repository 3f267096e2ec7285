/**
 * The state of the aggregate of one open stream: kept from one command to the next, brought up to date by what others commit, loaded
 * when it is not at hand, and stored as its type wants it.
 *
 *   note or snapshot ─► events after it ─► state at the head known here ─► events of the round ─► state that is decided on
 *                                                      ▲                          │ committed
 *                                                      └──────── kept ◄───────────┴─► note of that commit, snapshot when it is due
 */
import type { Appended, Head, Journal, ReadCommit } from '../../journal/index.js';
import { FrozenBytes } from '../../snapshot/index.js';
import type { Recorder } from '../recorder.js';
import type { Round } from '../round.js';
import type { AnyAggregateType } from './aggregate-type.js';
import type { Background } from './background.js';
import { type Folded, foldAll, foldedOf } from './fold.js';
import { noteBytesMax, snapshotEvery } from './note-policy.js';
import { PendingCommits } from './pending-commits.js';
import { StateLoader } from './state-loader.js';
import { encodeNote, kindOf, type SnapshotHint } from './state-note.js';
import type { StreamSnapshots } from './stream-snapshots.js';

export interface StreamStateFacts {
  readonly recorder: Recorder;
  readonly snapshots: StreamSnapshots;
  readonly background: Background;
  readonly headBytesMax: number;
  readonly onWarning: (warning: unknown) => void;
}

/** What text of a state packs to at best, for states of which that is not known. */
const packsMax = 20;

/** A state, of which type it is, and how it is stored. */
interface Kept {
  readonly type: AnyAggregateType;
  readonly folded: Folded;
}

/** What is known of how the states of one type are stored in the stream. */
interface Storing {
  readonly type: AnyAggregateType;
  /** Events in the newest state that is stored. */
  covered: number;
  /** From so many events on it is looked anew whether the state fits in the head. */
  noteFrom: number;
  /** From so many on a snapshot may be made. */
  snapshotFrom: number;
}

export class StreamState {
  readonly #facts: StreamStateFacts;
  readonly #loader: StateLoader;
  #bytes = new FrozenBytes();
  readonly #pending = new PendingCommits();
  #kept: Kept | undefined;
  /** The state as the round under way has it. */
  #ahead: { readonly round: Round; readonly type: AnyAggregateType; folded: Folded; isNoted: boolean } | undefined;
  #storing: Storing | undefined;
  /** The newest snapshot that is known of. */
  #stored: SnapshotHint | undefined;
  #isMaking = false;

  constructor(facts: StreamStateFacts) {
    this.#facts = facts;
    this.#loader = new StateLoader(facts);
  }

  /** Takes note of bytes in the states, which can't be frozen. */
  get bytes(): FrozenBytes {
    return this.#bytes;
  }

  /** Others have committed. */
  took(read: ReadCommit): void {
    if (this.#kept !== undefined && !this.#pending.add(read)) this.#pending.clear();
  }

  /** What others have committed was passed over, and is read again when it is wanted. */
  jumped(): void {
    this.#pending.clear();
  }

  /** The state that a call of a round is decided on. */
  async at<State>(type: AnyAggregateType, round: Round, journal: Journal): Promise<Folded<State>> {
    if (this.#ahead?.round !== round || this.#ahead.type !== type) {
      const folded = await this.load(type, round.image, journal);
      this.#ahead = { round, type, folded, isNoted: false };
    }
    return this.#advance(this.#ahead) as Folded<State>;
  }

  /** The state at a head. */
  async load(type: AnyAggregateType, image: Head | undefined, journal: Journal, signal?: AbortSignal): Promise<Folded> {
    this.isSpoiled();
    if (image === undefined || image.seq === 0) return foldedOf(type, this.#bytes);
    const kept = this.#kept?.type === type && this.#kept.folded.seq <= image.seq ? this.#kept.folded : undefined;
    const folded =
      (kept && this.#fromKept(type, kept, image.seq)) ?? (await this.#load(type, kept, image, journal, signal));
    if (this.#kept?.type !== type || this.#kept.folded.seq <= folded.seq) {
      this.#kept = { type, folded };
      this.#pending.dropTo(folded.seq);
    }
    return folded;
  }

  /** Whether bytes in a state were changed in place. What is kept here is forgotten then. */
  isSpoiled(): boolean {
    if (!this.#bytes.haveChanged()) return false;
    this.#bytes = new FrozenBytes();
    this.#kept = undefined;
    this.#pending.clear();
    this.#loader.forget();
    this.#ahead = undefined;
    return true;
  }

  /** What the head is to keep after a round; `undefined` for what it keeps already. */
  noteAfter(round: Round): Uint8Array | undefined {
    const ahead = this.#ahead;
    if (ahead?.round !== round || ahead.type.truth === 'events') return undefined;
    try {
      const before = this.#loader.noteOf(round.image);
      const stored = newer(this.#stored, before.stored);
      this.#stored = stored;
      const storing = this.#storingOf(ahead.type);
      if (stored?.kind === kindOf(ahead.type)) storing.covered = Math.max(storing.covered, stored.seq);
      const note = this.#noteWith(ahead.type, this.#advance(ahead), stored);
      ahead.isNoted = note !== undefined;
      if (note !== undefined || stored === undefined || stored.id === before.stored?.id) return note;
      // A state that is older than the snapshot is of no use any more.
      const hint = (before.folded?.seq ?? 0) >= stored.seq ? { ...before, stored } : { stored };
      return encodeNote(hint);
    } catch (error) {
      this.#facts.onWarning(error);
      return undefined;
    }
  }

  /**
   * A round is in the journal: what was decided is the state now.
   *
   * @param image the head after it, if that is known
   */
  committed(round: Round, appended: Appended, image: Head | undefined): void {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (appended.status !== 'applied') return;
    const { commit } = appended;
    if (ahead?.round !== round || commit.first !== round.base + 1) {
      this.took({ commit, text: round.text, chain: '' });
      return;
    }
    try {
      const folded = this.#advance(ahead);
      this.#kept = { type: ahead.type, folded };
      this.#pending.dropTo(folded.seq);
      this.#store(ahead.type, folded, ahead.isNoted, image);
    } catch {
      // An event that can't be applied: whoever loads is told.
      this.#kept = undefined;
    }
  }

  #advance(ahead: { readonly round: Round; readonly type: AnyAggregateType; folded: Folded }): Folded {
    const { round, type, folded } = ahead;
    ahead.folded = foldAll(type, folded, round.provisional(folded.seq + 1), this.#bytes);
    return ahead.folded;
  }

  /** The state that is kept, with what was committed since, if all of that is at hand. */
  #fromKept(type: AnyAggregateType, kept: Folded, seq: number): Folded | undefined {
    const events = this.#pending.eventsAfter(kept.seq, seq, this.#facts.recorder);
    return events && foldAll(type, kept, events, this.#bytes);
  }

  async #load(
    type: AnyAggregateType,
    kept: Folded | undefined,
    image: Head,
    journal: Journal,
    signal: AbortSignal | undefined,
  ): Promise<Folded> {
    const loaded = await this.#loader.load({ type, kept, image, journal, bytes: this.#bytes, signal });
    const storing = this.#storingOf(type);
    storing.covered = Math.max(storing.covered, loaded.covered);
    if (loaded.storedBytes > packsMax * noteBytesMax(type.truth, this.#facts.headBytesMax)) {
      storing.noteFrom = Math.max(storing.noteFrom, loaded.covered + snapshotEvery(type.truth));
    }
    return loaded.folded;
  }

  /** The note with a state, if that may be in the head. One that did not fit is not tried again for a while. */
  #noteWith(type: AnyAggregateType, folded: Folded, stored: SnapshotHint | undefined): Uint8Array | undefined {
    const storing = this.#storingOf(type);
    if (folded.seq < storing.noteFrom) return undefined;
    const kind = kindOf(type);
    const note = encodedOr(() => encodeNote({ kind, folded, stored }));
    if (note !== undefined && note.byteLength <= noteBytesMax(type.truth, this.#facts.headBytesMax)) {
      this.#loader.knows(note, { kind, folded, stored });
      return note;
    }
    storing.noteFrom = folded.seq + snapshotEvery(type.truth);
    return undefined;
  }

  /** A state was committed: notes that it is stored, or has it stored if that is due. */
  #store(type: AnyAggregateType, folded: Folded, isNoted: boolean, image: Head | undefined): void {
    if (type.truth === 'events') return;
    const storing = this.#storingOf(type);
    if (isNoted) {
      storing.covered = folded.seq;
      return;
    }
    const every = snapshotEvery(type.truth);
    const isDue = folded.seq - storing.covered >= every && folded.seq >= storing.snapshotFrom;
    if (!isDue || this.#isMaking || image?.seq !== folded.seq || isAtHand(image, storing.covered)) return;
    this.#isMaking = true;
    // Whatever comes of it, the next one need not try at once.
    storing.snapshotFrom = folded.seq + Math.ceil(every / 4);
    this.#facts.background.begin(async () => {
      try {
        await this.#make(storing, folded, image);
      } finally {
        this.#isMaking = false;
      }
    });
  }

  async #make(storing: Storing, folded: Folded, image: Head): Promise<void> {
    const newest = await this.#facts.snapshots.make(kindOf(storing.type), folded, image, this.#stored?.id);
    if (newest === undefined) return;
    this.#stored = newer(newest, this.#stored);
    if (newest.kind === kindOf(storing.type)) storing.covered = Math.max(storing.covered, newest.seq);
  }

  #storingOf(type: AnyAggregateType): Storing {
    if (this.#storing?.type !== type) this.#storing = { type, covered: 0, noteFrom: 0, snapshotFrom: 0 };
    return this.#storing;
  }
}

function newer(one: SnapshotHint | undefined, other: SnapshotHint | undefined): SnapshotHint | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one.seq > other.seq ? one : other;
}

/** Whether all events behind `covered` come with the head: then a snapshot would save nothing. */
function isAtHand({ tail, seq }: Head, covered: number): boolean {
  const isInTail = (tail[0]?.first ?? seq + 1) <= covered + 1;
  return isInTail && tail.every(({ body, first, count }) => body === undefined || first + count - 1 <= covered);
}

/** What has no text is no note; a snapshot takes more, and tells if it does not. */
function encodedOr(encode: () => Uint8Array | undefined): Uint8Array | undefined {
  try {
    return encode();
  } catch {
    return undefined;
  }
}
