/**
 * A transaction under way: driven until its fate is known, whoever waits for it, and the lanes of its atoms held until then.
 *
 *   attended by its caller, by settle(), or by whoever wants one of its lanes    driven
 *   by nobody                                                                    for `settleMs`, then paused until somebody comes
 *
 * Cancelling is a plain conditional put of the base value on one of its atoms: if that succeeds, the transaction can never take
 * effect, for all of its conditions must hold at once.
 */
import { after } from '../../engine/index.js';
import { decide } from '../evidence.js';
import type { Ground, Retry } from '../ground.js';
import type { Patience, PendingWrite } from '../register.js';
import { type Settled, type SettleOptions, settledWithin } from '../settlement.js';
import type { Draft } from '../writer.js';
import { isWritten, type KnownShipmentFate, type Shipment, type ShipmentFate, type WrittenMember } from './shipment.js';

/** `unsent`: nothing was on its way, and nobody waits any more. */
export type FlightEnd = KnownShipmentFate | { readonly status: 'unsent' };

/** The base value of one atom, being written again. */
interface Cancel {
  readonly member: WrittenMember;
  readonly draft: Draft;
  readonly pending: PendingWrite;
}

export interface FlightRooms {
  readonly ground: Ground;
  readonly retry: Retry;
  /** Whether somebody waits for an atom of it. */
  readonly isWanted: () => boolean;
  /** Told when nothing is done any more until somebody comes, and when it goes on. */
  readonly onRest: (rests: boolean) => void;
}

export class TransactionFlight {
  readonly shipment: Shipment;
  /** Resolves when its fate is known; never rejects for what the store did. */
  readonly end: Promise<FlightEnd>;
  readonly #rooms: FlightRooms;
  #attended = 0;
  #cancel: Cancel | undefined;
  #cancelWanted = false;
  /** Why it must not be sent again. */
  #fence: Error | undefined;
  #stop: AbortController | undefined;
  #unlonely: (() => void) | undefined;
  #resume: (() => void) | undefined;

