// Goal: one behaviour of StreamsPort over all that stand behind it. What differs is in `differences.ts`.
import { describe, expect, it } from '@jest/globals';
import { describeStreams, streamEngines } from '../../support/stream-engines.js';

describe('StreamsPort', () => {
  for (const row of streamEngines) {
    describeStreams(row, () => {
      it('reads what was written, in order', async () => {
        const opened = await row.open();
        await opened.run(async () => {
          const { tableName, arn } = await opened.createTable();
          const port = opened.port();
          for (const n of ['1', '2', '3']) {
            await opened.engine.put({ table: tableName, item: { pk: { S: 'a' }, n: { N: n } } });
          }
          const { shards } = await port.describe({ arn });
          const shardId = shards[0]?.shardId ?? '';
          let iterator: string | undefined = await port.iterator({ arn, shardId, start: { type: 'TRIM_HORIZON' } });
          const seen: unknown[] = [];
          while (iterator !== undefined && seen.length < 3) {
            const page = await port.records({ arn, shardId, iterator });
            seen.push(...page.records.map((record) => record.dynamodb?.NewImage?.n));
            iterator = page.nextIterator;
          }
          expect(seen).toEqual([{ N: '1' }, { N: '2' }, { N: '3' }]);
        });
        await opened.close();
      });
    });
  }
});
