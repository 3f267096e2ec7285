/** The service's limits as a simulator keeps them, in its own measure and in one that fits an hour. */

/** Limits of a simulated stream. */
export interface StreamSimulatorLimits {
  /** How long a shard stays open, written to or not. */
  readonly rollMs: number;
  /** How far that varies: 0.15 is 15 % more or less. */
  readonly rollSpread: number;
  /** Open shards of a stream above which none splits by itself. */
  readonly openShardsMax: number;
  /** How long records are kept, and closed shards listed. */
  readonly retentionMs: number;
  /** How long an iterator lives. */
  readonly iteratorLifeMs: number;
  /** What creation times are cut to. */
  readonly timestampGrainMs: number;
  readonly recordsPageMax: number;
  readonly recordsPageBytesMax: number;
  readonly describePageMax: number;
  /** GetRecords of one shard in one second. */
  readonly readsPerSecondMax: number;
  /** DescribeStream in one second. */
  readonly describesPerSecondMax: number;
  readonly readersPerShardMax: number;
  /** Who read a shard this long ago counts as its reader. */
  readonly readerWindowMs: number;
}

/** What the service has. */
export const streamSimulatorLimits: StreamSimulatorLimits = {
  rollMs: 4 * 3_600_000,
  rollSpread: 0.15,
  openShardsMax: 8,
  retentionMs: 24 * 3_600_000,
  iteratorLifeMs: 15 * 60_000,
  timestampGrainMs: 1_000,
  recordsPageMax: 1_000,
  recordsPageBytesMax: 1 << 20,
  describePageMax: 100,
  readsPerSecondMax: 5,
  describesPerSecondMax: 10,
  readersPerShardMax: 2,
  readerWindowMs: 2_500,
};

/** A day of shards in twenty minutes: whatever takes the service hours takes a 72nd of that, and rates stay as they are. */
export const scaledStreamLimits: StreamSimulatorLimits = {
  ...streamSimulatorLimits,
  rollMs: streamSimulatorLimits.rollMs / 72,
  retentionMs: streamSimulatorLimits.retentionMs / 72,
  iteratorLifeMs: streamSimulatorLimits.iteratorLifeMs / 72,
};
