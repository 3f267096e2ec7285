/**
 * A transaction on its way: TransactWriteItems with fixed bytes, sent until its fate is known.
 *
 *   written atom   put, on the token that was read      \
 *   read atom      condition check on that token         >  all or none, under one ClientRequestToken
 *   receipt        put, where none stands               /
 *
 * What was said of one item holds for all: evidence goes into every written atom, and any one of them tells whether the whole
 * transaction took effect. A failed condition may be the doing of an earlier copy, so the evidence is asked first; an unclear
 * answer is followed by the same bytes under the same ClientRequestToken, which the service answers from memory for ten minutes.
 * Later the conditions fail, and the evidence tells. A copy that is sent again can never take effect twice, for the tokens that
 * its conditions name never return; a transaction of nothing but creations, whose items may be removed in between, is not
 * sent again once half of a tombstone's life has gone by, or, with a receipt, once that may be gone as well.
 */
import { type Item, itemBytes, writeUnits } from '../../codec/index.js';
import type { CancellationReason, TransactAction, TransactWriteAnswer } from '../../engine/index.js';
import { bytesOf } from '../cache.js';
import type { Tally } from '../diagnostics/trace.js';
import type { Ground, Retry } from '../ground.js';
import type { ReceiptDraft } from '../receipts/receipt.js';
import type { Patience } from '../register.js';
import { Again, Sender } from '../sender.js';
import { isWritten, type Member, type Shipment, type ShipmentFate, tellCache, tellWritten } from './shipment.js';
import { combine, type UndecidableVerdict, weigh } from './transaction-answers.js';
import { EngineLacksTransactionsError, type RefusedAction, TransactionRefusedError } from './transaction-errors.js';
import { type Conclusion, type Found, Inquiry } from './transaction-inquiry.js';

type Cancelled = TransactWriteAnswer & { readonly status: 'cancelled' };
type NotApplied = TransactWriteAnswer & { readonly status: 'not-applied' };

/** What a transaction is made of. */
export interface TransactionParts {
  readonly members: readonly Member[];
  readonly receipt: ReceiptDraft | undefined;
  readonly writeId: string;
}

export class TransactionShipment implements Shipment {
  readonly members: readonly Member[];
  readonly writeId: string;
  copies = 0;
  firstSentAt: number | undefined;
  tally: Tally | undefined;
  readonly #ground: Ground;
  readonly #sender: Sender;
  readonly #receipt: ReceiptDraft | undefined;
  readonly #actions: readonly TransactAction[];
  readonly #inquiry: Inquiry;

  constructor(ground: Ground, retry: Retry, { members, receipt, writeId }: TransactionParts) {
    this.#ground = ground;
    this.#sender = new Sender(ground, retry);
    this.members = members;
    this.#receipt = receipt;
    this.writeId = writeId;
    const table = ground.tableName();
    const actions = members.map((member): TransactAction => {
      if (isWritten(member)) {
        const { item, condition } = member.draft.pending;
        return { kind: 'put', table, item, condition };
      }
      const { cell, base } = member;
      return { kind: 'check', table, key: cell.key, condition: cell.writer.condition(base) };
    });
    if (receipt !== undefined) actions.push({ kind: 'put', table, item: receipt.item, condition: receipt.condition });
    this.#actions = actions;
    this.#inquiry = new Inquiry(ground, retry, this.#sender, { written: members.filter(isWritten), receipt });
  }

  get actions(): number {
    return this.#actions.length;
  }

  /** By the store's rule: what is put counts as a whole, what is checked by its key. */
  get bytes(): number {
    return this.#actions.reduce((sum, action) => sum + itemBytes(action.kind === 'put' ? action.item : action.key), 0);
  }

  get obstacle(): unknown {
    return this.#sender.obstacle;
  }

