/**
 * The engines that have streams, as one table: how to open one, make a watched table in it, and read the stream.
 *
 *     for (const row of streamEngines) describeStreams(row, () => {
 *       it('…', async () => {
 *         const opened = await row.open();
 *         await opened.run(async () => {
 *           const { tableName, arn } = await opened.createTable({ viewType: 'NEW_AND_OLD_IMAGES' });
 *           const table = new AtomTable({ engine: opened.engine, clock: opened.clock, tableName });
 *           … opened.port().describe({ arn }) …
 *         });
 *         await opened.close();
 *       });
 *     });
 *
 * `run` is what makes one spec serve both kinds of time: where the clock is virtual, time passes in it, and elsewhere it only awaits.
 * `aws` is there only where LEYDEN_TEST_TABLE and credentials are.
 */
import { UpdateTableCommand } from '@aws-sdk/client-dynamodb';
import { describe } from '@jest/globals';
import { type Clock, type Engine, type StreamViewType, systemClock } from '../../lib/engine/index.js';
import { createStreamsClient, SdkStreams, type StreamsPort } from '../../lib/streams/index.js';
import {
  ReshardedStreams,
  type ReshardPlan,
  StreamSimulator,
  type StreamSimulatorOptions,
  VirtualClock,
} from '../../lib/testing/index.js';
import { type EngineRow, engines } from './engines.js';

/** A table with a stream. */
interface WatchedTable {
  readonly tableName: string;
  /** Of its stream. */
  readonly arn: string;
}

/** How a watched table is made. */
export interface WatchedTableOptions {
  /** @defaultValue NEW_AND_OLD_IMAGES */
  readonly viewType?: StreamViewType;
  /** With a sort key `sk` beside `pk`. @defaultValue false */
  readonly sortKey?: boolean;
}

