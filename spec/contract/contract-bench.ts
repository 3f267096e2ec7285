/**
 * What the parts of the contract share: an open engine, two tables that all facts use with keys of their own, and a way to
 * make more tables. On a slow service a table takes seconds, so only facts about tables make tables.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { Item } from '../../lib/codec/index.js';
import type { CreateTableRequest, Engine, WriteAnswer } from '../../lib/engine/index.js';

/** What the engine under test can do beyond the common part of the port. */
export interface ContractSupports {
  /** A failed condition brings the item along. */
  readonly images: boolean;
  readonly transactions: boolean;
  readonly timeToLive: boolean;
  readonly streams: boolean;
}

/** An open engine as a contract run needs it. */
interface ContractEngine {
  readonly engine: Engine;
  /** A table name that was not used before. */
  uniqueTable(): string;
  close(): Promise<void>;
}

/** How a contract run gets its engine. */
export interface ContractFactory {
  readonly supports: ContractSupports;
  open(): Promise<ContractEngine>;
}

/** The workbench of one contract run. */
export interface Bench {
  readonly supports: ContractSupports;
  readonly engine: Engine;
  /** Partition key `pk`, a string. */
  readonly plain: string;
  /** Partition key `pk`, a string; sort key `sk`, a number; index `byKind` on `kind` and `sk`. */
  readonly sorted: string;
  uniqueTable(): string;
  /** Makes a table and waits until it is active; it is deleted at the end. */
  makeTable(request: Omit<CreateTableRequest, 'table'>): Promise<string>;
}

const activeWaitMs = 60_000;

let keys = 0;
/** A partition key that no other fact uses. */
export function freshKey(): string {
  keys += 1;
  return `key-${keys}`;
}

/** Opens an engine and its two tables. */
export async function openBench(factory: ContractFactory): Promise<Bench & { close(): Promise<void> }> {
  const opened = await factory.open();
  const { engine } = opened;
  const made: string[] = [];

  const makeTable: Bench['makeTable'] = async (request) => {
    const table = opened.uniqueTable();
    await engine.createTable({ table, ...request });
    made.push(table);
    const deadline = Date.now() + activeWaitMs;
    while ((await engine.describeTable(table))?.status !== 'ACTIVE') {
      if (Date.now() > deadline) throw new Error(`table ${table} did not become active`);
      await sleep(5);
    }
    return table;
  };
  const pk = { name: 'pk', type: 'S' } as const;
  const sk = { name: 'sk', type: 'N' } as const;
  const billing = { mode: 'on-demand' } as const;
  return {
    supports: factory.supports,
    engine,
    uniqueTable: () => opened.uniqueTable(),
    makeTable,
    plain: await makeTable({ partitionKey: pk, billing }),
    sorted: await makeTable({
      partitionKey: pk,
      sortKey: sk,
      billing,
      indexes: [{ name: 'byKind', partitionKey: { name: 'kind', type: 'S' }, sortKey: sk }],
    }),
    async close() {
      for (const table of made) await engine.deleteTable(table).catch(() => {});
      await opened.close();
    },
  };
}

/** Reads one item of the plain table, consistently. */
export function read({ engine, plain }: Bench, pk: string): Promise<Item | undefined> {
  return engine.get({ table: plain, key: { pk: { S: pk } }, consistent: true });
}

/** Puts an item that is to be there. */
export async function given({ engine, plain }: Bench, item: Item): Promise<void> {
  expect(await engine.put({ table: plain, item })).toMatchObject({ status: 'applied' });
}

/** A refusal for good, with the service's name of the error. */
export function refused(name: string): object {
  return { status: 'not-applied', kind: 'refused', error: expect.objectContaining({ name }) };
}

/** The image that a failed condition brings along, where the engine does. */
function imageOf({ supports }: Bench, item: Item | undefined): Item | undefined {
  return supports.images ? item : undefined;
}

/** The answer to a write whose condition did not hold. */
export function conditionFailed(bench: Bench, met: Item | undefined): WriteAnswer {
  return { status: 'condition-failed', image: imageOf(bench, met), resent: false };
}
