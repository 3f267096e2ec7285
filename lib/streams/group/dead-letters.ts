import type { AtomTable, Transaction } from '../../atom/index.js';
import type { Clock } from '../../engine/index.js';
import { Lock, Session } from '../../recipes/index.js';
import type { RecordMeta } from '../change.js';
import { RecordParseError } from '../errors.js';
import type { StreamRecord } from '../port.js';
import { Begun } from './begun.js';
import { type DeadLetterState, type DeadLetterWhy, deadLetterKeys, letterKey } from './dead-letter.js';
import type { DeadLetterBox } from './dead-letter-box.js';
import { entriesOf, keyTextOf, type Reading } from './entry.js';
import type { GroupBatch, GroupHandler, HandlerContext } from './handler.js';
import { isLarge, recordFrom } from './record-text.js';

/** How long `redrive` waits for another one of the same group to come to an end. */
const waitMs = 30_000;

/** A record that was set aside. */
export interface DeadLetter {
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly eventId: string;
  /** The key of its item, as JSON. */
  readonly itemKey: string;
  readonly why: DeadLetterWhy;
  readonly error: DeadLetterState['error'];
  readonly attempts: number;
  /** When it was set aside, in epoch milliseconds, by the clock of the member that did. */
  readonly sinceMs: number;
  readonly member: string;
  readonly epoch: number;
  /** The record as the stream had it; `undefined` where the table took nothing so large: then it is in the stream, for a day. */
  readonly record: StreamRecord | undefined;
}

/** Which dead letters are meant; all of them, where nothing is said. */
export interface DeadLetterFilter {
  readonly shardId?: string;
  readonly sequenceNumber?: string;
  /** The key of an item, as `DeadLetter.itemKey` has it, or as the record has it. */
  readonly key?: string | NonNullable<NonNullable<StreamRecord['dynamodb']>['Keys']>;
  readonly signal?: AbortSignal | undefined;
}

/** What `redrive` has done. */
export interface RedriveReport {
  readonly redriven: number;
  /** Items whose records flow again. */
  readonly unparkedKeys: number;
  /** Those that stay, with what the handler threw; after the first one of an item the others of it are not tried. */
  readonly failed: readonly { readonly letter: DeadLetter; readonly error: unknown }[];
}

/** What letters are redriven with. */
export interface RedriveGround<T> {
  readonly name: string;
  readonly table: AtomTable;
  readonly box: DeadLetterBox;
  readonly clock: Clock;
  readonly reading: Reading<T>;
  readonly handler: GroupHandler<T> | undefined;
  /** Called before the first letter: finds out what is needed to name records. */
  prepare(): Promise<void>;
  idempotencyKey(meta: RecordMeta): string;
}

/** The dead letters of a group. Works while the group runs, and while it does not. */
export class DeadLetters<T> {
  readonly #ground: RedriveGround<T>;

  /** @internal Made by `ConsumerGroup`. */
  constructor(ground: RedriveGround<T>) {
    this.#ground = ground;
  }

  /**
   * The letters that are there, in the order of the stream.
   *
   * @cost 1 request per 1 MB of all letters, 1 read unit per 4 KB.
   * @iam dynamodb:Query
   */
  async *list(filter: DeadLetterFilter = {}): AsyncIterableIterator<DeadLetter> {
    const itemKey = itemKeyOf(filter);
    for await (const state of this.#ground.box.letters(filter.signal)) {
      if (filter.shardId !== undefined && state.shardId !== filter.shardId) continue;
      if (filter.sequenceNumber !== undefined && state.sequenceNumber !== filter.sequenceNumber) continue;
      if (itemKey !== undefined && state.itemKey !== itemKey) continue;
      yield letterFrom(state);
    }
  }

  /**
   * Hands letters to the handler again, one by one and in the order of the stream; each that is done is removed, and an item of which none is
   * left is parked no more. After a failure the later letters of that item stay too, so its order is kept.
   *
   * At least once: a process that dies between a handler and the removal of its letter leaves it there. What the handler does by
   * `transact` happens once. One `redrive` of a group at a time; another waits for half a minute.
   *
   * @cost 1 request per MB of letters, 1 write and 1 transaction for each; a lock.
   * @throws {LockTimeoutError} `ERR_LOCK_TIMEOUT`; TypeError without a handler; `signal.reason`. What a handler throws is in the report.
   */
  async redrive(filter: DeadLetterFilter & { readonly handler?: GroupHandler<T> } = {}): Promise<RedriveReport> {
    const handler = filter.handler ?? this.#ground.handler;
    if (handler === undefined)
      throw new TypeError(`Cannot redrive letters of group ${this.#ground.name}: it has no handler; give one`);
    const { table, name } = this.#ground;
    await this.#ground.prepare();
    await using session = new Session(table, { purpose: `redrive of group ${name}` });
    const lock = new Lock(session, `${deadLetterKeys.partition(name)}#redrive`);
    return await lock.withLock(async (grant) => new Redrive(this.#ground, handler, grant.signal).run(filter), {
      waitMs,
      signal: filter.signal,
    });
  }

  /**
   * Removes a letter without handling it. Its item stays parked, if it is, until `redrive`.
   *
   * @returns whether it was there
   */
  async discard(letter: Pick<DeadLetter, 'shardId' | 'sequenceNumber'>): Promise<boolean> {
    return this.#ground.box.discard(letter);
  }
}

