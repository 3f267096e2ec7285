/** Values and the items that they lie in. */
import { mutant } from './mutant.mjs';

const schedules = 'spec/atom/schedules.spec.ts';
const combining = 'spec/atom/combining.spec.ts';
const values = 'spec/atom/values.spec.ts';
const guards = 'spec/atom/guards.spec.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const valuesAndItems = [
  mutant(
    'plain arrays are not frozen',
    'lib/codec/plain.ts',
    ': Object.freeze(copied);',
    ': copied;',
    values,
    'cannot be changed from outside',
  ),
  mutant(
    'plain objects are not frozen',
    'lib/codec/plain.ts',
    'return (copied === object ? object : Object.freeze(copied)) as Json;',
    'return copied as Json;',
    values,
    'cannot be changed from outside',
  ),
  mutant(
    'foreign attributes are not carried',
    'lib/atom/writer.ts',
    'foreign: base.image?.foreign ?? noAttributes,',
    'foreign: noAttributes,',
    values,
    'carry: stay',
  ),
  mutant(
    'foreign attributes are carried although they are to be refused',
    'lib/atom/value-rules.ts',
    "if (this.foreign === 'carry') return;",
    "if (this.foreign !== 'carry' || this.foreign === 'carry') return;",
    values,
    'refuse: an error',
  ),
  mutant(
    'undefined is taken for a value',
    'lib/atom/item-atom.ts',
    '      this.#requireResult(raw);\n',
    '',
    combining,
    'a value without a stored form',
  ),
  mutant(
    'the size of an item is not checked',
    'lib/atom/writer.ts',
    'if (bytes > itemBytesMax) throw',
    'if (bytes < 0) throw',
    combining,
    'too large hurts its own caller',
  ),
  mutant(
    'an adopted item is replaced under no condition on its attributes',
    'lib/atom/writer.ts',
    'clauses.push(`#a',
    'clauses.push(`attribute_exists(#k) OR #a',
    values,
    'does not overwrite a change by the old program',
  ),
  mutant(
    'sweep() removes a tombstone under no condition',
    'lib/atom/many/sweep.ts',
    "expression: '#a = :a',",
    "expression: '#a = :a OR attribute_exists(#a)',",
    guards,
    'sweep() leaves a tombstone',
  ),
  mutant(
    'one bad value refuses its whole batch',
    'lib/atom/lane.ts',
    "if (fate.error.name === 'ValidationException' && runs.length > 1) {",
    "if (fate.error.name === 'ValidationException' && runs.length < 0) {",
    combining,
    'that the store alone refuses',
  ),
  mutant(
    'an atom waits for itself',
    'lib/atom/inside.ts',
    'if (this.#executing) throw',
    'if (this.#executing === undefined) throw',
    combining,
    'throws at once, for every verb',
  ),
  mutant(
    'handles with other options share a cell',
    'lib/atom/open-cells.ts',
    'requireSame(cell, options, resolved);',
    'if (cell === null) requireSame(cell, options, resolved);',
    'spec/atom/table.spec.ts',
    'differs between two handles',
  ),
  mutant(
    'a table in which the last writer wins is accepted',
    'lib/atom/table-setup.ts',
    "if (found.replication === 'eventual' &&",
    "if (found.replication === 'none' &&",
    schedules,
    '20:',
  ),
  mutant(
    'a date in other words is believed',
    'lib/codec/simple-form.ts',
    ' && date.toISOString() === stored',
    '',
    'spec/codec/simple-form.spec.ts',
    'a date in other words',
  ),
  mutant(
    'a Set is believed although its list has doubles',
    'lib/codec/simple-form.ts',
    'return set.size === stored.length ? set : notSimple;',
    'return set;',
    'spec/codec/simple-form.spec.ts',
    'with doubles as a Set',
  ),
  mutant(
    'a Set is believed although a note has made one of its members',
    'lib/codec/simple-form.ts',
    '!Array.isArray(stored) || !stored.every(isLeaf)',
    '!Array.isArray(stored)',
    'spec/codec/simple-form.spec.ts',
    'of what a note has made',
  ),
];
