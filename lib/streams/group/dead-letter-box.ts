/**
 * Where workers put records that are set aside. A letter is written in one transaction with the move of the checkpoint behind its record, so
 * it is there exactly when the record is done with. Where that can't be (it is too large for that, or records before it are not
 * done, or the store has no transactions), it is written first: after a death in between the record comes again, and finds its letter there.
 */
import type { AtomTable, ItemAtom, Transaction } from '../../atom/index.js';
import type { Clock } from '../../engine/index.js';
import { isLeydenError } from '../../errors.js';
import type { ShardPosition } from '../position.js';
import {
  type DeadLetterFacts,
  type DeadLetterState,
  deadLetterKeys,
  letterKey,
  letterOf,
  type ParkedKeyState,
  parkedKey,
} from './dead-letter.js';
import type { Entry } from './entry.js';

/** Records longer than this are kept beside the transaction of the checkpoint, in parts where the table does that. */
const inTransactionBytesMax = 300_000;

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
    for await (const { value } of walk) yield value;
  }

  /**
   * Sets a record aside, and says that it is done.
   *
   * @throws {GroupLeaseLostError} `ERR_GROUP_LEASE_LOST`; what the table throws: then it is not kept.
   */
  async keep<T>(work: LetterWriter<T>, entry: Entry<T>, facts: DeadLetterFacts): Promise<Kept> {
    const by = { sinceMs: work.ground.clock.now(), member: this.#member, epoch: work.lease.epoch };
    const letter = letterOf(entry, facts, by);
    const fits = letter.record.length <= inTransactionBytesMax && work.isHead(entry);
    if (!facts.parksKey && !fits) {
      await this.#keepLarge(letter);
      work.complete([entry]);
      return 'kept';
    }
    const isBehind = facts.why === 'behind';
    const marker = this.parked(letter.itemKey);
    const atom = this.letter(letter);
    const isLarge = letter.record.length > inTransactionBytesMax;
    if (isLarge) {
      if (isBehind && (await marker.deref()) === undefined) return 'not-parked';
      await this.#keepLarge(letter);
    }
    const put = async (tx: Transaction): Promise<Kept> => {
      if (facts.parksKey) {
        const before = await tx.deref(marker);
        if (isBehind && before === undefined) return 'not-parked';
        await tx.reset(marker, parkedBy(letter, before));
      }
      if (!isLarge) await tx.reset(atom, letter);
      return 'kept';
    };
    // What is not kept must not move the position: its record is handled as any other.
    const nextOf = (result: Kept) => (result === 'kept' && work.isHead(entry) ? entry.position : undefined);
    const keeping = work.transact(put, nextOf, (result) => {
      if (result === 'kept') work.complete([entry]);
    });
    const kept = await keeping.catch(async (error: unknown) => {
      // A letter by itself needs none.
      if (facts.parksKey || !isLeydenError(error, 'ERR_ENGINE_LACKS_TRANSACTIONS')) throw error;
      await this.#keepLarge(letter);
      work.complete([entry]);
      return 'kept' as const;
    });
    if (kept === 'not-parked' && isLarge) await atom.delete();
    return kept;
  }

  /** Beside the transaction: in parts where the table keeps large values so, else without the record. */
  async #keepLarge(letter: DeadLetterState): Promise<void> {
    const atom = this.letter(letter);
    try {
      await atom.reset(letter);
    } catch (error) {
      if (!isLeydenError(error, 'ERR_ITEM_TOO_LARGE')) throw error;
      const { record: _, ...pointer } = letter;
      await atom.reset(pointer);
    }
  }
}

function parkedBy({ itemKey, sinceMs }: DeadLetterState, before: ParkedKeyState | undefined): ParkedKeyState {
  return { kind: 'stream-parked-key', v: 1, itemKey, sinceMs, ...before, changes: (before?.changes ?? 0) + 1 };
}
