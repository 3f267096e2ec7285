/**
 * The one order of events of a run, put together from all who saw a part of it, and what a sequential replay of it gives.
 *
 *   seen ─┐
 *   told ─┴► number ─► event ─► ledger, one after the other ─► state, result, digest after each
 */
import { digestStateNow } from '../../../lib/snapshot/index.js';
import {
  emptyLedger,
  type LedgerEvent,
  type LedgerResult,
  type LedgerState,
  ledger,
  padOf,
  Refused,
} from './ledger.js';
import type { NotedEvent } from './notes.js';

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

  /** Handles all events, one after the other, as far as that makes sense. */
  replay(eventOf: (uid: string) => NotedEvent | undefined): void {
    for (let seq = 1; seq <= this.#top; seq += 1) {
      const place = this.#places.get(seq);
      const why = place === undefined ? 'nobody saw this event' : this.#handle(seq, place, eventOf(place.uid));
      if (why === undefined) continue;
      this.#report(why, { seq, last: this.#top, ...place });
      return;
    }
  }

  /** What is wrong with an event, if so. */
  #handle(seq: number, { uid, time }: Place, event: NotedEvent | undefined): string | undefined {
    if (event === undefined) return 'an event that nobody sent';
    const before = this.#moments[seq - 1] as Moment;
    if (time < before.time) return 'time went back';
    try {
      const handled = ledger(before.state, wholeEvent(event), { time, seq }) as Handled;
      if (handled.state === before.state) return 'an event in the journal that changes nothing';
      this.#moments.push({ ...handled, time, uid });
      return undefined;
    } catch (error) {
      if (error instanceof Refused) return 'an event in the journal that the handler refuses';
      throw error;
    }
  }
}

/** What the ledger's handler gives: never a bare state. */
type Handled = Pick<Moment, 'state' | 'result'>;

/** An event with its text. */
export function wholeEvent({ padLength, ...event }: NotedEvent): LedgerEvent {
  return padLength === undefined ? event : { ...event, pad: padOf(event.uid, padLength) };
}
