/** Counts through a fault proxy with several processes, and closes the books. */
import { AtomTable } from '../../lib/atom/index.js';
import { createClient } from '../../lib/engine/index.js';
import type { FaultKind, FaultRule, FaultStats } from '../../lib/testing/index.js';
import type { CountOrder, CountReport } from './counting.js';
import type { Crew } from './crew.js';
import { Child } from './processes.js';
import type { Store } from './stores.js';
import { keyName } from './subject.js';

export interface CounterRunOptions {
  readonly seed: number;
  readonly writes: number;
  readonly processes: number;
  readonly retries: CountOrder['retries'];
}

/** The number in the store, and the books of all who counted. */
export interface CounterRunReport {
  readonly value: number;
  readonly acknowledged: number;
  readonly settledDone: number;
  readonly settledNotDone: number;
  readonly denied: number;
  readonly unsettled: number;
  readonly surprises: readonly string[];
  readonly faults: FaultStats['faults'];
  readonly seconds: number;
}

const kinds: readonly FaultKind[] = [
  'reset-before',
  'reset-after',
  'close-after',
  'cut-body',
  'duplicate',
  'late',
  '5xx-before',
  '5xx-after',
];
const share = 0.5 / kinds.length;
/** Each kind's chance is taken from what those before it left, so that half of all writes are struck. */
const half = kinds.map(
  (fault, index): FaultRule => ({ fault, operations: 'writes', probability: share / (1 - share * index) }),
);
let runs = 0;

export async function counterRun(store: Store, crew: Crew, options: CounterRunOptions): Promise<CounterRunReport> {
  const { seed, writes, processes, retries } = options;
  const client = createClient({
    endpoint: store.endpoint,
    region: 'local',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const proxy = new Child(new URL('./proxy-process.ts', import.meta.url));
  runs += 1;
  const tableName = `count-${process.pid}-${runs}`;
  const table = new AtomTable({ client, tableName, keyName });
  try {
    await table.create();
    const endpoint = await proxy.ask<string>('start', { target: store.endpoint, seed, rules: half });
    const workers = Array.from({ length: processes }, () => crew.take());
    const reports = await Promise.all(
      workers.map((worker, index) =>
        worker.ask<CountReport>('count', {
          ...{ endpoint, table: tableName, key: 'n', seed: seed + index, retries, callers: 2, leaving: 0.1 },
          ...{ swaps: Math.ceil(writes / processes), coalesce: false },
        } satisfies CountOrder),
      ),
    );
    for (const worker of workers) crew.giveBack(worker);
    const { faults } = await proxy.ask<FaultStats>('close');
    const sum = (of: (report: CountReport) => number) => reports.reduce((all, one) => all + of(one), 0);
    return {
      value: await table.atom<number>('n', { initial: 0 }).deref(),
      acknowledged: sum((one) => one.acknowledged),
      settledDone: sum((one) => one.settledDone),
      settledNotDone: sum((one) => one.settledNotDone),
      denied: sum((one) => one.denied),
      unsettled: sum((one) => one.unsettled),
      surprises: reports.flatMap((one) => one.surprises),
      faults,
      seconds: Math.max(...reports.map((one) => one.ms)) / 1_000,
    };
  } finally {
    client.destroy();
    await proxy.end();
  }
}
