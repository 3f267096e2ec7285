/** What a simulated DescribeStream answers: late, of no one instant, with what had gone. */
import type { DescribeStreamRequest, ShardDescription, StreamDescription } from '../../streams/index.js';
import type { StreamCaprices } from './caprices.js';
import type { Draws } from './draws.js';
import type { SimulatedShard } from './simulated-shard.js';
import type { SimulatedStream } from './simulated-stream.js';
import type { StreamSimulatorLimits } from './stream-limits.js';
import { invalid, serverFault, streamGone } from './stream-refusals.js';

/** What a page of a listing depends on beside the stream. */
export interface ListingWorld {
  readonly limits: StreamSimulatorLimits;
  readonly caprices: StreamCaprices;
  readonly draws: Draws;
  readonly nowMs: number;
}

/** One page. */
export function listShards(
  stream: SimulatedStream,
  request: DescribeStreamRequest,
  world: ListingWorld,
): StreamDescription {
  const { limits, caprices, draws, nowMs } = world;
  const { startAfter, childrenOf, limit = limits.describePageMax } = request;
  if (!Number.isInteger(limit) || limit < 1 || limit > limits.describePageMax) {
    throw invalid(`Limit must be from 1 to ${limits.describePageMax}: ${limit}`);
  }
  if (stream.isGone(nowMs)) throw streamGone(stream.init.arn);
  if (childrenOf !== undefined && draws.chance(caprices.childrenFail)) throw serverFault();
  const seenAtMs = nowMs - draws.within(caprices.staleListingMs);
  const ghosts = draws.chance(caprices.ghosts);
  const page: ShardDescription[] = [];
  let lastShardId: string | undefined;
  const told = childrenOf === undefined ? stream.shards : childrenIn(stream, childrenOf, caprices.childFilter);
  for (const shard of told) {
    if (startAfter !== undefined && shard.shardId <= startAfter) continue;
    if ((childrenOf === undefined ? shard.times.listedAtMs : shard.times.asChildAtMs) > seenAtMs) continue;
    if (shard.isGone(seenAtMs) && !ghosts) continue;
    if (page.length === limit) {
      lastShardId = page.at(-1)?.shardId;
      break;
    }
    page.push(described(shard, seenAtMs));
  }
  if (lastShardId === undefined && page.length > 0 && draws.chance(caprices.danglingPages)) {
    lastShardId = page.at(-1)?.shardId;
  }
  const { arn, label, tableName, viewType, keyNames } = stream.init;
  const status = stream.isDisabled ? 'DISABLED' : 'ENABLED';
  return { arn, label, tableName, status, viewType, keyNames, shards: page, lastShardId };
}

function childrenIn(stream: SimulatedStream, parentId: string, filters: boolean): readonly SimulatedShard[] {
  const children = filters ? (stream.shard(parentId)?.children ?? []) : [];
  return [...children].sort().map((shardId) => stream.shard(shardId) as SimulatedShard);
}

function described(shard: SimulatedShard, seenAtMs: number): ShardDescription {
  const { shardId, parentId, firstSequence, end } = shard;
  const isClosed = end !== undefined && end.listedAtMs <= seenAtMs;
  return {
    shardId,
    ...(parentId !== undefined && { parentId }),
    firstSequence,
    ...(isClosed && { lastSequence: end.lastSequence }),
  };
}
