/** Adapters: other libraries' interfaces on ours. */
import { mutant } from './mutant.mjs';

const store = 'lib/adapters/emmett/event-store.ts';
const range = 'lib/adapters/emmett/range-reader.ts';
const consumer = 'lib/adapters/emmett/consumer.ts';
const checkpointer = 'lib/adapters/emmett/checkpointer.ts';
const appending = 'spec/adapters/emmett/appending.spec.ts';
const reading = 'spec/adapters/emmett/reading.spec.ts';
const races = 'spec/adapters/emmett/races.spec.ts';
const differences = 'spec/adapters/emmett/differences.spec.ts';
const consuming = 'spec/adapters/emmett/consumer.spec.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const adapters = [
  mutant(
    'emmett: a conflict tells the version that was known here',
    store,
    'isOutgrown ? await versionOf',
    'false ? await versionOf',
    races,
    'tells a conflict with the version',
  ),
  mutant(
    'emmett: the hook is told again of an append that was repeated',
    store,
    'if (!repeated && events.length > 0)',
    'if (events.length > 0)',
    differences,
    'what Emmett has no word for an append that is made again',
  ),
  mutant(
    'emmett: versions that no stream can have are refused as wrong arguments',
    store,
    'if (expected < 0n || expected > BigInt(Number.MAX_SAFE_INTEGER)) {',
    'if (false) {',
    appending,
    'transient appendToStream() with -1n expected',
  ),
  mutant(
    'emmett: positions of another store are stored',
    'lib/adapters/emmett/messages.ts',
    '.filter(([name]) => !given.includes(name))',
    '',
    races,
    'drops what another store said',
  ),
  mutant(
    'emmett: a part is read without an end, so that the version may be behind it',
    range,
    '...(to !== undefined && { to })',
    '...(last !== undefined && { to: last })',
    races,
    'tells no event behind the version',
  ),
  mutant(
    'emmett: a reading of all does not look at what is expected',
    range,
    'if (known === undefined) check(version, expectedStreamVersion);',
    '',
    reading,
    'transient readStream() with 9n expected',
  ),
  mutant(
    'emmett: a deleted stream reads as one that there is not, in parts',
    range,
    "if (info?.closed === 'deleted')",
    'if (false)',
    differences,
    'what Emmett has no word for a deleted stream',
  ),
  mutant(
    'emmett: a processor is told what it was told before',
    consumer,
    '|| position <= (feed.after ?? 0)) return;',
    ') return;',
    consuming,
    'leydenEventStoreConsumer() starts each processor where it is to start',
  ),
  mutant(
    'emmett: an event that a processor failed with is passed over',
    consumer,
    '  const handled: Handled = await feed.processor.handle([toReadEvent(event)], {});\n',
    '  feed.after = position;\n  const handled: Handled = await feed.processor.handle([toReadEvent(event)], {});\n',
    consuming,
    'leydenEventStoreConsumer() ends with what a processor throws',
  ),
  mutant(
    'emmett: a processor that stops with an error just stops',
    consumer,
    "if (handled?.type === 'STOP' && handled.error !== undefined) throw handled.error;",
    '',
    consuming,
    'leydenEventStoreConsumer() ends with the error',
  ),
  mutant(
    'emmett: numbers of several streams are taken for positions',
    consumer,
    'requirePosition(event, stream);\n        failure',
    'failure',
    consuming,
    'leydenEventStoreConsumer() refuses events of several streams',
  ),
  mutant(
    'emmett: a checkpoint is stored over one that somebody else stored',
    checkpointer,
    'current === null || (current === lastCheckpoint && current !== next)',
    'current === null || next === null || current < next',
    consuming,
    'leydenCheckpointer() stores a checkpoint in the place of',
  ),
];
