/** All that a worker process can be asked for, by name. */
import * as atoms from './atoms.js';
import * as baselines from './baselines.js';
import * as commuting from './commute.js';
import * as eventJournals from './event-journals.js';
import * as eventsAppend from './events-append.js';
import * as eventsCommands from './events-commands.js';
import * as eventsLoad from './events-load.js';
import * as eventsMemory from './events-memory.js';
import * as fileSnapshots from './file-snapshots.js';
import * as files from './files.js';
import * as layers from './layers.js';
import * as locks from './locks.js';
import * as manyKeys from './many-keys.js';
import { weigh } from './memory.js';
import * as prevalence from './prevalence.js';
import { recipe } from './recipes.js';
import * as recovery from './recovery.js';
import * as s3 from './s3.js';
import { setup } from './setup.js';
import * as snapshots from './snapshots.js';
import * as streams from './streams.js';
import * as streamsGroup from './streams-group.js';
import * as streamsLatency from './streams-latency.js';
import * as streamsLoad from './streams-load.js';
import * as transactions from './transactions.js';
import * as watches from './watches.js';

export type Tasks = typeof atoms &
  typeof baselines &
  typeof commuting &
  typeof eventJournals &
  typeof eventsAppend &
  typeof eventsCommands &
  typeof eventsLoad &
  typeof eventsMemory &
  typeof fileSnapshots &
  typeof files &
  typeof layers &
  typeof locks &
  typeof manyKeys &
  typeof prevalence &
  typeof recovery &
  typeof s3 &
  typeof snapshots &
  typeof streams &
  typeof streamsGroup &
  typeof streamsLatency &
  typeof streamsLoad &
  typeof transactions &
  typeof watches & { recipe: typeof recipe; setup: typeof setup; weigh: typeof weigh };

export const tasks: Tasks = {
  ...atoms,
  ...baselines,
  ...commuting,
  ...eventJournals,
  ...eventsAppend,
  ...eventsCommands,
  ...eventsLoad,
  ...eventsMemory,
  ...fileSnapshots,
  ...files,
  ...layers,
  ...locks,
  ...manyKeys,
  ...prevalence,
  ...recovery,
  ...s3,
  ...snapshots,
  ...streams,
  ...streamsGroup,
  ...streamsLatency,
  ...streamsLoad,
  ...transactions,
  ...watches,
  recipe,
  setup,
  weigh,
};
