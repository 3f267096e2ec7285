/**
 * The reading half of a journal: follows the head, and hands each commit to the consumer, in order, once.
 *
 *   head image ─► read from the cursor to exactly there ─► consumer.apply(commit) ─► cursor behind it
 *                      │ missing, damaged, does not join on
 *                      ▼
 *                 the pointer, read afterwards: pruned ─► recover from the snapshot; else JournalGapError
 *
 * One fold at a time. A commit that was made here moves the cursor as well (`took`), even while a fold is under way, which then
 * passes over it.
 */
import type { ItemAtom, WriteOnceItems } from '../atom/index.js';
import type { Clock } from '../engine/index.js';
import { BodiesAhead } from './bodies-ahead.js';
import type { Commit } from './commit.js';
import { Cursor, type CursorFacts } from './cursor.js';
import { JournalCompactedError, JournalFormatError, JournalGapError } from './errors.js';
import type { Head } from './head.js';
import { requireHead } from './heads.js';
import type { JournalKeys } from './keys.js';
import { tailFrom } from './protocol.js';
import { type ReadCommit, readCommits, Trouble } from './reader.js';
import type { Floor } from './spiller.js';

/** What a journal is folded into. */
export interface Consumer {
  /**
   * Takes the next commit. Synchronous. When it throws, nothing of the commit may have been taken; the error reaches whoever
   * asked, and the same commit comes again.
   */
  apply(read: ReadCommit): void;
  /**
   * Present where commits may be passed over, as their events can be read again when they are wanted: then a fold that has far to
   * go, for an append, jumps to the head, and this is told of it. What was taken before is as it was, and no longer the newest.
   */
  jumped?(image: Head): void;
}

export interface FollowerOptions {
  readonly name: string;
  readonly label: string;
  /** Others that are read as well. */
  readonly otherLabels: readonly string[];
  readonly items: WriteOnceItems;
  readonly keys: JournalKeys;
  readonly head: ItemAtom<Head>;
  readonly clock: Clock;
  readonly consumer: Consumer;
  readonly readFloor: () => Promise<Floor>;
  /** Loads the newest snapshot into the consumer and calls `restore`; absent where there are no snapshots. */
  readonly recover?: (() => Promise<void>) | undefined;
}

/** Who may jump reads no more pages than these before an append. */
const pagesFoldedMax = 4;
/** A fold lets other work in after so long. */
const sliceMs = 20;

