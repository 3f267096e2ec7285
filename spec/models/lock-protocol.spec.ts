// Goal: sessions and locks are safe under every schedule, nobody waits for ever, and the model would notice if it were not so.
// Method: all interleavings of small cases with the library's own steps; random walks through larger ones; then the same with one thing
// done wrong at a time. LEYDEN_MODEL=full adds cases that take minutes, LEYDEN_SEED sets the walks.
import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../lib/engine/random.js';
import { LockModel } from './lock-model.js';
import { type LockCase, lockCases, plantedLockBugs, shippedLock } from './lock-protocol.js';
import { searchReport } from './report.js';
import { explore, wander } from './search.js';

const full = process.env.LEYDEN_MODEL === 'full';
const seed = Number(process.env.LEYDEN_SEED ?? 1);

const small = ['twoBegun', 'three', 'two', 'twoClosing'] as const;
const large = [
  'twoStopped',
  'twoDying',
  'twoWriting',
  'twoRounds',
  'twoGivingUp',
  'threeWriting',
  'threeDying',
] as const;

const walked: readonly (readonly [name: string, lockCase: LockCase])[] = [
  [
    'two, all mixed',
    { ...lockCases.twoRounds, rounds: [2, 2], closes: true, deathsMax: 1, sleepsMax: 1, givesUpMax: 1, writes: true },
  ],
  [
    'three, all mixed',
    { ...lockCases.three, rounds: [2, 2, 2], beatsMax: 2, deathsMax: 1, sleepsMax: 1, givesUpMax: 1, writes: true },
  ],
];

const print = searchReport();
let states = 0;

describe('sessions and a lock', () => {
  it.each(full ? [...small, ...large] : small)(
    'are safe under every schedule: %s',
    (name) => {
      const found = explore(new LockModel(lockCases[name]));
      print(name, found);
      expect(found).toMatchObject({ violation: undefined, path: [] });
      states += found.states;
    },
    1_800_000,
  );

  it('are looked at in 100,000 states at least', () => {
    expect(states).toBeGreaterThan(100_000);
  });

  it.each(walked)(
    'are safe on random schedules: %s',
    (name, lockCase) => {
      const found = wander(new LockModel(lockCase), seededRandom(seed), full ? 20_000 : 200);
      print(`${name}, seed ${seed}`, found, 'states with repetition');
      expect(found).toMatchObject({ violation: undefined, path: [] });
    },
    600_000,
  );
});

describe('the model', () => {
  it.each(plantedLockBugs)('finds $name', ({ name, bug, violation, lockCase = lockCases.twoBegun }) => {
    const model = new LockModel({ ...lockCase, protocol: { ...shippedLock, ...bug } });
    const found = explore(model, { interest: (one) => one === violation });
    print(name, found);
    expect(found.violation).toBe(violation);
    expect(found.path.length).toBeLessThan(20);
  });
});
