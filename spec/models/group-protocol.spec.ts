// Goal: the members of a group are safe under every schedule, and the model would notice if they were not.
// Method: all interleavings of small cases with the library's own steps; random walks through larger ones; then the same with one thing done
// wrong at a time. LEYDEN_MODEL=full adds cases that take minutes, LEYDEN_SEED sets the walks.
import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../lib/engine/random.js';
import { GroupModel } from './group-model.js';
import { type GroupCase, groupCases, plantedGroupBugs, shippedGroup } from './group-protocol.js';
import { searchReport } from './report.js';
import { explore, wander } from './search.js';

const full = process.env.LEYDEN_MODEL === 'full';
const seed = Number(process.env.LEYDEN_SEED ?? 1);

const small = ['beats', 'records', 'asking', 'crash', 'pause', 'shards', 'mixed'] as const;
const large = ['all', 'twoAll'] as const;

const walked: readonly (readonly [name: string, groupCase: GroupCase])[] = [
  ['one shard', { ...groupCases.all, beats: [4, 4], recordsMax: 4, pausesMax: 2, asksMax: 2 }],
  ['two shards', { ...groupCases.twoAll, beats: [4, 4], recordsMax: 3, pausesMax: 2, asksMax: 2 }],
];

const print = searchReport();
let states = 0;

describe('two members of a group', () => {
  it.each(full ? [...small, ...large] : small)(
    'are safe under every schedule: %s',
    (name) => {
      const found = explore(new GroupModel(groupCases[name]), { statesMax: 20_000_000 });
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
    (name, groupCase) => {
      const found = wander(new GroupModel(groupCase), seededRandom(seed), full ? 50_000 : 500);
      print(`${name}, seed ${seed}`, found, 'states with repetition');
      expect(found).toMatchObject({ violation: undefined, path: [] });
    },
    600_000,
  );
});

describe('the model', () => {
  it.each(plantedGroupBugs)('finds $name', ({ name, bug, violation, groupCase }) => {
    const model = new GroupModel({ ...groupCase, protocol: { ...shippedGroup, ...bug } });
    const found = explore(model, { interest: (one) => one === violation });
    print(name, found);
    expect(found.violation).toBe(violation);
    expect(found.path.length).toBeLessThan(30);
  });
});
