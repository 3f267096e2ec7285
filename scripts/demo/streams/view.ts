/**
 * What the group makes of the stream: the same statistics again, from changes alone. Pure.
 *
 *   change of an atom   version 7, before { flights: 300, delay: 12 }, after { flights: 390, delay: 80 }
 *   view of it          version 6 -> 7, changes 6 -> 7, flights + 90, delay + 68
 *
 * A view adds up differences and never copies a sum, and it counts the changes that it was given. So a change that is missing, or that
 * is in it twice, leaves sums that are not the atom's, and a count that is not its version.
 */

import { emptyTally, type Tally } from '../ledger.js';
import { compareTally } from '../verify.js';

/** The view of one atom, from version 0 on. */
export interface View extends Tally {
  /** Of the last change that is in it. */
  readonly version: number;
  /** How many are in it. */
  readonly changes: number;
  /** How many of them came when their version, or a later one, was in it. */
  readonly again: number;
}

/** One change, as far as it matters here. */
export interface Counted {
  readonly version: number;
  readonly value: Tally | undefined;
  readonly previous: Tally | undefined;
}

/** An atom at the end, as its table has it. */
export interface Stood extends Tally {
  readonly version: number;
}

export const emptyView: View = { ...emptyTally, version: 0, changes: 0, again: 0 };

/** Takes one change. */
export function countChange(view: View, { version, value = emptyTally, previous = emptyTally }: Counted): View {
  return {
    version: Math.max(view.version, version),
    changes: view.changes + 1,
    again: view.again + (version > view.version ? 0 : 1),
    flights: view.flights + value.flights - previous.flights,
    delay: view.delay + value.delay - previous.delay,
    worst: value.worst === null ? view.worst : Math.max(value.worst, view.worst ?? value.worst),
  };
}

/** What differs between a view and its atom, in words; empty = equal. */
export function compareView(name: string, { version, changes, again, ...sums }: View, atom: Stood): readonly string[] {
  const { version: versions, ...expected } = atom;
  return [
    ...(changes === versions ? [] : [`${name}: ${changes} changes are in the view, the atom has ${versions} versions`]),
    ...(version === versions ? [] : [`${name}: the view is at version ${version}, the atom at ${versions}`]),
    ...(again === 0 ? [] : [`${name}: ${again} changes are in the view again`]),
    ...compareTally(name, 'in the view', sums, expected, 'in the atom'),
  ];
}
