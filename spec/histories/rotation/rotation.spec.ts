// Goal: keys change under writers that die, and nothing is unreadable; a key that is missing is named. Method: generations of writers on
// sealed storages of every kind, drawn from LEYDEN_SEED. `npm run chaos -- --rotation 10000` is the same with as many items.
import { describe, expect, it } from '@jest/globals';
import { suiteSeed } from '../reports.js';
import { bucketOfRotation, directoryOfRotation, tableOfRotation } from './places.js';
import { rotationRun } from './run.js';

describe('rotation of keys under writers that die', () => {
  it.each([
    ['a table', tableOfRotation],
    ['a bucket', bucketOfRotation],
    ['a directory', directoryOfRotation],
  ] as const)('leaves nothing unreadable in %s, and names a key that is missing', async (_name, placeOf) => {
    const seed = suiteSeed();
    const report = await rotationRun(await placeOf(), { seed, items: 200 });
    expect({ ...report, seed }).toMatchObject({ findings: [], seed });
    expect(report.items).toBeGreaterThanOrEqual(200);
    expect(report.deaths).toBeGreaterThan(0);
  });
});
