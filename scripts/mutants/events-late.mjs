/** Mutants of what is late: deleted streams that get something back, bodies that nobody names, prunes that were overtaken. */
import { mutant } from './mutant.mjs';

const late = 'spec/events/deleted-late.spec.ts';
const snapshots = 'lib/events/aggregate/stream-snapshots.ts';
const prune = 'lib/events/aggregate/prune.ts';
const spiller = 'lib/journal/spiller.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const eventsLate = [
  mutant(
    'late: a snapshot of a deleted stream stays',
    snapshots,
    'if (await this.clearDeleted(entry)) return undefined;',
    '',
    late,
  ),
  mutant(
    'late: a prune of a deleted stream leaves its snapshot',
    snapshots,
    'if (!(await isDeleted())) return false;',
    'return false;',
    late,
  ),
  mutant(
    'late: a slow page is not looked back at',
    spiller,
    'if (clock.monotonicMs() - since > slowMs)',
    'if (false)',
    late,
  ),
  mutant(
    'late: a page of an erased journal stays',
    spiller,
    'image.closed !== undefined && image.tail.length === 0',
    'false',
    late,
  ),
  mutant('late: receipts of a page that was late stay', spiller, 'await onLeftover?.(commits);', '', late),
  mutant(
    'late: a body for several journals stays when one is closed',
    'lib/journal/together.ts',
    'body && appenders[at]?.removeIfClosed(body, error)',
    'undefined',
    late,
  ),
  mutant(
    'late: a body under a name that was given up stays',
    'lib/journal/appender.ts',
    'if (given.writer !== body.writer) await this.#remove(given);',
    '',
    'spec/events/bodies-once.spec.ts',
  ),
  mutant(
    'late: a command undoes what a prune said in the head',
    'lib/events/open-stream.ts',
    'note === undefined || areSame(image.note, round.image?.note)',
    'true',
    'spec/events/aggregate/prune-meanwhile.spec.ts',
  ),
  mutant(
    'late: a prune that was overtaken goes on where it was',
    prune,
    '        this.#folded = undefined;\n        continue;',
    '        throw error;',
    'spec/events/aggregate/prune-overtaken.spec.ts',
  ),
  mutant(
    'late: writers that were passed over take no room in the head',
    'lib/journal/head-room.ts',
    'if (!hasJumped || image === undefined) return known;',
    'return known;',
    'spec/events/passing-writers.spec.ts',
  ),
];
