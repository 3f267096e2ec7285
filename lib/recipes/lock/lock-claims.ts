import { Claims, type ClaimTerms, type Granted as StepGranted } from '../claims/claims.js';
import type { RecipeItem } from '../recipe-item.js';
import type { Session } from '../session/session.js';
import { LockTimeoutError } from './lock-errors.js';
import { evict, isNext, type LockState, request, rivalsOf, standingOf, withdraw } from './lock-state.js';

/** What was granted of a lock. */
export type Granted<S extends LockState> = StepGranted<S>;

/** Claims of one process on one lock. */
export class LockClaims<S extends LockState> extends Claims<S> {
  constructor(session: Session, item: RecipeItem<S>, terms: ClaimTerms) {
    super(session, item, terms, {
      ...{ standingOf, request, withdraw, evict, isNext, rivalsOf },
      timeoutError: (...facts) => new LockTimeoutError(...facts),
    });
  }
}
