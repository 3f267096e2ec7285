/**
 * The contract of the port: what every engine must do, as facts that jest runs. Run it over an engine of your own:
 *
 *     import { engineContract } from '…/engine-contract.js';
 *     describe('my engine', () => engineContract({
 *       supports: { images: true, transactions: false, timeToLive: false, streams: false },
 *       open: async () => ({ engine: new MyEngine(), uniqueTable: () => `t-${n++}`, close: async () => {} }),
 *     }));
 *
 * An engine may lack images, transactions, expiry and streams, and must then say so in the agreed way. All else binds.
 */
import { afterAll, beforeAll } from '@jest/globals';
import { batchContract } from './contract-batches.js';
import { type ContractFactory, openBench } from './contract-bench.js';
import { itemContract } from './contract-items.js';
import { tableContract } from './contract-tables.js';
import { transactionContract } from './contract-transactions.js';

const openWaitMs = 120_000;

/** Registers all facts of the port for the engine that `factory` opens. Call it inside a `describe`. */
export function engineContract(factory: ContractFactory): void {
  let opened: Awaited<ReturnType<typeof openBench>> | undefined;
  const bench = () => {
    if (opened === undefined) throw new Error('the engine under contract did not open');
    return opened;
  };
  beforeAll(async () => {
    opened = await openBench(factory);
  }, openWaitMs);
  afterAll(async () => {
    await opened?.close();
  }, openWaitMs);

  itemContract(bench);
  batchContract(bench);
  transactionContract(bench, factory.supports.transactions);
  tableContract(bench, factory.supports);
}