/** An engine with streams that is open. */
export interface OpenStreams {
  /** For atoms: those that are watched, and those that coordinate. */
  readonly engine: Engine;
  /** To be given to everything that waits. */
  readonly clock: Clock;
  /** The port as one process sees it. Where readers are counted, each name is one reader. */
  port(reader?: string): StreamsPort;
  uniqueTable(): string;
  createTable(options?: WatchedTableOptions): Promise<WatchedTable>;
  disable(tableName: string): Promise<void>;
  /** Enables the stream again, and tells its new ARN. */
  enable(tableName: string, viewType?: StreamViewType): Promise<string>;
  /** Where a stream's shards can be made to close: once, then a second time, so that two shards follow. */
  reshard?(arn: string): void;
  /** The same iterator as it is when it was made a quarter of an hour ago. */
  aged?(iterator: string): Promise<string>;
  /** Deletes what is past its time to live, where that can be done by hand. */
  expire?(): void;
  /** Lets time pass, if it is virtual, until the work is done. */
  run<Result>(work: () => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

/** One row of the table. */
export interface StreamEngineRow {
  readonly name: 'simulator' | 'resharded' | 'dynamodb-local' | 'aws';
  /** Why it is not to be had here, if so. */
  readonly missing?: string | undefined;
  open(): Promise<OpenStreams>;
}

const definition = (tableName: string, { viewType = 'NEW_AND_OLD_IMAGES', sortKey = false }: WatchedTableOptions) => ({
  table: tableName,
  partitionKey: { name: 'pk', type: 'S' } as const,
  ...(sortKey && { sortKey: { name: 'sk', type: 'S' } as const }),
  billing: { mode: 'on-demand' } as const,
  streamViewType: viewType,
});

/** The ARN of a table's newest stream, once the table is ready. */
async function readyArn(engine: Engine, tableName: string): Promise<string> {
  for (;;) {
    const { status, streamArn } = (await engine.describeTable(tableName)) ?? {};
    if (status === 'ACTIVE' && streamArn !== undefined) return streamArn;
    await systemClock.sleep(100);
  }
}

/** An iterator of DynamoDB Local with another time in it: `<arn>|001|base64(shard|number|time)`. */
function agedLocal(iterator: string): string {
  const at = iterator.lastIndexOf('|') + 1;
  const parts = Buffer.from(iterator.slice(at), 'base64').toString().split('|');
  const madeAtMs = Number(parts[2]) - 16 * 60_000;
  const aged = [parts[0], parts[1], String(madeAtMs).padStart(parts[2]?.length ?? 0, '0')].join('|');
  return iterator.slice(0, at) + Buffer.from(aged).toString('base64');
}

async function openSdk(row: EngineRow, plan?: ReshardPlan): Promise<OpenStreams> {
  const { engine, client, endpoint, uniqueTable, close } = await row.open();
  if (client === undefined) throw new Error(`${row.name} has no client`);
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const local = row.name === 'dynamodb-local' && endpoint !== undefined;
  const streamsClient = createStreamsClient(local ? { endpoint, region: 'local', credentials } : {});
  const made: string[] = [];
  const sdk = new SdkStreams(streamsClient);
  const port = plan === undefined ? sdk : new ReshardedStreams(sdk, plan);
  const setStream = (
    TableName: string,
    StreamSpecification: { StreamEnabled: boolean; StreamViewType?: StreamViewType },
  ) => client.send(new UpdateTableCommand({ TableName, StreamSpecification }));
  return {
    engine,
    clock: systemClock,
    port: () => port,
    uniqueTable,
    async createTable(options = {}) {
      const tableName = uniqueTable();
      await engine.createTable(definition(tableName, options));
      made.push(tableName);
      return { tableName, arn: await readyArn(engine, tableName) };
    },
    async disable(tableName) {
      await setStream(tableName, { StreamEnabled: false });
      for (;;) {
        const { status } = (await engine.describeTable(tableName)) ?? {};
        if (status === 'ACTIVE') return;
        await systemClock.sleep(100);
      }
    },
    async enable(tableName, viewType = 'NEW_AND_OLD_IMAGES') {
      await setStream(tableName, { StreamEnabled: true, StreamViewType: viewType });
      return readyArn(engine, tableName);
    },
    // The plan does it, by counting.
    ...(plan !== undefined && { reshard: () => {} }),
    ...(local && { aged: async (iterator) => agedLocal(iterator) }),
    run: (work) => work(),
    async close() {
      if (row.name === 'aws') await Promise.all(made.map((tableName) => engine.deleteTable(tableName)));
      streamsClient.destroy();
      await close();
    },
  };
}

const sdkRows = (
  of: 'dynamodb-local' | 'aws',
  name: StreamEngineRow['name'] = of,
  plan?: ReshardPlan,
): readonly StreamEngineRow[] =>
  engines
    .filter((row) => row.name === of)
    .map((row) => ({ name, missing: row.missing, open: () => openSdk(row, plan) }));

/** Streams in this process, on a virtual clock. What it is besides comes along. */
export function openSimulator(
  options: StreamSimulatorOptions & { readonly clock?: VirtualClock } = {},
): OpenStreams & { readonly simulator: StreamSimulator; readonly clock: VirtualClock } {
  const { clock = new VirtualClock() } = options;
  const simulator = new StreamSimulator({ ...options, clock });
  const { engine } = simulator;
  let tables = 0;
  const nextTable = () => {
    tables += 1;
    return `table-${tables}`;
  };
  return {
    simulator,
    engine,
    clock,
    port: (reader) => simulator.port(reader),
    uniqueTable: nextTable,
    async createTable(made = {}) {
      const tableName = nextTable();
      await engine.createTable(definition(tableName, made));
      return { tableName, arn: await readyArn(engine, tableName) };
    },
    disable: async (tableName) => simulator.disable(tableName),
    enable: async (tableName, viewType) => simulator.enable(tableName, viewType),
    reshard(arn) {
      const open = simulator.shards(arn).filter((shard) => shard.closedAtMs === undefined);
      const [{ shardId, parentId }] = open as [(typeof open)[0]];
      if (parentId === undefined) simulator.roll(shardId);
      else simulator.split(shardId);
    },
    expire: () => simulator.expire(),
    async aged(iterator) {
      await clock.sleep(16 * 60_000);
      return iterator;
    },
    run: (work) => clock.run(work()),
    close: async () => {},
  };
}

/** After how many records the shards of the row `resharded` close, one after the other. */
export const reshardedAfter: readonly [number, number] = [40, 30];
const reshardPlan: ReshardPlan = {
  records: reshardedAfter[0],
  next: [{ records: reshardedAfter[1], next: [{}, {}] }],
};

const simulator: StreamEngineRow = { name: 'simulator', open: async () => openSimulator() };

/** All engines with streams, from the quickest to the real one. `aws` has a row only where it was asked for. */
export const streamEngines: readonly StreamEngineRow[] = [
  simulator,
  ...sdkRows('dynamodb-local', 'resharded', reshardPlan),
  ...sdkRows('dynamodb-local'),
  ...sdkRows('aws'),
];

/** `describe` for one engine; where it is missing, a skipped block whose name says why, and a loud line on stderr. */
export function describeStreams(row: StreamEngineRow, suite: () => void): void {
  if (row.missing === undefined) {
    describe(row.name, suite);
    return;
  }
  process.stderr.write(`\n*** streams of ${row.name} are SKIPPED: ${row.missing} ***\n\n`);
  describe.skip(`${row.name} is skipped: ${row.missing}`, suite);
}
