/** The clients of one worker process: one for each endpoint and kind of settings, so that connections stay open. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createClient } from '../../lib/engine/index.js';

/** `tuned` = `createClient`, used by both sides of a comparison; `default` = the SDK's client as it comes. */
export type ClientKind = 'tuned' | 'default';

export interface Place {
  readonly endpoint: string;
  readonly table: string;
}

const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
const clients = new Map<string, DynamoDBClient>();

export function clientOf(endpoint: string, kind: ClientKind = 'tuned'): DynamoDBClient {
  const name = `${kind} ${endpoint}`;
  let client = clients.get(name);
  if (client === undefined) {
    const config = { endpoint, region: 'local', credentials };
    client = kind === 'tuned' ? createClient(config) : new DynamoDBClient(config);
    clients.set(name, client);
  }
  return client;
}
