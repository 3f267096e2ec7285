/**
 * The engines that suites run over, as one table: what each can do, and how to open it.
 *
 *     for (const engine of engines) describeEngine(engine, () => { … const opened = await engine.open(); … });
 *
 * `memory` and `dynalite` live inside the spec file's own process; `dynamodb-local` is one process for the whole run
 * (see `global-setup.mjs`); `aws` is the real service, and there only with LEYDEN_TEST_TABLE and credentials in the
 * environment. An engine that is not to be had is skipped by name, with the reason in the report.
 */
import { get } from 'node:http';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { describe } from '@jest/globals';
import { startEmbedded } from '../../lib/embedded/index.js';
import type { Engine } from '../../lib/engine/index.js';
import { MemoryEngine } from '../../lib/engine/memory.js';
import { SdkEngine } from '../../lib/engine/sdk.js';
import { findDynamoDBLocal } from '../../lib/testing/index.js';

/** What an engine can do beyond the common part of the port. */
interface Supports {
  /** A failed condition brings the item along. */
  readonly images: boolean;
  readonly transactions: boolean;
  readonly timeToLive: boolean;
  readonly streams: boolean;
}

/** An engine that is open. */
export interface OpenEngine {
  readonly engine: Engine;
  /** Absent where there is no wire. */
  readonly client?: DynamoDBClient | undefined;
  /** Of the wire, for proxies that stand before it. */
  readonly endpoint?: string | undefined;
  /** A table name that nobody has used: each spec makes its own tables. */
  uniqueTable(): string;
  close(): Promise<void>;
}

/** One row of the table. */
export interface EngineRow {
  readonly name: 'memory' | 'dynalite' | 'dynamodb-local' | 'aws';
  readonly supports: Supports;
  /** Why it is not to be had here, if so. */
  readonly missing?: string | undefined;
  open(): Promise<OpenEngine>;
}

const all: Supports = { images: true, transactions: true, timeToLive: true, streams: true };
const none: Supports = { images: false, transactions: false, timeToLive: false, streams: false };

let tables = 0;
const uniqueTable = (): string => {
  tables += 1;
  return `leyden-${process.pid}-${Date.now().toString(36)}-${tables}`;
};

async function openClient(client: DynamoDBClient, closeStore: () => Promise<void>): Promise<OpenEngine> {
  const endpoint = await client.config.endpoint?.();
  return {
    engine: new SdkEngine(client),
    client,
    endpoint: endpoint && `${endpoint.protocol}//${endpoint.hostname}:${endpoint.port}`,
    uniqueTable,
    async close() {
      client.destroy();
      await closeStore();
    },
  };
}

/** The endpoint of the run's one DynamoDB Local, which starts now if nobody asked before. */
function dynamoDBLocalEndpoint(): Promise<string> {
  const { LEYDEN_TEST_LOCAL_ENDPOINT: running, LEYDEN_TEST_LOCAL_STARTER: starter } = process.env;
  if (running !== undefined) return Promise.resolve(running);
  if (starter === undefined) return Promise.reject(new Error('jest ran without spec/support/global-setup.mjs'));
  return new Promise((done, failed) => {
    get(starter, { agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => (response.statusCode === 200 ? done(text) : failed(new Error(text))));
    }).on('error', failed);
  });
}

const memory: EngineRow = {
  name: 'memory',
  supports: { ...all, streams: false },
  open: async () => ({ engine: new MemoryEngine(), uniqueTable, close: async () => {} }),
};

const dynalite: EngineRow = {
  name: 'dynalite',
  supports: none,
  async open() {
    const store = await startEmbedded();
    return openClient(new DynamoDBClient(store.clientConfig), () => store.close());
  },
};

const dynamoDBLocal: EngineRow = {
  name: 'dynamodb-local',
  supports: all,
  missing: process.env.LEYDEN_TEST_LOCAL_ENDPOINT === undefined ? findDynamoDBLocal().missing : undefined,
  async open() {
    const endpoint = await dynamoDBLocalEndpoint();
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    return openClient(new DynamoDBClient({ endpoint, region: 'local', credentials }), async () => {});
  },
};

/** The real service: tables are made and deleted under names that begin with LEYDEN_TEST_TABLE. */
const aws: EngineRow = {
  name: 'aws',
  supports: all,
  missing: process.env.LEYDEN_TEST_TABLE === undefined ? 'LEYDEN_TEST_TABLE is not set' : undefined,
  async open() {
    const opened = await openClient(new DynamoDBClient({}), async () => {});
    return { ...opened, uniqueTable: () => `${process.env.LEYDEN_TEST_TABLE}-${uniqueTable()}` };
  },
};

/** All engines, from the quickest to the real one. `aws` has a row only where it was asked for. */
export const engines: readonly EngineRow[] = [memory, dynalite, dynamoDBLocal, ...(aws.missing ? [] : [aws])];

/** `describe` for one engine; where it is missing, a skipped block whose name says why, and a loud line on stderr. */
export function describeEngine(row: EngineRow, suite: () => void): void {
  if (row.missing === undefined) {
    describe(row.name, suite);
    return;
  }
  process.stderr.write(`\n*** ${row.name} is SKIPPED: ${row.missing} ***\n\n`);
  describe.skip(`${row.name} is skipped: ${row.missing}`, suite);
}
