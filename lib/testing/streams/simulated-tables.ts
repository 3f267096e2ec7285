/** The memory engine with tables whose streams are simulated: making, describing and deleting a table goes to both. */
import {
  type CreateTableRequest,
  MemoryEngine,
  type MemoryEngineOptions,
  type SendOptions,
  type StreamViewType,
  type TableDescription,
} from '../../engine/index.js';

/** What becomes of a table's stream. */
export interface TableStreams {
  created(request: CreateTableRequest): void;
  deleted(tableName: string): void;
  /** The newest stream of a table; without a view type it is disabled. */
  newest(tableName: string): { readonly arn: string; readonly viewType: StreamViewType | undefined } | undefined;
}

export class SimulatedTables extends MemoryEngine {
  override readonly name: string = 'simulator';
  readonly #streams: TableStreams;

  constructor(streams: TableStreams, options: MemoryEngineOptions) {
    super(options);
    this.#streams = streams;
  }

  override async createTable(request: CreateTableRequest, options?: SendOptions): Promise<void> {
    await super.createTable(request, options);
    this.#streams.created(request);
  }

  override async deleteTable(tableName: string, options?: SendOptions): Promise<void> {
    await super.deleteTable(tableName, options);
    this.#streams.deleted(tableName);
  }

  override async describeTable(tableName: string, options?: SendOptions): Promise<TableDescription | undefined> {
    const described = await super.describeTable(tableName, options);
    if (described === undefined) return undefined;
    const newest = this.#streams.newest(tableName);
    return { ...described, streamArn: newest?.arn, streamViewType: newest?.viewType };
  }
}
