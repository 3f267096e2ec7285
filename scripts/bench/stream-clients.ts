/** The clients of DynamoDB Streams of one worker process, and the pace at which an engine on the same machine is asked. */
import { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import { createStreamsClient, type PaceOptions } from '../../lib/streams/index.js';
import type { ClientKind } from './clients.js';

/** As often as the engine answers. */
export const unpaced: PaceOptions = {
  shardReadsPerSecondMax: Number.POSITIVE_INFINITY,
  readsPerSecondMax: Number.POSITIVE_INFINITY,
  describesPerSecondMax: Number.POSITIVE_INFINITY,
};

const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
const clients = new Map<string, DynamoDBStreamsClient>();

export function streamsClientOf(endpoint: string, kind: ClientKind = 'tuned'): DynamoDBStreamsClient {
  const name = `${kind} ${endpoint}`;
  let client = clients.get(name);
  if (client === undefined) {
    const config = { endpoint, region: 'local', credentials };
    client = kind === 'tuned' ? createStreamsClient(config) : new DynamoDBStreamsClient(config);
    clients.set(name, client);
  }
  return client;
}
