/** Event stores: what is refused of a caller's arguments, as it would be passed over. */
import { mutant } from './mutant.mjs';

const options = 'lib/events/call-options.ts';
const line = 'lib/events/event-line.ts';
const input = 'spec/events/bad-input.spec.ts';
const refused = 'is refused before anything is sent';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const eventsInput = [
  mutant(
    'events: a misspelt option is passed over',
    options,
    'if (Object.hasOwn(names, name)) continue;',
    'if (Object.hasOwn(names, name) || name !== "") continue;',
    input,
    'expectedVersion',
  ),
  mutant(
    'events: what is no signal is taken for one',
    options,
    "if (signal === undefined || typeof signal?.throwIfAborted === 'function') return;",
    'if (signal !== null) return;',
    input,
    refused,
  ),
  mutant(
    'events: an expectation that is undefined expects nothing',
    'lib/events/expected-version.ts',
    "options.expected === undefined && Object.hasOwn(options, 'expected')",
    'false',
    input,
    refused,
  ),
  mutant(
    'events: a member of an event that is not stored is lost',
    line,
    'if (Object.hasOwn(isKnown, name)) continue;',
    'if (Object.hasOwn(isKnown, name) || name !== "") continue;',
    input,
    refused,
  ),
  mutant(
    'events: an event that was read is refused elsewhere',
    line,
    "'seq' in event ? isOfRecorded : isOfInput",
    'isOfInput',
    input,
    'takes an event that was read',
  ),
  mutant(
    'events: metadata of a Map is lost',
    line,
    'return prototype === null || Object.getPrototypeOf(prototype) === null;',
    'return true;',
    input,
    refused,
  ),
  mutant(
    'events: a category that no stream can be in is said to be in order',
    'lib/events/together/categories.ts',
    'if (categoryOfName(name) === name) continue;',
    'continue;',
    input,
    'is refused when it is opened',
  ),
  mutant(
    'events: what an upcaster returns beside data is lost',
    'lib/events/upcaster.ts',
    'if (other !== undefined) {',
    'if (other === null) {',
    input,
    'whose upcaster gives data without saying so',
  ),
  mutant(
    'events: a call whose time is up does not say what stood in the way',
    'lib/events/open-streams.ts',
    'find(({ obstacle }) => obstacle !== undefined)',
    'find(() => false)',
    input,
    'says what stood in the way',
  ),
  mutant(
    'events: what looks like an aggregate type is taken for one',
    'lib/events/aggregate/aggregate-type.ts',
    "typeof (type as Partial<AnyAggregateType> | undefined)?.initialState === 'function'",
    'type !== undefined',
    input,
    refused,
  ),
];