export class Follower {
  readonly #options: FollowerOptions;
  readonly #ahead: BodiesAhead;
  /** Name of the writer here, while it waits for its turn. */
  #eager: string | undefined;
  #cursor = new Cursor();
  #image: Head | undefined;
  #journalId: string | undefined;
  /** The fold under way. */
  #folding: Promise<void> = Promise.resolve();
  #seqWanted = 0;
  /** How often a snapshot was loaded. */
  #restores = 0;
  /** Whether commits were passed over, so that not all writers are known. */
  #hasJumped = false;
  /** Told of each commit that is folded; for a writer in search of its own. */
  readonly #watches = new Set<(commit: Commit) => void>();

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#ahead = new BodiesAhead(options.items, options.keys);
  }

  get cursor(): Cursor {
    return this.#cursor;
  }

  /** The head at the cursor; `undefined` before the first commit and within a fold. */
  get image(): Head | undefined {
    return this.#image?.place === this.#cursor.place ? this.#image : undefined;
  }

  /** The journal's own id, once its head was seen. */
  get journalId(): string | undefined {
    return this.#journalId;
  }

  get seqWanted(): number {
    return this.#seqWanted;
  }

  get restores(): number {
    return this.#restores;
  }

  /** Whether commits were passed over: then the cursor does not know all writers. */
  get hasJumped(): boolean {
    return this.#hasJumped;
  }

  /** Calls `watch` for each commit that is folded from now on, until the function that is returned is called. */
  watch(watch: (commit: Commit) => void): () => void {
    this.#watches.add(watch);
    return () => this.#watches.delete(watch);
  }

  /** While `work` runs, for the writer that is here, bodies that others will probably name next are fetched before they do. */
  async eagerly<T>(writer: string, work: () => Promise<T>): Promise<T> {
    this.#eager = writer;
    try {
      return await work();
    } finally {
      this.#eager = undefined;
    }
  }

  /** Goes on from a snapshot. The consumer holds its state already. */
  restore(facts: CursorFacts): void {
    this.#cursor = new Cursor(facts);
    this.#image = undefined;
    this.#restores += 1;
    this.#hasJumped = false;
  }

  /** @throws {JournalFormatError} `ERR_JOURNAL_FORMAT`, when the head is not one of this journal's. */
  accept(image: Head): Head {
    const { name, label, otherLabels } = this.#options;
    requireHead(name, image, [label, ...otherLabels]);
    this.#journalId ??= image.journalId;
    if (image.journalId !== this.#journalId) {
      const remedy = 'it was deleted and made again meanwhile; open it again';
      throw new JournalFormatError(name, 'id', image.journalId, this.#journalId, remedy);
    }
    return image;
  }

  /**
   * Reads the head and folds up to it.
   *
   * @consistency `strong`: afterwards everything that was in the journal at the call has been folded. `eventual`: at half the
   * price, perhaps a moment behind.
   */
  async catchUp(consistency: 'strong' | 'eventual', signal?: AbortSignal): Promise<void> {
    for (;;) {
      const { place } = this.#cursor;
      let image = await this.#options.head.deref({ consistency, signal });
      // A read that may be behind proves no loss.
      if (image === undefined && consistency === 'eventual' && place > 0) {
        image = await this.#options.head.deref({ signal });
      }
      // Another look may have found the first commit while this one was on its way.
      if (image === undefined) return this.#requireNone(place);
      this.accept(image);
      // Any other does: what is known here was in the head before it began.
      if (consistency === 'strong' && image.place < place) this.#fail('gap', image);
      if (await this.foldTo(image, signal)) return;
    }
  }

  /** Folds up to `image`, or further if that was done already; `false` when a snapshot was loaded on the way: read the head anew. */
  async foldTo(image: Head, signal?: AbortSignal): Promise<boolean> {
    if (image.place > this.#cursor.place) {
      const before = this.#folding;
      const fold = before.catch(() => {}).then(() => this.#fold(image, signal));
      this.#folding = fold;
      fold.catch(() => {});
      await fold;
    } else await this.#folding.catch(() => {});
    // A head before its first commit is nobody's yet: who makes the first one gives the journal its id.
    if (this.#cursor.place === image.place && image.place > 0) {
      // As far as here, but by other commits: a table that was put back, and has gone on.
      if (this.#cursor.chain !== image.chain) this.#fail('diverged', image);
      this.#note(image);
    }
    return this.#cursor.place >= image.place;
  }

  /** Folds up to `image`, which a decision is to be made on, or further if that was done already. */
  async foldOrJump(image: Head): Promise<void> {
    if (!this.#jump(image)) await this.foldTo(image);
  }

  /** Goes on from `image` without reading what lies before it. Only what comes after it is told to the consumer. */
  jump(image: Head): void {
    const { place, seq, time, chain, pages } = image;
    this.restore({ place, seq, time, chain, page: pages, writers: [] });
    this.#hasJumped = true;
    this.#note(image);
  }

  /** Goes on from `image`: folds where that takes no request, else jumps; `true` when it jumped. */
  async reach(image: Head): Promise<boolean> {
    const { place } = this.#cursor;
    if (image.place <= place) return false;
    const isAtHand = place > 0 && image.tail.length > 0 && tailFrom(image) <= place + 1;
    if (isAtHand && image.tail.every((commit) => commit.place <= place || commit.body === undefined)) {
      try {
        return !(await this.foldTo(image));
      } catch {
        // A table that was put back, for instance: then the head counts.
      }
    }
    this.jump(image);
    return true;
  }

  #jump(image: Head): boolean {
    const { consumer } = this.#options;
    if (consumer.jumped === undefined || image.place <= this.#cursor.place) return false;
    const isFar = image.pages - this.#cursor.page > pagesFoldedMax && tailFrom(image) > this.#cursor.place + 1;
    // Of a journal that was erased there is nothing to read.
    if (!isFar && image.tail.length > 0) return false;
    this.jump(image);
    consumer.jumped(image);
    return true;
  }

  /** Takes note of a commit that was made here; `false` when it was folded already. */
  took(commit: Commit, next: Head): boolean {
    if (this.#cursor.place !== commit.place - 1) return false;
    this.#cursor.take(commit, next.chain);
    this.#note(next);
    return true;
  }

  #note(image: Head): void {
    this.#image = image;
    this.#seqWanted = image.seq;
    this.#journalId = image.journalId;
    this.#cursor.page = image.pages;
    if (this.#eager !== undefined) this.#expectBodies(image, this.#eager);
  }

  /** Whoever has committed a body lately will have put the next one. */
  #expectBodies({ tail }: Head, own: string): void {
    const writers = new Set<string>();
    for (const { body, writer } of tail) if (body !== undefined && writer !== own) writers.add(writer);
    const expected = [...writers].flatMap((writer) => {
      const last = this.#cursor.writers.get(writer);
      return last === undefined ? [] : [{ writer, n: last + 1 }];
    });
    this.#ahead.expect(expected);
  }

  async #fold(image: Head, signal: AbortSignal | undefined): Promise<void> {
    const { items, keys, consumer, clock } = this.#options;
    const { place, seq, chain, page } = this.#cursor;
    if (image.place <= place) return;
    this.#seqWanted = image.seq;
    let sliceEnd = clock.monotonicMs() + sliceMs;
    try {
      for await (const batch of readCommits(
        { items, keys, ahead: this.#ahead, signal },
        { place, seq, chain, page },
        image,
      )) {
        for (const read of batch) {
          if (read.commit.place <= this.#cursor.place) continue;
          consumer.apply(read);
          this.#cursor.take(read.commit, read.chain);
          for (const watch of this.#watches) watch(read.commit);
          if (clock.monotonicMs() < sliceEnd) continue;
          await new Promise(setImmediate);
          sliceEnd = clock.monotonicMs() + sliceMs;
        }
      }
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      await this.#explain(error, page, image);
      return;
    }
    if (this.#cursor.place === image.place) this.#note(image);
  }

  /** Something is not as it should be: pruned away, or lost. The pointer is read now, not before. */
  async #explain({ key, reason }: Trouble, page: number, image: Head): Promise<void> {
    const { name, consumer, readFloor, recover } = this.#options;
    const { seq } = this.#cursor;
    const { prunedTo } = await readFloor();
    if (prunedTo <= page) throw new JournalGapError(name, { key, reason, from: seq, to: image.seq });
    if (consumer.jumped !== undefined) {
      this.jump(image);
      consumer.jumped(image);
      return;
    }
    if (recover === undefined) throw new JournalCompactedError(name, seq + 1);
    await recover();
    // A snapshot of which the journal's next page may be gone leads nowhere, however often it is loaded.
    if (this.#cursor.page < prunedTo) throw new JournalCompactedError(name, this.#cursor.seq + 1);
  }

  /** The head is not one that what is known here can have come to. */
  #fail(reason: 'gap' | 'diverged', image: Head): never {
    const { name, keys } = this.#options;
    throw new JournalGapError(name, { key: keys.head, reason, from: this.#cursor.seq, to: image.seq });
  }

  /** There is no head: right before the first commit, a loss after it. */
  #requireNone(place: number): void {
    const { name, keys } = this.#options;
    const { seq } = this.#cursor;
    if (place > 0) throw new JournalGapError(name, { key: keys.head, reason: 'missing', from: seq, to: seq });
  }
}
