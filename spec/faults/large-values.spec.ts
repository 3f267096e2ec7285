// Goal: values of 50 MB go and come on real engines; large values that two processes contend for, over a network that loses and
// doubles, are each written once; a process killed in the middle of one leaves the old or the new value, and nothing that a sweep does
// not find. Method: child processes on dynalite and DynamoDB Local; times, pauses and memory are reported.
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { seededRandom } from '../../lib/engine/index.js';
import { Child } from '../histories/processes.js';
import { say, suiteSeed } from '../histories/reports.js';
import type { Store } from '../histories/stores.js';
import { describeEngine } from '../support/engines.js';
import { isWhole, type LargeLog, type WriterTask } from './large-writer.js';
import { openStore, storeRows } from './open-store.js';

const limitMs = 180_000;
const seed = suiteSeed();
beforeAll(() => say(`large-values: LEYDEN_SEED=${seed}`));

const digestOf = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex');

for (const row of storeRows) {
  describeEngine(row, () => {
    let store: Store;
    let client: DynamoDBClient;
    let tables = 0;
    beforeAll(async () => {
      store = await openStore(row.name);
      const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
      client = new DynamoDBClient({ endpoint: store.endpoint, region: 'local', credentials });
    }, limitMs);
    afterAll(async () => {
      client.destroy();
      await store.close();
    });

    async function openTable(): Promise<{ tableName: string; open: () => AtomTable }> {
      tables += 1;
      const tableName = `large-${process.pid}-${tables}`;
      const open = () => new AtomTable({ client, tableName, retry: { timeoutMs: 120_000 } });
      await open().create();
      return { tableName, open };
    }
    const writerOf = () => new Child(new URL('./large-writer.ts', import.meta.url));

    it(
      'holds 50 MB',
      async () => {
        const { open } = await openTable();
        const value = Array.from({ length: 85_000 }, (_, id) => ({ id, text: randomBytes(420).toString('base64') }));
        const digest = digestOf(value);
        const megabytes = JSON.stringify(value).length / 1e6;
        let longestMs = 0;
        let last = performance.now();
        const pulse = setInterval(() => {
          longestMs = Math.max(longestMs, performance.now() - last);
          last = performance.now();
        }, 5);
        const table = open();
        const startedAt = performance.now();
        await table.atom<unknown>('fifty').reset(value);
        const writtenAt = performance.now();
        const { requests, writeUnits } = table.spent();
        const back = await open().atom<unknown>('fifty').deref();
        const readAt = performance.now();
        clearInterval(pulse);
        const seconds = (ms: number) => (ms / 1_000).toFixed(1);
        say(
          `  ${row.name}: ${megabytes.toFixed(1)} MB: written in ${seconds(writtenAt - startedAt)} s (${requests} requests, ` +
            `${writeUnits} units), read in ${seconds(readAt - writtenAt)} s, longest pause ${Math.round(longestMs)} ms`,
        );
        expect(megabytes).toBeGreaterThan(49);
        expect(digestOf(back)).toBe(digest);
      },
      limitMs,
    );

    it(
      'is written once by each of two processes that contend over a bad network',
      async () => {
        const { tableName, open } = await openTable();
        const task = { endpoint: store.endpoint, tableName, writes: 6, bytes: 700_000, rate: 0.1 };
        const children = [writerOf(), writerOf()];
        const startedAt = performance.now();
        const done = await Promise.all(
          children.map((child, at) =>
            child.ask<object>('write', { ...task, name: `w${at}`, seed: seed + at } satisfies WriterTask),
          ),
        );
        say(
          `  ${row.name}: 12 writes of 1 MB by 2 processes in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s: ${JSON.stringify(done)}`,
        );
        await Promise.all(children.map((child) => child.end()));
        const value = (await open().atom<LargeLog>('large').deref()) as LargeLog;
        expect(isWhole(value)).toBe(true);
        expect([...value.log].sort()).toEqual(
          ['w0', 'w1'].flatMap((name) => [0, 1, 2, 3, 4, 5].map((at) => `${name}.${at}`)),
        );
        // What late copies and lost races left.
        await open().sweepParts({ graceMs: 0 });
        const { removed, kept, skipped } = await open().sweepParts({ graceMs: 0 });
        expect({ removed, skipped }).toEqual({ removed: 0, skipped: [] });
        expect(kept).toBe(2);
        expect(await open().atom('large').deref()).toEqual(value);
      },
      limitMs,
    );

    it(
      'is the old one or the new one after a process was killed in the middle, ten times or until a death left parts',
      async () => {
        const { tableName, open } = await openTable();
        const random = seededRandom(seed);
        const task = { endpoint: store.endpoint, tableName, writes: 1_000, bytes: 700_000, rate: 0 };
        let before: readonly string[] = [];
        let [orphans, writes] = [0, 0];
        let death = 0;
        // Where a death falls is up to the machine: few of ten fall between the parts and the head, and sometimes none does.
        for (; death < 10 || (orphans === 0 && death < 60); death += 1) {
          const child = writerOf();
          const writing = child.ask('write', { ...task, name: `d${death}`, seed } satisfies WriterTask).catch(() => {});
          while (death > 0 && ((await open().atom<LargeLog>('large').deref())?.log.length ?? 0) === before.length)
            await setTimeout(20);
          await setTimeout(random.int(400));
          await child.end();
          await writing;
          const { log, ballast } = (await open().atom<LargeLog>('large').deref()) ?? { log: [], ballast: '' };
          expect({ seed, death, whole: isWhole({ log, ballast }) }).toEqual({ seed, death, whole: true });
          // Nothing that was there is gone.
          expect(log.slice(0, before.length)).toEqual(before);
          const { removed, skipped } = await open().sweepParts({ graceMs: 0 });
          expect(skipped).toEqual([]);
          orphans += removed;
          expect(await open().sweepParts({ graceMs: 0 })).toMatchObject({ removed: 0 });
          expect((await open().atom<LargeLog>('large').deref()) ?? { log: [] }).toMatchObject({ log });
          writes += log.length - before.length;
          before = log;
        }
        say(`  ${row.name}: ${death} deaths among ${writes} writes left ${orphans} parts, all of which were swept`);
        expect(writes).toBeGreaterThan(10);
        expect(orphans).toBeGreaterThan(0);
      },
      limitMs,
    );
  });
}
