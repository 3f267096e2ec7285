/** The service's limits that readers count on, in one place. Source: the service's quotas page. */

/** Records in one page of GetRecords. */
export const recordsPageMax = 1_000;
/** Shards in one page of DescribeStream. */
export const describePageMax = 100;
/** How long the service keeps records. */
export const retentionMs: number = 24 * 3_600_000;
