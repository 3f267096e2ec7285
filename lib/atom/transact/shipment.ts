/**
 * What a transaction sends: something with fixed bytes that is driven until its fate is known. One written atom alone is a plain
 * conditional put; everything else goes with TransactWriteItems (`transaction-shipment.ts`).
 */
import type { Item } from '../../codec/index.js';
import { bytesOf, type Known, type Start } from '../cache.js';
import type { Cell } from '../cell.js';
import type { Tally } from '../diagnostics/trace.js';
import type { Image } from '../item-format.js';
import type { Patience, PendingWrite } from '../register.js';
import type { UnknownReason } from '../settlement.js';
import type { Draft } from '../writer.js';

/** One atom of a transaction. */
export interface Member {
  readonly cell: Cell;
  readonly base: Known;
  readonly start: Start;
  /** What is to be written; absent for an atom that was only read. */
  readonly draft: Draft | undefined;
}

/** An atom of a transaction that is written. */
export type WrittenMember = Member & { readonly draft: Draft };

export function isWritten(member: Member): member is WrittenMember {
  return member.draft !== undefined;
}

/** A fate that is known. The caches have been told. */
export type KnownShipmentFate =
  | { readonly status: 'applied' }
  /** Not done and never will be: these atoms were no more what they had been. */
  | {
      readonly status: 'conflict';
      readonly changed: ReadonlySet<Cell>;
      /** `false`: not proven against a copy that was made on the way and that nobody knows of. */
      readonly proven?: boolean;
    }
  /** Not done and never will be: a receipt stood there already. */
  | { readonly status: 'received'; readonly receipt: Item }
  /** Not done and never will be, and trying again is of no use. */
  | { readonly status: 'refused'; readonly error: Error }
  /** Not to be known any more. */
  | { readonly status: 'lost'; readonly reason: UnknownReason; readonly cause?: unknown };

export type ShipmentFate =
  | KnownShipmentFate
  /** To be made impossible: it must not be sent again, and an earlier copy may still be on its way. */
  | { readonly status: 'fence'; readonly error: Error }
  /** Stopped before it was known. */
  | { readonly status: 'pending'; readonly cause?: unknown };

export interface Shipment {
  readonly members: readonly Member[];
  /** Token of the write, the same in all its atoms. */
  readonly writeId: string;
  /** Copies handed to the engine that were not certainly refused. */
  readonly copies: number;
  /** Wall-clock time of the first copy; `undefined` before. */
  readonly firstSentAt: number | undefined;
  /** What stands in the way, for messages. */
  readonly obstacle: unknown;
  /** Counts what it costs, where somebody listens. */
  tally: Tally | undefined;
  /** Drives it until its fate is known or patience ends. Resumable. */
  write(patience: Patience): Promise<ShipmentFate>;
}

/** Tells the cache of an atom what stands there: `undefined` = no item, `'untold'` = nobody knows. */
export async function tellCache({ cell, start }: Member, found: Item | undefined | 'untold'): Promise<void> {
  if (found === 'untold') return cell.cache.forget();
  try {
    await cell.cache.learn(found, start);
  } catch {
    // An unreadable value is met again, and reported, by the read that the next run begins with.
    cell.cache.forget();
  }
}

/** Tells the cache of an atom what was written there, and what stands there by now where that is known. */
export async function tellWritten({ cell, start, draft }: WrittenMember, newer?: Image): Promise<void> {
  cell.cache.wrote(draft.image, draft.held, draft.start);
  if (newer === undefined) return;
  try {
    await cell.cache.learnImage(newer, start);
  } catch {
    cell.cache.forget();
  }
}

/** One atom, written by a conditional put of its own. */
export class PlainShipment implements Shipment {
  readonly members: readonly [WrittenMember];
  readonly #pending: PendingWrite;

  constructor(member: WrittenMember) {
    this.members = [member];
    this.#pending = member.draft.pending;
  }

  get writeId(): string {
    return this.members[0].draft.image.lineage.token;
  }

  get tally(): Tally | undefined {
    return this.#pending.tally;
  }

  set tally(tally: Tally | undefined) {
    const [{ base, cell }] = this.members;
    tally?.weigh(this.#pending.item, bytesOf(base, cell));
    this.#pending.tally = tally;
  }

  get copies(): number {
    return this.#pending.copies;
  }

  get firstSentAt(): number | undefined {
    return this.#pending.firstSentAt;
  }

  get obstacle(): unknown {
    return this.members[0].cell.register.obstacle;
  }

  async write(patience: Patience): Promise<ShipmentFate> {
    const [member] = this.members;
    const { cell, start } = member;
    const fate = await cell.register.write(this.#pending, patience);
    if (fate.status === 'applied') {
      await tellWritten(member, fate.newer);
      return fate;
    }
    if (fate.status === 'conflict') {
      if (fate.image === undefined) cell.cache.forget();
      else if (fate.image === null) await tellCache(member, undefined);
      else await cell.cache.learnImage(fate.image, start).catch(() => cell.cache.forget());
      return { status: 'conflict', changed: new Set([cell]), proven: fate.proven === true };
    }
    if (fate.status !== 'pending') cell.cache.forget();
    return fate;
  }
}
