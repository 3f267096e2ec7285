/**
 * Goal: of all runs under one key, whoever dies, sleeps, comes late or forgets, one result is stored, and stays. Method: every order of the
 * steps of three calls, each with a session of its own that may end at any moment while its function goes on; the steps are those of
 * `once-state.ts` itself, each atomic, as swaps of an atom are. Each rule, taken out, is found missing.
 */
import { describe, expect, it } from '@jest/globals';
import {
  begun,
  done,
  ended,
  forgotten,
  type OnceState,
  type Run,
  untouched,
  verdictOn,
} from '../../lib/recipes/once/once-state.js';
import { explore, type Model, type Step } from './search.js';

const protocol = { begun, done, ended, forgotten, verdictOn };
type Protocol = typeof protocol;

interface Call {
  /** `told`: it has returned; `gone`: nobody goes on with what it began. */
  readonly phase: 'idle' | 'running' | 'told' | 'gone';
  readonly own: OnceState | undefined;
  readonly isOver: boolean;
}

interface World {
  readonly item: OnceState;
  readonly calls: readonly Call[];
  readonly nowMs: number;
  readonly hasVanished: boolean;
  readonly failures: number;
  /** The largest token that was given out. */
  readonly token: number;
}

const ttlMs = 10;
const callsMax = 3;
const sessionOf = (index: number) => `s${index}`;
const runOf = (index: number): Run => ({
  nonce: `n${index}`,
  session: sessionOf(index),
  host: '',
  pid: 0,
  startedAt: 0,
});

function stepsOf(rules: Protocol, world: World): Step<World>[] {
  const steps: Step<World>[] = [];
  const { item, calls, nowMs } = world;
  const isDead = ({ session, nonce }: Run) =>
    calls.some(
      ({ isOver, phase }, i) => (isOver && sessionOf(i) === session) || (phase === 'gone' && `n${i}` === nonce),
    );
  const isKept = item.state === 'done' && nowMs < (item.keepUntil as number);
  const to = (name: string, next: Partial<World>, violation?: string) => {
    const after = next.item ?? item;
    const result =
      isKept && !next.hasVanished && after.result !== item.result ? 'a stored result was replaced' : undefined;
    steps.push({ name, next: { ...world, ...next }, violation: violation ?? result });
  };
  const withCall = (index: number, change: Partial<Call>) =>
    calls.map((call, i) => (i === index ? { ...call, ...change } : call));

  for (const [i, call] of calls.entries()) {
    const { own } = call;
    if (call.phase === 'idle' && !call.isOver) {
      const request = { run: runOf(i), payload: undefined, nowMs, isDead };
      const verdict = rules.verdictOn(item, request);
      if (verdict === 'done') {
        to(`${i} is told`, { calls: withCall(i, { phase: 'told' }) }, isKept ? undefined : 'told of what is none');
      } else if (verdict === 'free') {
        const next = rules.begun(item, request);
        const holder = calls.find(
          ({ phase, own: theirs }) => phase === 'running' && theirs?.run?.nonce === item.run?.nonce,
        );
        const stolen =
          item.state === 'running' && holder !== undefined && !holder.isOver ? 'a live run was taken over' : undefined;
        const stale = next.fence <= world.token ? 'a token did not grow' : undefined;
        to(
          `${i} begins`,
          { item: next, calls: withCall(i, { phase: 'running', own: next }), token: next.fence },
          stolen ?? stale,
        );
        // The answer is lost for good: nobody goes on with it.
        to(`${i} begins, and gives up`, {
          item: next,
          calls: withCall(i, { phase: 'gone', own: next }),
          token: next.fence,
        });
      }
    }
    if (call.phase === 'running' && own !== undefined) {
      const store = rules.ended(item, own, !call.isOver, (state) => rules.done(state, `r${i}`, nowMs + ttlMs));
      const isStored = store.state === 'done' && store.run?.nonce === own.run?.nonce;
      const isOther = item.state === 'running' && item.run?.nonce !== own.run?.nonce;
      const endsOther = (next: OnceState) => (isOther && next !== item ? 'another run was ended' : undefined);
      const isOwn = item.state === 'running' && item.run?.nonce === own.run?.nonce;
      const isLost = !isStored && (isOwn || (item.fence === 0 && !call.isOver));
      to(
        `${i} stores`,
        { item: store, calls: withCall(i, { phase: 'told' }) },
        endsOther(store) ?? (isLost ? 'a result was lost' : undefined),
      );
      if (world.failures > 0) {
        const forget = rules.ended(item, own, !call.isOver, (state) => rules.forgotten(state, true));
        const change = {
          item: forget,
          calls: withCall(i, { phase: 'idle', own: undefined }),
          failures: world.failures - 1,
        };
        to(`${i} fails`, change as Partial<World>, endsOther(forget));
      }
    }
    if (call.phase === 'gone' && item.state === 'running' && item.run?.nonce === `n${i}`) {
      to(`${i} tidies`, { item: rules.forgotten(item, false) });
    }
    if (!call.isOver) to(`session ${i} is over`, { calls: withCall(i, { isOver: true }) });
  }
  if (nowMs === 0) to('time passes', { nowMs: ttlMs });
  if (!world.hasVanished && nowMs > 0)
    to('the item vanishes', { item: untouched, hasVanished: true, nowMs: nowMs + 1 });
  return steps;
}

