// Goal: what an event costs in write units, pages and bodies included, and the head never costs a second one.
// Method: real records, 170 bytes each, in commits of 1, 10, 100 and 1,000; the memory engine charges by the published rule.
import { describe, expect, it } from '@jest/globals';
import { openBench, overridden } from '../atom/bench.js';
import { add, headBytes, type Instance, openJournal } from './bench.js';
import { landings } from './events.js';

async function appendAll(instances: readonly Instance[], commits: number, events: number, each: () => Promise<void>) {
  for (let commit = 0; commit < commits; commit += 1) {
    const instance = instances[commit % instances.length] as Instance;
    const batch = landings(commit * events, events);
    await add(instance, batch, { body: !instance.journal.fitsHead(batch.join('\n')) });
    await each();
  }
}

describe('write units per event', () => {
  // Measured: 1.09, 0.15, 0.041, 0.024.
  it.each([
    [1, 300, 1.3],
    [10, 100, 0.26],
    [100, 60, 0.06],
    [1_000, 15, 0.03],
  ])('%i events a commit, from one writer', async (events, commits, unitsMax) => {
    const bench = await openBench();
    const one = openJournal(bench);
    await appendAll([one], commits, events, async () => {});
    await one.journal.close();
    expect(one.journal.cursor.seq).toBe(events * commits);
    expect(bench.memory.spent().writeUnits / (events * commits)).toBeLessThanOrEqual(unitsMax);
  });

  it('eight writers in turn: a lost race each, and one put for each page', async () => {
    const bench = await openBench();
    const instances = Array.from({ length: 8 }, () => openJournal(bench));
    await appendAll(instances, 160, 1, async () => {});
    for (const { journal } of instances) await journal.close();
    // Measured: 2.1, of which the commit is one and the race another.
    expect(bench.memory.spent().writeUnits / 160).toBeLessThanOrEqual(2.2);
    expect(instances[7]?.journal.image?.pages).toBeGreaterThan(10);
  });
});

describe('the item of the head', () => {
  it.each([1, 8])('costs one write unit in steady state, with %i writers', async (writers) => {
    const bench = await openBench();
    const instances = Array.from({ length: writers }, () => openJournal(bench));
    let most = 0;
    await appendAll(instances, writers === 1 ? 60 : 160, 1, async () => {
      most = Math.max(most, await headBytes(bench));
    });
    expect(most).toBeGreaterThan(600);
    expect(most).toBeLessThanOrEqual(1_024);
  });

  it.each([1, 8])('costs one write unit when events fill it, with %i writers', async (writers) => {
    const bench = await openBench();
    const instances = Array.from({ length: writers }, () => openJournal(bench, { label: 'l'.repeat(50) }));
    let most = 0;
    for (let commit = 0; commit < 48; commit += 1) {
      const instance = instances[commit % writers] as Instance;
      // As many as are said to fit.
      const batch = landings(commit * 30, 30);
      while (!instance.journal.fitsHead(batch.join('\n'))) batch.pop();
      await add(instance, batch);
      // A batch was cut to size before its writer knew of the others, at first.
      if (commit >= 2 * writers) most = Math.max(most, await headBytes(bench));
    }
    expect(most).toBeGreaterThan(850);
    expect(most).toBeLessThanOrEqual(1_024);
    expect(instances.at(-1)?.journal.image?.pages).toBeGreaterThan(35);
  });

  it('costs one write unit however long a page takes: the next commit waits for it', async () => {
    const bench = await openBench();
    const slow = overridden(bench.memory, {
      put: async (request) => {
        if ((request.item.id as { S: string }).S.includes('/page/')) await bench.clock.sleep(500);
        return bench.memory.put(request);
      },
    });
    const one = openJournal(bench, { engine: slow });
    for (let commit = 0; commit < 12; commit += 1) {
      await bench.run(add(one, landings(commit * 8, 8)));
      expect(await headBytes(bench)).toBeLessThanOrEqual(1_024);
    }
    expect(one.journal.image?.pages).toBeGreaterThan(3);
  });
});
