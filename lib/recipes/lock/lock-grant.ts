import { Grant } from '../claims/grant.js';
import {
  type FenceAttribute,
  type FenceCondition,
  type FenceConditionOptions,
  fenceCondition,
} from '../fence/fence-condition.js';
import type { Granted, LockClaims } from './lock-claims.js';
import type { LockState } from './lock-state.js';

/**
 * A lock that was granted. `await using` releases it.
 *
 * It is held until it is released, its session's lease ends, or it is taken by force. The first two are known to `isHeld` at once; the
 * last at the next `extend()`.
 *
 * @example
 * ```ts
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { Lock, openSession } from 'leyden-jar/recipes';
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * await using session = await openSession(table);
 * {
 *   await using grant = await new Lock(session, 'invoices').acquire({ waitMs: 5_000 });
 *   grant.assertHeld();
 *   console.log(grant.token, grant.isHeld); // => 1n true
 * }
 * console.log(await new Lock(session, 'invoices').holder()); // => undefined
 * ```
 */
export class LockGrant<S extends LockState = LockState> extends Grant<S> {
  /** @internal Made by `Lock`. */
  constructor(claims: LockClaims<S>, granted: Granted<S>) {
    super(claims, granted, granted.state.fence);
  }

  /**
   * The condition and the attributes that make a write of an item of your own fail once a later holder has written; see
   * {@link fenceCondition}. Sends nothing.
   *
   * @throws as `assertHeld`; TypeError for wrong options.
   */
  guard(options: FenceConditionOptions & { readonly client: 'plain' }): FenceCondition<FenceAttribute>;
  guard(options?: FenceConditionOptions): FenceCondition<number | string>;
  guard(options: FenceConditionOptions = {}): FenceCondition<FenceAttribute | number | string> {
    return fenceCondition(this, options);
  }
}
