// Goal: permits are never more than there are, nobody writes beside a reader, those who wait are served in order, and all of them, under
// every schedule and with deaths at every step; and the model would notice if that were not so.
// Method: all reachable states of small cases of `permit-model.ts`, then the same with one thing done wrong.
import { describe, expect, it } from '@jest/globals';
import type { CommuteCondition } from '../../lib/atom/index.js';
import * as shipped from '../../lib/recipes/permits/permit-state.js';
import { holdersMax, type PermitState } from '../../lib/recipes/permits/permit-state.js';
import { type PermitCase, PermitModel, type PermitProtocol, permitViolations, shippedPermits } from './permit-model.js';
import { searchReport } from './report.js';
import { explore } from './search.js';

const full = process.env.LEYDEN_MODEL === 'full';
const semaphore = { kind: 'semaphore', max: 2, queueMax: 3, losses: 1 } as const;
const rwLock = { kind: 'rw-lock', max: holdersMax, queueMax: 3, losses: 1 } as const;
const [reader, writer] = [{ n: 1 }, { n: holdersMax }];
const { overfull, mixed, miscounted, idle, overtaken, unfounded, oldToken, stuck } = permitViolations;

const small: readonly (readonly [name: string, permitCase: PermitCase])[] = [
  ['2 permits, 3 calls', { ...semaphore, calls: [{ n: 1 }, { n: 1 }, { n: 1 }] }],
  ['2 permits, a large call and small ones', { ...semaphore, calls: [{ n: 1 }, { n: 2 }, { n: 1 }] }],
  ['room for one ticket', { ...semaphore, queueMax: 1, calls: [{ n: 2 }, { n: 1 }, { n: 2 }] }],
  ['calls that give up', { ...semaphore, losses: 0, givesUp: true, calls: [{ n: 2 }, { n: 1 }, { n: 1 }] }],
  ['another capacity', { ...semaphore, calls: [{ n: 1 }, { n: 1 }, { n: 1, max: 3 }] }],
  ['2 readers and a writer', { ...rwLock, calls: [reader, writer, reader] }],
  ['2 writers and a reader', { ...rwLock, calls: [writer, writer, reader] }],
  ['readers that give up', { ...rwLock, losses: 0, givesUp: true, calls: [reader, writer, reader] }],
];

const large: readonly (readonly [name: string, permitCase: PermitCase])[] = [
  [
    '3 permits, 4 calls, 2 deaths',
    { ...semaphore, max: 3, losses: 2, calls: [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 1 }] },
  ],
  ['2 readers, 2 writers', { ...rwLock, calls: [reader, writer, reader, writer] }],
  ['all at once', { ...semaphore, losses: 2, givesUp: true, queueMax: 1, calls: [{ n: 1 }, { n: 2 }, { n: 1 }] }],
];

const planted = (bug: Partial<PermitProtocol>): PermitProtocol => ({ ...shippedPermits, ...bug });

type When = CommuteCondition<PermitState>;

const asking = (when: (shipped: When) => When): PermitProtocol =>
  planted({
    blindRequest: (...given) => {
      const step = shippedPermits.blindRequest(...given);
      return step && { ...step, when: when(step.when) };
    },
  });

const giving = (when: (shipped: When) => When): PermitProtocol =>
  planted({
    blindWithdraw: (...given) => {
      const step = shippedPermits.blindWithdraw(...given);
      return step && { ...step, when: when(step.when) };
    },
  });

/** Takes a call out, and leaves what was its own to nobody. */
const keepsFor = (state: PermitState, nonce: string): PermitState => {
  const next = shippedPermits.withdraw({ ...state, queue: [], waiting: 0 }, nonce);
  return next === state ? state : { ...next, queue: state.queue, waiting: state.waiting };
};

const withFence = (protocol: PermitProtocol, fenceOf: (before: PermitState, next: PermitState) => number) =>
  planted({
    request: (state, ...given) => {
      const next = protocol.request(state, ...given);
      return next === state ? state : { ...next, fence: fenceOf(state, next) };
    },
    withdraw: (state, ...given) => {
      const next = protocol.withdraw(state, ...given);
      return next === state ? state : { ...next, fence: fenceOf(state, next) };
    },
    evict: (state, ...given) => {
      const next = protocol.evict(state, ...given);
      return next === state ? state : { ...next, fence: fenceOf(state, next) };
    },
  });

