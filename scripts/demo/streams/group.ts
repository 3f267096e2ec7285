/** The group of a run, as its processes open it, and the view that it makes. */
import { AtomTable, createClient, type ItemAtom } from '../../../lib/index.js';
import { createStreamsClient, SdkStreams, type StreamsPort } from '../../../lib/streams/index.js';
import { ReshardedStreams, type ReshardPlan } from '../../../lib/testing/index.js';
import type { ConsumerJob } from './messages.js';
import { emptyView, type View } from './view.js';

/** The tables and the stream of a run, with clients of their own. */
export interface GroupPlace {
  readonly watched: AtomTable;
  readonly groups: AtomTable;
  readonly port: StreamsPort;
  close(): void;
}

/** The first shards close after so many records each, so that there is a lineage to follow. */
const recordsPerShard = 200;

export function openPlace({
  client: config,
  tableName,
  groupTableName,
  shards,
}: Omit<ConsumerJob, 'consumer'>): GroupPlace {
  const client = createClient(config);
  const { endpoint, region, credentials } = config;
  const streamsClient = createStreamsClient({
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(credentials !== undefined && { credentials }),
  });
  const sdk = new SdkStreams(streamsClient);
  return {
    watched: new AtomTable({ client, tableName }),
    groups: new AtomTable({ client, tableName: groupTableName, sortKeyName: 'sk' }),
    // Every process counts the same records, so all cut at the same ones.
    port: shards === undefined ? sdk : new ReshardedStreams(sdk, planOf(shards)),
    close() {
      client.destroy();
      streamsClient.destroy();
    },
  };
}

/** One shard, then two, then four, until there are so many. */
function planOf(shards: number): ReshardPlan {
  return shards <= 1 ? {} : { records: recordsPerShard, next: [planOf(shards / 2), planOf(shards / 2)] };
}

/** The view of one atom. It lives in the group's own table: never in the one that is watched, whose stream would tell of it. */
export function viewOf(groups: AtomTable, run: string, name: string): ItemAtom<View, View> {
  return groups.atom<View>({ pk: `${run}/view`, sk: name }, { initial: emptyView });
}
