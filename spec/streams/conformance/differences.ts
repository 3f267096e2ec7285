/**
 * Where the engines are known not to do alike. The suite holds each of them to what stands here, so that a difference that appears or
 * goes away is noticed. Of the service stands what its documentation says.
 */
import type { StreamEngineRow } from '../../support/stream-engines.js';

/** What one engine does where they differ. */
export interface Differences {
  /** What creation times are cut to. */
  readonly grainMs: number;
  /** Whether a page keeps within 1 MB. */
  readonly pagesKeepBytes: boolean;
  /** Whether the question for a shard's children is answered. */
  readonly tellsChildren: boolean;
  /** Whether the first number of a shard that is listed can be started at, when its first record has a later one. */
  readonly firstSequenceIsAPosition: boolean;
  /** A number far beyond the newest record of an open shard. */
  readonly beyondTheTip: 'refused' | 'accepted';
  /** Whether shards can be made to close one after the other. */
  readonly lineage: boolean;
  /** Whether an iterator can be made old. */
  readonly age: boolean;
  /** How a deletion by time to live is told; `late`: it takes too long to wait for in a spec. */
  readonly timeToLive: 'as-documented' | 'late';
}

const local: Differences = {
  grainMs: 60_000,
  pagesKeepBytes: false,
  tellsChildren: false,
  firstSequenceIsAPosition: false,
  beyondTheTip: 'accepted',
  lineage: false,
  age: true,
  // Ten seconds and more. When it comes it has no identity, and a name of its own.
  timeToLive: 'late',
};

const service: Differences = {
  grainMs: 1_000,
  pagesKeepBytes: true,
  tellsChildren: true,
  firstSequenceIsAPosition: true,
  beyondTheTip: 'refused',
  lineage: false,
  age: false,
  timeToLive: 'late',
};

export const differences: Readonly<Record<StreamEngineRow['name'], Differences>> = {
  simulator: { ...service, lineage: true, age: true, timeToLive: 'as-documented' },
  // Cuts are its own, so it knows children, and it checks numbers against its shards.
  resharded: { ...local, tellsChildren: true, beyondTheTip: 'refused', lineage: true },
  'dynamodb-local': local,
  aws: service,
};
