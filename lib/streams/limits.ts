/** The service's limits and the numbers that readers choose, in one place. Sources: the service's quotas page, and `README.md`. */

/** Records in one page of GetRecords. */
export const recordsPageMax = 1_000;
/** Bytes in one page of GetRecords. */
export const recordsPageBytesMax: number = 1 << 20;
/** Shards in one page of DescribeStream. */
export const describePageMax = 100;
/** How long the service keeps records. */
export const retentionMs: number = 24 * 3_600_000;
/** How long an iterator lives. */
export const iteratorLifeMs: number = 15 * 60_000;
/** Readers that a shard bears. */
export const readersPerShardMax = 2;
