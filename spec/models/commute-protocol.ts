/**
 * What a writer of blind updates does, as a parameter of the model: the library's own functions unless a spec plants a bug.
 *
 * The expressions are the shipped ones, and are judged as a store judges them.
 */
import {
  type BlindAttempt,
  type BlindGuards,
  type BlindParts,
  blindExpressions,
  blindGuards,
  decideBlind,
} from '../../lib/atom/commute/blind-evidence.js';
import { conditionsOf } from '../../lib/atom/commute/commute-together.js';
import { decide, evolve } from '../../lib/atom/evidence.js';
import { attributeNamesDefault as names } from '../../lib/atom/item-format.js';
import type { Item } from '../../lib/codec/index.js';
import { Placeholders } from '../../lib/engine/expression.js';
import { parseCondition } from '../../lib/engine/expression-condition.js';
import { holds } from '../../lib/engine/expression-judge.js';
import { applyUpdate, parseUpdate } from '../../lib/engine/expression-update.js';

export interface CommuteProtocol {
  readonly evolve: typeof evolve;
  readonly decide: typeof decide;
  readonly decideBlind: typeof decideBlind;
  readonly guards: (attempt: BlindAttempt) => BlindGuards;
  /** Rewrites an update. */
  readonly updates: (expression: string) => string;
  /** What a fence is on condition of: that the write with this number has not been applied. */
  readonly fences: (victim: number) => number | undefined;
  /** Whether a write that failed for the shape of the value alone is ruled out by a fence. */
  readonly fencesBarred: boolean;
  /** What is asked of the state before all calls that go together. */
  readonly conditions: typeof conditionsOf;
  /** Whether "it does not hold" is said on the strength of what was known before the call. */
  readonly declinesOnCache: boolean;
  /** Whether "it does not hold" is said when the only copy was refused for that, with no fence. */
  readonly believesRefusal: boolean;
  /** Whether a resend takes the next waiting operation along under the old number. */
  readonly rebatches: boolean;
}

export const shippedCommutes: CommuteProtocol = {
  evolve,
  decide,
  decideBlind,
  guards: blindGuards,
  updates: (expression) => expression,
  fences: (victim) => victim,
  fencesBarred: true,
  conditions: conditionsOf,
  declinesOnCache: false,
  believesRefusal: false,
  rebatches: false,
};

/** The protocol with one thing done wrong. */
export function plantedCommute(bug: Partial<CommuteProtocol>): CommuteProtocol {
  return { ...shippedCommutes, ...bug };
}

/** What is done beside the evidence: nothing, on condition of the shape, if one is given. */
export function shapeParts(shape: string | undefined): BlindParts {
  if (shape === undefined) return { sets: [], removes: [], conditions: [], names: {}, values: {} };
  return {
    ...{ sets: [], removes: [], conditions: ['#d = :0'] },
    ...{ names: { '#d': names.data }, values: { ':0': { N: shape } } },
  };
}

/** How the store judges a blind write of `attempt`: what it makes of an item, `undefined` when its condition fails. */
export function judgeOf(
  protocol: CommuteProtocol,
  attempt: BlindAttempt,
  parts: BlindParts,
): (item: Item) => Item | undefined {
  const { update, condition } = blindExpressions(attempt, parts, names, protocol.guards(attempt));
  const rewritten = { ...update, expression: protocol.updates(update.expression) };
  const placeholders = new Placeholders(condition, rewritten);
  const tree = parseCondition(condition, placeholders);
  const changes = parseUpdate(rewritten, placeholders);
  return (item) => (holds(tree, item) ? applyUpdate(item, changes) : undefined);
}
