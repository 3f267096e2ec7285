/** Calls in their order, and what was added around it. */
import { mutant } from './mutant.mjs';

const joining = 'spec/prevalence/joining.spec.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const order = [
  mutant(
    'prevalence: a large batch is decided ahead without the commit under way',
    'lib/prevalence/batch.ts',
    'before?.expected(now) ?? this.#options.replica',
    'this.#options.replica',
    joining,
    'what the commit under way will leave',
  ),
  mutant(
    'prevalence: those behind one that has to wait go before it',
    'lib/prevalence/decision.ts',
    'isLater = true;',
    '',
    joining,
    'lets all wait',
  ),
  mutant(
    'prevalence: who joined is answered by a look that may be older than his call',
    'lib/prevalence/batch.ts',
    `return status === 'nothing' && index >= this.#joinedFrom;`,
    'return false;',
    joining,
    'may be older than they are',
  ),
  mutant(
    'prevalence: bytes that a handler wrote into are not looked at',
    'lib/prevalence/decision.ts',
    'if (bytes.haveChanged())',
    'if (bytes === undefined)',
    'spec/prevalence/bytes.spec.ts',
    'nothing is journalled',
  ),
  mutant(
    'prevalence: a snapshot that can not be read counts as one that is kept',
    'lib/prevalence/prune.ts',
    '.keep + unreadable',
    '.keep',
    'spec/prevalence/unreadable-snapshots.spec.ts',
    'let go of one that can',
  ),
  mutant(
    'journal: a body that was fetched ahead is believed to the end',
    'lib/journal/reader.ts',
    `  if (typeof found === 'string') {
    const again`,
    `  if (found === undefined) {
    const again`,
    'spec/journal/bodies-ahead.spec.ts',
    'believes none that is not right',
  ),
];