const bugs: readonly { readonly name: string; readonly permitCase: PermitCase; readonly violation: string }[] = [
  {
    name: 'too many permits when the store is not asked how many are in use',
    permitCase: {
      ...{ ...semaphore, calls: [{ n: 2 }, { n: 1 }] },
      protocol: asking(({ is }) => ({ is, atMost: { waiting: 0 } }) as When),
    },
    violation: overfull,
  },
  {
    name: 'a reader beside a writer for the same reason',
    permitCase: {
      ...{ ...rwLock, calls: [writer, reader] },
      protocol: asking(({ is }) => ({ is, atMost: { waiting: 0 } }) as When),
    },
    violation: mixed,
  },
  {
    name: 'too many permits when the capacity is not what the caller counts on',
    permitCase: {
      ...{ ...semaphore, calls: [{ n: 1 }, { n: 2, max: 3 }] },
      protocol: asking(({ atMost }) => ({ atMost }) as When),
    },
    violation: overfull,
  },
  {
    name: 'small calls that pass over a large one when the store is not asked whether somebody waits',
    permitCase: {
      ...{ ...semaphore, calls: [{ n: 1 }, { n: 2 }, { n: 1 }] },
      protocol: asking(({ is }) => ({ is, atMost: { used: 1 } }) as When),
    },
    violation: overtaken,
  },
  {
    name: 'readers that pass over a writer for the same reason',
    permitCase: {
      ...{ ...rwLock, calls: [reader, writer, reader] },
      protocol: asking(({ is }) => ({ is, atMost: { used: 999 } }) as When),
    },
    violation: overtaken,
  },
  {
    name: 'small calls that pass over a large one when only what is free is looked at',
    permitCase: {
      ...{ ...semaphore, calls: [{ n: 1 }, { n: 2 }, { n: 1 }] },
      protocol: planted({
        request: (state, ...given) => {
          const next = shippedPermits.request({ ...state, queue: [], waiting: 0 }, ...given);
          const queue = [...state.queue, ...next.queue];
          return { ...next, queue, waiting: queue.length };
        },
      }),
    },
    violation: overtaken,
  },
  {
    name: 'permits that are given back twice when the store is not asked whether they are held',
    permitCase: {
      ...{ ...semaphore, calls: [{ n: 1 }, { n: 2 }] },
      protocol: giving(({ atMost }) => ({ atMost }) as When),
    },
    violation: miscounted,
  },
  {
    name: 'permits that nobody gets when the store is not asked whether somebody waits for them',
    permitCase: { ...semaphore, calls: [{ n: 2 }, { n: 1 }], protocol: giving(({ is }) => ({ is }) as When) },
    violation: idle,
  },
  {
    name: 'permits that nobody gets when they are not handed on',
    permitCase: { ...semaphore, calls: [{ n: 2 }, { n: 1 }], protocol: planted({ withdraw: keepsFor }) },
    violation: idle,
  },
  {
    name: 'a writer that is never served when nobody looks after the holders',
    permitCase: {
      ...{ ...rwLock, calls: [reader, writer] },
      protocol: planted({ rivalsOf: (state, nonce) => shipped.rivalsOf({ ...state, holders: {} }, nonce) }),
    },
    violation: stuck,
  },
  {
    name: 'a call that is never served when those without a ticket look after nobody',
    permitCase: {
      ...{ ...semaphore, queueMax: 0, calls: [{ n: 2 }, { n: 1 }] },
      protocol: planted({
        rivalsOf: (state, nonce) => (shipped.standingOf(state, nonce) === 'none' ? [] : shipped.rivalsOf(state, nonce)),
      }),
    },
    violation: stuck,
  },
  {
    name: 'a holder whose permits are taken while it relies on them',
    permitCase: { ...semaphore, calls: [{ n: 2 }, { n: 1 }], protocol: planted({ evictsLive: true }) },
    violation: unfounded,
  },
  {
    name: 'an old token when a grant has none of its own',
    permitCase: {
      ...{ ...semaphore, calls: [{ n: 2 }, { n: 2 }] },
      protocol: withFence(shippedPermits, ({ fence }) => fence),
    },
    violation: oldToken,
  },
  {
    name: 'readers with the token of a writer that is gone when the fence grows only with the writer',
    permitCase: {
      ...{ ...rwLock, losses: 0, calls: [writer, reader] },
      protocol: withFence(shippedPermits, (before, next) => {
        const writes = Object.keys(next.holders).some((one) => !before.holders[one] && (next.holders[one]?.n ?? 0) > 1);
        return before.fence + (writes ? 1 : 0);
      }),
    },
    violation: oldToken,
  },
];

const print = searchReport();

describe('the protocol of permits', () => {
  it.each(full ? [...small, ...large] : small)(
    'is safe and serves everybody in every state of %s',
    (name, permitCase) => {
      const found = explore(new PermitModel(permitCase));
      print(name, found);
      expect({ violation: found.violation, path: found.path }).toEqual({ violation: undefined, path: [] });
      expect(found.states).toBeGreaterThan(100);
    },
  );

  it.each(bugs)('would not hide $name', ({ name, permitCase, violation }) => {
    const found = explore(new PermitModel(permitCase), { interest: (one) => one === violation });
    print(name, found);
    expect(found.violation).toBe(violation);
  });
});
