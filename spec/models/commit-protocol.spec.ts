// Goal: the commit protocol of atoms is safe under every schedule, and the model would notice if it were not.
// Method: all interleavings of small cases with the library's own functions; random walks through larger ones; then the
// same with one thing done wrong at a time. LEYDEN_MODEL=full adds cases that take minutes, LEYDEN_SEED sets the walks.
import { describe, expect, it } from '@jest/globals';
import type { Verdict } from '../../lib/atom/evidence.js';
import { seededRandom } from '../../lib/engine/random.js';
import { type CommitCase, CommitModel } from './commit-model.js';
import { plantedBugs } from './planted-bugs.js';
import { planted } from './protocol.js';
import { searchReport } from './report.js';
import { explore, wander } from './search.js';

const full = process.env.LEYDEN_MODEL === 'full';
const seed = Number(process.env.LEYDEN_SEED ?? 1);
const usual = { exists: true, generation: 1, sendsMax: 2, triesMax: 2 } as const;

const nothingBelieved = planted({ believesConflict: () => false, believesRefusal: () => false });

/** What a case is about, the case, and the verdicts that it must have met to be about that. */
type Row = readonly [name: string, commitCase: CommitCase, verdicts: readonly Verdict[]];

const small: readonly Row[] = [
  ['2 clients, 2 and 1 swaps', { ...usual, clients: ['ss', 's'] }, ['applied', 'not-applied', 'pending']],
  ['2 clients, 2 swaps each', { ...usual, clients: ['ss', 'ss'] }, ['applied', 'not-applied']],
  ['2 clients, creating, cancels', { ...usual, clients: ['s', 's'], exists: false, cancels: true }, ['applied']],
  ['2 clients, cancels', { ...usual, clients: ['s', 's'], cancels: true }, ['not-applied', 'pending']],
  ['3 clients, 1 swap each', { ...usual, clients: ['s', 's', 's'] }, ['evidence-evicted']],
  ['deletes and creations', { ...usual, clients: ['cd', 'sd'], exists: false }, ['applied', 'not-applied']],
  ['deletes of an item', { ...usual, clients: ['sd', 'ds'] }, ['applied', 'not-applied']],
  ['tombstones removed', { ...usual, clients: ['cd', 'cd'], exists: false, reaps: true }, ['applied']],
  [
    'deletes that leave nothing, no creations',
    { ...usual, clients: ['ud', 'u'], protocol: planted({ deletes: 'nothing' }) },
    ['item-gone'],
  ],
  [
    'duplicating network, no failure believed without evidence',
    { ...usual, clients: ['ss', 's'], echoes: true, protocol: nothingBelieved },
    ['applied'],
  ],
];

const large: readonly Row[] = [
  ['2 clients, 2 swaps each, 2 per generation', { ...usual, clients: ['ss', 'ss'], generation: 2 }, ['applied']],
  ['2 clients, 2 and 1 swaps, cancels', { ...usual, clients: ['ss', 's'], cancels: true }, ['evidence-evicted']],
  ['2 clients, 3 sends', { ...usual, clients: ['ss', 'ss'], sendsMax: 3 }, ['applied']],
  ['3 clients, cancels', { ...usual, clients: ['s', 's', 's'], triesMax: 1, cancels: true }, ['evidence-evicted']],
  ['3 clients, 2, 1 and 1 swaps', { ...usual, clients: ['ss', 's', 's'], triesMax: 1 }, ['evidence-evicted']],
  ['3 clients, deletes and creations', { ...usual, clients: ['cd', 's', 'd'], exists: false }, ['not-applied']],
  ['3 clients, tombstones removed', { ...usual, clients: ['cd', 'c', 'd'], exists: false, reaps: true }, ['applied']],
];

const walked: readonly (readonly [name: string, commitCase: CommitCase])[] = [
  ['3 clients, 2 swaps each, 3 sends', { ...usual, clients: ['ss', 'ss', 'ss'], sendsMax: 3, cancels: true }],
  ['deletes, creations, removals', { ...usual, clients: ['scds', 'dsus', 'cds'], cancels: true, reaps: true }],
  ['5 clients, 2 per generation', { ...usual, clients: ['sss', 'sds', 'css', 'dsu', 'ss'], generation: 2 }],
];

const print = searchReport();

describe('the commit protocol', () => {
  it.each(full ? [...small, ...large] : small)(
    'is safe under every schedule: %s',
    (name, commitCase, verdicts) => {
      const model = new CommitModel(commitCase);
      const found = explore(model);
      print(name, found);
      expect(found).toMatchObject({ violation: undefined, path: [] });
      // A model that never gets into trouble proves nothing.
      expect(found.states).toBeGreaterThan(1_000);
      expect([...model.verdicts]).toEqual(expect.arrayContaining([...verdicts]));
    },
    600_000,
  );

  it.each(walked)(
    'is safe on random schedules: %s',
    (name, commitCase) => {
      const found = wander(new CommitModel(commitCase), seededRandom(seed), full ? 20_000 : 800);
      print(`${name}, seed ${seed}`, found, 'states with repetition');
      expect(found).toMatchObject({ violation: undefined, path: [] });
    },
    600_000,
  );
});

describe('the model', () => {
  it.each(plantedBugs)('finds $name', ({ name, commitCase, violation }) => {
    const found = explore(new CommitModel(commitCase), { interest: (one) => one === violation });
    print(name, found);
    expect(found.violation).toBe(violation);
    expect(found.path.length).toBeLessThan(20);
  });

  it('finds them on random paths too', () => {
    for (const { name, commitCase } of plantedBugs) {
      const found = wander(new CommitModel(commitCase), seededRandom(seed), 50_000);
      expect({ name, found: found.violation !== undefined }).toEqual({ name, found: true });
    }
  });
});
