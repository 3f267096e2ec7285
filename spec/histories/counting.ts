/**
 * Swaps of one number, counted by those who make them: each adds 1 in a write of its own, and what was told is kept in
 * books that the number in the store must agree with.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { AtomTable, UnknownOutcomeError } from '../../lib/atom/index.js';
import { createClient, type Spent, seededRandom } from '../../lib/engine/index.js';
import { isLeydenError } from '../../lib/errors.js';
import { keyName } from './subject.js';

export interface CountOrder {
  readonly endpoint: string;
  readonly table: string;
  readonly key: string;
  readonly seed: number;
  readonly callers: number;
  /** Swaps to make; with `ms`, as many as there is time for. */
  readonly swaps: number;
  readonly ms?: number;
  /** `sdk`: a client as it comes, with the SDK's own retries; `library`: one that leaves them to the library. */
  readonly retries: 'sdk' | 'library';
  /** Share of callers that leave while their write is under way, and so are told "unknown". */
  readonly leaving: number;
  /** Whether swaps that wait together may share a write. */
  readonly coalesce: boolean;
}

/** The books of one process. */
export interface CountReport {
  readonly acknowledged: number;
  readonly denied: number;
  /** Told "unknown", and what asking again said. */
  readonly settledDone: number;
  readonly settledNotDone: number;
  readonly unsettled: number;
  readonly surprises: readonly string[];
  readonly spent: Spent;
  readonly ms: number;
  /** Longest and median time of a swap. */
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

const localConfig = { region: 'local', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };

/** Makes the swaps of an order. */
export async function count(order: CountOrder): Promise<CountReport> {
  const { endpoint, table: tableName, key, seed, callers, retries, leaving, coalesce } = order;
  const config = { ...localConfig, endpoint };
  const client = retries === 'sdk' ? new DynamoDBClient(config) : createClient(config);
  const table = new AtomTable({ client, tableName, keyName });
  const atom = table.atom<number>(key, { initial: 0 });
  const random = seededRandom(seed);
  const books = { acknowledged: 0, denied: 0, settledDone: 0, settledNotDone: 0, unsettled: 0 };
  const surprises: string[] = [];
  const unknown: UnknownOutcomeError[] = [];
  const latencies: number[] = [];
  const startedAt = performance.now();
  const until = startedAt + (order.ms ?? Number.POSITIVE_INFINITY);
  let left = order.swaps;

  const swap = async () => {
    const leaves = random.next() < leaving;
    const options = { coalesce, ...(leaves && { signal: AbortSignal.timeout(1 + random.int(200)) }) };
    const calledAt = performance.now();
    try {
      await atom.swap((n) => n + 1, options);
      books.acknowledged += 1;
      latencies.push(performance.now() - calledAt);
    } catch (error) {
      if (error instanceof UnknownOutcomeError) unknown.push(error);
      else if ((isLeydenError(error) && error.outcome === 'not-done') || (error as Error).name === 'TimeoutError') {
        books.denied += 1;
      } else surprises.push(String(error));
    }
  };
  const caller = async () => {
    while (left > 0 && performance.now() < until) {
      left -= 1;
      await swap();
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const ms = performance.now() - startedAt;
  for (const error of unknown) {
    const { outcome } = await error.settle();
    books[outcome === 'done' ? 'settledDone' : outcome === 'not-done' ? 'settledNotDone' : 'unsettled'] += 1;
  }
  client.destroy();
  latencies.sort((a, b) => a - b);
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  const latencyMs = { p50: at(0.5), p99: at(0.99), max: at(1) };
  return { ...books, surprises, spent: table.spent(), ms, latencyMs };
}
