/**
 * The turn of one batch in one journal: from a base to the head after it, as often as the base has to be a newer one.
 *
 *   begin ─► ground (fold to the base) ─► decide (on exactly that state) ─► next (trim, commit) ─► [ write ] ─► applied
 *               ▲                                                                                 │ lost the race
 *               └─────────────────────────────────────────────────────────────────────────────────┘
 *
 * Who writes is left open: a swap of the head, or a transaction on the heads of several journals.
 */
import type { ItemAtom } from '../atom/index.js';
import { linesIn } from '../codec/index.js';
import type { Clock } from '../engine/index.js';
import type { Appended, Batch, Draft, PreparedBody } from './batch.js';
import type { Binder } from './binder.js';
import { chainAfter } from './chain.js';
import type { Commit } from './commit.js';
import { JournalClosedError, JournalGapError } from './errors.js';
import type { Follower } from './follower.js';
import { emptyHead, type Head, tailBytes } from './head.js';
import type { HeadRoom } from './head-room.js';
import type { JournalKeys } from './keys.js';
import type { Numbered, Numbering } from './numbering.js';
import { append, type Fate, fateOf, nameVolumes, trim } from './protocol.js';
import type { Right } from './right.js';
import type { Spiller } from './spiller.js';

/** What a journal lends to the turns in it. */
export interface TurnRooms {
  readonly name: string;
  readonly label: string;
  readonly keys: JournalKeys;
  readonly head: ItemAtom<Head>;
  readonly follower: Follower;
  readonly spiller: Spiller;
  /** Absent where volumes are not bound. */
  readonly binder?: Binder | undefined;
  readonly clock: Clock;
  readonly newJournalId: () => string;
  readonly numbers: Numbering;
  readonly right: Right;
  readonly room: HeadRoom;
  /** Puts the body of a batch again, under a number that can still be committed, in the place of the one that was given. */
  readonly prepareAgain: (batch: Batch, given: PreparedBody) => Promise<PreparedBody>;
}

/** Thrown within a write to leave it without writing; the atom confirms that the base was current. */
export class Nothing extends Error {}

/** Thrown to begin the write anew, once `mend` was called. */
export class Anew extends Error {
  readonly mend: () => void;

  constructor(mend: () => void) {
    super();
    this.mend = mend;
  }
}

/** What a turn found out about its commit that the head's evidence cannot tell. */
export interface FoundFate {
  readonly fate: Fate;
  /** What stood in the way of finding out. */
  readonly cause?: unknown;
}

/** Of the room in the head, what a tail may take before who made it so long spills it, and before the others look after it. */
const spillAt = 0.55;
const lookAt = 0.75;
/** Times that a head may be older than what was read before; a few are races between two reads. */
const staleMax = 100;

/** The head that the last run tried to make. */
interface Sent {
  readonly image: Head;
  time: number;
  draft?: Draft;
  next?: Head;
  commit?: Commit;
  trimmed?: number | undefined;
}

export class Turn {
  readonly #rooms: TurnRooms;
  readonly #batch: Batch;
  #own: Numbered;
  #runs = 0;
  #stale = 0;
  #sent: Sent | undefined;
  /** Commits under this turn's number that were folded while it was written. */
  #seen: Commit[] = [];
  #restores = 0;

  constructor(rooms: TurnRooms, batch: Batch, own: Numbered) {
    this.#rooms = rooms;
    this.#batch = batch;
    this.#own = own;
  }

  get head(): ItemAtom<Head> {
    return this.#rooms.head;
  }

  /** While `work` runs, bodies that others will probably name next are fetched before they do. */
  eagerly<T>(work: () => Promise<T>): Promise<T> {
    const { follower, numbers } = this.#rooms;
    return follower.eagerly(numbers.writer, work);
  }

