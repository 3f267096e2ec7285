/** Fencing: who held the lock before is refused. */
import { mutant } from './mutant.mjs';

const atomSpec = 'spec/recipes/fenced-atom.spec.ts';
const conditionSpec = 'spec/recipes/fence-condition.spec.ts';
const propertySpec = 'spec/recipes/fenced-atom.property.spec.ts';
const rule = 'lib/recipes/fence/fence.ts';
const atom = 'lib/recipes/fence/fenced-atom.ts';
const state = 'lib/recipes/fence/fenced-state.ts';
const condition = 'lib/recipes/fence/fence-condition.ts';
const grant = 'lib/recipes/claims/grant.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const fencing = [
  mutant('fence: older tokens are taken', rule, 'if (seen.token > held.token) ', 'if (seen.token < 0n) ', propertySpec),
  mutant(
    'fence: equal tokens are refused',
    rule,
    'seen.token > held.token',
    'seen.token >= held.token',
    atomSpec,
    'equal and larger',
  ),
  mutant(
    'fence: tokens of another lock are compared',
    rule,
    '  if (seen.lock !== held.lock) return new FenceMismatchError(subject, held.lock, seen.lock);\n',
    '',
    atomSpec,
    'of another lock',
  ),
  mutant(
    'fence: a lock and an election of one name are one',
    rule,
    '`${kind}:${name}`',
    '`lock:${name}`',
    atomSpec,
    'another kind',
  ),
  mutant('fence: a lost grant is sent', rule, '  fence.assertHeld?.();\n', '', atomSpec, 'sends nothing'),
  mutant(
    'fence: what was lost while the function ran is written',
    atom,
    '        fence.assertHeld?.();\n',
    '',
    atomSpec,
    'lost while the function runs',
  ),
  mutant(
    'fence: the newest token is not remembered',
    atom,
    'fence: Number(held.token), ...data }',
    'fence: Math.max(1, state.fence), ...data }',
    propertySpec,
  ),
  mutant(
    'fence: a claim takes the value away',
    state,
    'return hasValue(state) ? { value: state.value } : {};',
    'return {};',
    atomSpec,
    'stopped, once the next',
  ),
  mutant(
    'fence: what is deleted is there',
    state,
    "return state.lock !== null && 'value' in state;",
    'return state.lock !== null;',
    atomSpec,
    'and with none',
  ),
  mutant(
    'fence: a reset stores what its caller has changed since',
    atom,
    '() => ({ value: own.hand() })',
    '() => ({ value })',
    atomSpec,
    'the verbs of an atom',
  ),
  mutant(
    'fence: watchers are told of tokens',
    atom,
    '      if (told !== undefined && same(told.held, held)) continue;\n',
    '',
    atomSpec,
    'tells watchers',
  ),
  mutant(
    'fence: an async function may call its atom, and waits for ever',
    atom,
    'isAsync ? async (state, context) => step(state, context) : step',
    'step',
    atomSpec,
    'calls of itself',
  ),
  mutant(
    'fence: each handle has a schema of its own',
    state,
    '  if (known !== undefined) return known;\n',
    '',
    atomSpec,
    'applies a schema',
  ),
  mutant(
    'fence: an item of another kind is taken',
    atom,
    '    if (found !== kind) throw new RecipeKindError(this.key, kind, found);\n',
    '',
    atomSpec,
    'another kind, and leaves',
  ),
  mutant('fence condition: any token', condition, ' AND #fence <= :fence))', '))', conditionSpec, 'no other'),
  mutant(
    'fence condition: equal tokens are refused',
    condition,
    '#fence <= :fence',
    '#fence < :fence',
    conditionSpec,
    'no other',
  ),
  mutant('fence condition: any lock', condition, '#fenceOf = :fenceOf AND #fence', '#fence', conditionSpec, 'no other'),
  mutant(
    'fence condition: the token is not set',
    condition,
    "'#fence = :fence, #fenceOf = :fenceOf'",
    "'#fenceOf = :fenceOf'",
    conditionSpec,
    'no other',
  ),
  mutant(
    'check: a transaction commits after the lock was taken',
    grant,
    '      this.see(state);\n      this.assertHeld();\n    });',
    '      this.assertHeld();\n    });',
    conditionSpec,
    'was taken before',
  ),
  mutant(
    'check: a call that nobody awaits fails nothing',
    grant,
    '      this.assertHeld();\n    });',
    '    });',
    conditionSpec,
    'was taken before',
  ),
];
