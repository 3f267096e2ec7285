import type { Session } from '../session/session.js';
import type { Observation } from '../session/session-observer.js';

/** The sessions on which a claim waits, observed as long as it does. */
export class Rivals {
  readonly #session: Session;
  readonly #onOver: (id: string) => void;
  readonly #observed = new Map<string, Observation>();

  constructor(session: Session, onOver: (id: string) => void) {
    this.#session = session;
    this.#onOver = onOver;
  }

  /** Why nothing can be learnt of them at present. */
  get obstacle(): unknown {
    for (const { obstacle } of this.#observed.values()) if (obstacle !== undefined) return obstacle;
    return undefined;
  }

  /** Observes these, and no others any longer. */
  observe(ids: Iterable<string>): void {
    const wanted = new Set(ids);
    for (const [id, observation] of this.#observed) {
      if (wanted.has(id)) continue;
      observation.close();
      this.#observed.delete(id);
    }
    for (const id of wanted) {
      if (this.#observed.has(id)) continue;
      this.#observed.set(
        id,
        this.#session.observe(id, () => this.#onOver(id)),
      );
    }
  }

  close(): void {
    this.observe([]);
  }
}
