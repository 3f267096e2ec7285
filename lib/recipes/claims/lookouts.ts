import { after } from '../../engine/index.js';
import type { Lease } from '../session/lease.js';
import type { Session } from '../session/session.js';
import { type Observation, patienceMs } from '../session/session-observer.js';

/** What lookouts do beside observing. */
export interface LookoutTerms {
  /** What is done once a session is over, as long as `lease` lasts; `signal` aborts when nobody looks after it any longer. */
  readonly onOver?: (id: string, lease: Lease, signal: AbortSignal) => Promise<unknown>;
  /** How much longer than a lease that may take. */
  readonly graceMs?: number;
}

/**
 * Observes sessions of which somebody has found something held, and for which nobody waits (any longer): an observer counts a lease as long as
 * anybody observes, and begins anew after that. So who comes again and again, each time for less than a lease, finds out as well
 * that somebody has died.
 */
export class Lookouts {
  readonly #session: Session;
  readonly #terms: LookoutTerms;
  /** What is called to look after a session for longer. */
  readonly #longer = new Map<string, () => void>();

  constructor(session: Session, terms: LookoutTerms = {}) {
    this.#session = session;
    this.#terms = terms;
  }

  /**
   * Looks after a session for as long as it takes to find out that it is silent, at most as long as `lease` lasts. Each call begins that
   * time anew, and not the count of the lease: a session may have died at any time since the first.
   */
  keep(id: string, lease: Lease): void {
    const longer = this.#longer.get(id);
    if (longer !== undefined) {
      longer();
      return;
    }
    const { onOver, graceMs = 0 } = this.#terms;
    const end = new AbortController();
    let leave = () => {};
    let observation: Observation;
    try {
      const isOver = () => {
        if (onOver === undefined) close();
        else void onOver(id, lease, end.signal).finally(close);
      };
      observation = this.#session.observe(id, isOver, { unhurried: true });
    } catch {
      // In a table that was closed there is nothing to be learnt. Whoever asked may have something to give back before all else.
      return;
    }
    const close = () => {
      observation.close();
      end.abort();
      callOff();
      leave();
      this.#longer.delete(id);
    };
    const limit = () => after(this.#session.table.sources.clock, patienceMs(id) + graceMs, close, true);
    let callOff = limit();
    this.#longer.set(id, () => {
      callOff();
      callOff = limit();
    });
    leave = lease.onEnd(close);
  }
}
