/** Fills a table beside a measurement, batch by batch. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { SdkEngine } from '../../../lib/engine/index.js';

/** Puts the items of one batch, whatever stands there; again what was not taken. */
export async function putAll(
  engine: SdkEngine,
  table: string,
  items: readonly Record<string, AttributeValue>[],
): Promise<void> {
  let puts = items;
  while (puts.length > 0) {
    const answer = await engine.batchWrite({ table, puts: puts as never });
    if (answer.status !== 'applied') throw new Error(`not stored: ${answer.status}`);
    puts = answer.unprocessedPuts as unknown as typeof puts;
  }
}
