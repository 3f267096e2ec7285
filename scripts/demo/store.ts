/** The place where the atoms of a run live: an engine, ours or yours, and a table in it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DeleteTableCommand } from '@aws-sdk/client-dynamodb';
import { startEmbedded } from '../../lib/embedded/index.js';
import { AtomTable, type CreateClientOptions, createClient } from '../../lib/index.js';
import { startDynamoDBLocal } from '../../lib/testing/index.js';
import type { EngineChoice } from './options.js';

/** A running engine. */
export interface Store {
  /** For people. */
  readonly title: string;
  /** For `createClient`, in this process and in others. */
  readonly client: CreateClientOptions;
  close(): Promise<void>;
}

export async function openStore(engine: EngineChoice): Promise<Store> {
  switch (engine.kind) {
    case 'dynalite':
      return openEmbedded(engine.path);
    case 'dynamodb-local': {
      const local = await startDynamoDBLocal({ path: engine.path });
      const title = `DynamoDB Local, ${engine.path === undefined ? 'in memory' : `on disk in ${engine.path}`}`;
      return { title, client: local.clientConfig, close: () => local.close() };
    }
    case 'endpoint':
      return { title: engine.url, client: endpointClient(engine.url), close: async () => {} };
    case 'aws':
      return { title: 'DynamoDB', client: {}, close: async () => {} };
  }
}

async function openEmbedded(folder: string | undefined): Promise<Store> {
  const own = folder === undefined ? await mkdtemp(path.join(tmpdir(), 'leyden-jar-demo-')) : undefined;
  const removeOwn = async () => {
    if (own !== undefined) await rm(own, { recursive: true, force: true });
  };
  try {
    const embedded = await startEmbedded({ path: folder ?? own });
    return {
      title: `dynalite, embedded, on disk in ${folder ?? own}`,
      client: embedded.clientConfig,
      async close() {
        await embedded.close();
        await removeOwn();
      },
    };
  } catch (error) {
    await removeOwn();
    throw error;
  }
}

/** Your credentials and Region where there are any; local engines take whatever comes. */
function endpointClient(endpoint: string): CreateClientOptions {
  const { AWS_ACCESS_KEY_ID: key, AWS_PROFILE: profile, AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  const region = AWS_REGION ?? AWS_DEFAULT_REGION ?? 'us-east-1';
  const dummies = { accessKeyId: 'local', secretAccessKey: 'local' };
  return { endpoint, region, ...(key === undefined && profile === undefined && { credentials: dummies }) };
}

/** The table of a run, as its parent sees it. */
export interface DemoTable {
  readonly atoms: AtomTable;
  /** Deletes the table if this run made it; otherwise nothing. Releases the client. */
  close(): Promise<void>;
  readonly created: boolean;
}

/** Makes the table, or takes one that is there. */
export async function openTable(options: CreateClientOptions, tableName: string): Promise<DemoTable> {
  const client = createClient(options);
  try {
    const atoms = new AtomTable({ client, tableName });
    const { created } = await atoms.ensure();
    const close = async (): Promise<void> => {
      try {
        if (created) await client.send(new DeleteTableCommand({ TableName: tableName }));
      } finally {
        client.destroy();
      }
    };
    return { atoms, created, close };
  } catch (error) {
    client.destroy();
    throw error;
  }
}
