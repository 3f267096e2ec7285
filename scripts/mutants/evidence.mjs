/** Evidence in the item: what is written, carried on, and believed. */
import { mutant } from './mutant.mjs';

const schedules = 'spec/atom/schedules.spec.ts';
const outcomes = 'spec/atom/outcomes.spec.ts';
const guards = 'spec/atom/guards.spec.ts';
const corrupt = 'spec/atom/corrupt-items.spec.ts';
const longLives = 'spec/atom/long-lives.spec.ts';
const models = 'spec/models/commit-protocol.spec.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const evidence = [
  mutant(
    'token left out: the condition is on the version',
    'lib/atom/writer.ts',
    `names: { '#l': names.token },
        values: { ':l': { S: image.lineage.token } },`,
    `names: { '#l': names.version },
        values: { ':l': { N: String(image.lineage.version) } },`,
    schedules,
    '13:',
  ),
  mutant(
    'a failed condition is a lost race, without a look at the evidence',
    'lib/atom/register.ts',
    `    if (sentOnce && verdict !== 'applied') {
      return { status: 'conflict'`,
    `    if (verdict !== undefined) {
      return { status: 'conflict'`,
    schedules,
    '1:',
  ),
  mutant(
    'a failed condition of a first copy is a lost race, although the way doubles',
    'lib/atom/register.ts',
    `    if (sentOnce && verdict !== 'applied') {
      return { status: 'conflict'`,
    `    if (sentOnce) {
      return { status: 'conflict'`,
    guards,
    'doubled on the way',
  ),
  mutant(
    'pending is not applied, in the evidence',
    'lib/atom/evidence.ts',
    "if (image.version === base.version) return 'pending';",
    "if (image.version === base.version) return 'not-applied';",
    models,
    '2 clients, 2 and 1 swaps',
  ),
  {
    name: 'a read decides: after a lost answer the old version proves "not applied"',
    edits: [
      {
        file: 'lib/atom/register.ts',
        find: `      case 'unclear':
        throw new Again('brief', answer.error);`,
        replace: `      case 'unclear':
        return this.#decide(pending, await this.#lookAgain(pending), false);`,
      },
      {
        file: 'lib/atom/evidence.ts',
        find: "if (image.version === base.version) return 'pending';",
        replace: "if (image.version === base.version) return 'not-applied';",
      },
    ],
    spec: { file: schedules, test: '5:' },
  },
  mutant(
    'floor ignored when judging',
    'lib/atom/evidence.ts',
    "return base.version >= image.floor ? 'not-applied' : 'evidence-evicted';",
    "return 'not-applied';",
    schedules,
    '8:',
  ),
  mutant(
    'floor not raised by a rotation',
    'lib/atom/evidence.ts',
    '    floor = rotatedAt;\n',
    '',
    models,
    '3 clients, 1 swap each',
  ),
  mutant(
    'incarnation ignored',
    'lib/atom/evidence.ts',
    'if (image.incarnation !== base.incarnation || image.version < base.version)',
    'if (image.version < base.version)',
    outcomes,
    'stays unknown when incarnation-changed',
  ),
  mutant(
    'a version that went back is no other life',
    'lib/atom/evidence.ts',
    'if (image.incarnation !== base.incarnation || image.version < base.version)',
    'if (image.incarnation !== base.incarnation)',
    schedules,
    '14:',
  ),
  mutant(
    'a creation believes any item to be its own',
    'lib/atom/evidence.ts',
    "return image.incarnation === attempt.incarnation ? 'applied' : 'not-applied';",
    "return 'applied';",
    schedules,
    '11:',
  ),
  mutant(
    'evidence of others dropped at each write (w0)',
    'lib/atom/evidence.ts',
    'let current = without(base.current, writer);',
    'let current = without({}, writer);',
    schedules,
    '3:',
  ),
  mutant(
    'evidence of the generation before dropped (w1)',
    'lib/atom/evidence.ts',
    'let previous = writer in base.previous ? without(base.previous, writer) : base.previous;',
    'let previous: Generation = {};',
    guards,
    'evidence of the generation before',
  ),
  mutant(
    'a deletion leaves no tombstone',
    'lib/atom/register.ts',
    'engine.put({ table, item, condition }, { signal })',
    `this.#ground.names.data in item
              ? engine.put({ table, item, condition }, { signal })
              : engine.delete({ table, key: this.key, condition }, { signal })`,
    schedules,
    '12:',
  ),
  mutant(
    'a creation is resent past the life of a tombstone',
    'lib/atom/register.ts',
    'return copies > 0 && attempt.base === undefined &&',
    'return copies < 0 && attempt.base === undefined &&',
    longLives,
    'does not create an item again',
  ),
  mutant(
    'an item that lost its value is a tombstone',
    'lib/atom/item-format.ts',
    'item[names.expiresAt] !== undefined && annotations',
    'annotations',
    corrupt,
    'it is no tombstone',
  ),
  mutant(
    'a newer format is read as if it were ours',
    'lib/atom/item-format.ts',
    'if (format !== undefined)',
    'if (format === null)',
    corrupt,
    'of a newer format',
  ),
];
