/**
 * Finding out what became of a transaction: its receipt, and the evidence in the atoms that it writes.
 *
 * One atom with evidence decides for all. Where none has, an atom that still stands at its base proves that the transaction has
 * not taken effect, if it is looked at in one instant with the others (TransactGetItems): two reads, one after the other, may see
 * the two sides of a transaction that is being applied. It never will take effect once one of its conditions has failed, for
 * what it was conditioned on never returns.
 */
import type { Item } from '../../codec/index.js';
import { refusalKind } from '../../engine/index.js';
import type { Verdict } from '../evidence.js';
import type { Ground, Retry } from '../ground.js';
import { hasLineage, type Image } from '../item-format.js';
import type { ReceiptDraft } from '../receipts/receipt.js';
import { Again, type Sender } from '../sender.js';
import type { WrittenMember } from './shipment.js';
import { combine, isUndecidable, type UndecidableVerdict, verdictOf } from './transaction-answers.js';

/** A written atom as it was found. `image` is `undefined` where there is no item, or none of ours. */
export interface Found {
  readonly member: WrittenMember;
  readonly image: Image | undefined;
  readonly verdict: Verdict;
}

/** What was found out. */
export type Conclusion =
  | { readonly verdict: 'applied' | 'not-applied'; readonly found: readonly Found[] }
  | { readonly verdict: 'received'; readonly receipt: Item }
  | { readonly verdict: UndecidableVerdict };

export interface InquiryOptions {
  /** Whether a creation of it may have been applied, deleted and removed since. */
  readonly isOld: boolean;
  /** Whether one of its conditions has failed, so that it has taken effect before or never will. */
  readonly hasFailed: boolean;
}

export class Inquiry {
  readonly #ground: Ground;
  readonly #retry: Retry;
  readonly #sender: Sender;
  readonly #written: readonly WrittenMember[];
  readonly #receipt: ReceiptDraft | undefined;

  constructor(
    ground: Ground,
    retry: Retry,
    sender: Sender,
    subject: { readonly written: readonly WrittenMember[]; readonly receipt: ReceiptDraft | undefined },
  ) {
    this.#ground = ground;
    this.#retry = retry;
    this.#sender = sender;
    this.#written = subject.written;
    this.#receipt = subject.receipt;
  }

  /** Asks by strong reads, one after the other, until one can tell. @throws Again while nothing can. */
  async ask({ isOld, hasFailed }: InquiryOptions): Promise<Conclusion> {
    const receipt = await this.readReceipt();
    if (receipt !== undefined) return { verdict: 'received', receipt };
    const found: Found[] = [];
    for (const member of this.#written) {
      const { register } = member.cell;
      const one = this.find(member, await this.#look((at) => register.readItem(true, at)), isOld);
      found.push(one);
      if (one.verdict === 'applied' || one.verdict === 'not-applied') return { verdict: one.verdict, found };
    }
    const undecided = found.map(({ verdict }) => verdict).find(isUndecidable);
    if (undecided === undefined && !hasFailed) throw new Again('brief', undefined);
    if (found.some(({ verdict }) => verdict === 'pending')) return this.#askTogether(isOld);
    // Without a written atom the receipt alone tells, and there is none.
    return undecided === undefined ? { verdict: 'not-applied', found } : { verdict: undecided };
  }

  /** An item as it was found; `undefined` = none. */
  find(member: WrittenMember, item: Item | undefined, isOld: boolean): Found {
    const { attempt } = member.draft.pending;
    if (item === undefined) return { member, image: undefined, verdict: verdictOf(undefined, attempt, isOld) };
    // Of an adopted item no more can be told than that this transaction has not replaced it.
    const verdict = member.base.adopted === undefined ? 'incarnation-changed' : 'pending';
    if (!hasLineage(item, this.#ground.names)) return { member, image: undefined, verdict };
    try {
      const image = member.cell.register.parse(item);
      return { member, image, verdict: verdictOf(image.lineage, attempt, isOld) };
    } catch {
      return { member, image: undefined, verdict: 'incarnation-changed' };
    }
  }

  /** The receipt that stands there, if this transaction has one at all. */
  async readReceipt(): Promise<Item | undefined> {
    const receipt = this.#receipt;
    if (receipt === undefined) return undefined;
    const { engine, tableName } = this.#ground;
    return this.#look((deadlineAt) =>
      this.#sender.read(receipt.keyText, deadlineAt, (signal) =>
        engine.get({ table: tableName(), key: receipt.key, consistent: true }, { signal }),
      ),
    );
  }

  async #askTogether(isOld: boolean): Promise<Conclusion> {
    const { engine, tableName } = this.#ground;
    const gets = this.#written.map(({ cell }) => ({ table: tableName(), key: cell.key }));
    let items: readonly (Item | undefined)[];
    try {
      items = await this.#sender.timed((signal) => engine.transactGet({ gets }, { signal }));
    } catch (error) {
      throw new Again(refusalKind(error) === 'throttled' ? 'throttled' : 'brief', error);
    }
    const found = this.#written.map((member, at) => this.find(member, items[at], isOld));
    const verdict = combine(found.map((one) => one.verdict));
    // One stands at its base still, and another one has left its own, or a condition has failed: never to hold again.
    if (verdict === 'pending') return { verdict: 'not-applied', found };
    return isUndecidable(verdict) ? { verdict } : { verdict, found };
  }

  async #look(read: (deadlineAt: number) => Promise<Item | undefined>): Promise<Item | undefined> {
    try {
      return await read(this.#ground.clock.monotonicMs() + this.#retry.attemptTimeoutMs);
    } catch (error) {
      throw new Again('throttled', error);
    }
  }
}
