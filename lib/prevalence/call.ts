/** One call of `handle`, from the moment it was made to its answer. */
import { WaitingCall, type WaitingFacts } from '../journal/index.js';
import type { Outcome } from './decision.js';
import type { EventLine } from './event-text.js';

/** What `handle` answers. */
export interface HandleAnswer<S, R> {
  /** The state after this event. */
  readonly state: S;
  /** What the handler gave to `withResult`; of an id that was seen before, the first result. */
  readonly result: R;
  /** The event's number; if it was not journalled, the number of the last one before. */
  readonly seq: number;
  /** Epoch milliseconds of the commit; of an event that was not journalled, the time that it was decided at. */
  readonly time: number;
  /** `journalled`, or why not: the state is the `same`, or the id is `known`. */
  readonly status: 'journalled' | 'same' | 'known';
}

/** Options of a call of `handle`. */
export interface HandleOptions {
  /**
   * Makes the event idempotent: an event with an id that was journalled before gets the first result again, and nothing is
   * journalled; the two events are not compared. Up to 512 bytes. Remembered for the last `idsMax` such events, through crashes
   * too. A no-op or a refusal is not remembered.
   */
  readonly id?: string | undefined;
  /**
   * Leaves. An event that was not sent never will be; one that was may take effect still: `ERR_UNKNOWN_OUTCOME`, whose `settle()`
   * tells.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * How long to wait, in milliseconds. What happens then is as with `signal`; an event that was not sent is `ERR_HANDLE_DEADLINE`.
   * @defaultValue 30000
   */
  readonly timeoutMs?: number | undefined;
}

export class Call<S, E, R> extends WaitingCall<HandleAnswer<S, R>> {
  readonly line: EventLine<E>;
  readonly id: string | undefined;

  constructor(line: EventLine<E>, id: string | undefined, facts: WaitingFacts) {
    super(facts);
    this.line = line;
    this.id = id;
  }

  /** The event, for a handler. */
  hand(): E {
    return this.line.plain ?? (this.line.held.hand() as E);
  }

  /** The answer is certain, whether or not somebody still waits for it. */
  conclude(outcome: Outcome<S, R>, time: number): void {
    const { kind } = outcome;
    if (kind === 'refused') {
      this.fail(outcome.error, { outcome: 'not-done' });
      return;
    }
    // An event that is known by its id is in the journal, by whomever.
    this.settle({ outcome: kind === 'accepted' || kind === 'known' ? 'done' : 'not-done' });
    if (kind === 'gone' || kind === 'later') return;
    const { state, seq } = outcome;
    const status = kind === 'accepted' ? 'journalled' : kind;
    this.answer({ state, result: outcome.result as R, seq, time, status });
  }
}
