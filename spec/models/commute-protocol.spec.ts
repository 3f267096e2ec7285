// Goal: blind writes, mixed with swaps and with rotations of the evidence, are safe under every schedule, and the model would
// notice if they were not.
// Method: as `commit-protocol.spec.ts`; the store judges the library's own expressions. LEYDEN_MODEL=full adds cases that take
// minutes, LEYDEN_SEED sets the walks.
import { describe, expect, it } from '@jest/globals';
import { decideBlind } from '../../lib/atom/commute/blind-evidence.js';
import { seededRandom } from '../../lib/engine/random.js';
import { type CommuteCase, CommuteModel } from './commute-model.js';
import { conditionViolations } from './commute-permits.js';
import { plantedCommute } from './commute-protocol.js';
import { violations } from './ledger.js';
import { searchReport } from './report.js';
import { explore, wander } from './search.js';

const full = process.env.LEYDEN_MODEL === 'full';
const seed = Number(process.env.LEYDEN_SEED ?? 1);
const usual = { generation: 1, sendsMax: 2, triesMax: 2 } as const;

type Row = readonly [name: string, commuteCase: CommuteCase, verdicts: readonly string[]];

const small: readonly Row[] = [
  ['2 commutes against 1', { ...usual, clients: ['bb', 'b'] }, ['applied', 'pending']],
  ['commutes that rotate', { ...usual, clients: ['b', 'b'], rotates: true }, ['applied', 'barred']],
  ['a commute and 2 swaps', { ...usual, clients: ['b', 'ss'] }, ['applied', 'evidence-evicted']],
  ['a commute that is barred', { ...usual, clients: ['b', 'gg'] }, ['barred', 'evidence-evicted']],
  ['cancels', { ...usual, clients: ['b', 'g'], cancels: true, rotates: true }, ['barred', 'not-applied']],
  ['another life of the item', { ...usual, clients: ['b', 's'], replaces: true }, ['incarnation-changed']],
  ['commute, then swap', { ...usual, clients: ['bs', 'b'], triesMax: 1 }, ['applied', 'pending']],
  ['permits that two take', { ...usual, clients: ['t', 't'], rotates: true }, ['barred', 'declined']],
  ['a permit taken and given back', { ...usual, clients: ['tr', 't'] }, ['barred', 'declined']],
  [
    'a permit given back that another waits for',
    { ...usual, clients: ['r', 't'], used: 1, cancels: true },
    ['declined'],
  ],
  ['permits and a swap', { ...usual, clients: ['t', 'gg'] }, ['barred', 'declined', 'not-applied']],
  ['permits taken together', { ...usual, clients: ['tt', 't'], permits: 2, combines: true }, ['barred', 'declined']],
  ['permits, duplicating network', { ...usual, clients: ['t', 'tr'], echoes: true }, ['barred', 'declined']],
  ['duplicating network', { ...usual, clients: ['b', 'gg'], generation: 8, echoes: true }, ['barred', 'applied']],
];

const large: readonly Row[] = [
  ['3 commutes that rotate', { ...usual, clients: ['b', 'b', 'b'], rotates: true, triesMax: 1 }, ['evidence-evicted']],
  ['2 commutes each that rotate', { ...usual, clients: ['bb', 'bb'], rotates: true, triesMax: 1 }, ['barred']],
  ['2 barred', { ...usual, clients: ['b', 'b', 'gg'], triesMax: 1 }, ['barred']],
  ['3 take and give back', { ...usual, clients: ['tr', 'tr', 't'], permits: 2, triesMax: 1 }, ['barred', 'declined']],
  ['permits in two lives', { ...usual, clients: ['tr', 't'], replaces: true }, ['incarnation-changed', 'declined']],
  ['all at once', { ...usual, clients: ['bs', 'gg'], rotates: true, cancels: true }, ['barred']],
];

const walked: readonly (readonly [name: string, commuteCase: CommuteCase])[] = [
  ['4 clients', { ...usual, clients: ['bbs', 'bgb', 'sbb', 'gbg'], rotates: true, cancels: true }],
  [
    '4 clients with 2 permits',
    { ...usual, clients: ['trt', 'ttr', 'rtr', 'str'], permits: 2, rotates: true, cancels: true, combines: true },
  ],
  [
    '3 clients, 2 per generation',
    { ...usual, generation: 2, sendsMax: 3, clients: ['bbb', 'bbb', 'gsg'], rotates: true },
  ],
];

const withoutGuard = (name: 'current' | 'previous' | 'floor' | 'incarnation' | 'both') =>
  plantedCommute({
    guards: (attempt) => {
      const shipped = { ...plantedCommute({}).guards(attempt) } as Record<string, string | undefined>;
      for (const gone of name === 'both' ? ['current', 'previous'] : [name]) delete shipped[gone];
      return shipped as never;
    },
  });

const { twice, ghost, otherValue } = violations;