  /** By the store's rule: twice what each would cost by itself, and a check what a write of what stands there would. */
  get #units(): number {
    let units = this.#receipt === undefined ? 0 : writeUnits(itemBytes(this.#receipt.item));
    for (const { cell, base, draft } of this.members) {
      const bytes = draft === undefined ? 0 : itemBytes(draft.pending.item);
      units += writeUnits(Math.max(bytes, bytesOf(base, cell)));
    }
    return 2 * units;
  }

  async write(patience: Patience): Promise<ShipmentFate> {
    try {
      return await this.#sender.persist(this.#name, patience, () => this.#send(patience));
    } catch (error) {
      if (error instanceof Again) return { status: 'pending', cause: error.cause };
      // The fault of a function of the user's, such as tableName: it would only fail again.
      return this.copies === 0 ? { status: 'refused', error: error as Error } : { status: 'pending', cause: error };
    }
  }

  get #name(): string {
    return this.members[0]?.cell.keyText ?? this.#receipt?.keyText ?? '';
  }

  /** Sends one copy and says what is known then; throws {@link Again} while nothing is. */
  async #send(patience: Patience): Promise<ShipmentFate> {
    if (this.copies === 0 && !patience.wanted()) return { status: 'pending' };
    if (this.#isTooOldToSend) return this.#ask(false);
    const answer = await this.#transact();
    switch (answer.status) {
      case 'applied':
        return this.#applied();
      case 'cancelled':
        return this.#cancelled(answer);
      case 'not-applied':
        return this.#notApplied(answer);
      case 'unclear':
        if (isMismatch(answer.error)) return this.#mismatched(answer.error);
        throw new Again('brief', answer.error);
    }
  }

  async #transact(): Promise<TransactWriteAnswer> {
    const request = { actions: this.#actions, token: this.writeId };
    this.firstSentAt ??= this.#ground.clock.now();
    this.copies += 1;
    try {
      return await this.#sender.timed((signal) => {
        const answer = this.#ground.engine.transactWrite(request, { signal });
        return this.tally === undefined ? answer : this.tally.transacting(answer, this.#units);
      });
    } catch (error) {
      // Engines answer and do not throw; one that does has proved nothing about the write.
      return { status: 'unclear', error: error instanceof Error ? error : new Error(String(error)) };
    }
  }

  #notApplied({ kind, error }: NotApplied): ShipmentFate {
    if (isMismatch(error)) return this.#mismatched(error);
    // It says nothing of a copy before it.
    if (this.copies > 1) throw new Again(kind === 'conflict' ? 'brief' : 'throttled', error);
    this.copies = 0;
    if (kind !== 'refused') throw new Again(kind === 'conflict' ? 'brief' : 'throttled', error);
    if (error.name !== 'UnknownOperationException') return { status: 'refused', error };
    return { status: 'refused', error: new EngineLacksTransactionsError(this.#ground.engine.name, 'transact') };
  }

  /** Other bytes went out under this token: a fault of ours, and nothing that sending it once more could cure. */
  #mismatched(error: Error): ShipmentFate {
    if (this.copies > 1) return { status: 'fence', error };
    this.copies = 0;
    return { status: 'refused', error };
  }

  async #cancelled({ reasons, resent }: Cancelled): Promise<ShipmentFate> {
    const isFirst = this.copies === 1 && !resent;
    const weight = weigh(reasons);
    if (weight === 'conflict') return this.#conflict(reasons, isFirst);
    const error = this.#refusal(reasons);
    // A copy before it may still have been accepted.
    if (weight === 'refused' && !isFirst) return { status: 'fence', error };
    if (isFirst) this.copies = 0;
    if (weight === 'refused') return { status: 'refused', error };
    throw new Again(weight, error);
  }

  /** A condition failed, or the store does not say what did. The items that came along tell whether this was our own doing. */
  async #conflict(reasons: readonly CancellationReason[], isFirst: boolean): Promise<ShipmentFate> {
    const isTold = reasons.some(({ code }) => code !== 'None');
    const failed = this.members.flatMap((member, at) => {
      const reason = reasons[at];
      return reason?.code === 'ConditionalCheckFailed' || !isTold ? [{ member, item: reason?.image }] : [];
    });
    const found = failed.flatMap(({ member, item }) =>
      isWritten(member) && item !== undefined ? [this.#inquiry.find(member, item, this.#isOld)] : [],
    );
    const verdict = combine(found.map((one) => one.verdict));
    if (verdict === 'applied') return this.#applied(found);
    // What came without its item is read again: it may be gone, or this engine does not bring it along.
    for (const { member, item } of failed) await tellCache(member, item ?? 'untold');
    const receipt = reasons[this.members.length];
    if (receipt?.code === 'ConditionalCheckFailed') {
      const item = receipt.image ?? (await this.#inquiry.readReceipt());
      if (item !== undefined) return this.#receivedBy(item);
    }
    if (!isFirst && verdict !== 'not-applied') return this.#ask(true);
    return { status: 'conflict', changed: new Set(failed.map(({ member }) => member.cell)) };
  }

  async #ask(hasFailed: boolean): Promise<ShipmentFate> {
    const conclusion = await this.#inquiry.ask({ isOld: this.#isOld, hasFailed });
    switch (conclusion.verdict) {
      case 'applied':
        return this.#applied(conclusion.found);
      case 'not-applied':
        return this.#lostTo(conclusion.found);
      case 'received':
        return this.#receivedBy(conclusion.receipt);
      default:
        return this.#lost(conclusion);
    }
  }

  async #applied(found: readonly Found[] = []): Promise<ShipmentFate> {
    for (const member of this.members.filter(isWritten)) {
      await tellWritten(member, found.find((one) => one.member === member)?.image);
    }
    return { status: 'applied' };
  }

  #lostTo(found: readonly Found[]): ShipmentFate {
    const moved = found.filter(({ member, verdict }) => verdict !== 'pending' || member.base.adopted !== undefined);
    for (const { member } of moved) member.cell.cache.forget();
    return { status: 'conflict', changed: new Set(moved.map(({ member }) => member.cell)) };
  }

  #lost({ verdict }: Conclusion & { readonly verdict: UndecidableVerdict }): ShipmentFate {
    for (const { cell } of this.members) cell.cache.forget();
    return { status: 'lost', reason: verdict };
  }

  /** A receipt of this very write proves that it was done; any other one that somebody else did it. */
  #receivedBy(receipt: Item): Promise<ShipmentFate> | ShipmentFate {
    return this.#receipt?.isOwn(receipt) === true ? this.#applied() : { status: 'received', receipt };
  }

  get #isOld(): boolean {
    const { clock, tombstoneMs } = this.#ground;
    return this.copies > 0 && clock.now() - (this.firstSentAt ?? 0) > tombstoneMs / 2;
  }

  /** Whether a copy might find empty places that it had filled before, that of its receipt among them. */
  get #isTooOldToSend(): boolean {
    const written = this.members.filter(isWritten);
    if (!this.#isOld || written.length === 0 || written.some(({ base }) => base.image !== undefined)) return false;
    return this.#receipt === undefined || this.#ground.clock.now() > this.#receipt.standsUntil;
  }

  #refusal(reasons: readonly CancellationReason[]): TransactionRefusedError {
    const keys = [...this.members.map(({ cell }) => cell.keyText), this.#receipt?.keyText ?? ''];
    return new TransactionRefusedError(
      reasons.map(({ code, message }, at): RefusedAction => ({ key: keys[at] ?? '', code, message })),
    );
  }
}

function isMismatch(error: Error): boolean {
  return error.name === 'IdempotentParameterMismatchException';
}