function keyOf({ item, calls, ...rest }: World): string {
  const own = calls.map((call) => `${call.phase}${call.own?.fence}${call.isOver}`).join();
  return `${textOf(item)} ${own} ${Object.values(rest).join()}`;
}

const textOf = ({ state, fence, run, keepUntil, result }: OnceState) =>
  [state, fence, run?.nonce, keepUntil, result].join();

function model(planted: Partial<Protocol> = {}): Model<World> {
  const calls = Array.from({ length: callsMax }, (): Call => ({ phase: 'idle', own: undefined, isOver: false }));
  return {
    first: { item: untouched, calls, nowMs: 0, hasVanished: false, failures: 1, token: 0 },
    key: keyOf,
    steps: (world) => stepsOf({ ...protocol, ...planted }, world),
  };
}

/** The item that vanishes makes tokens begin at the time of day, which here is small: so of that the token is not asked. */
const interest = (violation: string) => violation !== 'a token did not grow';

const planted: readonly (readonly [string, Partial<Protocol>, RegExp])[] = [
  [
    'takes over whatever runs',
    { verdictOn: (state, request) => verdictOn(state, { ...request, isDead: () => true }) },
    /taken over/,
  ],
  [
    'expires what runs',
    {
      verdictOn: (state, request) =>
        verdictOn(state.state === 'running' && request.nowMs >= ttlMs ? untouched : state, request),
    },
    /taken over/,
  ],
  ['stores a result over that of another run', { ended: (_state, own, _isLive, change) => change(own) }, /replaced/],
  [
    'ends a run by its fence alone, which another run may have where the item has vanished',
    {
      ended: (state, own, isLive, change) =>
        state.state === 'running' && state.fence === own.fence ? change(own) : ended(state, own, isLive, change),
      begun: (state, request) => ({ ...begun(state, request), fence: 1 }),
    },
    /ended/,
  ],
  [
    'drops the result of a run that outlived its item',
    { ended: (state, own, _isLive, change) => ended(state, own, false, change) },
    /lost/,
  ],
  [
    'forgets what another run does',
    {
      ended: (state, own, isLive, change) =>
        change(own).state === 'none' ? change(own) : ended(state, own, isLive, change),
    },
    /ended/,
  ],
  [
    'begins under the token of the run before',
    { begun: (state, request) => ({ ...begun(state, request), fence: 1 }) },
    /token/,
  ],
];

describe('the protocol of Once', () => {
  it('stores one result, whatever the order of things', () => {
    const found = explore(model(), { interest });
    expect(found).toMatchObject({ violation: undefined, path: [] });
    expect(found.states).toBeGreaterThan(10_000);
  });

  it('gives tokens that grow as long as the item is there', () => {
    const first = { ...model().first, hasVanished: true };
    expect(explore({ ...model(), first })).toMatchObject({ violation: undefined, path: [] });
  });

  it.each(planted)('finds a protocol that %s', (_what, rules, violation) => {
    const first = { ...model().first, hasVanished: /token/.test(violation.source) };
    const found = explore({ ...model(rules), first }, { interest: (one) => violation.test(one) });
    expect(found.violation).toMatch(violation);
  });
});
