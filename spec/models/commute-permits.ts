/**
 * Conditional commutes of the model: permits that are taken and given back, their number in use being the value of the item.
 *
 *   t   add 1,  when at most `permits - 1` are in use
 *   r   add -1, when at least 1 is
 *
 * The expressions are the shipped ones.
 */
import type { BlindParts } from '../../lib/atom/commute/blind-evidence.js';
import { readChanges } from '../../lib/atom/commute/commute.js';
import { applyChanges } from '../../lib/atom/commute/commute-apply.js';
import { readConditions, satisfies } from '../../lib/atom/commute/commute-condition.js';
import { planChanges } from '../../lib/atom/commute/commute-expression.js';
import type { CommuteCall } from '../../lib/atom/commute/commute-together.js';
import { attributeNamesDefault as names } from '../../lib/atom/item-format.js';
import { hold } from '../../lib/codec/index.js';
import type { CommuteProtocol } from './commute-protocol.js';

export const conditionViolations = {
  broken: 'a change was made to a value that did not satisfy its condition',
  wrongNo: 'a condition was said not to hold while it did',
} as const;

export class Permits {
  readonly #calls: Readonly<Record<string, CommuteCall>>;
  readonly #protocol: CommuteProtocol;

  constructor(permits: number, protocol: CommuteProtocol) {
    const callOf = (changes: object, when: object): CommuteCall => ({
      changes: readChanges('k', changes),
      when: readConditions('k', when),
    });
    this.#calls = { t: callOf({ add: 1 }, { atMost: permits - 1 }), r: callOf({ add: -1 }, { atLeast: 1 }) };
    this.#protocol = protocol;
  }

  isConditional(kind: string | undefined): kind is string {
    return kind !== undefined && Object.hasOwn(this.#calls, kind);
  }

  /** What the calls make of a number, one after the other; `undefined` when a condition does not hold. */
  after(used: number, kinds: readonly string[]): number | undefined {
    let value = used;
    for (const kind of kinds) {
      const call = this.#calls[kind];
      if (call === undefined) continue;
      if (!satisfies(value, call.when)) return undefined;
      value = applyChanges('k', value, call.changes) as number;
    }
    return value;
  }

  /** The parts of the update that makes these calls, as they are planned on a number that satisfies them. */
  parts(used: number, kinds: readonly string[]): BlindParts {
    const calls = kinds.map((kind) => this.#calls[kind] as CommuteCall);
    const changes = calls.flatMap((call) => call.changes);
    const conditions = this.#protocol.conditions(calls).flat();
    const [before, after] = [used, this.after(used, kinds)].map((value) => hold(value).encode());
    const parts = before && after && planChanges(before, after, changes, names.data, conditions);
    if (parts === undefined) throw new Error(`Cannot plan ${kinds.join()} on ${used}`);
    return parts;
  }
}
