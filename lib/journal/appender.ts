/**
 * The writing half of a journal: one commit at a time, each a swap of the head.
 *
 *   prepare   a large batch: its body is put, also while the swap of the one before is in flight
 *   append    swap: fold to the base ─► decide on exactly that state ─► trim, commit ─► applied
 *                    ▲                                                        │ lost the race: the new head is the base
 *                    └────────────────────────────────────────────────────────┘
 *
 * A writer is known by its name in the journal before it puts a body, and at most two bodies are ahead of its last commit:
 * so those that a crash leaves behind can be found. A writer that finds itself retired goes on under a new name.
 */
import { type ItemAtom, UnknownOutcomeError } from '../atom/index.js';
import type { Clock } from '../engine/index.js';
import type { Appended, Batch, Draft, PreparedBody } from './batch.js';
import { type BodyPlace, putBody } from './body.js';
import { chainAfter } from './chain.js';
import type { BodyRef, Commit } from './commit.js';
import { pack } from './commit-text.js';
import { AppendUnknownError, JournalClosedError, JournalGapError, NotWriterError } from './errors.js';
import { type Follower, StaleImage } from './follower.js';
import { emptyHead, type Head, tailBytes } from './head.js';
import { append, type BodyName, fateOf, isRetired, mayPutBody, trim } from './protocol.js';
import type { Spiller } from './spiller.js';

/** The writer's number that a batch goes by, and its body if it has one. */
interface Numbered extends BodyName {
  readonly ref?: BodyRef;
}

export interface AppenderOptions extends Pick<BodyPlace, 'items' | 'keys'> {
  readonly name: string;
  readonly label: string;
  readonly head: ItemAtom<Head>;
  readonly follower: Follower;
  readonly spiller: Spiller;
  readonly clock: Clock;
  /** The head's item is kept within this many bytes. */
  readonly headBytesMax: number;
  readonly newName: () => string;
  readonly newJournalId: () => string;
}

/** Thrown within a swap to leave it without writing; the atom confirms that the base was current. */
class Nothing extends Error {}
class Retired extends Error {}
/** Found out by reading on: to be sent again. */
class NotApplied extends Error {}

/** A writer's first word: a commit without events, so that its name is known before it puts a body. */
const firstWord: Batch = { decide: () => ({ text: '', count: 0 }) };

/** Each writer in the evidence takes about this much of the head's item; there are at most twice eight. */
const evidenceBytes = 15;
const evidenceWritersMax = 16;
/** What an item's other attributes take, and the head's facts beside its tail. */
const factsBytes = 85 + 120;
/** What a commit takes in a tail beside its events, about. */
const commitBytes = 40;
/** Tails of less are not worth a page. */
const roomBytesMin = 200;
/** Of a write unit. */
const unitBytes = 1_024;
/** Of the room in the head, what a tail may take before who made it so long spills it, and before the others look after it. */
const spillAt = 0.55;
const lookAt = 0.75;
/** Text this many times as large as the room will not fit, however well it packs. */
const packsMax = 12;
/** Times that a head may be older than what was read before; a few are races between two reads. */
const staleMax = 100;
/** Deadlines are the callers'; the swap goes on until it is settled. */
const foreverMs = 1e9;

/** The last head that a swap tried to make. */
interface Sent {
  image?: Head;
  next?: Head;
  commit?: Commit;
  trimmed?: number | undefined;
  runs: number;
}

export class Appender {
  readonly #options: AppenderOptions;
  readonly #abort = new AbortController();
  /** Constant over renames: who holds the journal alone. */
  readonly id: string;
  #writer: string;
  /** The number of the last commit, and the next one to use. */
  #last = 0;
  #next = 1;
  /** Of this instance's right to write alone. */
  #epoch: number | undefined;
  #appending: Promise<unknown> = Promise.resolve();
  /** Once an outcome is unknown for good, nothing more is written. */
  #poison: AppendUnknownError | undefined;

  constructor(options: AppenderOptions) {
    this.#options = options;
    this.#writer = options.newName();
    this.id = this.#writer;
  }