  constructor(shipment: Shipment, rooms: FlightRooms) {
    this.shipment = shipment;
    this.#rooms = rooms;
    this.end = this.#drive().then((end) => {
      clearUp(shipment, end);
      return end;
    });
  }

  /** Whether a copy of it may have been applied, or may still be. */
  get mayApply(): boolean {
    return this.shipment.copies > 0 || this.#cancel !== undefined;
  }

  /** Somebody waits for it, until the returned function is called. */
  attend(): () => void {
    this.#attended += 1;
    this.mind();
    return () => {
      this.#attended -= 1;
      this.mind();
    };
  }

  /** Told whenever somebody may have come or gone. */
  mind(): void {
    if (this.#attended === 0 && !this.mayApply) {
      this.#stop?.abort();
      return;
    }
    if (this.#isAwaited()) {
      this.#unlonely?.();
      this.#unlonely = undefined;
      this.#resume?.();
      return;
    }
    const stop = this.#stop;
    if (stop === undefined || this.#unlonely !== undefined) return;
    const { ground, retry } = this.#rooms;
    this.#unlonely = after(ground.clock, retry.settleMs, () => stop.abort(), true);
  }

  /** Asks what became of it, for `UnknownOutcomeError.settle`. */
  async settle({ prefer = 'truth', timeoutMs = 30_000, signal }: SettleOptions = {}): Promise<Settled> {
    if (prefer === 'cancel') {
      this.#cancelWanted = true;
      this.#stop?.abort();
    }
    const leave = this.attend();
    try {
      return await settledWithin(this.end.then(settledOf), this.#rooms.ground.clock, { timeoutMs, signal });
    } finally {
      leave();
    }
  }

  async #drive(): Promise<FlightEnd> {
    // Whoever made it attends to it before anything is sent.
    await undefined;
    for (;;) {
      if (this.#cancelWanted && this.#cancel === undefined) this.#cancel = await this.#draftCancel();
      this.#cancelWanted = false;
      const stop = new AbortController();
      this.#stop = stop;
      this.mind();
      const fate = await this.#send({ signal: stop.signal, wanted: () => this.#attended > 0 });
      this.#stop = undefined;
      this.#unlonely?.();
      this.#unlonely = undefined;
      if (fate.status === 'fence') {
        if (this.#fence !== undefined) return { status: 'lost', reason: 'in-flight', cause: fate.error };
        this.#fence = fate.error;
        this.#cancelWanted = true;
        continue;
      }
      if (fate.status !== 'pending') return this.#fence !== undefined ? this.#fenced(fate, this.#fence) : fate;
      if (!this.mayApply) {
        if (this.#attended === 0) return { status: 'unsent' };
        continue;
      }
      if (this.#cancelWanted || (stop.signal.aborted && this.#isAwaited())) continue;
      await new Promise<void>((resolve) => {
        this.#rooms.onRest(true);
        this.#resume = () => {
          this.#resume = undefined;
          this.#rooms.onRest(false);
          resolve();
        };
      });
    }
  }

  #send(patience: Patience): Promise<ShipmentFate> {
    return this.#cancel === undefined ? this.shipment.write(patience) : this.#sendCancel(this.#cancel, patience);
  }

  /** The write of the base value of one of its atoms; `undefined` where there is none that could be written again. */
  async #draftCancel(): Promise<Cancel | undefined> {
    const written = this.shipment.members.filter(isWritten);
    const member = written.find(({ base }) => base.image !== undefined) ?? written.find((one) => one.draft.cancel);
    const { firstSentAt } = this.shipment;
    if (member === undefined || this.shipment.copies === 0) return undefined;
    // A creation that may have been applied and removed since cannot be made impossible any more.
    const { ground } = this.#rooms;
    const ageMs = ground.clock.now() - (firstSentAt ?? 0);
    if (member.base.image === undefined && ageMs > ground.tombstoneMs / 2) return undefined;
    try {
      const draft = await member.draft.cancel?.();
      return draft && { member, draft, pending: { ...draft.pending, cancelledSentAt: firstSentAt } };
    } catch {
      // The base cannot be written again (a key service that does not answer): what remains is to ask for the truth.
      return undefined;
    }
  }

  async #sendCancel({ member, draft, pending }: Cancel, patience: Patience): Promise<ShipmentFate> {
    const { cell, start } = member;
    const fate = await cell.register.write(pending, patience);
    if (fate.status === 'refused') {
      return this.#sendAgain(patience);
    }
    if (fate.status === 'applied') {
      cell.cache.wrote(draft.image, draft.held, draft.start);
      if (fate.newer !== undefined) cell.cache.forget();
      return { status: 'conflict', changed: new Set([cell]) };
    }
    if (fate.status !== 'conflict') return fate;
    cell.cache.forget();
    let image = fate.image;
    if (image === undefined) {
      try {
        image = (await cell.cache.strongRead()).image ?? null;
      } catch {
        return this.#sendAgain(patience);
      }
    } else if (image !== null) await cell.cache.learnImage(image, start).catch(() => cell.cache.forget());
    const verdict = decide(image?.lineage, member.draft.pending.attempt);
    if (verdict === 'not-applied') return { status: 'conflict', changed: new Set([cell]) };
    if (verdict !== 'applied') return this.#sendAgain(patience);
    for (const other of this.shipment.members.filter(isWritten)) {
      if (other.cell !== cell) other.cell.cache.wrote(other.draft.image, other.draft.held, other.draft.start);
    }
    return { status: 'applied' };
  }

  /** There is no cancelling it by this atom: what remains is to ask for the truth. */
  #sendAgain(patience: Patience): Promise<ShipmentFate> {
    this.#cancel = undefined;
    return this.shipment.write(patience);
  }

  /** It was made impossible, or turned out to have been done. */
  #fenced(fate: KnownShipmentFate, error: Error): KnownShipmentFate {
    return fate.status === 'conflict' ? { status: 'refused', error } : fate;
  }

  #isAwaited(): boolean {
    return this.#attended > 0 || this.#rooms.isWanted();
  }
}

/** What was written beside the items is kept, or is not needed any more; when nobody knows, it stays for the sweep to judge. */
function clearUp({ members }: Shipment, end: FlightEnd): void {
  if (end.status === 'lost' || (end.status === 'conflict' && end.proven === false)) return;
  for (const { draft } of members) {
    if (end.status === 'applied') draft?.aftermath?.applied();
    else draft?.aftermath?.lost();
  }
}

function settledOf(end: FlightEnd): Settled {
  switch (end.status) {
    case 'applied':
    case 'received':
      return { outcome: 'done' };
    case 'lost':
      return { outcome: 'unknown', reason: end.reason };
    default:
      return { outcome: 'not-done' };
  }
}
