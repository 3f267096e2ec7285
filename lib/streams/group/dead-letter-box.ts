/**
 * Where workers put records that are set aside. A letter is written in one transaction with the move of the checkpoint behind its record, so
 * it is there exactly when the record is done with. A large record is written before that, apart from its letter, and means nothing without it.
 * Where that can't be (records before it are not done, or the store has no transactions), the letter is written first: after a death in between
 * the record comes again, and finds its letter there. `ctx.transact` is for neither case.
 */
import type { AtomTable, ItemAtom, Transaction } from '../../atom/index.js';
import type { Clock } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';
import type { ShardPosition } from '../position.js';
import {
  apartKey,
  type DeadLetterFacts,
  type DeadLetterState,
  deadLetterKeys,
  letterKey,
  letterOf,
  type ParkedKeyState,
  parkedKey,
} from './dead-letter.js';
import type { Entry } from './entry.js';
import { isLarge } from './record-text.js';

type RecordKey = Pick<DeadLetterState, 'shardId' | 'sequenceNumber'>;

/** `not-parked`: its item was let go on meanwhile, and nothing was kept. */
export type Kept = 'kept' | 'not-parked';

/** The shard that a record is of, and how far it is done. */
export interface LetterWriter<T> {
  readonly ground: { readonly clock: Clock };
  readonly lease: { readonly epoch: number };
  /** Whether all records before it are done. */
  isHead(entry: Entry<T>): boolean;
  complete(entries: readonly Entry<T>[]): void;
  /** `f` and a move of the position, in one transaction; with `undefined` it stays where it is. */
  transact<R>(
    f: (tx: Transaction) => Promise<R>,
    nextOf: (result: R) => ShardPosition | undefined,
    onDone: (result: R) => void,
  ): Promise<R>;
}

export class DeadLetterBox {
  readonly #table: AtomTable;
  readonly #pk: string;
  readonly #member: string;

  constructor(table: AtomTable, group: string, member: string) {
    this.#table = table;
    this.#pk = deadLetterKeys.partition(group);
    this.#member = member;
  }

  letter(key: Pick<DeadLetterState, 'shardId' | 'sequenceNumber'>): ItemAtom<DeadLetterState> {
    return this.#table.atomOf<DeadLetterState>({ pk: this.#pk, sk: letterKey(key) });
  }

  parked(itemKey: string): ItemAtom<ParkedKeyState> {
    return this.#table.atomOf<ParkedKeyState>({ pk: this.#pk, sk: parkedKey(itemKey) });
  }

  /** Items whose records are set aside. @cost 1 request when there are none. */
  async parkedKeys(signal?: AbortSignal): Promise<Set<string>> {
    const found = new Set<string>();
    const walk = this.#table.scan<ParkedKeyState>({ pk: this.#pk, prefix: deadLetterKeys.parkedPrefix, signal });
    for await (const { value } of walk) found.add(value.itemKey);
    return found;
  }

  /** All letters, in the order of the stream. */
  async *letters(signal?: AbortSignal): AsyncIterableIterator<DeadLetterState> {
    const walk = this.#table.scan<DeadLetterState>({ pk: this.#pk, prefix: deadLetterKeys.letterPrefix, signal });
    for await (const { value } of walk) {
      const record = value.isApart === true ? await this.#apart(value).deref({ signal }) : undefined;
      yield record === undefined ? value : { ...value, record };
    }
  }

  /**
   * Sets a record aside, and says that it is done.
   *
   * @throws {GroupLeaseLostError} `ERR_GROUP_LEASE_LOST`; what the table throws: then it is not kept.
   */
  async keep<T>(work: LetterWriter<T>, entry: Entry<T>, facts: DeadLetterFacts): Promise<Kept> {
    const by = { sinceMs: work.ground.clock.now(), member: this.#member, epoch: work.lease.epoch };
    const whole = letterOf(entry, facts, by);
    const hasOwn = isLarge(entry.record, whole.record);
    const marker = this.parked(whole.itemKey);
    const isBehind = facts.why === 'behind';
    if (hasOwn && isBehind && (await marker.deref()) === undefined) return 'not-parked';
    const letter = hasOwn ? await this.#keepApart(whole) : whole;
    const atom = this.letter(letter);
    const alone = async (): Promise<Kept> => {
      await atom.reset(letter);
      work.complete([entry]);
      return 'kept';
    };
    if (!facts.parksKey && !work.isHead(entry)) return alone();
    const put = async (tx: Transaction): Promise<Kept> => {
      if (facts.parksKey) {
        const before = await tx.deref(marker);
        if (isBehind && before === undefined) return 'not-parked';
        await tx.reset(marker, parkedBy(letter, before));
      }
      await tx.reset(atom, letter);
      return 'kept';
    };
    // What is not kept must not move the position: its record is handled as any other.
    const nextOf = (result: Kept) => (result === 'kept' && work.isHead(entry) ? entry.position : undefined);
    const keeping = work.transact(put, nextOf, (result) => {
      if (result === 'kept') work.complete([entry]);
    });
    // What is not kept leaves its own item there, should it have one: to remove it might be to remove another owner's.
    return keeping.catch((error: unknown) => {
      // A letter by itself needs none.
      if (facts.parksKey || !isLeydenError(error, 'ERR_ENGINE_LACKS_TRANSACTIONS')) throw error;
      return alone();
    });
  }

  /** Removes a letter. @returns whether it was there */
  async discard(key: RecordKey): Promise<boolean> {
    const wasThere = await this.letter(key).delete();
    await this.forget(key);
    return wasThere;
  }

  /** Removes what was kept apart of a letter that is gone. @cost 1 read; 1 write where there is something */
  async forget(key: RecordKey): Promise<void> {
    const apart = this.#apart(key);
    if ((await apart.deref()) !== undefined) await apart.delete();
  }

  /** The record by itself, in parts where the table keeps large values so; the letter without it. */
  async #keepApart({ record, ...letter }: DeadLetterState & { readonly record: string }): Promise<DeadLetterState> {
    try {
      await this.#apart(letter).reset(record);
      return { ...letter, isApart: true };
    } catch (error) {
      if (!isLeydenError(error, 'ERR_ITEM_TOO_LARGE')) throw error;
      return letter;
    }
  }

  #apart(key: RecordKey): ItemAtom<string> {
    return this.#table.atomOf<string>({ pk: this.#pk, sk: apartKey(key) });
  }
}

function parkedBy({ itemKey, sinceMs }: DeadLetterState, before: ParkedKeyState | undefined): ParkedKeyState {
  return { kind: 'stream-parked-key', v: 1, itemKey, sinceMs, ...before, changes: (before?.changes ?? 0) + 1 };
}
