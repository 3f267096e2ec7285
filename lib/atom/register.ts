/**
 * One item as a compare-and-set register whose every write is settled.
 *
 *   write(pending) -> applied | conflict(image) | refused | lost(reason) | pending
 *
 * A failed condition may be the write's own doing (our resend, one of the SDK's, a request doubled on the way), so the
 * evidence in the item is always asked. A definite-looking refusal is believed of a first copy only: it proves nothing of a
 * copy before. What is unclear is sent again with the same bytes: that is a probe and a
 * fence in one, for once any copy is judged no other can apply. A read alone never decides "not applied".
 */
import { DecodeError, type Item } from '../codec/index.js';
import type { Expression, WriteAnswer } from '../engine/index.js';
import { type BlindAttempt, decideBlind, isBound } from './commute/blind-evidence.js';
import type { Tally } from './diagnostics/trace.js';
import { type Attempt, decide, type Lineage, type Verdict } from './evidence.js';
import type { Ground, Retry } from './ground.js';
import { hasLineage, type Image, parseItem } from './item-format.js';
import { Again, Sender } from './sender.js';
import type { UnknownReason } from './settlement.js';

/** A write whose bytes are fixed, and how far it got. Resumable: a later call goes on where an earlier one stopped. */
export interface PendingWrite {
  /** As it is put; as it would be, if it is a blind write. */
  readonly item: Item;
  readonly condition: Expression;
  readonly attempt: Attempt;
  /** What a blind write does instead of putting the item, and what it is. */
  readonly update?: Expression | undefined;
  readonly blind?: BlindAttempt | undefined;
  /** Copies handed to the engine that were not certainly refused. */
  copies: number;
  /** What it costs, reads included, where somebody wants to know. */
  tally?: Tally | undefined;
  /** Wall-clock time of the first copy; `undefined` before. */
  firstSentAt: number | undefined;
  /** The same of the write that this one is to make impossible, if it is a cancel. */
  readonly cancelledSentAt?: number | undefined;
}

/** What became of a write. */
export type Fate =
  /** Done. `newer` is the item as it is by now, when the write was found done by evidence. */
  | {
      readonly status: 'applied';
      readonly newer?: Image | undefined;
      /** What the store made in a blind write, where it told; and why that cannot be read, if it cannot. */
      readonly evaluated?: Image | undefined;
      readonly unreadable?: unknown;
    }
  /** Not done and never will be. `image` is what stands there: `null` = no item, `undefined` = not told. */
  | {
      readonly status: 'conflict';
      readonly image: Image | null | undefined;
      /** Whether it is proven, also against a copy that was made on the way and that nobody knows of. */
      readonly proven?: boolean;
      /** Whether the value was in the way of a blind write, and not other writers; and which one that was, where it is known. */
      readonly barred?: boolean;
      readonly met?: Image | undefined;
    }
  /** Not done and never will be, and trying again is of no use. */
  | { readonly status: 'refused'; readonly error: Error }
  /** Not to be known any more. */
  | { readonly status: 'lost'; readonly reason: UnknownReason; readonly cause?: unknown }
  /** Stopped before it was known; `copies === 0` means that nothing is on its way. */
  | {
      readonly status: 'pending';
      readonly cause?: unknown;
      /** Whether it is a blind write that the shape of the value is in the way of, which it may not be for ever: it takes a fence. */
      readonly barred?: boolean;
      /** What was in the way, where it is known. */
      readonly met?: Image | undefined;
    };

/** When to stop trying. */
export interface Patience {
  /** Stops pauses and further copies; an attempt under way is still waited for, up to its own time-out. */
  readonly signal: AbortSignal;
  /** Asked before a first copy is sent: whether somebody still wants it. */
  readonly wanted: () => boolean;
}

export class Register {
  readonly key: Item;
  readonly keyText: string;
  readonly #ground: Ground;
  readonly #retry: Retry;
  readonly #sender: Sender;

  constructor(ground: Ground, retry: Retry, key: Item, keyText: string) {
    this.#ground = ground;
    this.#retry = retry;
    this.#sender = new Sender(ground, retry);
    this.key = key;
    this.keyText = keyText;
  }

  /** What stands in the way of the request under way, for messages; `undefined` when nothing does. */
  get obstacle(): unknown {
    return this.#sender.obstacle;
  }

