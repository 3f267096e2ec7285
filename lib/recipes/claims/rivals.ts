import type { CallLimits } from '../recipe-item.js';
import type { Session } from '../session/session.js';
import { isOver, type SessionState, sessionItem } from '../session/session-item.js';
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
  observe(ids: ReadonlySet<string>): void {
    for (const [id, observation] of this.#observed) {
      if (ids.has(id)) continue;
      observation.close();
      this.#observed.delete(id);
    }
    for (const id of ids) {
      if (this.#observed.has(id)) continue;
      this.#observed.set(
        id,
        this.#session.observe(id, () => this.#onOver(id)),
      );
    }
  }

  close(): void {
    this.observe(new Set());
  }
}

/** Which of these sessions are known to be over: one strong read of each, no waiting. */
export async function sessionsOver(
  { table }: Session,
  ids: ReadonlySet<string>,
  limits: CallLimits,
): Promise<ReadonlySet<string>> {
  const all = [...ids];
  const items = all.map((id) => sessionItem(table, id));
  const [only, ...others] = items;
  if (only === undefined) return new Set();
  const atoms = items.map(({ atom }) => atom);
  const states = others.length === 0 ? [await only.read(limits)] : await table.getMany(atoms, limits);
  return new Set(all.filter((_, index) => isOver(states[index] as SessionState)));
}
