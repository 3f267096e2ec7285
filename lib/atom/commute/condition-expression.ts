/**
 * A condition of a commute as the store is asked it: it holds of a value there if and only if `satisfies` says so of it here.
 *
 * What it takes for that: the notes of the value are those that are known, which the update has among its conditions, and there are
 * none on the place or on the way to it, so that what is stored there is what it looks like. Pure.
 */
import { hold } from '../../codec/index.js';
import type { Clause } from './commute-condition.js';
import type { StoredForm } from './commute-places.js';
import type { Sheet } from './commute-sheet.js';

/** Whether the store can be asked it; then it is among the conditions. */
export function requireClause(clause: Clause, form: StoredForm, sheet: Sheet): boolean {
  const place = form.stored(clause.path);
  // The store takes no empty names.
  if (form.isVeiled(place) || form.notesAt(place).length > 0 || place.includes('')) return false;
  const path = sheet.path(place);
  switch (clause.test) {
    case 'absent':
      sheet.require(`attribute_not_exists(${path})`);
      return true;
    case 'present':
      sheet.require(`attribute_exists(${path})`);
      return true;
    case 'is': {
      const { data, annotations } = hold(clause.operand).encode();
      if (annotations !== undefined) return false;
      sheet.require(`${path} = ${sheet.value(data)}`);
      return true;
    }
    case 'atMost':
    case 'atLeast': {
      const { test, bound } = clause;
      if (typeof bound !== 'number') return false;
      const [operator, isOfZero] = test === 'atMost' ? ['<=', bound >= 0] : ['>=', bound <= 0];
      const compared = `${path} ${operator} ${sheet.value({ N: String(bound) })}`;
      sheet.require(isOfZero ? `(attribute_not_exists(${path}) OR ${compared})` : compared);
      return true;
    }
  }
}
