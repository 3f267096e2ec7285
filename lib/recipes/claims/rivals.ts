import type { CallLimits } from '../recipe-item.js';
import type { Session } from '../session/session.js';
import { type Observation, sessionsOver as over, patienceMs } from '../session/session-observer.js';

/** The sessions on which a claim waits, observed as long as it does. */
export class Rivals {
  readonly #session: Session;
  readonly #onOver: (id: string) => void | Promise<void>;
  readonly #observed = new Map<string, Observation>();

  /** `onOver` is called once a session is over; again, after what it promised is done, if it is still waited for. */
  constructor(session: Session, onOver: (id: string) => void | Promise<void>) {
    this.#session = session;
    this.#onOver = onOver;
  }

  /** Why nothing can be learnt of them at present. */
  get obstacle(): unknown {
    for (const { obstacle } of this.#observed.values()) if (obstacle !== undefined) return obstacle;
    return undefined;
  }

  /** How long it takes at most to find out of all that are observed whether they are silent. */
  get patienceMs(): number {
    return Math.max(0, ...[...this.#observed.keys()].map(patienceMs));
  }

  /** Observes these, and no others any longer. */
  observe(ids: ReadonlySet<string>): void {
    for (const [id, observation] of this.#observed) {
      if (ids.has(id)) continue;
      observation.close();
      this.#observed.delete(id);
    }
    for (const id of ids) {
      if (this.#observed.has(id)) continue;
      const observation = this.#session.observe(id, () => {
        void this.#onOver(id)?.finally(() => {
          // Who was dead may have come in once more before it knew.
          if (this.#observed.get(id) === observation) this.#observed.delete(id);
        });
      });
      this.#observed.set(id, observation);
    }
  }

  close(): void {
    this.observe(new Set());
  }
}

/** Which of these sessions are known to be over: one strong read of each, no waiting. */
export function sessionsOver(
  { table }: Session,
  ids: ReadonlySet<string>,
  limits: CallLimits,
): Promise<ReadonlySet<string>> {
  return over(table, ids, limits);
}
