/** The tables and the stream, as one process of a run reaches them. */
import { AtomTable } from '../../../lib/atom/index.js';
import { createClient, type Engine, SdkEngine } from '../../../lib/engine/index.js';
import { createStreamsClient, SdkStreams, type StreamsPort } from '../../../lib/streams/index.js';
import { ReshardedStreams } from '../../../lib/testing/index.js';
import type { Whereabouts } from './notes.js';

export interface Wires {
  readonly engine: Engine;
  readonly watched: AtomTable;
  readonly groups: AtomTable;
  /** As the group sees it. */
  readonly port: StreamsPort;
  /** As it is. */
  readonly real: StreamsPort;
  close(): void;
}

export function openWires({ endpoint, watched, groups, reshard }: Whereabouts): Wires {
  const config = { endpoint, region: 'local', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };
  // Nobody should wait long for a process that is cut off.
  const limits = { connectTimeoutMs: 1_000, answerTimeoutMs: 2_000 };
  const client = createClient({ ...config, ...limits });
  const streamsClient = createStreamsClient({ ...config, ...limits });
  const real = new SdkStreams(streamsClient);
  return {
    engine: new SdkEngine(client),
    watched: new AtomTable({ client, tableName: watched }),
    groups: new AtomTable({ client, tableName: groups, sortKeyName: 'sk' }),
    port: reshard === undefined ? real : new ReshardedStreams(real, reshard),
    real,
    close() {
      client.destroy();
      streamsClient.destroy();
    },
  };
}