  /** The same of reads alone. */
  get readObstacle(): unknown {
    return this.#sender.readObstacle;
  }

  /** Whether this is what was in the way of a read, be it of one that is over. */
  metReading(error: unknown): boolean {
    return this.#sender.metReading(error);
  }

  /** Reads the item, asking again while that makes sense. The bytes as they are: the caller decides about foreign items. */
  readItem(consistent: boolean, deadlineAt: number, tally?: Tally): Promise<Item | undefined> {
    const { engine, tableName } = this.#ground;
    return this.#sender.read(this.keyText, deadlineAt, (signal) => {
      const answer = engine.get({ table: tableName(), key: this.key, consistent }, { signal });
      return tally === undefined ? answer : tally.reading(answer, consistent);
    });
  }

  /** Sends an update on which nothing depends, once. Whether it arrived is not known. */
  async nudge(update: Expression, condition: Expression): Promise<void> {
    const { engine, tableName } = this.#ground;
    try {
      const request = { table: tableName(), key: this.key, update, condition };
      await this.#sender.timed((signal) => engine.update(request, { signal }));
    } catch {
      // Whatever is in the way is met again, and told, by the request that matters.
    }
  }

  /** Drives `pending` until its fate is known or patience ends. */
  async write(pending: PendingWrite, patience: Patience): Promise<Fate> {
    try {
      return await this.#sender.persist(this.keyText, patience, () => this.#send(pending, patience));
    } catch (error) {
      if (error instanceof Again) return { status: 'pending', cause: error.cause };
      // The fault of a function of the user's, such as tableName: it would only fail again.
      return pending.copies === 0 ? { status: 'refused', error: error as Error } : { status: 'pending', cause: error };
    }
  }

  /** Sends one copy and says what is known then; throws {@link Again} while nothing is. */
  async #send(pending: PendingWrite, patience: Patience): Promise<Fate> {
    if (pending.copies === 0 && !patience.wanted()) return { status: 'pending' };
    if (this.isTooOldToCreate(pending)) return this.#decide(pending, await this.#lookAgain(pending), false);
    const answer = await this.#put(pending);
    switch (answer.status) {
      case 'applied':
        return pending.blind === undefined ? { status: 'applied' } : this.#evaluated(pending, answer.image);
      case 'condition-failed':
        return this.#decide(pending, answer.image, pending.copies === 1 && !answer.resent);
      case 'not-applied': {
        const obstacle = answer.kind === 'throttled' || answer.kind === 'unreachable' ? 'throttled' : 'brief';
        if (pending.copies > 1 && mayBeBarred(pending) && answer.error.name === 'ValidationException') {
          return { status: 'pending', barred: true };
        }
        if (pending.copies > 1) throw new Again(answer.kind === 'conflict' ? 'brief' : 'throttled', answer.error);
        pending.copies = 0;
        if (answer.kind === 'refused') return { status: 'refused', error: answer.error };
        throw new Again(obstacle, answer.error);
      }
      case 'unclear':
        throw new Again('brief', answer.error);
    }
  }

  /**
   * A creation must not be sent again once its own item may have been deleted and the tombstone removed: it would find an
   * empty place and apply twice. Nor does what stands in its place then, nothing or another life of the item, prove that it
   * was not done. The same goes for a creation that is to cancel it. Judged by the wall clock, which goes on while a process
   * is frozen.
   */
  isTooOldToCreate({ attempt, copies, firstSentAt, cancelledSentAt }: PendingWrite): boolean {
    const { clock, tombstoneMs } = this.#ground;
    if (cancelledSentAt !== undefined) {
      return attempt.base === undefined && clock.now() - cancelledSentAt > tombstoneMs / 2;
    }
    return copies > 0 && attempt.base === undefined && clock.now() - (firstSentAt ?? 0) > tombstoneMs / 2;
  }

  async #put(pending: PendingWrite): Promise<WriteAnswer> {
    const { engine, tableName } = this.#ground;
    const { item, condition, update } = pending;
    const table = tableName();
    pending.firstSentAt ??= this.#ground.clock.now();
    pending.copies += 1;
    try {
      return await this.#sender.timed((signal) => {
        const answer =
          update === undefined
            ? engine.put({ table, item, condition }, { signal })
            : engine.update({ table, key: this.key, update, condition }, { signal });
        return pending.tally === undefined ? answer : pending.tally.writing(answer);
      });
    } catch (error) {
      // Engines answer and do not throw; one that does has proved nothing about the write.
      return { status: 'unclear', error: error instanceof Error ? error : new Error(String(error)) };
    }
  }

  /** What the store made. Where it did not tell, a look does, at what may have moved on since. */
  async #evaluated(pending: PendingWrite, item: Item | undefined): Promise<Fate> {
    if (item === undefined) return this.#decide(pending, undefined, false);
    try {
      return { status: 'applied', evaluated: this.parse(item) };
    } catch (unreadable) {
      return { status: 'applied', unreadable };
    }
  }

  /**
   * Lets the evidence tell, in the image that came back or in a strong read. `sentOnce`: as far as we know there was one copy
   * only. Even then it may be its own rival, when something on the way doubled it; but what the evidence can't tell is then
   * a plain conflict.
   */
  async #decide(pending: PendingWrite, told: Item | undefined, sentOnce: boolean): Promise<Fate> {
    const item = told ?? (await this.#lookAgain(pending));
    const tooOld = this.isTooOldToCreate(pending);
    if (item === undefined && tooOld) return { status: 'lost', reason: 'item-gone' };
    let image: Image | undefined;
    if (item !== undefined) {
      if (!hasLineage(item, this.#ground.names)) {
        return sentOnce ? { status: 'conflict', image: undefined } : { status: 'lost', reason: 'incarnation-changed' };
      }
      try {
        image = this.parse(item);
      } catch (error) {
        if (sentOnce) return { status: 'refused', error: error as Error };
        return { status: 'lost', reason: 'incarnation-changed', cause: error };
      }
    }
    const verdict = verdictOn(image?.lineage, pending);
    // Here no fence can tell. A copy that may be on its way does nothing for as long as the value is sealed, but that may end.
    if (verdict === 'pending' && pending.blind !== undefined && image !== undefined && isBound(image)) {
      return sentOnce && mayBeBarred(pending) ? { status: 'conflict', image } : { status: 'lost', reason: 'in-flight' };
    }
    if (verdict === 'pending' && mayBeBarred(pending)) return { status: 'pending', barred: true, met: image };
    if (sentOnce && verdict !== 'applied') {
      return { status: 'conflict', image: image ?? null, proven: verdict === 'not-applied' };
    }
    if (tooOld && verdict === 'not-applied') return { status: 'lost', reason: 'incarnation-changed' };
    return fateOf(verdict, image);
  }

  async #lookAgain(pending: PendingWrite): Promise<Item | undefined> {
    try {
      const deadlineAt = this.#ground.clock.monotonicMs() + this.#retry.attemptTimeoutMs;
      return await this.readItem(true, deadlineAt, pending.tally);
    } catch (error) {
      throw new Again('throttled', error);
    }
  }

  /** @throws {DecodeError} `ERR_DECODE` */
  parse(item: Item): Image {
    const { keyNames, names } = this.#ground;
    if (!hasLineage(item, names)) {
      throw new DecodeError(this.keyText, 'foreign', `attribute ${names.token} is missing; open the atom with adopt`);
    }
    return parseItem(item, keyNames, names, this.keyText);
  }
}

/** What an image says about a write. */
export function verdictOn(image: Lineage | undefined, { attempt, blind }: PendingWrite): Verdict {
  return blind === undefined ? decide(image, attempt) : decideBlind(image, blind);
}

/** Whether a condition on the shape of the value is among those of the write. */
function mayBeBarred({ blind }: PendingWrite): boolean {
  return blind !== undefined && blind.fences === undefined;
}

function fateOf(verdict: Verdict, image: Image | undefined): Fate {
  switch (verdict) {
    case 'applied':
      return { status: 'applied', newer: image };
    case 'not-applied':
      return { status: 'conflict', image: image ?? null, proven: true };
    case 'pending':
      // The condition failed, and yet the item stands as before: it moved and came back, or vanished. Ask the store again.
      throw new Again('brief', undefined);
    default:
      return { status: 'lost', reason: verdict };
  }
}
