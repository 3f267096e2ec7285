/** The guards of the library, each with what is left when it is taken out and the spec that must miss it. */

import { adapters } from './mutants/adapters.mjs';
import { belief } from './mutants/belief.mjs';
import { blindWrites } from './mutants/blind-writes.mjs';
import { commandLine } from './mutants/command-line.mjs';
import { countingAndLimiting } from './mutants/counting-and-limiting.mjs';
import { events } from './mutants/events.mjs';
import { eventsAggregates } from './mutants/events-aggregates.mjs';
import { eventsInput } from './mutants/events-input.mjs';
import { eventsLate } from './mutants/events-late.mjs';
import { eventsStreams } from './mutants/events-streams.mjs';
import { eventsTogether } from './mutants/events-together.mjs';
import { eventsViews } from './mutants/events-views.mjs';
import { evidence } from './mutants/evidence.mjs';
import { fairness } from './mutants/fairness.mjs';
import { fencing } from './mutants/fencing.mjs';
import { files } from './mutants/files.mjs';
import { filesFaults } from './mutants/files-faults.mjs';
import { journalAndSnapshots } from './mutants/journal-and-snapshots.mjs';
import { journalVolumes } from './mutants/journal-volumes.mjs';
import { journals } from './mutants/journals.mjs';
import { largeValues } from './mutants/large-values.mjs';
import { layersAndKeys } from './mutants/layers-and-keys.mjs';
import { leadersGroupsJobs } from './mutants/leaders-groups-jobs.mjs';
import { leaving } from './mutants/leaving.mjs';
import { locks } from './mutants/locks.mjs';
import { manyAtoms } from './mutants/many-atoms.mjs';
import { migrate } from './mutants/migrate.mjs';
import { onceAndBarriers } from './mutants/once-and-barriers.mjs';
import { order } from './mutants/order.mjs';
import { partsAndTables } from './mutants/parts-and-tables.mjs';
import { payloads } from './mutants/payloads.mjs';
import { permits } from './mutants/permits.mjs';
import { prevalence } from './mutants/prevalence.mjs';
import { readsAndCache } from './mutants/reads-and-cache.mjs';
import { s3 } from './mutants/s3.mjs';
import { s3Faults } from './mutants/s3-faults.mjs';
import { sealedStorages } from './mutants/sealed-storages.mjs';
import { simulatedStreams } from './mutants/simulated-streams.mjs';
import { statesAndParts } from './mutants/states-and-parts.mjs';
import { streamGroupMembers } from './mutants/stream-group-members.mjs';
import { streamGroupWork } from './mutants/stream-group-work.mjs';
import { streamLineage } from './mutants/stream-lineage.mjs';
import { streamPositions } from './mutants/stream-positions.mjs';
import { streamWatches } from './mutants/stream-watches.mjs';
import { streamsReading } from './mutants/streams-reading.mjs';
import { telling } from './mutants/telling.mjs';
import { transacting } from './mutants/transacting.mjs';
import { valuesAndItems } from './mutants/values-and-items.mjs';
import { watching } from './mutants/watching.mjs';

/** @type {readonly import('./mutants/mutant.mjs').Mutant[]} */
export const mutants = [
  ...events,
  ...eventsInput,
  ...eventsLate,
  ...eventsStreams,
  ...eventsTogether,
  ...eventsViews,
  ...evidence,
  ...payloads,
  ...belief,
  ...readsAndCache,
  ...leaving,
  ...valuesAndItems,
  ...fairness,
  ...journalAndSnapshots,
  ...statesAndParts,
  ...journalVolumes,
  ...journals,
  ...prevalence,
  ...migrate,
  ...files,
  ...filesFaults,
  ...s3,
  ...sealedStorages,
  ...s3Faults,
  ...eventsAggregates,
  ...order,
  ...telling,
  ...partsAndTables,
  ...manyAtoms,
  ...watching,
  ...layersAndKeys,
  ...largeValues,
  ...blindWrites,
  ...transacting,
  ...permits,
  ...countingAndLimiting,
  ...fencing,
  ...commandLine,
  ...leadersGroupsJobs,
  ...onceAndBarriers,
  ...locks,
  ...streamWatches,
  ...streamLineage,
  ...streamGroupMembers,
  ...streamGroupWork,
  ...streamsReading,
  ...simulatedStreams,
  ...streamPositions,
  ...adapters,
];
