/** A fact: a rule that every storage must keep, and what finds out whether one does. */
import type { Place } from './place.js';

export interface Fact {
  readonly name: string;
  /** Rejects when the rule is broken. */
  readonly check: (place: Place) => Promise<void>;
}

export function fact(name: string, check: (place: Place) => Promise<void>): Fact {
  return { name, check };
}

/** The same rule for each of `cases`; `%s` in its name is the name of the case. */
export function factOfEach<const Case extends readonly [name: string, ...rest: unknown[]]>(
  cases: readonly Case[],
  name: string,
  check: (place: Place, one: Case) => Promise<void>,
): Fact[] {
  return cases.map((one) =>
    fact(
      name.replace('%s', () => one[0]),
      (place) => check(place, one),
    ),
  );
}
