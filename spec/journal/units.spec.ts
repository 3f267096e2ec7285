// Goal: what an event costs in write units, pages and bodies included, and the head never costs a second one.
// Method: real records, 170 bytes each, in commits of 1, 10, 100 and 1,000; the memory engine charges by the published rule.
import { describe, expect, it } from '@jest/globals';
import { openBench } from '../atom/bench.js';
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
  it.each([
    [1, 400, 1.3],
    [10, 200, 0.26],
    [100, 100, 0.06],
    [1_000, 30, 0.03],
  ])('%i events a commit', async (events, commits, unitsMax) => {
    const bench = await openBench();
    const one = openJournal(bench);
    await appendAll([one], commits, events, async () => {});
    await one.journal.close();
    const units = bench.memory.spent().writeUnits / (events * commits);
    process.stderr.write(
      `${events} events a commit: ${units.toFixed(4)} units per event ${one.journal.image?.pages} pages\n`,
    );
    expect(units).toBeLessThanOrEqual(unitsMax);
  });
});

describe('the item of the head', () => {
  it.each([1, 8])('costs one write unit in steady state, with %i writers', async (writers) => {
    const bench = await openBench();
    const instances = Array.from({ length: writers }, () => openJournal(bench));
    const sizes: number[] = [];
    await appendAll(instances, 50 * writers, 1, async () => {
      sizes.push(await headBytes(bench));
    });
    process.stderr.write(
      `${writers} writers: ${Math.max(...sizes)} bytes, ${instances[0]?.journal.image?.pages} pages, ${bench.memory.spent().writeUnits / 50 / writers}\n`,
    );
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1_024);
  });
});
