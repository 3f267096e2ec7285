/**
 * Who is alive, as one member sees it. Pure: the moments are given.
 *
 *   beat 7 written    seen here                                   asked again        answered: still 7
 *        |---------------|------------------ leaseMs -----------------|-----------------|  over
 *                        counted from when the answer came        until a question was sent
 *
 * A member believes in itself for a lease, less the margin, from *before* it sent its last acknowledged beat. Whoever watches it counts a
 * whole lease from *after* that beat was seen, and then only an answer to a question asked after that time says that it is over. So the
 * member has stopped by then, unless the rates of the two clocks differ by more than the margin. No time of day is compared.
 *
 * A life that lost its item is watched in the same way, from when it was missed.
 */
import type { MemberState, Owner } from './lease-state.js';

interface Seen {
  readonly id: string;
  /** `undefined`: no item. */
  readonly beat: number | undefined;
  readonly sinceMs: number;
  readonly leaseMs: number;
  readonly isOver: boolean;
}

export class Silence {
  readonly #leaseMs: number;
  #seen = new Map<string, Seen>();

  /** `leaseMs` counts for lives that have no item. */
  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /**
   * Takes the items of all members, as the answer to one question.
   *
   * @returns lives that were found to be over by it.
   */
  see(members: readonly MemberState[], askedAtMs: number, answeredAtMs: number): readonly Owner[] {
    const rows = new Map(members.map((member) => [member.life, member]));
    const over: Owner[] = [];
    const next = new Map<string, Seen>();
    for (const life of new Set([...rows.keys(), ...this.#seen.keys()])) {
      const row = rows.get(life);
      const before = this.#seen.get(life);
      const hasMoved = before === undefined || before.beat !== row?.beat;
      const { id, leaseMs } = row ?? (before as Seen);
      const sinceMs = hasMoved ? answeredAtMs : before.sinceMs;
      const isOver = !hasMoved && (before.isOver || askedAtMs - sinceMs >= leaseMs);
      if (isOver && before?.isOver === false) over.push({ id, life });
      next.set(life, { id, beat: row?.beat, sinceMs, leaseMs, isOver });
    }
    this.#seen = next;
    return over;
  }

  /** Takes owners that leases name: those who have no item are watched from now on. Others of them without item are forgotten. */
  expect(owners: readonly Owner[], nowMs: number): void {
    const named = new Set(owners.map(({ life }) => life));
    for (const { id, life } of owners) {
      if (this.#seen.has(life)) continue;
      this.#seen.set(life, { id, beat: undefined, sinceMs: nowMs, leaseMs: this.#leaseMs, isOver: false });
    }
    for (const [life, { beat }] of this.#seen) if (beat === undefined && !named.has(life)) this.#seen.delete(life);
  }

  /** It is known without waiting: its own process says so. */
  bury({ id, life }: Owner): void {
    const before = this.#seen.get(life);
    const facts = before ?? { beat: undefined, sinceMs: 0, leaseMs: this.#leaseMs };
    this.#seen.set(life, { ...facts, id, isOver: true });
  }

  /** Whether it was silent for its whole lease. */
  isOver({ life }: Owner): boolean {
    return this.#seen.get(life)?.isOver === true;
  }

  /** For how many of its leases nothing was heard of it. */
  leasesSilent({ life }: Owner, nowMs: number): number {
    const seen = this.#seen.get(life);
    return seen === undefined ? 0 : (nowMs - seen.sinceMs) / seen.leaseMs;
  }

  /** When a question could find somebody else to be over, if nobody beats until then. */
  nextMs(self: Owner): number {
    let next = Number.POSITIVE_INFINITY;
    for (const [life, { sinceMs, leaseMs, isOver }] of this.#seen) {
      if (!isOver && life !== self.life) next = Math.min(next, sinceMs + leaseMs);
    }
    return next;
  }
}
