/**
 * The one order of events of a run, put together from all who saw a part of it, and what a sequential replay of it gives.
 *
 *   seen ─┐
 *   told ─┴► number ─► event ─► ledger, one after the other ─► state, result, digest after each
 */
import { digestStateNow } from '../../../lib/snapshot/index.js';
import { emptyLedger, type LedgerEvent, type LedgerResult, type LedgerState, ledger, padOf } from './ledger.js';
import type { NotedEvent } from './notes.js';

/** Something that must not be. */
export interface Finding {
  readonly why: string;
  readonly about: unknown;
}

interface Place {
  readonly uid: string;
  readonly time: number;
  readonly keyed: boolean;
}

/** What stood there after an event. */
export interface Moment {
  readonly state: LedgerState;
  readonly time: number;
  readonly uid: string;
  readonly result: LedgerResult | undefined;
}

export class Order {
  readonly #places = new Map<number, Place>();
  readonly #numberOf = new Map<string, number>();
  readonly #report: (why: string, about: unknown) => void;
  #moments: Moment[] = [{ state: emptyLedger, time: 0, uid: '', result: undefined }];
  #top = 0;

  constructor(report: (why: string, about: unknown) => void) {
    this.#report = report;
  }

  /** Number of the last event that could be replayed. */
  get top(): number {
    return this.#moments.length - 1;
  }

  /** Somebody says what event has which number. */
  claim(seq: number, place: Place): void {
    const known = this.#places.get(seq);
    if (known === undefined) {
      this.#places.set(seq, place);
      this.#top = Math.max(this.#top, seq);
      const before = this.#numberOf.get(place.uid);
      if (before !== undefined) this.#report('one event is in the journal twice', { ...place, seq, before });
      this.#numberOf.set(place.uid, seq);
    } else if (known.uid !== place.uid || known.time !== place.time || known.keyed !== place.keyed) {
      this.#report('two events have one number', { seq, known, place });
    }
  }

  /** The number of an event; `undefined` when it is not in the journal. */
  numberOf(uid: string): number | undefined {
    return this.#numberOf.get(uid);
  }

  isKeyed(seq: number): boolean {
    return this.#places.get(seq)?.keyed ?? false;
  }

  /** What stood there after event `seq`; `undefined` when there is no such event. */
  at(seq: number): Moment | undefined {
    return this.#moments[seq];
  }

  /** Number of the last event not later than `time`. */
  upTo(time: number): number {
    return Math.max(
      0,
      this.#moments.findLastIndex((moment) => moment.time <= time),
    );
  }

  digestAt(seq: number): string | undefined {
    const moment = this.#moments[seq];
    return moment && digestStateNow(moment.state);
  }

  /** Handles all events, one after the other. */
  replay(eventOf: (uid: string) => NotedEvent | undefined): void {
    for (let seq = 1; seq <= this.#top; seq += 1) {
      const place = this.#places.get(seq);
      const event = place && eventOf(place.uid);
      if (place === undefined) return this.#report('nobody saw this event', { seq, last: this.#top });
      if (event === undefined) return this.#report('an event that nobody sent', { seq, ...place });
      const before = this.#moments[seq - 1] as Moment;
      if (place.time < before.time) this.#report('time went back', { seq, ...place, before: before.time });
      try {
        const handled = ledger(before.state, wholeEvent(event), { time: place.time, seq });
        const { state, result } = handled as Extract<typeof handled, { readonly state: LedgerState }>;
        if (state === before.state)
          return this.#report('an event in the journal that changes nothing', { seq, ...place });
        this.#moments.push({ state, time: place.time, uid: place.uid, result });
      } catch (error) {
        return this.#report('an event in the journal that the handler refuses', {
          seq,
          ...place,
          error: String(error),
        });
      }
    }
  }
}

/** An event with its text. */
export function wholeEvent({ padLength, ...event }: NotedEvent): LedgerEvent {
  return padLength === undefined ? event : { ...event, pad: padOf(event.uid, padLength) };
}
