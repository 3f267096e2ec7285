/** Who has his turn. */
import { mutant } from './mutant.mjs';

const combining = 'spec/atom/combining.spec.ts';
const contention = 'spec/atom/contention.spec.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const fairness = [
  mutant(
    'nobody takes turns',
    'lib/atom/turns.ts',
    'if (ring.length === 1) return 0;',
    'if (ring.length >= 1) return 0;',
    contention,
    '4 of them, 16 callers each',
  ),
  mutant(
    'a visitor is waited for',
    'lib/atom/turns.ts',
    ' && interval <= intervalMax',
    ' && interval <= intervalMax + 1e9',
    contention,
    'get their turn beside busy ones',
  ),
  mutant(
    'a writer alone does not combine',
    'lib/atom/lane.ts',
    'else if (first.work.alone !== true) {',
    'else if (first.work.alone === null) {',
    combining,
    '64 swappers',
  ),
];
