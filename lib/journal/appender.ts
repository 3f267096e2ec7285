/**
 * The writing half of a journal: one commit at a time, each a swap of the head, or one of several in a transaction.
 *
 *   prepare   a large batch: its body is put, also while the swap of the one before is in flight
 *   append    its turn comes ─► swap of the head ─► settled           turn.ts, settle.ts
 *
 * A writer is known by its name in the journal before it puts a body, and at most two bodies are ahead of its last commit:
 * so those that a crash leaves behind can be found.
 */
import type { SealingCodec } from '../codec/index.js';
import { unlessAborted } from '../engine/index.js';
import type { Appended, Batch, PreparedBody } from './batch.js';
import { type BodyPlace, bodyKeys, putBody } from './body.js';
import { JournalClosedError } from './errors.js';
import { HeadRoom } from './head-room.js';
import { Numbering } from './numbering.js';
import { Right } from './right.js';
import { commitTurns } from './settle.js';
import { Turn, type TurnRooms } from './turn.js';

export interface AppenderOptions
  extends Pick<BodyPlace, 'items' | 'keys'>,
    Omit<TurnRooms, 'keys' | 'numbers' | 'right' | 'room' | 'prepareAgain'> {
  /** The head's item is kept within this many bytes. */
  readonly headBytesMax: number;
  /** What the head is sealed with. */
  readonly codec?: SealingCodec | undefined;
  readonly newName: () => string;
}

/** A writer's first word: a commit without events, so that its name is known before it puts a body. */
const firstWord: Batch = { decide: () => ({ text: '', count: 0 }) };
/** Deadlines are the callers'; the write goes on until it is settled. */
export const foreverMs: number = 1e9;

export class Appender {
  readonly right: Right;
  readonly #options: AppenderOptions;
  readonly #abort = new AbortController();
  readonly #numbers: Numbering;
  readonly #room: HeadRoom;
  readonly #rooms: TurnRooms;
  #appending: Promise<void> = Promise.resolve();

  constructor(options: AppenderOptions) {
    this.#options = options;
    this.#numbers = new Numbering(options.name, options.newName);
    this.right = new Right(options.name, this.#numbers.id);
    this.#room = new HeadRoom(options);
    this.#rooms = {
      ...options,
      numbers: this.#numbers,
      right: this.right,
      room: this.#room,
      prepareAgain: (batch, given) => this.#prepareAgain(batch, given),
    };
  }

  /**
   * Waits until all these appenders have done what they were asked for before, and then works while those who come later wait.
   * `signal` ends the waiting, and not the work.
   */
  static inTurn<T>(appenders: readonly Appender[], work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    // All queues are joined at once, so no two calls can wait for each other.
    const before = Promise.all(appenders.map((appender) => appender.#appending));
    const begins = unlessAborted(before, signal);
    const done = begins.then(work);
    // Who leaves the queue does not let those behind it pass those before it.
    const over = Promise.allSettled([before, done]).then(() => {});
    for (const appender of appenders) appender.#appending = over;
    return done;
  }

  /** Constant over renames: who holds the journal alone. */
  get id(): string {
    return this.#numbers.id;
  }

  get writer(): string {
    return this.#numbers.writer;
  }

  /** Aborts when the journal is stopped. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Bytes of packed commits that the head's tail may have, if its item is to cost what it may. */
  roomBytes(note: Uint8Array | undefined): number {
    return this.#room.bytes(note);
  }

  /** Whether events with this text go into the head itself, and not into a body. */
  fitsHead(text: string): boolean {
    return this.#room.fits(text);
  }

  /**
   * Puts the body of a batch that will be appended next.
   *
   * @throws what the store refused, `DeadlineError`: the body may stand there, and is swept one day.
   */
  async prepare(text: string): Promise<PreparedBody> {
    this.#numbers.requireKnown();
    if (!this.#numbers.mayPutBody) {
      await this.#appending;
      if (!this.#numbers.mayPutBody) await this.append(firstWord);
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
    const turn = this.turn(batch, body);
    const appended = Appender.inTurn([this], () => turn.eagerly(() => this.#swap(turn)));
    if (body === undefined) return appended;
    return appended.catch(async (error: unknown) => {
      await this.removeIfClosed(body, error);
      throw error;
    });
  }

  /** A turn for a batch. The number is taken now, so that a body that is prepared before this turn comes gets a later one. */
  turn(batch: Batch, body?: PreparedBody): Turn {
    return new Turn(this.#rooms, batch, body ?? this.#numbers.take());
  }

  /** Waits for what is under way; with `stop`, gives up on it. */
  async close(): Promise<void> {
    await this.#appending;
  }

  stop(reason: unknown): void {
    this.#abort.abort(reason);
  }

  /** One turn, by a swap of the head. */
  async #swap(turn: Turn): Promise<Appended> {
    const { signal } = this;
    const write = () =>
      turn.head.swap(
        async (value) => {
          await turn.ground(value);
          turn.decide();
          return turn.next();
        },
        { coalesce: false, timeoutMs: foreverMs, signal },
      );
    const [appended] = await commitTurns([turn], write, signal);
    return appended as Appended;
  }

  /** Puts a body again, under a number that can still be committed. */
  async #prepareAgain({ bodyText }: Batch, given: PreparedBody): Promise<PreparedBody> {
    if (!this.#numbers.mayPutBody) await this.#swap(this.turn(firstWord));
    const body = await this.#put(bodyText as string);
    // One that was passed over is answered for by the next commit of its writer. There will be none under a name that was given up.
    if (given.writer !== body.writer) await this.#remove(given);
    return body;
  }

  /** Removes a body that was to be committed, if `error` says that this journal is closed: nobody may come by any more who sweeps. */
  async removeIfClosed(body: PreparedBody, error: unknown): Promise<void> {
    if (error instanceof JournalClosedError && error.journal === this.#options.name) await this.#remove(body);
  }

  async #remove({ ref, ...name }: PreparedBody): Promise<void> {
    const { items, keys } = this.#options;
    const doomed = bodyKeys(keys, name, ref.parts).reverse();
    // It is garbage at worst.
    await Promise.all(doomed.map((key) => items.delete(key).catch(() => {})));
  }

  async #put(text: string): Promise<PreparedBody> {
    const { items, keys, follower } = this.#options;
    const name = this.#numbers.take();
    // This writer has committed, so the journal is there.
    const journalId = follower.journalId as string;
    return { ...name, ref: await putBody({ items, keys, journalId }, name, text, this.signal) };
  }
}