const bugs: readonly { readonly name: string; readonly commuteCase: CommuteCase; readonly violation: string }[] = [
  {
    name: 'the double apply when the evidence is no condition',
    commuteCase: { ...usual, clients: ['b'], protocol: withoutGuard('both') },
    violation: twice,
  },
  {
    name: 'the double apply after a rotation when the older generation is no condition',
    commuteCase: { ...usual, clients: ['b', 's'], protocol: withoutGuard('previous') },
    violation: twice,
  },
  {
    name: 'the double apply after two rotations when the floor is no condition',
    commuteCase: { ...usual, clients: ['b', 's', 's'], protocol: withoutGuard('floor') },
    violation: twice,
  },
  {
    name: 'the double apply in another life of the item',
    commuteCase: { ...usual, clients: ['b'], replaces: true, protocol: withoutGuard('incarnation') },
    violation: twice,
  },
  {
    name: 'the double apply when a rotation does not raise the floor',
    commuteCase: {
      ...usual,
      clients: ['b', 'b', 'b'],
      rotates: true,
      protocol: plantedCommute({ updates: (text) => text.replace('#f = #r, ', '') }),
    },
    violation: twice,
  },
  {
    name: 'the double apply when a rotation drops the generation that it should keep',
    commuteCase: {
      ...usual,
      clients: ['b', 'b'],
      rotates: true,
      protocol: plantedCommute({ updates: (text) => text.replace('#p = #w, ', '') }),
    },
    violation: twice,
  },
  {
    name: 'the lie when a resend takes another operation along under its number',
    commuteCase: { ...usual, clients: ['bb'], protocol: plantedCommute({ rebatches: true }) },
    violation: otherValue,
  },
  {
    name: 'the ghost when a shape that is in the way is proof of "not done"',
    commuteCase: { ...usual, clients: ['b', 'gg'], protocol: plantedCommute({ fencesBarred: false }) },
    violation: ghost,
  },
  {
    name: 'the ghost when a doubled request is barred, which no fence rules out',
    commuteCase: {
      ...{ ...usual, clients: ['b', 'gg'], generation: 8, sendsMax: 1, echoes: true },
      protocol: plantedCommute({ fencesBarred: false }),
    },
    violation: ghost,
  },
  {
    name: 'the ghost when a fence does not ask whether it comes too late',
    commuteCase: {
      ...{ ...usual, clients: ['b'], cancels: true },
      protocol: plantedCommute({ fences: () => undefined }),
    },
    violation: ghost,
  },
  {
    name: 'the ghost when evidence that may be gone is proof of "not done"',
    commuteCase: {
      ...{ ...usual, clients: ['b', 's', 's'] },
      protocol: plantedCommute({
        decideBlind: (...given) => {
          const verdict = decideBlind(...given);
          return verdict === 'evidence-evicted' ? 'not-applied' : verdict;
        },
      }),
    },
    violation: ghost,
  },
  {
    name: 'the broken limit when the store is not asked whether the condition holds',
    commuteCase: {
      ...{ ...usual, clients: ['t', 't'] },
      protocol: plantedCommute({ conditions: (calls) => calls.map(() => []) }),
    },
    violation: conditionViolations.broken,
  },
  {
    name: 'the broken limit when those who go together are all judged by what was there before',
    commuteCase: {
      ...{ ...usual, clients: ['tt', 't'], permits: 2, combines: true },
      protocol: plantedCommute({ conditions: (calls) => calls.map(({ when }) => when) }),
    },
    violation: conditionViolations.broken,
  },
  {
    name: 'the ghost when "it does not hold" is believed of the only copy, which comes again',
    commuteCase: {
      ...{ ...usual, clients: ['t', 'tr'], sendsMax: 1 },
      protocol: plantedCommute({ believesRefusal: true }),
    },
    violation: ghost,
  },
  {
    name: 'the ghost when that is a copy that the network made',
    commuteCase: {
      ...{ ...usual, clients: ['t', 'tr'], sendsMax: 1, echoes: true },
      protocol: plantedCommute({ believesRefusal: true }),
    },
    violation: ghost,
  },
  {
    name: 'the wrong no when a cache is asked whether a condition holds',
    commuteCase: { ...usual, clients: ['r', 't'], used: 1, protocol: plantedCommute({ declinesOnCache: true }) },
    violation: conditionViolations.wrongNo,
  },
];

const print = searchReport();

describe('the protocol of blind writes', () => {
  it.each(full ? [...small, ...large] : small)(
    'is safe under every schedule: %s',
    (name, commuteCase, verdicts) => {
      const model = new CommuteModel(commuteCase);
      const found = explore(model);
      print(name, found);
      expect(found).toMatchObject({ violation: undefined, path: [] });
      expect(found.states).toBeGreaterThan(100);
      expect([...model.verdicts]).toEqual(expect.arrayContaining([...verdicts]));
    },
    600_000,
  );

  it.each(walked)('is safe on random schedules: %s', (name, commuteCase) => {
    const found = wander(new CommuteModel(commuteCase), seededRandom(seed), full ? 10_000 : 250);
    print(`${name}, seed ${seed}`, found, 'states with repetition');
    expect(found).toMatchObject({ violation: undefined, path: [] });
  });
});

describe('the model', () => {
  it.each(bugs)('finds $name', ({ name, commuteCase, violation }) => {
    const found = explore(new CommuteModel(commuteCase), { interest: (one) => one === violation });
    print(name, found);
    expect(found.violation).toBe(violation);
    expect(found.path.length).toBeLessThan(20);
  });
});
