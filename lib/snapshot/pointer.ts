/**
 * The pointer to the snapshots: the one place that says which there are, and what may be deleted.
 *
 *   make a snapshot   begin ─► put parts (grow before more of them) ─► move
 *   prune             plan ─► delete bodies, pages, parts ─► finish
 *   read slowly       register ─► … ─► release
 *
 * Each arrow to the pointer is one swap of its atom, whose function is one of `pointer-rules.ts`. So of any number of
 * snapshotters and pruners at once, on any number of machines, each either takes its turn or is told what stands against it.
 */
import type { AtomTable, CallOptions, ItemAtom } from '../atom/index.js';
import { compactCodec, type SealingCodec, withForm } from '../codec/index.js';
import { type Clock, systemClock } from '../engine/index.js';
import { SnapshotPointerError } from './pointer-errors.js';
import * as rules from './pointer-rules.js';
import {
  type Making,
  noSnap,
  type RegisteredReader,
  readersMax,
  requireEntry,
  requireId,
  requireParts,
  requireSnap,
  type SnapEntry,
  type SnapValue,
  snapshotsMax,
} from './pointer-value.js';
import { requireSnapshotRetention, retainedIds, type SnapshotRetention } from './retention.js';

/** Options of {@link SnapshotPointer}. */
export interface SnapshotPointerOptions {
  /**
   * A snapshot under way of which nothing was heard for so long counts as given up, by the clock of who looks.
   * @defaultValue 1 hour
   */
  readonly makingMsMax?: number;
  /** @defaultValue the process's clocks */
  readonly clock?: Clock;
  /** What the pointer is sealed with. @defaultValue nothing: native attributes, readable in the console */
  readonly codec?: SealingCodec | undefined;
}

/** What `SnapshotPointer.plan` decides by. */
export interface PruneChoices extends SnapshotRetention {
  /** The journal is kept from there on; see `journalBound`. @defaultValue the oldest kept snapshot decides alone */
  readonly bound?: rules.PageStart | undefined;
}

/** A reader that registers. */
export interface ReaderToRegister extends rules.ReaderLike {
  /** For how long, in milliseconds; at most a day. Registering again renews it. */
  readonly forMs: number;
  /** The snapshot that it started from, if any. */
  readonly snapshot?: string | undefined;
}

const makingMsMaxDefault = 60 * 60 * 1_000;
const registrationMsMax = 24 * 60 * 60 * 1_000;

/** The pointer of one journal. Making it sends nothing. */
export class SnapshotPointer {
  readonly #atom: ItemAtom<SnapValue, SnapValue>;
  readonly #clock: Clock;
  readonly #makingMsMax: number;
  #journalId: string | undefined;

  constructor(table: AtomTable, key: unknown, options: SnapshotPointerOptions = {}) {
    const { makingMsMax = makingMsMaxDefault, clock = systemClock, codec: sealing } = options;
    if (!(makingMsMax > 0)) {
      throw new RangeError(`Cannot open a snapshot pointer: makingMsMax must be a positive number: ${makingMsMax}`);
    }
    const codec = sealing === undefined ? 'native' : withForm(sealing, compactCodec);
    this.#atom = table.atomOf<SnapValue>(key, { initial: noSnap, codec, large: 'refuse' });
    this.#clock = clock;
    this.#makingMsMax = makingMsMax;
  }

  get key(): string {
    return this.#atom.key;
  }

  /**
   * Says which journal this pointer belongs to. Whoever recovers learns it from the head, which is read after the pointer; from here on
   * a pointer of another journal is refused, and only from here on anything can be written.
   */
  bind(journalId: string): void {
    requireId(journalId);
    if (this.#journalId !== undefined && this.#journalId !== journalId) {
      throw new TypeError(`Cannot bind a snapshot pointer to ${journalId}: it is bound to ${this.#journalId}`);
    }
    this.#journalId = journalId;
  }

  /**
   * The pointer as of now.
   *
   * @consistency As new as the instant of the call.
   * @cost 1 read unit per 4 KB.
   * @throws {SnapshotPointerError} `ERR_SNAPSHOT_POINTER`, and what `ItemAtom.deref` throws.
   */
  async read(options: CallOptions = {}): Promise<SnapValue> {
    return this.#accept(await this.#atom.deref({ ...options, consistency: 'strong' }));
  }

