/** The place where the atoms of a run live: an engine, ours or yours, and a table in it. */
import { rm } from 'node:fs/promises';
import { DeleteItemCommand, DeleteTableCommand, type DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { AtomTable, type CreateClientOptions, type CreateOptions, createClient } from '../../lib/index.js';
import { exitOf, forkScript } from './fork.js';
import type { EngineReport } from './messages.js';
import type { EngineChoice } from './options.js';

/** A running engine. */
export interface Store {
  /** For people. */
  readonly title: string;
  /** For `createClient`, in this process and in others. */
  readonly client: CreateClientOptions;
  /** Nothing of it is left after `close`. */
  readonly temporary: boolean;
  close(): Promise<void>;
}

/** Starts an engine, or takes one that runs. `onFailure` is called when one that we started ends too early. */
export async function openStore(engine: EngineChoice, onFailure: (error: Error) => void): Promise<Store> {
  switch (engine.kind) {
    case 'dynalite':
      return openEmbedded(engine.path, onFailure);
    case 'dynamodb-local': {
      const { startDynamoDBLocal } = await import('../../lib/testing/index.js');
      const local = await startDynamoDBLocal({ path: engine.path });
      const temporary = engine.path === undefined;
      const title = `DynamoDB Local, ${temporary ? 'in memory' : `on disk in ${engine.path}`}`;
      return { title, client: local.clientConfig, temporary, close: () => local.close() };
    }
    case 'endpoint':
      return { title: engine.url, client: endpointClient(engine.url), temporary: false, close: async () => {} };
    case 'aws':
      return { title: 'DynamoDB', client: {}, temporary: false, close: async () => {} };
  }
}

async function openEmbedded(folder: string | undefined, onFailure: (error: Error) => void): Promise<Store> {
  const child = forkScript(new URL('engine.ts', import.meta.url));
  const exited = exitOf(child);
  let temporary: string | undefined;
  const close = async (): Promise<void> => {
    if (child.connected) child.disconnect();
    await exited;
    // It has done so itself, unless it was killed.
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  };
  const answer = new Promise<EngineReport>((resolve) => child.once('message', resolve));
  const ended = exited.then((how): EngineReport => ({ kind: 'failed', message: `The engine's process ended: ${how}` }));
  child.send({ folder });
  const report = await Promise.race([answer, ended]);
  if (report.kind === 'failed') {
    await close();
    throw new Error(report.message);
  }
  if (folder === undefined) temporary = report.folder;
  let closing = false;
  void exited.then((how) => closing || onFailure(new Error(`The engine's process (pid ${child.pid}) ended: ${how}`)));
  return {
    title: `dynalite, embedded, on disk in ${report.folder}`,
    client: report.client,
    temporary: folder === undefined,
    close() {
      closing = true;
      return close();
    },
  };
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
  /** Whether this run made it. */
  readonly created: boolean;
  /** Deletes all items whose keys begin with `prefix`. Reads the whole table for it. */
  removeItems(prefix: string): Promise<void>;
  /** Deletes the table if this run made it and it would outlive the engine. Releases the client. */
  close(): Promise<void>;
}

/** Makes the table, or takes one that is there. */
export async function openTable(
  { client: config, temporary }: Store,
  tableName: string,
  create: CreateOptions = {},
): Promise<DemoTable> {
  const client = createClient(config);
  try {
    const atoms = new AtomTable({ client, tableName });
    const { created } = await atoms.ensure(create);
    const close = async (): Promise<void> => {
      try {
        if (created && !temporary) await client.send(new DeleteTableCommand({ TableName: tableName }));
      } finally {
        client.destroy();
      }
    };
    return { atoms, created, removeItems: (prefix) => removeItems(client, tableName, prefix), close };
  } catch (error) {
    client.destroy();
    throw error;
  }
}

async function removeItems(client: DynamoDBClient, tableName: string, prefix: string): Promise<void> {
  const pages = paginateScan(
    { client },
    {
      TableName: tableName,
      ConsistentRead: true,
      ProjectionExpression: 'id',
      FilterExpression: 'begins_with(id, :prefix)',
      ExpressionAttributeValues: { ':prefix': { S: prefix } },
    },
  );
  for await (const { Items = [] } of pages) {
    await Promise.all(Items.map((Key) => client.send(new DeleteItemCommand({ TableName: tableName, Key }))));
  }
}
