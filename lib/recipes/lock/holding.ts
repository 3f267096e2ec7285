/**
 * The stretch of work that a `withLock` covers: from its grant to the end of all that runs under it.
 *
 *   withLock ──granted──> f ... withLock of the same lock inside ... ──> released by whoever ends last
 *
 * It travels with the asynchronous context, through all that `f` awaits or sets going. So a call inside is known for what it is,
 * which would otherwise wait for itself for ever. Once it is over, what still runs in that context counts as outside.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { AtomTable } from '../../atom/index.js';
import { whileHeld } from '../claims/while-held.js';
import type { LockGrant } from './lock-grant.js';

const holdings = new AsyncLocalStorage<Holding>();

export class Holding {
  readonly #table: AtomTable;
  readonly #grant: LockGrant;
  readonly #outer: Holding | undefined = holdings.getStore();
  #holds = 0;

  constructor(table: AtomTable, grant: LockGrant) {
    this.#table = table;
    this.#grant = grant;
  }

  /** The one that the caller runs under, of this lock. */
  static around(table: AtomTable, name: string): Holding | undefined {
    for (let holding = holdings.getStore(); holding !== undefined; holding = holding.#outer) {
      if (holding.#holds > 0 && holding.#table === table && holding.#grant.name === name) return holding;
    }
    return undefined;
  }

  /** What it was lost by. */
  get lossAfterwards(): Error | undefined {
    return this.#grant.lossAfterwards;
  }

  /** The last to end releases it. */
  async release(): Promise<boolean> {
    this.#holds -= 1;
    return this.#holds > 0 || this.#grant.release();
  }

  /** Runs `f` under it; throws what it was lost by, if it was before `f` had ended. */
  run<R>(f: (grant: LockGrant) => R | Promise<R>): Promise<R> {
    this.#holds += 1;
    return whileHeld(this, () => holdings.run(this, async () => f(this.#grant)));
  }
}