/** One run over the letters, under the lock. */
class Redrive<T> {
  readonly #ground: RedriveGround<T>;
  readonly #handler: GroupHandler<T>;
  readonly #signal: AbortSignal;
  readonly #failed = new Map<string, { readonly letter: DeadLetter; readonly error: unknown }>();
  /** Items that failed: their later letters stay. */
  readonly #failedKeys = new Set<string>();
  #redriven = 0;
  #unparked = 0;

  constructor(ground: RedriveGround<T>, handler: GroupHandler<T>, signal: AbortSignal) {
    this.#ground = ground;
    this.#handler = handler;
    this.#signal = signal;
  }

  async run(filter: DeadLetterFilter): Promise<RedriveReport> {
    const { box } = this.#ground;
    const letters = new DeadLetters(this.#ground);
    const keys = new Set<string>();
    for await (const letter of letters.list(filter)) {
      keys.add(letter.itemKey);
      await this.#one(letter, filter.signal);
    }
    const parked = await box.parkedKeys(filter.signal);
    const wanted = itemKeyOf(filter);
    const isNarrow = filter.shardId !== undefined || filter.sequenceNumber !== undefined;
    for (const itemKey of parked) {
      const isMeant = isNarrow ? keys.has(itemKey) : wanted === undefined || wanted === itemKey;
      if (isMeant && !this.#failedKeys.has(itemKey)) await this.#letGoOn(itemKey, filter);
    }
    return { redriven: this.#redriven, unparkedKeys: this.#unparked, failed: [...this.#failed.values()] };
  }

  /** Lets an item's records flow again once none of its letters is left, also of those that came meanwhile. */
  async #letGoOn(itemKey: string, { signal, shardId, sequenceNumber }: DeadLetterFilter): Promise<void> {
    const { box, table } = this.#ground;
    const marker = box.parked(itemKey);
    for (;;) {
      const seen = await marker.deref({ signal });
      if (seen === undefined) return;
      let isEmpty = true;
      for await (const letter of new DeadLetters(this.#ground).list({ key: itemKey, signal })) {
        isEmpty = false;
        const isMeant =
          (shardId === undefined || letter.shardId === shardId) &&
          (sequenceNumber === undefined || letter.sequenceNumber === sequenceNumber);
        if (!isMeant) return;
        await this.#one(letter, signal);
        if (this.#failedKeys.has(itemKey)) return;
      }
      if (!isEmpty) continue;
      const isGone = await table.transact(async (tx) => {
        const now = await tx.deref(marker);
        if (now?.changes !== seen.changes) return false;
        await tx.delete(marker);
        return true;
      });
      if (!isGone) continue;
      this.#unparked += 1;
      return;
    }
  }

  async #one(letter: DeadLetter, signal: AbortSignal | undefined): Promise<void> {
    this.#signal.throwIfAborted();
    signal?.throwIfAborted();
    if (this.#failedKeys.has(letter.itemKey)) return;
    const atom = this.#ground.box.letter(letter);
    let isGone = false;
    const transact = async <R>(f: (tx: Transaction) => R | Promise<R>): Promise<R> => {
      const result = await this.#ground.table.transact(async (tx) => {
        // Done by somebody else: then nothing of it may be done again.
        if ((await tx.deref(atom)) === undefined) throw new RangeError('Cannot transact: this letter is done already');
        await tx.delete(atom);
        return f(tx);
      });
      isGone = true;
      return result;
    };
    try {
      await this.#handle(letter, transact, signal);
      if (!isGone) await atom.delete();
      if (letter.record !== undefined && isLarge(letter.record)) await this.#ground.box.forget(letter);
      this.#redriven += 1;
    } catch (error) {
      this.#signal.throwIfAborted();
      signal?.throwIfAborted();
      this.#failed.set(letterKey(letter), { letter, error });
      this.#failedKeys.add(letter.itemKey);
    }
  }

  async #handle(
    letter: DeadLetter,
    transact: HandlerContext['transact'],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { reading, clock, idempotencyKey } = this.#ground;
    const { shardId, record, sequenceNumber } = letter;
    if (record === undefined) {
      throw new RangeError(
        `Cannot redrive record ${sequenceNumber}: the table took nothing so large; read it from the stream, then discard the letter`,
      );
    }
    const [entry] = await entriesOf(reading, shardId, [record]);
    if (entry?.failure !== undefined) throw new RecordParseError(entry.meta, entry.failure.error);
    if (entry?.change === undefined) return;
    const ageMs = Math.max(0, clock.now() - entry.meta.approximateCreationTime.getTime());
    const batch: GroupBatch<T> = { shardId, records: [entry.change], caughtUp: true, ageMs };
    const begun = new Begun();
    const context: HandlerContext = {
      shardId,
      epoch: letter.epoch,
      signal: signal === undefined ? this.#signal : AbortSignal.any([this.#signal, signal]),
      attempt: letter.attempts + 1,
      lagMs: () => ageMs,
      checkpoint: async () => {},
      transact: (f) => begun.note(transact(f)),
      idempotencyKey: ({ meta }) => idempotencyKey(meta),
    };
    const call = (async () => this.#handler(batch, context))();
    const answer = await begun.whole(call, () => {});
    if (typeof answer === 'object' && answer !== null && 'failedFrom' in answer) {
      throw new Error(`The handler has failed from record ${answer.failedFrom} on`);
    }
  }
}

function letterFrom({ record, kind: _, v: __, isApart: ___, error, ...state }: DeadLetterState): DeadLetter {
  return { ...state, error, record: record === undefined ? undefined : recordFrom(record) };
}

function itemKeyOf({ key }: DeadLetterFilter): string | undefined {
  return key === undefined || typeof key === 'string' ? key : keyTextOf({ dynamodb: { Keys: key } });
}