  /**
   * Says that a snapshot is being made, before its first part is put. Its `id` is of this attempt alone.
   *
   * @param made `parts`: how many may be put before `grow`
   * @throws {SnapshotPointerError} `ERR_SNAPSHOT_POINTER`, `full` among others.
   */
  async begin(made: rules.Unnamed, options: CallOptions = {}): Promise<void> {
    const making = this.#making(made);
    await this.#swap((snap) => [this.#begin(snap, making), undefined], options);
  }

  /**
   * As `begin`, unless somebody else is at it (`busy`) or has made a snapshot since `newestKnown`, the id of the newest that is known
   * here, `undefined` for none (`overtaken`). For snapshots that any instance may make, and one should.
   */
  beginIfDue(
    made: rules.Unnamed,
    newestKnown: string | undefined,
    options: CallOptions = {},
  ): Promise<'begun' | 'busy' | 'overtaken'> {
    const making = this.#making(made);
    return this.#swap((snap) => {
      const obstacle = rules.standsAgainst(snap, newestKnown, (other) => other.id === making.id || this.#isDead(other));
      return obstacle === undefined ? [this.#begin(snap, making), 'begun'] : [snap, obstacle];
    }, options);
  }

  /** Room for `parts` parts in all, before the first is put that is beyond the room there was; also a sign of life. */
  grow(made: rules.Unnamed, options: CallOptions = {}): Promise<'grown' | 'swept'> {
    const making = this.#making(made);
    return this.#swap((snap) => {
      const grown = rules.grow(snap, making);
      return grown === 'swept' ? [snap, grown] : [grown, 'grown'];
    }, options);
  }

  /**
   * Publishes a snapshot whose parts are all stored for certain.
   *
   * `overtaken`: a newer one is there, and the next prune deletes the parts of this one. `swept`: it was given up meanwhile, and its parts
   * may be deleted already; whoever made it deletes them all.
   */
  move(entry: SnapEntry, options: CallOptions = {}): Promise<'moved' | 'overtaken' | 'swept'> {
    requireEntry(entry);
    return this.#swap((snap) => {
      const { parts = entry.parts } = snap.making.find(({ id }) => id === entry.id) ?? {};
      if (entry.parts > parts) {
        throw new RangeError(
          `Cannot publish snapshot ${entry.id}: it has ${entry.parts} parts, the pointer knows of ${parts}; call grow() first`,
        );
      }
      return published(snap, entry, rules.movePointer(snap, entry));
    }, options);
  }

  /**
   * Publishes the snapshot that a journal begins with, whose parts are all stored for certain: nothing before it can be read. The head is at
   * its place already, and lets nobody append before this is done.
   */
  moveToFirst(entry: SnapEntry, options: CallOptions = {}): Promise<'moved' | 'overtaken' | 'swept'> {
    requireEntry(entry);
    return this.#swap((snap) => {
      return published(snap, entry, isIn(snap.kept, entry.id) ? snap : rules.moveToFirst(snap, entry));
    }, options);
  }

  /** Gives up a snapshot under way, after its last put was answered. The next prune deletes its parts. */
  abandon(id: string, options: CallOptions = {}): Promise<void> {
    return this.#swap((snap) => [isIn(snap.making, id) ? rules.abandon(snap, id) : snap, undefined], options);
  }

  /** Keeps a snapshot whatever the retention says, or not any more. `false` when it is not kept now. */
  pin(id: string, pinned: boolean, options: CallOptions = {}): Promise<boolean> {
    const asPinned = (entry: SnapEntry): SnapEntry => {
      const { pinned: _before, ...rest } = entry;
      return pinned ? { ...rest, pinned } : rest;
    };
    return this.#swap((snap) => {
      const kept = snap.kept.map((entry) => (entry.id === id ? asPinned(entry) : entry));
      return [{ ...snap, kept }, isIn(kept, id)];
    }, options);
  }

  /**
   * Says what is to go, before anything is deleted. What comes back says what to delete:
   * of the pages `sweptFrom` to `prunedTo - 1` first the bodies that their commits with `place < prunedFrom` answer for, then the page;
   * then the parts in `dropping`; then call `finish` with it. Dying in between is harmless: the next prune goes over it again.
   */
  plan(choices: PruneChoices, options: CallOptions = {}): Promise<SnapValue> {
    const { bound, ...retention } = choices;
    requireSnapshotRetention(retention);
    return this.#swap((snap) => {
      const kept = retainedIds(snap.kept, retention);
      const now = this.#now();
      const planned = rules.plan(snap, {
        keeps: ({ id }) => kept.has(id),
        isDead: (made) => this.#isDead(made),
        isExpired: (reader) => isExpired(reader, now),
        bound,
      });
      return [planned, planned];
    }, options);
  }

  /** Says that all is gone that `planned` says. */
  finish(planned: SnapValue, options: CallOptions = {}): Promise<void> {
    return this.#swap((snap) => [rules.finish(snap, planned), undefined], options);
  }

  /** Promises a reader that nothing goes that it wants. `pruned`: some of it did already. */
  async register(reader: ReaderToRegister, options: CallOptions = {}): Promise<'registered' | 'pruned'> {
    const { id, page, from, forMs, snapshot } = reader;
    requireId(id);
    if (!(forMs > 0 && forMs <= registrationMsMax)) {
      throw new RangeError(
        `Cannot register a reader: forMs must be above 0 and at most ${registrationMsMax}: ${forMs}`,
      );
    }
    return this.#swap((snap) => {
      const now = this.#now();
      const others = snap.readers.filter((other) => other.id !== id && !isExpired(other, now));
      if (others.length >= readersMax) this.#refuse('full', `${readersMax} readers are registered; release some`);
      const own = { id, page, from, until: now + Math.ceil(forMs) };
      const registered = rules.register({ ...snap, readers: others }, own, snapshot);
      return registered === 'pruned' ? [snap, registered] : [registered, 'registered'];
    }, options);
  }

  /** Takes back the promise. */
  release(reader: string, options: CallOptions = {}): Promise<void> {
    return this.#swap(
      (snap) => [isIn(snap.readers, reader) ? rules.unregister(snap, reader) : snap, undefined],
      options,
    );
  }

  /** Clocks of others may tell fractions; the item holds whole numbers. */
  #now(): number {
    return Math.max(0, Math.floor(this.#clock.now()));
  }

  #making({ id, parts }: rules.Unnamed): Making {
    requireId(id);
    requireParts(parts);
    return { id, parts, at: this.#now() };
  }

  #begin(snap: SnapValue, made: Making): SnapValue {
    const { kept, making, dropping } = snap;
    const count = kept.length + making.length + dropping.length;
    // Only here it grows: all others move snapshots from one list to the next.
    if (count >= snapshotsMax && !isIn(making, made.id)) {
      this.#refuse('full', `it names ${count} snapshots, the limit is ${snapshotsMax}; prune first, or keep fewer`);
    }
    return rules.begin(snap, made);
  }

  /** A clock that is far ahead must not keep a snapshot under way for ever. */
  #isDead({ at }: Making): boolean {
    return Math.abs(this.#now() - at) >= this.#makingMsMax;
  }

  #swap<R>(f: (snap: SnapValue) => readonly [SnapValue, R], options: CallOptions): Promise<R> {
    return this.#atom.swapWith<R>((value) => {
      const journalId = this.#journalId;
      if (journalId === undefined) {
        throw new TypeError(
          `Cannot write snapshot pointer ${this.key}: it is not bound to a journal; call bind() first`,
        );
      }
      const snap = this.#accept(value);
      const [next, result] = f(snap);
      return [next === snap ? snap : { ...next, journalId }, result];
    }, options);
  }

  #accept(value: SnapValue): SnapValue {
    const snap = requireSnap(value, this.key);
    const { journalId } = snap;
    if (this.#journalId !== undefined && journalId !== '' && journalId !== this.#journalId) {
      this.#refuse(
        'other-journal',
        `it belongs to journal ${journalId}, the head is of ${this.#journalId}; delete what is left of the old journal, pointer included`,
      );
    }
    return snap;
  }

  #refuse(reason: 'full' | 'other-journal', detail: string): never {
    throw new SnapshotPointerError(this.key, reason, detail);
  }
}

/** The pointer after a snapshot was to be published, and what became of that. */
function published(
  snap: SnapValue,
  { id }: SnapEntry,
  moved: SnapValue | 'overtaken' | 'swept',
): readonly [SnapValue, 'moved' | 'overtaken' | 'swept'] {
  if (moved === 'swept') return [snap, moved];
  return moved === 'overtaken' ? [rules.abandon(snap, id), moved] : [moved, 'moved'];
}

/** Beyond what can be asked for, it is of a clock that is ahead. */
function isExpired({ until }: RegisteredReader, now: number): boolean {
  return until <= now || until > now + 2 * registrationMsMax;
}

function isIn(all: readonly { readonly id: string }[], id: string): boolean {
  return all.some((one) => one.id === id);
}
