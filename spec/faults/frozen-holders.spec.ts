// Goal: a holder that is stopped beyond its lease notices before its code runs on, and what it writes all the same is refused by what
// checks its token; what does not check it is overwritten, which shows that nothing else would have helped.
// Method: real processes that are stopped (SIGSTOP) while they hold a lock, until another one has written, and go on (SIGCONT): a
// hundred times. More in `npm run chaos -- --fencing`.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Crew } from '../histories/crew.js';
import { type FencingRunReport, fencingRun, fencingWorker } from '../histories/fencing/run.js';
import { chaosCommand } from '../histories/plans.js';
import { say, suiteSeed } from '../histories/reports.js';
import { startStore } from '../histories/stores.js';

const seed = suiteSeed();
const stops = 100;
const limitMs = 300_000;

describe('a holder that is stopped beyond its lease', () => {
  const crew = new Crew(fencingWorker);
  let report: FencingRunReport;
  beforeAll(async () => {
    const store = await startStore('dynalite', { onDisk: false });
    try {
      report = await fencingRun(store, crew, { seed, stops });
      say(`frozen holders: ${JSON.stringify(report)}`);
      say(`  ${chaosCommand({ engine: 'dynalite', seed, stops, runs: 1 })} --fencing`);
    } finally {
      await store.close();
    }
  }, limitMs);
  afterAll(() => crew.close());

  it('is stopped a hundred times, and nothing else happens that is not documented', () => {
    expect(report.stops).toBe(stops);
    expect(report.surprises).toEqual([]);
  });

  it('sees the abort before its code runs on', () => expect(report.blind).toBe(0));

  it('is followed by holders with larger tokens', () => {
    expect(report.repeated).toBe(0);
    expect(report.grants).toBeGreaterThan(stops);
  });

  it('is refused by a fenced atom and by an item with the condition', () => {
    expect([report.lateInAtom, report.lateInItem]).toEqual([0, 0]);
    expect(report.refusedByAtom).toBeGreaterThan(stops / 4);
    expect(report.refusedByItem).toBeGreaterThan(stops / 4);
  });

  it('overwrites what its successor wrote where nobody checks the token', () => {
    expect(report.lateUnguarded).toBeGreaterThan(stops / 4);
  });
});
