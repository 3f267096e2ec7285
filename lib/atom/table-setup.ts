/** The table itself: creating it, and checking that it is right. */
import type { Billing, SecondaryIndex, StreamViewType, TableDescription } from '../engine/index.js';
import { TableError } from './errors.js';
import type { Ground } from './ground.js';

/** Options of `AtomTable.create` and `ensure`. */
export interface CreateOptions {
  /** @defaultValue `{ mode: 'on-demand' }` */
  readonly billing?: Billing;
  /**
   * Turns the stream of a new table on with this view. `ensure` changes nothing about a table that is there: look at `streamArn` of the report.
   * @defaultValue no stream
   */
  readonly streamViewType?: StreamViewType;
  /** Global secondary indexes over key and index attributes, all attributes projected. */
  readonly indexes?: readonly SecondaryIndex[];
  /**
   * How long to wait for the table to be active.
   * @defaultValue 120000
   */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Options of `AtomTable.verify` and `ensure`. */
export interface VerifyOptions {
  /**
   * Accepts a global table with eventual consistency, in which the last writer wins and atoms lose updates between Regions.
   * @defaultValue false
   */
  readonly allowLastWriterWins?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What was found or made. */
export interface TableReport {
  readonly created: boolean;
  readonly billingMode: TableDescription['billingMode'];
  readonly streamArn: string | undefined;
  /** `unsupported`: the engine has no time to live; call `sweep()` now and then. `other`: on, but for another attribute. */
  readonly timeToLive: 'enabled' | 'disabled' | 'other' | 'unsupported';
}

const pollMs = 500;
const streamViews: readonly unknown[] = ['KEYS_ONLY', 'NEW_IMAGE', 'OLD_IMAGE', 'NEW_AND_OLD_IMAGES', undefined];

export class TableSetup {
  readonly #ground: Ground;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  async create(options: CreateOptions): Promise<TableReport> {
    const { engine, keyNames } = this.#ground;
    const table = this.#ground.tableName();
    const [partition, sort] = keyNames as [string, string | undefined];
    const { streamViewType } = options;
    if (!streamViews.includes(streamViewType)) {
      const views = streamViews.slice(0, -1).join(', ');
      throw new RangeError(
        `Cannot create table ${table}: streamViewType must be one of ${views}: ${String(streamViewType)}`,
      );
    }
    try {
      const request = {
        table,
        partitionKey: { name: partition, type: 'S' } as const,
        sortKey: sort === undefined ? undefined : ({ name: sort, type: 'S' } as const),
        billing: options.billing ?? ({ mode: 'on-demand' } as const),
        streamViewType,
        indexes: options.indexes,
      };
      await engine.createTable(request, { signal: options.signal });
    } catch (error) {
      if ((error as Error)?.name !== 'ResourceInUseException') throw error;
      throw new TableError(table, 'exists', 'it exists already; use ensure() to accept it');
    }
    return this.#ready(await this.#active(options), true, options.signal);
  }

  async ensure(options: CreateOptions & VerifyOptions): Promise<TableReport> {
    const { engine } = this.#ground;
    const table = this.#ground.tableName();
    if ((await engine.describeTable(table, { signal: options.signal })) === undefined) {
      try {
        return await this.create(options);
      } catch (error) {
        // Another process may have created it meanwhile; then it is checked like any other.
        if (!(error instanceof TableError && error.reason === 'exists')) throw error;
      }
    }
    const description = await this.#active(options);
    this.#check(description, options);
    return this.#ready(description, false, options.signal);
  }

  async verify(options: VerifyOptions): Promise<TableReport> {
    const description = await this.#ground.engine.describeTable(this.#ground.tableName(), { signal: options.signal });
    this.#check(description, options);
    const timeToLive = await this.#timeToLive(options.signal);
    return this.#report(description, false, timeToLive);
  }

  async #active({ timeoutMs = 120_000, signal }: CreateOptions): Promise<TableDescription> {
    const { engine, clock } = this.#ground;
    const table = this.#ground.tableName();
    const deadlineAt = clock.monotonicMs() + timeoutMs;
    for (;;) {
      const description = await engine.describeTable(table, { signal });
      if (description?.status === 'ACTIVE') return description;
      if (clock.monotonicMs() >= deadlineAt) {
        const status = description?.status ?? 'not to be seen';
        throw new TableError(table, 'not-active', `it is ${status} after timeoutMs ${timeoutMs}; try again later`);
      }
      await clock.sleep(pollMs, { signal });
    }
  }

  #check(found: TableDescription | undefined, options: VerifyOptions): asserts found is TableDescription {
    const table = this.#ground.tableName();
    if (found === undefined) throw new TableError(table, 'missing', 'it does not exist; call create() or ensure()');
    const wanted = this.#ground.keyNames.map((name) => `${name} (S)`).join(', ');
    const keys = [found.partitionKey, found.sortKey].flatMap((one) => (one ? [`${one.name} (${one.type})`] : []));
    if (keys.join(', ') !== wanted) {
      throw new TableError(
        table,
        'keys-differ',
        `its key is ${keys.join(', ')}, wanted is ${wanted}; set keyName and sortKeyName`,
      );
    }
    if (found.replication === 'eventual' && options.allowLastWriterWins !== true) {
      throw new TableError(
        table,
        'last-writer-wins',
        'it is a global table with eventual consistency, in which Regions overwrite each other; ' +
          'use one Region, strong multi-Region consistency, or allowLastWriterWins',
      );
    }
  }

  async #ready(found: TableDescription, created: boolean, signal: AbortSignal | undefined): Promise<TableReport> {
    const { engine, names } = this.#ground;
    let timeToLive = await this.#timeToLive(signal);
    // The service has none in global tables with strong consistency, and refuses to turn it on.
    if (timeToLive === 'disabled' && found.replication === 'strong') timeToLive = 'unsupported';
    if (timeToLive === 'disabled') {
      timeToLive = await unlessUnknown(async () => {
        try {
          await engine.updateTimeToLive(this.#ground.tableName(), names.expiresAt, { signal });
          return 'enabled';
        } catch (error) {
          // Another process may have turned it on meanwhile.
          const now = await this.#timeToLive(signal);
          if (now === 'disabled') throw error;
          return now;
        }
      });
    }
    return this.#report(found, created, timeToLive);
  }

  #report(found: TableDescription, created: boolean, timeToLive: TableReport['timeToLive']): TableReport {
    const { events } = this.#ground;
    if (events.wants('table')) events.tell('table', { created, timeToLive });
    return { created, billingMode: found.billingMode, streamArn: found.streamArn, timeToLive };
  }

  #timeToLive(signal: AbortSignal | undefined): Promise<TableReport['timeToLive']> {
    const { engine, names } = this.#ground;
    return unlessUnknown(async () => {
      const { enabled, attribute } = await engine.describeTimeToLive(this.#ground.tableName(), { signal });
      if (!enabled) return 'disabled';
      return attribute === names.expiresAt ? 'enabled' : 'other';
    });
  }
}

/** Not every engine has time to live, and some can describe what they can't do. */
async function unlessUnknown(ask: () => Promise<TableReport['timeToLive']>): Promise<TableReport['timeToLive']> {
  try {
    return await ask();
  } catch (error) {
    if ((error as Error)?.name === 'UnknownOperationException') return 'unsupported';
    throw error;
  }
}
