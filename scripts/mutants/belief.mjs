/** Which answers are believed. */
import { mutant } from './mutant.mjs';

const schedules = 'spec/atom/schedules.spec.ts';
const combining = 'spec/atom/combining.spec.ts';
const reads = 'spec/atom/reads.spec.ts';
const guards = 'spec/atom/guards.spec.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const belief = [
  mutant(
    'a definite refusal is believed after a resend of ours',
    'lib/atom/register.ts',
    'if (pending.copies > 1) throw',
    'if (pending.copies > 99) throw',
    guards,
    'of a second copy',
  ),
  mutant(
    'a definite refusal is believed after a resend of the SDK',
    'lib/engine/sdk.ts',
    'kind !== undefined && attempts === 1 &&',
    'kind !== undefined &&',
    guards,
    'after two copies is none',
  ),
  mutant(
    'a failed condition after a resend of the SDK counts as the first',
    'lib/engine/sdk.ts',
    "return { status: 'condition-failed', image, resent: attempts !== 1 };",
    "return { status: 'condition-failed', image, resent: false };",
    guards,
    'after two copies of the SDK',
  ),
  mutant(
    'a failed condition after a resend of ours counts as the first',
    'lib/atom/register.ts',
    'pending.copies === 1 && !answer.resent',
    '!answer.resent',
    schedules,
    '8:',
  ),
  mutant(
    'a definite refusal is believed although we stopped listening',
    'lib/engine/sdk.ts',
    ' && options?.signal?.aborted !== true',
    '',
    'spec/engine/sdk.spec.ts',
  ),
  mutant(
    'a no-op is trusted on a cached base',
    'lib/atom/lane.ts',
    'if (base.since < latest) {',
    "if (base.since < latest && runs.some((one) => 'error' in one)) {",
    reads,
    'a no-op on a cached base',
  ),
  mutant(
    'an error is trusted on a cached base',
    'lib/atom/lane.ts',
    'if (base.since < latest) {',
    "if (base.since < latest && !runs.some((one) => 'error' in one)) {",
    reads,
    'an error on a cached base',
  ),
  mutant(
    'trySwap runs again on a newer base',
    'lib/atom/lane.ts',
    'return this.#answerConflicts(runs);',
    'return;',
    combining,
    'trySwap never runs its function twice',
  ),
];
