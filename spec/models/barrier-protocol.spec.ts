/**
 * Goal: nobody passes a barrier before all have come, nobody is left behind once they have, and a generation that was broken is passed by
 * nobody, whatever the order of things. Method: every order of the steps of a few calls, with what each knows as old as it may be: those of
 * `barrier-state.ts` itself, each atomic, as swaps and commutes of an atom are. Each rule, taken out, is found missing.
 */
import { describe, expect, it } from '@jest/globals';
import { readChanges } from '../../lib/atom/commute/commute.js';
import { applyChanges } from '../../lib/atom/commute/commute-apply.js';
import { readConditions, satisfies } from '../../lib/atom/commute/commute-condition.js';
import type { BarrierState, BlindStep } from '../../lib/recipes/barrier/barrier-state.js';
import * as shipped from '../../lib/recipes/barrier/barrier-state.js';
import { explore, type Model, type Step } from './search.js';

type Protocol = typeof shipped;

const { generationOf, isGathering, settled, untouched } = shipped;

interface Call {
  readonly phase: 'idle' | 'entered' | 'inside' | 'left' | 'told';
  /** What its process has seen last. */
  readonly known: BarrierState;
  readonly generation: number;
  readonly isDead: boolean;
}

interface World {
  readonly item: BarrierState;
  readonly calls: readonly Call[];
  /** By generation, how many have entered, and how many have left; and who. */
  readonly entered: Readonly<Record<number, number>>;
  readonly left: Readonly<Record<number, number>>;
  readonly deaths: number;
  readonly gaveUp: number;
  readonly resets: number;
}

interface Case {
  readonly kind: BarrierState['kind'];
  readonly parties: number;
  readonly calls: number;
  readonly deaths: number;
  readonly gaveUp: number;
  readonly resets: number;
}

const nonceOf = (i: number) => `n${i}`;
const sessionOf = (i: number) => `s${i}`;

const done = new Map<string, BarrierState | undefined>();

/** What the store makes of it; `undefined` when the condition does not hold. */
function commuted(item: BarrierState, step: BlindStep): BarrierState | undefined {
  const key = `${item.kind} ${textOf(item)} ${Object.values(item.members).join()} ${JSON.stringify(step)}`;
  if (!done.has(key)) done.set(key, applied(item, step));
  return done.get(key);
}

function applied(item: BarrierState, step: BlindStep): BarrierState | undefined {
  if (!satisfies(item, readConditions('k', step.when))) return undefined;
  return applyChanges('k', item, readChanges('k', step.changes)) as BarrierState;
}

