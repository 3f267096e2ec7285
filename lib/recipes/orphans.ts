import type { Session } from './session/session.js';

/** First and longest pause before a withdrawal is tried again that only frees others from waiting. */
const againMs = 1_000;
const againMsMax = 10_000;

/**
 * What this process has claimed, or may have, and nobody here wants any longer. It is taken back in the background, tried again until it is done;
 * what outlives the session goes with it.
 */
export class Orphans {
  readonly #session: Session;
  readonly #withdraw: (ids: readonly string[]) => Promise<unknown>;
  readonly #ids = new Set<string>();
  #isAtWork = false;

  /** `withdraw` takes claims back, whether or not they are there. */
  constructor(session: Session, withdraw: (ids: readonly string[]) => Promise<unknown>) {
    this.#session = session;
    this.#withdraw = withdraw;
  }

  get ids(): ReadonlySet<string> {
    return this.#ids;
  }

  add(id: string): void {
    this.#ids.add(id);
    if (this.#isAtWork) return;
    this.#isAtWork = true;
    void this.#work();
  }

  async #work(): Promise<void> {
    const { clock } = this.#session.table.sources;
    let pauseMs = againMs;
    while (this.#ids.size > 0 && !this.#session.isClosed) {
      const gone = [...this.#ids];
      try {
        await this.#withdraw(gone);
        for (const id of gone) this.#ids.delete(id);
      } catch {
        await clock.sleep(pauseMs, { background: true });
        pauseMs = Math.min(2 * pauseMs, againMsMax);
      }
    }
    this.#isAtWork = false;
  }
}
