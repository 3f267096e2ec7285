/**
 * Loading the state of an aggregate at a head, in the fewest round trips.
 *
 *   head ─► note: the state, or where its newest snapshot is ─► parts ─► events after it: in the head's tail, or in pages
 *              │ another version, unreadable                      │ can't be read
 *              └────────────► the pointer ─► the newest snapshot that can be read, or else the first event ◄──┘
 *
 * A snapshot that can't be read costs a warning and a longer way, and changes nothing: the number of a state is that of its events.
 */
import { isLeydenError } from '../../errors.js';
import type { Head, Journal, ReadFrom } from '../../journal/index.js';
import { type FrozenBytes, freezeState } from '../../snapshot/index.js';
import { prunedOr } from '../floor.js';
import type { Recorder } from '../recorder.js';
import type { AnyAggregateType } from './aggregate-type.js';
import { type Folded, foldedOf, replayAll } from './fold.js';
import type { Restored } from './snapshot-content.js';
import { decodeNote, kindOf, type StateNote } from './state-note.js';
import type { StreamSnapshots } from './stream-snapshots.js';

export interface StateLoaderFacts {
  readonly recorder: Recorder;
  readonly snapshots: StreamSnapshots;
  readonly onWarning: (warning: unknown) => void;
}

/** What is to be loaded. */
export interface WantedState {
  readonly type: AnyAggregateType;
  /** Takes note of bytes in the states, which can't be frozen. */
  readonly bytes: FrozenBytes;
  /** A state that is at hand, and not newer than the head. */
  readonly kept: Folded | undefined;
  readonly image: Head;
  readonly journal: Journal;
  readonly signal: AbortSignal | undefined;
}

/** A state as it was loaded. */
export interface LoadedState {
  readonly folded: Folded;
  /** Events in the stored state that it began with; 0 for none. */
  readonly covered: number;
  /** Text of the snapshot that it began with, about; 0 for none. */
  readonly storedBytes: number;
}

interface Start {
  readonly folded: Folded;
  /** Events in the newest stored state that was seen. */
  readonly covered: number;
  /** Absent where the journal has to look for what comes next. */
  readonly from?: ReadFrom | undefined;
  readonly bytes?: number;
}

export class StateLoader {
  readonly #facts: StateLoaderFacts;
  /** The note that was decoded last. */
  #noted: { readonly bytes: Uint8Array; readonly note: StateNote } | undefined;

  constructor(facts: StateLoaderFacts) {
    this.#facts = facts;
  }

  /**
   * The state at a head.
   *
   * @throws `StreamPrunedError` `ERR_STREAM_PRUNED` when it can't be made of what is left; what reading and `apply` throw.
   */
  async load(wanted: WantedState): Promise<LoadedState> {
    const passed = new Set<string>();
    let start = await this.#start(wanted, passed);
    for (;;) {
      try {
        const folded = await this.#fold(wanted, start);
        return { folded, covered: start.covered, storedBytes: start.bytes ?? 0 };
      } catch (error) {
        if (!isLeydenError(error, 'ERR_JOURNAL_COMPACTED')) throw error;
        const next = wanted.type.truth === 'events' ? undefined : await this.#newest(wanted, passed);
        // What was pruned lies before each snapshot that is there.
        if (next === undefined || next.folded.seq <= start.folded.seq) {
          const { recorder, snapshots } = this.#facts;
          throw await prunedOr(
            { stream: recorder.stream, journal: wanted.journal, snapshots },
            start.folded.seq + 1,
            error,
          );
        }
        start = next;
      }
    }
  }

  /** What the head's note says; nothing, with a warning, when it can't be read. */
  noteOf(image: Head | undefined): StateNote {
    const bytes = image?.note;
    if (bytes === undefined) return {};
    if (this.#noted?.bytes === bytes) return this.#noted.note;
    let note: StateNote = {};
    try {
      note = decodeNote(bytes);
    } catch (error) {
      this.#facts.onWarning(error);
    }
    this.knows(bytes, note);
    return note;
  }

  /** Takes note of what bytes say. */
  knows(bytes: Uint8Array, note: StateNote): void {
    this.#noted = { bytes, note };
  }

  /** Forgets what was decoded, as somebody has changed it. */
  forget(): void {
    this.#noted = undefined;
  }

  /** Where to begin: with what leaves least to be read. */
  async #start(wanted: WantedState, passed: Set<string>): Promise<Start> {
    const { type, kept, image, bytes, signal } = wanted;
    const begun: Start = { folded: kept ?? foldedOf(type, bytes), covered: 0 };
    if (type.truth === 'events') return begun;
    const kind = kindOf(type);
    const note = this.noteOf(image);
    const { folded, stored } = note;
    const isOurs = note.kind === kind && folded !== undefined && folded.seq <= image.seq;
    let start = isOurs ? { ...begun, covered: folded.seq } : begun;
    if (isOurs && folded.seq > begun.folded.seq) start = { folded: frozen(folded, bytes), covered: folded.seq };
    const isInTail = start.folded.seq + 1 >= (image.tail[0]?.first ?? image.seq + 1);
    if (isInTail || image.note === undefined) return start;
    // A note that can be read and names no snapshot: there is none.
    if (stored === undefined && note.kind !== undefined) return start;
    if (stored?.kind === kind) {
      if (stored.seq <= start.folded.seq) return start;
      passed.add(stored.id);
      const restored = await this.#facts.snapshots.tryRead(stored, signal);
      if (restored !== undefined) return startAt(restored, bytes);
    }
    const newest = await this.#newest(wanted, passed);
    return newest !== undefined && newest.folded.seq > start.folded.seq ? newest : start;
  }

  async #newest({ type, image, bytes, signal }: WantedState, passed: Set<string>): Promise<Start | undefined> {
    const restored = await this.#facts.snapshots.newest(kindOf(type), image.seq, passed, signal);
    return restored && startAt(restored, bytes);
  }

  async #fold({ type, image, journal, bytes, signal }: WantedState, { folded: begun, from }: Start): Promise<Folded> {
    const { recorder } = this.#facts;
    let folded = begun;
    if (folded.seq >= image.seq) return folded;
    const first = folded.seq + 1;
    const batches =
      from === undefined ? journal.batchesTo(image, first, signal) : journal.batchesFrom(from, first, image, signal);
    for await (const batch of batches) {
      for (const read of batch) {
        folded = replayAll(type, folded, recorder.records(read, folded.seq + 1, image.seq));
      }
    }
    return frozen(folded, bytes);
  }
}

function startAt({ folded, from, bytes: size }: Restored, bytes: FrozenBytes): Start {
  return { folded: frozen(folded, bytes), covered: folded.seq, from, bytes: size };
}

function frozen({ state, seq }: Folded, bytes: FrozenBytes): Folded {
  return { state: freezeState(state, bytes), seq };
}