function stepsOf(rules: Protocol, { kind, parties }: Case, world: World): Step<World>[] {
  const steps: Step<World>[] = [];
  const { item, calls, entered, left } = world;
  const isDouble = kind === 'double-barrier';
  const to = (name: string, next: Partial<World>, violation?: string) => {
    const after = next.item ?? item;
    const isBack = after.stage < item.stage ? 'a stage came again' : undefined;
    steps.push({ name, next: { ...world, ...next }, violation: violation ?? isBack });
  };
  const withCall = (index: number, change: Partial<Call>) =>
    calls.map((call, i) => (i === index ? { ...call, ...change } : call));

  const came = (i: number, name: string, next: BarrierState, believed: BarrierState) => {
    const generation = generationOf(settled(item));
    const count = (entered[generation] ?? 0) + 1;
    to(
      `${i} ${name}`,
      {
        item: next,
        calls: withCall(i, { phase: 'entered', known: next, generation: generationOf(settled(believed)) }),
        entered: { ...entered, [generation]: count },
      },
      count > parties
        ? 'more came than there are parties'
        : generationOf(settled(believed)) === generation
          ? undefined
          : 'entered another generation than it believes',
    );
  };
  const went = (i: number, name: string, next: BarrierState) => {
    const { generation } = calls[i] as Call;
    if (next === item || next === settled(item)) return;
    const change = { item: next, calls: withCall(i, { phase: 'left', known: next }) };
    to(`${i} ${name}`, { ...change, left: { ...left, [generation]: (left[generation] ?? 0) + 1 } });
  };

  for (const [i, call] of calls.entries()) {
    const { phase, known, generation, isDead } = call;
    const member = { nonce: nonceOf(i), generation };
    if (isDead) {
      const next = rules.evict(item, sessionOf(i));
      if (next !== item) to(`${i} is found dead`, { item: next });
      continue;
    }
    if (known !== item && phase !== 'told') to(`${i} looks`, { calls: withCall(i, { known: item }) });
    if (phase === 'idle') {
      const inTurn = rules.enter(item, nonceOf(i), sessionOf(i), parties);
      if (isGathering(settled(item))) came(i, 'enters in its turn', inTurn, item);
      const step = rules.blindEnter(known, nonceOf(i), sessionOf(i), parties);
      const next = step && commuted(item, step);
      if (next !== undefined) came(i, 'enters', next, known);
    }
    if (phase === 'inside') {
      went(i, 'leaves in its turn', rules.leave(item, member));
      const step = rules.blindLeave(known, member);
      const next = step && commuted(item, step);
      if (next !== undefined) went(i, 'leaves', next);
    }
    if (phase === 'entered' || phase === 'left') {
      const isEntered = phase === 'entered';
      const outcome = rules.outcomeOf(item, member, isEntered ? 'enter' : 'leave');
      const all = ((isEntered ? entered : left)[generation] ?? 0) >= parties;
      if (outcome === 'passed') {
        const next = isEntered && isDouble ? 'inside' : 'told';
        to(`${i} passes`, { calls: withCall(i, { phase: next, known: item }) }, all ? undefined : 'passed too early');
      }
      if (outcome === 'broken') {
        const isBehind = all && !(isDouble && isEntered) ? 'left behind' : undefined;
        to(`${i} is told that it is broken`, { calls: withCall(i, { phase: 'told' }) }, isBehind);
      }
      if (outcome === 'waiting' && all) to(`${i} waits`, {}, 'left behind');
      if (isEntered && world.gaveUp > 0) {
        const next = rules.giveUp(item, nonceOf(i));
        const stays = rules.outcomeOf(next, member, 'enter') === 'passed';
        const change = { item: next, gaveUp: world.gaveUp - 1 };
        if (!stays)
          to(
            `${i} gives up`,
            { ...change, calls: withCall(i, { phase: 'told' }) },
            all && !isDouble ? 'left behind' : undefined,
          );
      }
    }
    if (phase !== 'idle' && phase !== 'told' && world.deaths > 0) {
      to(`${i} dies`, { calls: withCall(i, { isDead: true }), deaths: world.deaths - 1 });
    }
  }
  for (const state of [item, ...calls.map(({ known }) => known)]) {
    const step = rules.blindSettle(state);
    const next = step && commuted(item, step);
    if (next !== undefined) to('goes on', { item: next }, same(next, settled(item)) ? undefined : 'went on otherwise');
  }
  if (world.resets > 0) {
    const next = rules.reset(item, generationOf(item));
    if (next !== item) to('is reset', { item: next, resets: world.resets - 1 });
  }
  return steps;
}

const same = (a: BarrierState, b: BarrierState) => textOf(a) === textOf(b);

function textOf({ stage, count, parties, members, reason, resets }: BarrierState): string {
  return `${stage}.${count}.${parties}.${Object.keys(members).sort().join('')}.${reason}.${resets.join('')}`;
}

function keyOf({ item, calls, entered, left, ...rest }: World): string {
  const own = calls.map(({ phase, known, generation, isDead }) => `${phase}${generation}${isDead}${textOf(known)}`);
  const counts = [entered, left].map((one) => Object.values(one).join('.'));
  return `${textOf(item)} ${own.join()} ${counts.join()} ${Object.values(rest).join()}`;
}

function modelOf(one: Case, rules: Partial<Protocol> = {}): Model<World> {
  const item = { ...untouched(one.kind), parties: one.parties };
  const call: Call = { phase: 'idle', known: item, generation: -1, isDead: false };
  const { deaths, gaveUp, resets } = one;
  return {
    first: {
      item,
      calls: Array.from({ length: one.calls }, () => call),
      entered: {},
      left: {},
      deaths,
      gaveUp,
      resets,
    },
    key: keyOf,
    steps: (world) => stepsOf({ ...shipped, ...rules }, one, world),
  };
}