  /** Before each write: the number is one that can be committed. */
  async begin(): Promise<void> {
    const { numbers, prepareAgain } = this.#rooms;
    numbers.requireKnown();
    if (numbers.canCommit(this.#own)) return;
    const { ref, ...name } = this.#own;
    this.#own = ref === undefined ? numbers.take() : await prepareAgain(this.#batch, { ...name, ref });
  }

  /** Runs a write, and watches what is folded meanwhile. */
  async watching<T>(write: () => Promise<T>): Promise<T> {
    const { follower } = this.#rooms;
    this.#seen = [];
    this.#restores = follower.restores;
    const unwatch = follower.watch((commit) => {
      const { writer, n } = this.#own;
      if (commit.writer === writer && commit.n === n) this.#seen.push(commit);
    });
    try {
      return await write();
    } finally {
      unwatch();
    }
  }

  /** Folds to a base. */
  async ground(value: Head | undefined): Promise<void> {
    const { name, label, follower, spiller, newJournalId } = this.#rooms;
    this.#runs += 1;
    const image = value === undefined ? emptyHead(newJournalId(), label) : follower.accept(value);
    this.#sent = { image, time: image.time };
    spiller.saw(image, undefined);
    // Said first: of one that is closed for good there may be nothing to fold any more.
    if (this.#batch.claims !== true && image.closed !== undefined) throw new JournalClosedError(name, image.closed);
    await follower.foldOrJump(image);
  }

  /** Decides on exactly the base. Synchronous, so that nothing is folded between that and the decision. */
  decide(): void {
    const { follower, clock, numbers, right } = this.#rooms;
    const sent = this.#sent as Sent;
    const { image } = sent;
    // Another head is known already: whoever decides on this one decides in vain.
    if (follower.cursor.place !== image.place) throw new Anew(() => this.#countStale(image));
    // A snapshot that was loaded to get to the base hides nothing that comes after it.
    this.#restores = follower.restores;
    if (this.#batch.claims !== true) right.require(image);
    if (numbers.isRetired(follower.cursor.writers)) throw new Anew(() => numbers.rename());
    sent.time = Math.max(Math.floor(clock.now()), image.time);
    const draft = this.#batch.decide({ seq: image.seq, image, time: sent.time });
    if (draft === undefined) throw new Nothing();
    sent.draft = draft;
  }

  /** The head after what was decided. */
  async next(): Promise<Head> {
    const { spiller, room } = this.#rooms;
    const sent = this.#sent as Sent;
    const { image } = sent;
    let base = trim(image, spiller.known);
    let next = this.#headAfter(sent, base);
    if (base === image && image.tail.length > 0 && tailBytes(next.tail).byteLength > room.bytes(next.note)) {
      await spiller.wait(image);
      base = trim(image, spiller.known);
      // Rather a head of several units than no commit: when the page can't be told, it goes on without.
      if (base !== image) next = this.#headAfter(sent, base);
    }
    sent.next = next;
    sent.trimmed = base === image ? undefined : image.pages;
    return next;
  }

  /** Takes note that what was written last is in the journal. */
  applied(): Appended {
    const { follower, spiller, binder, room, numbers, right } = this.#rooms;
    const { image, next, trimmed, ...sent } = this.#sent as Sent;
    const head = next as Head;
    const roomBytes = room.bytes(head.note);
    const commit = sent.commit as Commit;
    if (commit.retires) numbers.giveBack(this.#own);
    else numbers.committed(this.#own);
    // At once, for the batches that wait behind it.
    if (this.#batch.claims === true) right.claimed(head);
    const adopted = follower.took(commit, head);
    if (adopted) this.#batch.adopt?.(commit);
    spiller.saw(head, trimmed);
    const bytes = tailBytes(head.tail).byteLength;
    const isOurs = trimmed !== undefined || tailBytes(image.tail).byteLength <= roomBytes * spillAt;
    if (bytes > roomBytes * (isOurs ? spillAt : lookAt)) spiller.begin(head, !isOurs);
    if (trimmed !== undefined || head.volumes !== image.volumes) binder?.begin(head);
    return { status: 'applied', commit, adopted, conflicts: this.#conflicts };
  }

  /** Takes note that nothing was written, and nothing will be. */
  nothing(): Appended {
    this.#rooms.numbers.giveBack(this.#own);
    return { status: 'nothing', conflicts: this.#conflicts };
  }

  /**
   * What became of a commit that the head's evidence can't tell any more. The journal can, while what came after the base can be
   * read; if not, it is unknown, whatever stood in the way of reading.
   */
  async fate(signal: AbortSignal): Promise<FoundFate> {
    const { follower } = this.#rooms;
    try {
      await follower.catchUp('strong', signal);
    } catch (cause) {
      return { fate: 'unknown', cause };
    }
    return { fate: fateOf(this.#seen, follower.restores === this.#restores, follower.cursor.writers, this.#own) };
  }

  /** Nobody can tell what became of it: nothing more is written here. */
  giveUp(cause: unknown): Error {
    return this.#rooms.numbers.giveUp(this.#own, cause);
  }

  /** Bases that were lost to others. */
  get #conflicts(): number {
    return Math.max(0, this.#runs - 1);
  }

  /** A head that others have moved on from is read anew. One that stays behind what was read before was put back by somebody. */
  #countStale(image: Head): void {
    this.#stale += 1;
    if (this.#stale < staleMax) return;
    const { name, keys, follower } = this.#rooms;
    const { seq } = follower.cursor;
    throw new JournalGapError(name, { key: keys.head, reason: 'gap', from: seq, to: image.seq });
  }

  #headAfter(sent: Sent, base: Head): Head {
    const { numbers, binder } = this.#rooms;
    const { writer, last } = numbers;
    const { image } = sent;
    const { n, ref } = this.#own;
    const draft = sent.draft as Draft;
    const { text, count, time = sent.time, skip = [], handlerVersion, stateDigest, retires, holds, marks = [] } = draft;
    const next = append(base, {
      ...{ count, time, skip, handlerVersion, stateDigest, marks },
      ...(retires === undefined ? { writer, n, prev: last } : { ...retires, prev: retires.n }),
      retires: retires !== undefined,
      text: ref === undefined ? text : '',
      body: ref,
    });
    const commit = next.tail.at(-1) as Commit;
    sent.commit = commit;
    requireReadable(commit, image);
    const chain = chainAfter(image.chain, commit);
    return kept(nameVolumes({ ...next, time, chain, ...holds }, binder?.bound), draft);
  }
}

/** What the head keeps beside its commits. */
function kept(head: Head, { note, closes, erases, label, beginsAt }: Draft): Head {
  const { note: noteBefore, closed: closedBefore, ...rest } = head;
  const noteNow = note === undefined ? noteBefore : (note ?? undefined);
  const closedNow = closes === undefined ? closedBefore : (closes ?? undefined);
  return {
    ...rest,
    ...(label !== undefined && { label }),
    ...(erases === true && { tail: [] }),
    ...(beginsAt !== undefined && { seq: beginsAt, pages: head.pages + 1, tail: [] }),
    ...(noteNow !== undefined && erases !== true && { note: noteNow }),
    ...(closedNow !== undefined && { closed: closedNow }),
  };
}

/** A commit that says what it does not hold would make the head unreadable for everybody: rather none than such a one. */
function requireReadable({ count, text, body, time, skip }: Commit, image: Head): void {
  const lines = linesIn(text);
  if (body === undefined && lines !== count) {
    throw new TypeError(`Cannot append to a journal: count is ${count}, the text has ${lines} lines`);
  }
  if (![count, time, ...skip].every((value) => Number.isSafeInteger(value) && value >= 0) || time < image.time) {
    throw new TypeError(`Cannot append to a journal: count ${count}, time ${time} or skip is out of range`);
  }
}
