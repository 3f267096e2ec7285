/** A process of the bank: tellers at a table of their own, or calls under ids that are made one after the other. */
import { AtomTable } from '../../lib/atom/index.js';
import { createClient, seededRandom, systemClock } from '../../lib/engine/index.js';
import { Tellers } from './bank.js';
import { serve, tell } from './processes.js';
import { keyName } from './subject.js';

interface Place {
  readonly endpoint: string;
  readonly table: string;
}

export interface BankOrder extends Place {
  readonly name: string;
  readonly seed: number;
  readonly transfers: number;
  readonly callers: number;
}

/** Calls under the ids `0` to `calls - 1`: even ones change one atom, odd ones two. */
export interface OnceOrder extends Place {
  readonly calls: number;
}

const localConfig = { region: 'local', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };
let tellers: Tellers | undefined;

const open = ({ endpoint, table }: Place): AtomTable =>
  new AtomTable({ client: createClient({ ...localConfig, endpoint }), tableName: table, keyName });

serve({
  /** Makes all transfers. */
  async bank(order: BankOrder): Promise<void> {
    const random = seededRandom(order.seed);
    const { name, transfers, callers } = order;
    tellers = new Tellers({ name, table: open(order), clock: systemClock, random, transfers, callers });
    await tellers.run();
  },
  /** Settles what is unknown, and reports. */
  async finish() {
    await tellers?.settleAll();
    return tellers?.report();
  },
  /** Makes all calls, and tells of each that is done; the results are the numbers that the first callers made. */
  async once(order: OnceOrder): Promise<number[]> {
    const table = open(order);
    const one = table.atom<number>('one', { initial: 0 });
    const two = table.atom<number>('two', { initial: 0 });
    const results: number[] = [];
    for (let call = 0; call < order.calls; call += 1) {
      const opId = String(call);
      if (call % 2 === 0) results.push(await one.swap((n) => n + 1, { opId }));
      else {
        const both = table.transact(
          async (tx) => {
            void tx.swap(two, (n) => n + 1);
            return tx.swap(one, (n) => n + 1);
          },
          { opId },
        );
        results.push(await both);
      }
      tell(call);
    }
    return results;
  },
});
