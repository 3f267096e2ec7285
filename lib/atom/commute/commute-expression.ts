/**
 * Changes made of an item by the store: the parts of an update, and the conditions under which it does what `applyChanges` would do.
 *
 *   changes of all callers --by place--> add 5 at [n]      SET #d.#0 = #d.#0 + :0     if #d.#0 BETWEEN … AND …
 *                                        union at [tags]   SET #d.#1 = list_append(…) if NOT contains(#d.#1, :2)
 *
 * What is known of the value is old, so whatever is taken from it is made a condition: nothing is done to a value of which it is not
 * true. Where no condition says enough, `planChanges` answers `undefined`, and the change is made here and put, as a swap is.
 * Pure.
 */
import { type AttributeValue, type Encoded, escapeName, type Held } from '../../codec/index.js';
import type { BlindParts } from './blind-evidence.js';
import { type Change, type Place, Places } from './commute.js';
import { sumOf } from './commute-apply.js';
import type { Clause } from './commute-condition.js';
import { type Found, isOrdinary, StoredForm, scalarsOf, scalarText } from './commute-places.js';
import { Sheet } from './commute-sheet.js';
import { requireClause } from './condition-expression.js';

const safe = Number.MAX_SAFE_INTEGER;

/** Changes of one verb at one place, in their order. */
interface Group {
  readonly place: Place;
  readonly changes: readonly [Change, ...Change[]];
}

/**
 * The parts of an update that makes `changes` of whatever stands in the item by then.
 *
 * @param base the form of the value that is known, `after` that of what the changes make of it
 * @param data the name of attribute `d`
 * @param conditions of the calls, on the value before all changes
 * @returns `undefined` when the store cannot be told so
 */
export function planChanges(
  base: Encoded,
  after: Encoded,
  changes: readonly Change[],
  data: string,
  conditions: readonly Clause[] = [],
): BlindParts | undefined {
  const before = new StoredForm(base);
  const made = new StoredForm(after);
  if (!before.hasNotesOf(made)) return undefined;
  const groups = grouped(before, changes);
  if (groups === undefined) return undefined;
  const sheet = new Sheet(data);
  const planner = new Planner(before, made, sheet);
  const isPlanned =
    groups.every((group) => planner.plan(group)) && conditions.every((clause) => requireClause(clause, before, sheet));
  return isPlanned ? sheet.parts() : undefined;
}

/** By place; `undefined` when places overlap, or one is to be changed in several ways. */
function grouped(form: StoredForm, changes: readonly Change[]): readonly Group[] | undefined {
  const places = new Places();
  const groups = new Map<string, Group>();
  for (const change of changes) {
    const place = form.stored(change.path);
    const text = JSON.stringify(place);
    const known = groups.get(text);
    const named = places.name(place);
    if (named === 'overlaps' || (known !== undefined && known.changes[0].verb !== change.verb)) return undefined;
    groups.set(text, { place, changes: known === undefined ? [change] : [...known.changes, change] });
  }
  return [...groups.values()];
}

class Planner {
  readonly #before: StoredForm;
  readonly #made: StoredForm;
  readonly #sheet: Sheet;

  constructor(before: StoredForm, made: StoredForm, sheet: Sheet) {
    this.#before = before;
    this.#made = made;
    this.#sheet = sheet;
  }

