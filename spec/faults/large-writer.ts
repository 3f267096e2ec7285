/** A process that writes large values of one atom, one after the other, until it is killed or has written enough. */
import { randomBytes } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { AtomTable } from '../../lib/atom/index.js';
import { FaultyEngine, SdkEngine } from '../../lib/engine/index.js';
import { serve } from '../histories/processes.js';

/** A log of all writes, and ballast that tells which write it is of. */
export interface LargeLog {
  readonly log: readonly string[];
  readonly ballast: string;
}

export interface WriterTask {
  readonly endpoint: string;
  readonly tableName: string;
  readonly name: string;
  readonly writes: number;
  readonly bytes: number;
  /** Share of requests that meet a fault. */
  readonly rate: number;
  readonly seed: number;
}

/** The first line of its ballast is the last entry of its log. */
export function isWhole({ log, ballast }: LargeLog): boolean {
  return log.length === 0 || ballast.startsWith(`${log.at(-1)}\n`);
}

const kinds = ['reset-before', 'reset-after', '5xx-after', 'throttle', 'duplicate'] as const;

serve({
  async write({ endpoint, tableName, name, writes, bytes, rate, seed }: WriterTask) {
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    const client = new DynamoDBClient({ endpoint, region: 'local', credentials, maxAttempts: 1 });
    const rules = kinds.map((kind) => ({ fault: { kind }, probability: rate / kinds.length }) as const);
    const engine = new FaultyEngine(new SdkEngine(client), { rules, seed });
    const table = new AtomTable({ engine, tableName, retry: { timeoutMs: 120_000 } });
    const atom = table.atom<LargeLog>('large', { initial: { log: [], ballast: '' } });
    let failedPuts = 0;
    for (let write = 0; write < writes; write += 1) {
      const entry = `${name}.${write}`;
      const ballast = `${entry}\n${randomBytes(bytes).toString('base64')}`;
      await atom.swap(({ log }, { attempt }) => {
        failedPuts += attempt > 1 ? 1 : 0;
        return { log: [...log, entry], ballast };
      });
    }
    await table.settled();
    const { requests } = table.spent();
    client.destroy();
    return { requests, failedPuts };
  },
});
