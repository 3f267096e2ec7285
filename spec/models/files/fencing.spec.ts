/**
 * Who may write, and what counts, whoever is stopped, killed, or wrongly taken for dead: every order of the calls of several writers,
 * within a bound. The shipped code takes the directory and says whether it is still one's own; the journal beside it is a small one.
 */
import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../../lib/engine/index.js';
import { exploreAll, exploreSome } from './schedules.js';
import { type JournalBug, type WriterPlan, writersRun } from './small-journal.js';
import { storageRun } from './whole-storage.js';

const seed = Number(process.env.LEYDEN_SEED ?? 1);
const plan = (name: string, appends: number, releases = false): WriterPlan => ({ name, appends, releases });
const two = [plan('a', 2), plan('b', 1)];
const three = [plan('a', 1), plan('b', 1, true), plan('c', 1)];

describe(`fencing [LEYDEN_SEED=${seed}]`, () => {
  it('loses nothing that was acknowledged, in every order of two writers', async () => {
    const found = await exploreAll(() => writersRun(two), 2);
    expect(found.violation).toBeUndefined();
    expect(found.schedules).toBeGreaterThan(1_000);
  });

  it('loses nothing in orders of three and four writers that are drawn', async () => {
    const found = await exploreSome(() => writersRun(three), 1_000, seededRandom(seed));
    expect(found).toMatchObject({ violation: undefined });
    const four = [...three, plan('d', 2, true)];
    expect(await exploreSome(() => writersRun(four), 1_000, seededRandom(seed))).toMatchObject({
      violation: undefined,
    });
  });

  it('loses nothing with the whole storage, in orders of two and three writers that are drawn', async () => {
    const found = await exploreSome(() => storageRun([plan('a', 2), plan('b', 2, true)]), 1_000, seededRandom(seed));
    expect(found).toMatchObject({ violation: undefined });
    expect(await exploreSome(() => storageRun(three), 600, seededRandom(seed))).toMatchObject({ violation: undefined });
  });

  const bugs: readonly JournalBug[] = [
    'acknowledges without a look',
    'looks before it writes',
    'reads before it holds',
    'does not look after it read',
    'seals at the length of now',
    'carries nothing over',
    'moves its file into the place of another',
    'does not read again what was there first',
  ];
  it.each(bugs)('finds one that %s', async (bug) => {
    const found = await exploreAll(() => writersRun(two, bug), 2);
    expect(found.violation).toMatch(/^acknowledged/);
  });
});
