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

const triesMax = 3;

/** Throws what is an answer, or a fault of ours; returns for a failure of the transport. */
export function refuseAnswer(error: unknown): void {
  const { $metadata, code = '', name } = error as { $metadata?: object; code?: string; name?: string };
  const isTransport = /^(E[A-Z]+|UND_ERR_.*)$/.test(code) || name === 'TimeoutError';
  if (!isTransport || ($metadata !== undefined && 'httpStatusCode' in $metadata)) throw error;
  process.stderr.write(`no answer to a baseline's request: ${code || name}\n`);
}

/** Sends again what may be sent twice, when no answer came. */
export async function answered<Answer>(send: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; tries < triesMax; tries += 1) {
    try {
      return await send();
    } catch (error) {
      refuseAnswer(error);
    }
  }
  return send();
}
