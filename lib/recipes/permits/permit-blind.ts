/**
 * The two steps of permits that the store makes alone, while nobody waits:
 *
 *   take n   used + n, count + 1, holders.me = { n }      if used <= max - n, nobody waits, max is the one that we count on
 *   give n   used - n, count - 1, holders.me removed      if holders.me has n, and nobody waits
 *
 * A condition allows no arithmetic between places, so `max - n` is worked out here, and `max` is a condition beside it. All of it is one
 * update, so `used` is the sum over the holders at every version. Nobody reads before, and nobody loses a race: who comes in between
 * changes the numbers, and the store adds to what it finds.
 *
 * Where somebody waits the store is not asked: what becomes free is to be handed on in the same write, and that takes a look at the
 * queue.
 *
 * That a step is made once, whatever is sent again, is the atom's business. Pure.
 */
import type { BlindStep } from '../claims/claim-steps.js';
import { growth, holdersMax, isFree, type PermitClaim, type PermitState } from './permit-state.js';

/** Takes permits; `undefined` where, by what is known, they are not free. */
export function blindRequest(
  kind: PermitState['kind'],
  known: PermitState | undefined,
  { nonce, session, n, max }: PermitClaim,
): BlindStep<PermitState> | undefined {
  if (known !== undefined && (known.max !== max || !isFree(known, n))) return undefined;
  return {
    changes: {
      add: { used: n, count: 1, fence: growth[kind]('grant', n) },
      setIfAbsent: { holders: { [nonce]: { n, session } } },
    },
    when: { is: { max }, atMost: { used: max - n, count: holdersMax - 1, waiting: 0 } },
  };
}

/** Gives permits back; `undefined` where, by what is known, there are none, or others wait for them. */
export function blindWithdraw(
  kind: PermitState['kind'],
  known: PermitState | undefined,
  nonce: string,
): BlindStep<PermitState> | undefined {
  const holding = known?.holders[nonce];
  if (holding === undefined || known?.waiting !== 0) return undefined;
  const { n } = holding;
  return {
    changes: {
      add: { used: -n, count: -1, fence: growth[kind]('end', n) },
      remove: { holders: { [nonce]: true } },
    },
    when: { is: { holders: { [nonce]: { n } } }, atMost: { waiting: 0 } },
  };
}
