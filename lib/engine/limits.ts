/**
 * Limits of the service, each with the page that states it, in one place.
 *
 * All from "Quotas in Amazon DynamoDB" and "Constraints in Amazon DynamoDB"
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html and .../Constraints.html)
 * unless another page is named.
 */

/** Largest item, attribute names included: 400 KB. */
export const itemBytesMax = 409_600;
/** Longest partition key value, in bytes of UTF-8. */
export const partitionKeyBytesMax = 2_048;
/** Longest sort key value, in bytes of UTF-8. */
export const sortKeyBytesMax = 1_024;
/** Deepest nesting of lists and maps; the item itself counts as the first level, so an attribute may hold 31. */
export const nestingMax = 32;
/** Actions in one transaction. */
export const transactionActionsMax = 100;
/** Bytes of all items of one transaction together: 4 MB. */
export const transactionBytesMax: number = 4 * 1_024 * 1_024;
/** Keys in one BatchGetItem. */
export const batchGetKeysMax = 100;
/** Requests in one BatchWriteItem. */
export const batchWriteItemsMax = 25;
/** Bytes that one Query or Scan page reads at most: 1 MB. */
export const pageBytesMax: number = 1_024 * 1_024;
/** Characters of one expression. */
export const expressionBytesMax = 4_096;
/** One write unit covers this many bytes ("Read/write capacity mode", HowItWorks.ReadWriteCapacityMode.html). */
export const writeUnitBytes = 1_024;
/** One read unit covers this many bytes, consistently read once. */
export const readUnitBytes = 4_096;
/** A signed request is refused when it arrives this much later than it was signed (SigV4: 5 to 15 minutes, the larger taken). */
export const signatureLifetimeMs: number = 15 * 60 * 1_000;
