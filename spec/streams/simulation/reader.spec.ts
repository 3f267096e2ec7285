/**
 * Goal: in a service that rolls, splits, lies, throttles, fails and forgets, a reader that dies and comes back delivers every record, those of
 * an item in order, or tells of a gap first.
 * Method: seeded runs on a virtual clock, judged record by record; a day of shards in twenty minutes, and some in the service's own measure.
 */
import { describe, expect, it } from '@jest/globals';
import type { StreamCapriceProfile } from '../../../lib/testing/index.js';
import { say, suiteSeed } from '../../histories/reports.js';
import { type ReaderRunOptions, readerRun } from './reader-run.js';

const scaledRuns = Number(process.env.LEYDEN_STREAM_RUNS ?? 24);
const wholeDays = Number(process.env.LEYDEN_STREAM_DAYS ?? 3);
const profiles: readonly StreamCapriceProfile[] = ['calm', 'service', 'hostile'];
const seed = suiteSeed();

async function runs(
  count: number,
  options: Omit<ReaderRunOptions, 'seed' | 'profile' | 'longAbsences'>,
): Promise<void> {
  const sum = { written: 0, repeats: 0, deaths: 0, gaps: 0, shards: 0, absent: 0 };
  for (let at = 0; at < count; at += 1) {
    const one = {
      ...options,
      seed: seed + at,
      profile: profiles[at % 3] as StreamCapriceProfile,
      longAbsences: at % 5 === 0,
    };
    const { complaints, ...report } = await readerRun(one);
    expect({ ...one, complaints }).toEqual({ ...one, complaints: [] });
    for (const name of ['written', 'repeats', 'deaths', 'gaps', 'shards'] as const) sum[name] += report[name];
    if (one.longAbsences) sum.absent += report.gaps;
  }
  // Runs in which nothing happens show nothing.
  expect(sum.deaths).toBeGreaterThan(count >= 20 ? count : 0);
  expect(sum.shards).toBeGreaterThan(count * (count >= 20 ? 10 : 3));
  expect(sum.gaps).toBe(sum.absent);
  say(`  ${count} runs from seed ${seed}: ${JSON.stringify(sum)}`);
}

describe('a reader', () => {
  it(
    `loses nothing in silence and keeps the order of each item, in ${scaledRuns} hours of which twenty minutes are a day`,
    () => runs(scaledRuns, { minutes: 60, isScaled: true, writeMs: 10_000, idleMsMax: 5_000 }),
    600_000,
  );

  it(
    `loses nothing in silence and keeps the order of each item, in ${wholeDays} whole days`,
    () => runs(wholeDays, { minutes: 24 * 60, isScaled: false, writeMs: 60_000, idleMsMax: 60_000 }),
    600_000,
  );
});
