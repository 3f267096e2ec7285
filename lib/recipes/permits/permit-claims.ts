import { Claims, type ClaimTerms, type Granted } from '../claims/claims.js';
import type { RecipeItem } from '../recipe-item.js';
import type { Session } from '../session/session.js';
import { blindRequest, blindWithdraw } from './permit-blind.js';
import { PermitTimeoutError } from './permit-errors.js';
import {
  evict,
  isNext,
  type PermitClaim,
  type PermitState,
  request,
  rivalsOf,
  standingOf,
  withdraw,
} from './permit-state.js';

/** What was granted of an item of permits. */
export type GrantedPermits = Granted<PermitState, PermitClaim>;

/** Claims of one process on the permits of one item. */
export class PermitClaims extends Claims<PermitState, PermitClaim> {
  constructor(session: Session, item: RecipeItem<PermitState>, terms: ClaimTerms) {
    const { kind, atom } = item;
    super(session, item, terms, {
      ...{ standingOf, withdraw, evict, rivalsOf, isNext },
      request: (state, claim, queueMax) => request(state, claim, queueMax, atom.key),
      timeoutError: (...facts) => new PermitTimeoutError(...facts),
      blindRequest: (known, claim) => blindRequest(kind, known, claim),
      blindWithdraw: (known, nonce) => blindWithdraw(kind, known, nonce),
    });
  }
}