  get writer(): string {
    return this.#writer;
  }

  /** Bytes of packed commits that the head's tail may have, if its item is to cost what it may. */
  roomBytes(note: Uint8Array | undefined): number {
    const { headBytesMax, follower, keys, label } = this.#options;
    const writers = Math.min(follower.cursor.writers.size + 1, evidenceWritersMax);
    const names = Buffer.byteLength(keys.head) + Buffer.byteLength(label);
    const taken = factsBytes + names + writers * evidenceBytes + (note?.byteLength ?? 0);
    if (note === undefined) return Math.max(headBytesMax - taken, roomBytesMin);
    // A note that is larger than it may be makes the head dearer with each commit: then what is paid for is used.
    return Math.max(headBytesMax, Math.ceil((taken + roomBytesMin) / unitBytes) * unitBytes) - taken;
  }

  /** Whether events with this text go into the head itself, and not into a body. */
  fitsHead(text: string): boolean {
    const room = this.roomBytes(this.#options.follower.image?.note) - commitBytes;
    const bytes = Buffer.byteLength(text);
    if (bytes > room * packsMax) return false;
    return bytes <= room || pack(text).byteLength <= room;
  }

  /**
   * Puts the body of a batch that will be appended next.
   *
   * @throws what the store refused, `DeadlineError`: the body may stand there, and is swept one day.
   */
  async prepare(text: string): Promise<PreparedBody> {
    if (this.#poison !== undefined) throw this.#poison;
    if (!mayPutBody(this.#next, this.#last)) {
      await this.#appending.catch(() => {});
      if (!mayPutBody(this.#next, this.#last)) await this.append(firstWord);
    }
    return this.#put(text);
  }

  /**
   * Appends a batch; resolves when its fate is certain. One at a time, in the order of the calls.
   *
   * @throws what `decide` throws, on a state that is confirmed; {@link NotWriterError}; {@link AppendUnknownError};
   * `UnknownOutcomeError` when it is stopped by `stop` in mid-flight; what the store refused, and what was found wrong in the
   * journal: then nothing was appended.
   */
  append(batch: Batch, body?: PreparedBody): Promise<Appended> {
    // The number is taken now, so that a body that is prepared before this batch's turn comes gets a later one.
    const own = body ?? this.#take();
    const { follower } = this.#options;
    const appended = this.#appending
      .catch(() => {})
      .then(() => follower.eagerly(this.#writer, () => this.#append(batch, own)));
    this.#appending = appended;
    appended.catch(() => {});
    return appended;
  }

  /** Writes as anybody again, and not as the one holder. */
  forgetEpoch(): void {
    this.#epoch = undefined;
  }

  /** Waits for what is under way; with `stop`, gives up on it. */
  async close(): Promise<void> {
    await this.#appending.catch(() => {});
  }

  stop(reason: unknown): void {
    this.#abort.abort(reason);
  }

  async #append(batch: Batch, numbered: Numbered): Promise<Appended> {
    let own = numbered;
    let [runs, stale] = [0, 0];
    for (;;) {
      if (this.#poison !== undefined) throw this.#poison;
      // Numbers are committed in order: one of a name that is given up, or that was passed over, is of no use any more.
      if (own.writer !== this.#writer || own.n <= this.#last) {
        own = own.ref === undefined ? this.#take() : await this.#prepareAgain(batch);
      }
      const sent: Sent = { runs: 0 };
      try {
        await this.#swap(batch, own, sent);
        runs += sent.runs;
        return { ...this.#applied(batch, sent, own), conflicts: runs - 1 };
      } catch (error) {
        runs += sent.runs;
        if (error instanceof Nothing) {
          this.#giveBack(own);
          return { status: 'nothing', conflicts: Math.max(0, runs - 1) };
        }
        if (error instanceof Retired) this.#rename();
        else if (error instanceof StaleImage) {
          stale += 1;
          this.#countStale(sent, stale);
        } else if (!(error instanceof NotApplied)) throw error;
      }
    }
  }

  /** A head that others have moved on from is read anew. One that stays behind what was read before was put back by somebody. */
  #countStale({ image }: Sent, stale: number): void {
    if (stale < staleMax) return;
    const { name, keys, follower } = this.#options;
    const { seq } = follower.cursor;
    throw new JournalGapError(name, { key: keys.head, reason: 'gap', from: seq, to: image?.seq ?? 0 });
  }

  /** One swap of the head, settled. */
  async #swap(batch: Batch, own: Numbered, sent: Sent): Promise<void> {
    const { head, follower } = this.#options;
    const seen: Commit[] = [];
    let restores = follower.restores;
    const unwatch = follower.watch((commit) => {
      if (commit.writer === own.writer && commit.n === own.n) seen.push(commit);
    });
    try {
      await head.swap(
        async (value) => {
          const next = await this.#commitOn(value, batch, own, sent);
          // A snapshot that was loaded to get to the base hides nothing that comes after it.
          restores = follower.restores;
          return next;
        },
        { coalesce: false, timeoutMs: foreverMs, signal: this.#abort.signal },
      );
    } catch (error) {
      if (!(error instanceof UnknownOutcomeError) || error.reason === 'in-flight') throw error;
      // The head's evidence can't tell any more. The journal can, while what came after the base can be read.
      // If not, it is unknown, whatever stood in the way of reading.
      await follower.catchUp('strong', this.#abort.signal).catch((cause: unknown) => this.#giveUp(own, cause));
      const fate = fateOf(seen, follower.restores === restores, follower.cursor.writers, own);
      if (fate === 'unknown') this.#giveUp(own, error);
      if (fate === 'not-applied') throw new NotApplied();
    } finally {
      unwatch();
    }
  }

  #giveUp({ writer, n }: Numbered, cause: unknown): never {
    this.#poison = new AppendUnknownError(this.#options.name, writer, n, cause);
    throw this.#poison;
  }

  #take(): Numbered {
    const n = this.#next;
    this.#next += 1;
    return { writer: this.#writer, n };
  }

  /** A number that nothing stands under, in the journal or beside it, is used for the next batch. */
  #giveBack({ writer, n, ref }: Numbered): void {
    if (ref === undefined && writer === this.#writer && this.#next === n + 1) this.#next = n;
  }

  /** Puts a body again, under a number that can still be committed. */
  async #prepareAgain({ bodyText }: Batch): Promise<PreparedBody> {
    if (!mayPutBody(this.#next, this.#last)) await this.#append(firstWord, this.#take());
    return this.#put(bodyText as string);
  }

  async #put(text: string): Promise<PreparedBody> {
    const { items, keys, follower } = this.#options;
    const name = this.#take();
    // This writer has committed, so the journal is there.
    const journalId = follower.journalId as string;
    return { ...name, ref: await putBody({ items, keys, journalId }, name, text, this.#abort.signal) };
  }

  /** The next head, on a base that the consumer has been folded to exactly. */
  async #commitOn(value: Head | undefined, batch: Batch, own: Numbered, sent: Sent): Promise<Head> {
    const { name, follower, spiller, clock, label, newJournalId } = this.#options;
    sent.runs += 1;
    const image = value === undefined ? emptyHead(newJournalId(), label) : follower.accept(value);
    sent.image = image;
    spiller.saw(image, undefined);
    // Said first: of one that is closed for good there may be nothing to fold any more.
    if (batch.claims !== true && image.closed !== undefined) throw new JournalClosedError(name, image.closed);
    await follower.foldToExactly(image);
    if (batch.claims !== true) this.#requireRight(image);
    if (isRetired(follower.cursor.writers, this.#writer, this.#last)) throw new Retired();
    const time = Math.max(Math.floor(clock.now()), image.time);
    const draft = batch.decide({ seq: image.seq, image, time });
    if (draft === undefined) throw new Nothing();
    let base = trim(image, spiller.known);
    let next = this.#headAfter(sent, base, draft, time, own);
    if (base === image && image.tail.length > 0 && tailBytes(next.tail).byteLength > this.roomBytes(next.note)) {
      await spiller.wait(image);
      base = trim(image, spiller.known);
      // Rather a head of several units than no commit: when the page can't be told, it goes on without.
      if (base !== image) next = this.#headAfter(sent, base, draft, time, own);
    }
    sent.next = next;
    sent.trimmed = base === image ? undefined : image.pages;
    return next;
  }

  #headAfter(sent: Sent, base: Head, draft: Draft, now: number, { n, ref }: Numbered): Head {
    const image = sent.image as Head;
    const { text, count, time = now, skip = [], handlerVersion, stateDigest, retires, holds, marks = [] } = draft;
    const next = append(base, {
      ...{ count, time, skip, handlerVersion, stateDigest, marks },
      ...(retires === undefined ? { writer: this.#writer, n, prev: this.#last } : { ...retires, prev: retires.n }),
      retires: retires !== undefined,
      text: ref === undefined ? text : '',
      body: ref,
    });
    const commit = next.tail.at(-1) as Commit;
    sent.commit = commit;
    requireReadable(commit, image);
    const chain = chainAfter(image.chain, commit);
    return kept({ ...next, time, chain, ...holds }, draft);
  }

  #requireRight({ holder, epoch }: Head): void {
    const { name } = this.#options;
    if (this.#epoch !== undefined && (holder?.writer !== this.id || epoch !== this.#epoch)) {
      throw new NotWriterError(name, 'another instance has taken over', holder?.writer, epoch);
    }
    if (this.#epoch === undefined && holder !== undefined) {
      throw new NotWriterError(name, 'another instance holds it alone', holder.writer, epoch);
    }
  }

  #applied(batch: Batch, { image, next, trimmed, ...sent }: Sent, own: Numbered) {
    const { follower, spiller } = this.#options;
    const head = next as Head;
    const roomBytes = this.roomBytes(head.note);
    const commit = sent.commit as Commit;
    if (commit.retires) this.#giveBack(own);
    else this.#last = own.n;
    // At once, for the batches that wait behind it.
    if (batch.claims === true) this.#epoch = head.holder?.writer === this.id ? head.epoch : undefined;
    const adopted = follower.took(commit, head);
    if (adopted) batch.adopt?.(commit);
    spiller.saw(head, trimmed);
    const bytes = tailBytes(head.tail).byteLength;
    const isOurs = trimmed !== undefined || tailBytes((image as Head).tail).byteLength <= roomBytes * spillAt;
    if (bytes > roomBytes * (isOurs ? spillAt : lookAt)) spiller.begin(head, !isOurs);
    return { status: 'applied', commit, adopted } as const;
  }

  #rename(): void {
    this.#writer = this.#options.newName();
    this.#last = 0;
    this.#next = 1;
  }
}

/** What the head keeps beside its commits. */
function kept(head: Head, { note, closes, erases }: Draft): Head {
  const { note: noteBefore, closed: closedBefore, ...rest } = head;
  const noteNow = note === undefined ? noteBefore : (note ?? undefined);
  const closedNow = closes === undefined ? closedBefore : (closes ?? undefined);
  return {
    ...rest,
    ...(erases === true && { tail: [] }),
    ...(noteNow !== undefined && erases !== true && { note: noteNow }),
    ...(closedNow !== undefined && { closed: closedNow }),
  };
}

/** A commit that says what it does not hold would make the head unreadable for everybody: rather none than such a one. */
function requireReadable({ count, text, body, time, skip }: Commit, image: Head): void {
  const lines = text === '' ? 0 : text.split('\n').length;
  if (body === undefined && lines !== count) {
    throw new TypeError(`Cannot append to a journal: count is ${count}, the text has ${lines} lines`);
  }
  if (![count, time, ...skip].every((value) => Number.isSafeInteger(value) && value >= 0) || time < image.time) {
    throw new TypeError(`Cannot append to a journal: count ${count}, time ${time} or skip is out of range`);
  }
}
