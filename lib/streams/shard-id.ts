/**
 * What the name of a shard tells: `shardId-<20 digits: when it was made, epoch milliseconds>-<8 hex>`.
 *
 * The service doesn't promise it; Flink's connector and Scylla's streams build on it, and so do DynamoDB Local's names. It is used as a
 * hint: where a name has no time in it, nothing follows from its age.
 */
const named = /^shardId-(\d{20})-[0-9a-f]+$/i;

/** When the shard was made, in epoch milliseconds by the service's clock; `undefined` where its name does not say. */
export function creationTimeOf(shardId: string): number | undefined {
  const digits = named.exec(shardId)?.[1];
  const time = digits === undefined ? Number.NaN : Number(digits);
  // Years 2001 to 2286; anything else is no time.
  return time >= 1e12 && time < 1e13 ? time : undefined;
}
