/** Which runs a suite makes: drawn from its seed, with a little of everything in each suite. */
import { type Random, seededRandom } from '../../lib/engine/index.js';
import { type FaultProfile, faultProfiles } from '../../lib/testing/index.js';
import type { StoreName } from './stores.js';

export interface PlannedRun {
  readonly seed: number;
  readonly profile: FaultProfile;
  readonly engine: StoreName;
  readonly processes: 4 | 8;
}

/** Each profile once, each pair of engine and number of processes as often as the others, give or take one. */
export function planRuns(seed: number, engines: readonly StoreName[]): PlannedRun[] {
  const random = seededRandom(seed);
  const pairs = engines.flatMap((engine) => ([4, 8] as const).map((processes) => ({ engine, processes })));
  const mixed = shuffled(pairs, random);
  const profiles = shuffled(faultProfiles, random);
  return profiles.map((profile, index) => {
    const pair = mixed[index % mixed.length] as (typeof pairs)[number];
    return { seed: seed + index, profile, ...pair };
  });
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  const rest = [...list];
  const result: T[] = [];
  while (rest.length > 0) result.push(...rest.splice(random.int(rest.length), 1));
  return result;
}

/** The command that makes the same run again. */
export function chaosCommand(flags: Readonly<Record<string, string | number | undefined>>): string {
  const words = Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${value}`]));
  return `npm run chaos -- ${words.join(' ')}`;
}