  /** Whether the store can be told to make these changes. */
  plan({ place, changes }: Group): boolean {
    // The store takes no empty names.
    if (this.#before.isVeiled(place) || place.includes('')) return false;
    const found = this.#before.find(place);
    if (this.#before.annotations === undefined && !this.#isOrdinary(place, found, changes)) return false;
    switch (changes[0].verb) {
      case 'add':
        return this.#add(place, found, changes);
      case 'append':
        return this.#append(place, found);
      case 'union':
        return this.#union(place, found, changes);
      case 'difference':
        return this.#difference(place, found, changes);
      case 'setIfAbsent':
        return this.#setIfAbsent(place, found, changes[0]);
      case 'remove':
        return this.#remove(place, found);
    }
  }

  /**
   * Bytes need no notes as long as all names are ordinary, and the other way round. The item may have one of the two by now, so that
   * the other must not be added without a look.
   */
  #isOrdinary(place: Place, found: Found, changes: readonly Change[]): boolean {
    const isNew = found.kind === 'missing' && place.slice(found.depth).some((name) => escapeName(name) !== name);
    return !isNew && operandsOf(changes).every((operand) => isOrdinary(operand.encode().data));
  }

  #add(place: Place, found: Found, changes: readonly Change[]): boolean {
    const sheet = this.#sheet;
    let [delta, least, most] = [0, 0, 0];
    for (const change of changes) {
      if (change.verb !== 'add' || typeof change.delta !== 'number') return false;
      delta = sumOf(delta, change.delta);
      [least, most] = [Math.min(least, delta), Math.max(most, delta)];
    }
    if (most - least > safe) return false;
    const path = sheet.path(place);
    const sum = sheet.value({ N: String(delta) });
    const [low, high] = [-safe - Math.floor(least), safe - Math.ceil(most)];
    const inRange = `${path} BETWEEN ${sheet.value({ N: String(low) })} AND ${sheet.value({ N: String(high) })}`;
    if (found.kind === 'there') {
      if (!('N' in found.value) || this.#before.notesAt(place).length > 0) return false;
      if (!(low <= Number(found.value.N) && Number(found.value.N) <= high)) return false;
      sheet.set(path, `${path} + ${sum}`);
      sheet.require(inRange);
      return true;
    }
    if (!this.#isLeafMissing(place, found)) return this.#create(place, found);
    sheet.set(path, `if_not_exists(${path}, ${sheet.value({ N: '0' })}) + ${sum}`);
    sheet.require(`(attribute_not_exists(${path}) OR ${inRange})`);
    sheet.requireParent(place);
    return true;
  }

  #append(place: Place, found: Found): boolean {
    const sheet = this.#sheet;
    const made = this.#made.find(place);
    if (made.kind !== 'there' || !('L' in made.value)) return false;
    const path = sheet.path(place);
    if (found.kind === 'there') {
      if (!('L' in found.value) || this.#before.notesAt(place).length > 0) return false;
      const added = made.value.L.slice(found.value.L.length);
      sheet.set(path, `list_append(${path}, ${sheet.value({ L: added })})`);
      sheet.require(sheet.hasType(path, 'L'));
      return true;
    }
    if (!this.#isLeafMissing(place, found)) return this.#create(place, found);
    const empty = sheet.value({ L: [] });
    sheet.set(path, `list_append(if_not_exists(${path}, ${empty}), ${sheet.value(made.value)})`);
    sheet.require(`(attribute_not_exists(${path}) OR ${sheet.hasType(path, 'L')})`);
    sheet.requireParent(place);
    return true;
  }

  #union(place: Place, found: Found, changes: readonly Change[]): boolean {
    const sheet = this.#sheet;
    const members = scalarsOf(elementsOf(changes));
    if (found.kind !== 'there') return this.#create(place, found);
    const list = this.#listAt(place, found);
    if (list === undefined || members === undefined) return false;
    const path = sheet.path(place);
    const known = new Set(list.map(scalarText));
    const added: AttributeValue[] = [];
    for (const [text, member] of members) {
      sheet.require(`${known.has(text) ? '' : 'NOT '}contains(${path}, ${sheet.value(member)})`);
      if (!known.has(text)) added.push(member);
    }
    sheet.require(sheet.hasType(path, 'L'));
    if (added.length > 0) sheet.set(path, `list_append(${path}, ${sheet.value({ L: added })})`);
    return true;
  }

  #difference(place: Place, found: Found, changes: readonly Change[]): boolean {
    const sheet = this.#sheet;
    if (found.kind !== 'there') return this.#requireMissing(place);
    const list = this.#listAt(place, found);
    if (list === undefined) return false;
    if (!this.#before.notesAt(place).includes('set')) return this.#replaceList(place, list);
    const members = scalarsOf(elementsOf(changes));
    if (members === undefined) return false;
    const path = sheet.path(place);
    const indexes = new Map(list.map((member, index) => [scalarText(member), index]));
    const gone: number[] = [];
    sheet.require(sheet.hasType(path, 'L'));
    for (const [text, member] of members) {
      const index = indexes.get(text);
      const value = sheet.value(member);
      sheet.require(index === undefined ? `NOT contains(${path}, ${value})` : `${path}[${index}] = ${value}`);
      if (index !== undefined) gone.push(index);
    }
    // From the end: dynalite moves what is behind a removed element at once.
    for (const index of gone.sort((one, other) => other - one)) sheet.remove(`${path}[${index}]`);
    return true;
  }

  /** A list may hold a member many times over, of which no condition can tell: it must be the one that is known. */
  #replaceList(place: Place, list: readonly AttributeValue[]): boolean {
    const sheet = this.#sheet;
    const made = this.#made.find(place);
    if (made.kind !== 'there') return false;
    const path = sheet.path(place);
    sheet.require(`${path} = ${sheet.value({ L: list })}`);
    sheet.set(path, sheet.value(made.value));
    return true;
  }

  #setIfAbsent(place: Place, found: Found, change: Change): boolean {
    const sheet = this.#sheet;
    if (change.verb !== 'setIfAbsent') return false;
    const { data, annotations } = change.value.encode();
    const path = sheet.path(place);
    // In a value with notes, the names inside of an object may have to be stored under others.
    if (annotations !== undefined || (this.#before.annotations !== undefined && scalarText(data) === undefined)) {
      if (found.kind !== 'there') return this.#create(place, found);
      sheet.require(`attribute_exists(${path})`);
      return true;
    }
    if (found.kind !== 'there' && !this.#isLeafMissing(place, found)) return this.#create(place, found);
    if (place.length === 0) return true;
    sheet.set(path, `if_not_exists(${path}, ${sheet.value(data)})`);
    sheet.requireParent(place);
    return true;
  }

  #remove(place: Place, found: Found): boolean {
    const sheet = this.#sheet;
    if (found.kind !== 'there') return this.#requireMissing(place);
    if (this.#before.notesAt(place).length > 0 || this.#before.hasNotesWithin(place)) return false;
    sheet.remove(sheet.path(place));
    sheet.requireParent(place);
    return true;
  }

  /** Makes what is missing as it was made here: that depends on nothing but its being missing. */
  #create(place: Place, found: Found): boolean {
    const sheet = this.#sheet;
    if (found.kind !== 'missing') return false;
    const root = place.slice(0, found.depth + 1);
    const made = this.#made.find(root);
    if (made.kind !== 'there') return false;
    const path = sheet.path(root);
    if (sheet.assigns(path)) return true;
    sheet.set(path, sheet.value(made.value));
    sheet.require(`attribute_not_exists(${path})`);
    sheet.requireParent(root);
    return true;
  }

  /** The list of scalars, without notes on them, that stands at a place. */
  #listAt(place: Place, { value }: Found & { readonly kind: 'there' }): readonly AttributeValue[] | undefined {
    const notes = this.#before.notesAt(place);
    if (!('L' in value) || notes.some((says) => says !== 'set') || this.#before.hasNotesWithin(place)) return undefined;
    return value.L;
  }

  #isLeafMissing(place: Place, found: Found): boolean {
    return found.kind === 'missing' && found.depth === place.length - 1;
  }

  #requireMissing(place: Place): true {
    const sheet = this.#sheet;
    sheet.require(`attribute_not_exists(${sheet.path(place)})`);
    return true;
  }
}

function operandsOf(changes: readonly Change[]): readonly Held[] {
  return changes.flatMap((change) => (change.verb === 'setIfAbsent' ? [change.value] : elementsOf([change])));
}

function elementsOf(changes: readonly Change[]): readonly Held[] {
  return changes.flatMap((change) => ('elements' in change ? change.elements : []));
}
