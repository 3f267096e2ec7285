// Goal: an append costs one write unit also where each is made by a process of its own, as functions in the cloud are.
// Method: a new store for each append; the size of the head's item after each.
import { describe, expect, it } from '@jest/globals';
import { itemBytes } from '../../lib/codec/index.js';
import { keysIn, openMemory, openProcess, tableName } from './aggregate/counting.js';
import { noise } from './stage.js';

describe('append', () => {
  it('keeps the head within one write unit, whose evidence has many writers that the process never saw', async () => {
    const engine = await openMemory();
    let [most, sum] = [0, 0];
    for (let n = 0; n < 80; n += 1) {
      const { store } = openProcess(engine);
      await store.append('account-1234567', [{ type: 'noted', data: { amount: n, note: noise(20, n) } }]);
      await store.close();
      const key = { id: { S: 'events/account-1234567/head' } };
      const bytes = itemBytes((await engine.get({ table: tableName, key, consistent: true })) ?? {});
      most = Math.max(most, bytes);
      sum += bytes;
    }
    expect(most).toBeLessThanOrEqual(1_024);
    // And the room that there is is used.
    expect(sum / 80).toBeGreaterThan(700);
    expect((await keysIn(engine)).filter((name) => name.includes('/page/')).length).toBeLessThan(16);
  });
});