const small: Case = { kind: 'barrier', parties: 2, calls: 3, deaths: 1, gaveUp: 1, resets: 1 };
const many: Case = { ...small, calls: 4, deaths: 0, gaveUp: 0, resets: 0 };
const double: Case = { ...small, kind: 'double-barrier', gaveUp: 0, resets: 0 };
const cases: readonly (readonly [string, Case])[] = [
  ['2 parties, 3 calls, a death, one that gives up, a reset', small],
  ...(process.env.LEYDEN_MODEL === 'full' ? ([['2 parties, 4 calls', many]] as const) : []),
  ['3 parties, 3 calls, one that gives up', { ...small, parties: 3, deaths: 0 }],
  ['double, 2 parties, 3 calls, a death', double],
  ['double, 2 parties, 2 calls, one that gives up, a death, a reset', { ...double, calls: 2, gaveUp: 1, resets: 1 }],
];

const withWhen = (change: (when: Record<string, unknown>) => object): Partial<Protocol> => ({
  blindEnter: (...given) => {
    const step = shipped.blindEnter(...given);
    return step && { ...step, when: change(step.when as Record<string, unknown>) as BlindStep['when'] };
  },
});

const raw = { reason: null, resets: [] };

const planted: readonly (readonly [string, Case, Partial<Protocol>, RegExp])[] = [
  [
    'has the store enter a generation that is full',
    many,
    withWhen(({ atMost: _, ...when }) => when),
    /more came|otherwise|another/,
  ],
  [
    'has the store enter whatever stage there is',
    many,
    withWhen((when) => ({ ...when, is: { parties: 2, reason: null } })),
    /another generation/,
  ],
  [
    'has the store enter a broken one',
    small,
    withWhen(({ is, ...when }) => ({ ...when, is: { stage: (is as { stage: number }).stage, parties: 2 } })),
    /too early|left behind/,
  ],
  [
    'goes on whatever the count is',
    small,
    {
      blindSettle: (state) => ({
        changes: { add: { stage: 1, count: -state.count } },
        when: { is: { stage: state.stage } },
      }),
    },
    /too early|otherwise/,
  ],
  [
    'goes on twice',
    many,
    {
      blindSettle: (state) => {
        const step = shipped.blindSettle(state);
        return step && { ...step, when: { is: { reason: null } } };
      },
    },
    /too early|otherwise|more came/,
  ],
  [
    'breaks what is complete when somebody gives up',
    small,
    {
      giveUp: (state, nonce) =>
        nonce in state.members ? { ...state, members: {}, count: 0, reason: 'gave-up' } : state,
    },
    /left behind/,
  ],
  [
    'breaks what is complete when somebody dies',
    small,
    {
      evict: (state, session) =>
        Object.values(state.members).includes(session)
          ? { ...state, members: {}, count: 0, reason: 'session-over' }
          : shipped.settled(state),
    },
    /left behind/,
  ],
  [
    'forgets what was reset',
    small,
    { reset: (state, generation) => ({ ...shipped.reset(state, generation), resets: [] }) },
    /too early/,
  ],
  [
    'lets pass whoever sees a later stage',
    small,
    {
      outcomeOf: (state, member, step) =>
        shipped.outcomeOf(generationOf(state) > member.generation ? { ...state, ...raw } : state, member, step),
    },
    /too early/,
  ],
  [
    'lets out whoever leaves',
    double,
    { outcomeOf: (state, member, step) => (step === 'leave' ? 'passed' : shipped.outcomeOf(state, member, step)) },
    /too early/,
  ],
];

describe('the protocol of barriers', () => {
  it.each(cases)('lets all pass together, or nobody: %s', (_what, one) => {
    const found = explore(modelOf(one));
    expect(found).toMatchObject({ violation: undefined, path: [] });
  });

  it('does not go on in an item that was removed by hand and made anew, at the same stage', () => {
    const one = shipped.enter(untouched('barrier'), 'a', 's', 2);
    const complete = { ...one, members: { a: 's', b: 's' }, count: 2 };
    const step = shipped.blindSettle(complete) as BlindStep;
    expect(commuted(complete, step)).toMatchObject({ stage: 1, count: 0, members: {} });
    expect(commuted(one, step)).toBeUndefined();
  });

  it.each(planted)('finds a protocol that %s', (_what, one, rules, violation) => {
    expect(explore(modelOf(one, rules)).violation).toMatch(violation);
  });
});
